"""A small training for the tests of checkpoints: its models, its optimisers, how it is stopped."""

import dataclasses

import numpy as np

from npvae import (
    SGD,
    VAE,
    Adam,
    Autoencoder,
    Dataset,
    Dense,
    Momentum,
    Pixels,
    Progress,
    Sequential,
    Split,
    fit,
    save_checkpoint,
)

X = np.random.default_rng(0).integers(0, 256, (57, 6), dtype=np.uint8)
PARTS = [Split(X, rows) for rows in np.split(np.arange(57), [40, 52])]
DATA = Dataset("small", *PARTS, shape=(2, 3), kind="pixels", source="a test")
SCALING = Pixels("dynamic")
BATCH = 16  # 40 examples: three updates an epoch, the last of eight examples
MODELS = {
    "vae": lambda: VAE.dense(6, 5, 2, activation="tanh", beta=2, seed=3),
    "vae in float64": lambda: VAE.dense(6, 5, 2, seed=3, dtype=np.float64),
    "autoencoder": lambda: Autoencoder.dense(6, 5, 2, seed=3),
}
OPTIMIZERS = {"Adam": lambda: Adam(0.02), "Momentum": lambda: Momentum(0.02), "SGD": SGD}


def own_layers():
    encoder = Sequential(Dense(6, 4, rng=0))
    return VAE(encoder, Dense(2, 6, rng=1), n_x=6, n_z=2)


class Signed:
    """An optimiser of one's own: a step of one size in the direction of the averaged sign."""

    def __init__(self, lr=0.01):
        self.lr, self.count, self.average = lr, 0, None

    def step(self, params):
        if self.average is None:
            self.average = np.zeros_like(params.flat)
        self.count += 1
        self.average *= 0.9
        self.average += np.sign(params.grad)
        params.flat -= self.lr / self.count * self.average


def train(model, optimizer, progress, epochs, stop_after=None, data=DATA):
    """Train up to an epoch, or to an update counted from here."""

    def watch(updates):
        for number, step in enumerate(updates, start=1):
            yield step
            if number == stop_after:
                return

    return list(
        fit(
            model,
            data,
            scaling=SCALING,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=BATCH,
            watch=watch,
            progress=progress,
        )
    )


def state(model, optimizer, progress):
    """All that a training is made of, but the time it took; arrays as bytes."""
    parts = {"flat": model.params.flat}
    parts |= {k: v for k, v in vars(optimizer).items() if not k.startswith("_")}
    parts |= {"rng": progress.rng.bit_generator.state, "epoch": progress.epoch}
    parts |= {"step": progress.step, "order": progress.order}
    parts["records"] = [dataclasses.replace(r, seconds=0) for r in progress.records]
    return {k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in parts.items()}


def saved_after(path, updates, make_model=MODELS["vae"], make_optimizer=OPTIMIZERS["Adam"]):
    """The file of a training that was stopped after so many updates."""
    model, optimizer, progress = make_model(), make_optimizer(), Progress(rng=7)
    if updates:
        train(model, optimizer, progress, epochs=4, stop_after=updates)
    save_checkpoint(path, model, SCALING, (2, 3), optimizer, progress, {"lr": 0.02})
    return path
