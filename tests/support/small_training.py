"""A small training for the tests of checkpoints: its models, its optimisers, how it is stopped."""

import dataclasses

import numpy as np

from npvae import (
    IWAE,
    SGD,
    VAE,
    Adagrad,
    Adam,
    Autoencoder,
    Cosine,
    Dataset,
    DenoisingAutoencoder,
    Dense,
    Momentum,
    Pixels,
    Progress,
    Sequential,
    Split,
    Stages,
    WarmUp,
    fit,
    save_checkpoint,
)

X = np.random.default_rng(0).integers(0, 256, (57, 6), dtype=np.uint8)
PARTS = [Split(X, rows, rows % 3) for rows in np.split(np.arange(57), [40, 52])]
DATA = Dataset("small", *PARTS, (2, 3), "pixels", "a test", classes=("a", "b", "c"))
SCALING = Pixels("dynamic")
BATCH = 16  # 40 examples: three updates an epoch, the last of eight examples
MODELS = {
    "vae": lambda: VAE.dense(6, 5, 2, activation="tanh", beta=2, seed=3),
    "vae in float64": lambda: VAE.dense(6, 5, 2, seed=3, dtype=np.float64),
    "autoencoder": lambda: Autoencoder.dense(6, 5, 2, seed=3),
    "denoising": lambda: DenoisingAutoencoder.dense(6, 5, 2, corruption="gaussian", amount=0.5),
    "iwae": lambda: IWAE.dense(6, 5, 2, k=3),
    "dreg": lambda: IWAE.dense(6, 5, 2, k=3, objective="dreg"),
    "free bits": lambda: VAE.dense(6, 5, 2, free_bits=0.1),
    "conditional": lambda: VAE.dense(6, 5, 2, n_y=3),
    "learned sigma": lambda: VAE.dense(6, 5, 2, likelihood="gaussian", sigma="learned"),
    "optimal sigma": lambda: VAE.dense(6, 5, 2, likelihood="gaussian", sigma="optimal"),
    "gated": lambda: VAE.dense(6, 5, 2, activation="gated", init="he", logvar_range=(-6, 2)),
}
OPTIMIZERS = {
    "Adam": lambda: Adam(0.02),
    "Adagrad": lambda: Adagrad(0.05),
    "Momentum": lambda: Momentum(0.02),
    "SGD": SGD,
}
SCHEDULES = {
    "warm-up": {"beta": WarmUp(3, end=2)},
    "stages": {"lr": Stages(0.02)},
    "cosine": {"lr": Cosine(0.02, epochs=4)},
}


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


def train(model, optimizer, progress, epochs, stop_after=None, data=DATA, **schedules):
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
            **schedules,
        )
    )


def state(model, optimizer, progress):
    """All that a training is made of, but the time it took; arrays as bytes."""
    parts = {"flat": model.params.flat}
    parts |= {k: v for k, v in vars(optimizer).items() if not k.startswith("_")}
    parts |= {"rng": progress.rng.bit_generator.state, "epoch": progress.epoch}
    parts |= {"step": progress.step, "order": progress.order, "best": progress.best}
    parts |= {"beta": getattr(model, "beta", None)}
    parts["records"] = [dataclasses.replace(r, seconds=0) for r in progress.records]
    return {k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in parts.items()}


def saved_after(
    path, updates, make_model=MODELS["vae"], make_optimizer=OPTIMIZERS["Adam"], **schedules
):
    """The file of a training that was stopped after so many updates."""
    model, optimizer, progress = make_model(), make_optimizer(), Progress(rng=7)
    if updates:
        train(model, optimizer, progress, epochs=4, stop_after=updates, **schedules)
    save_checkpoint(path, model, SCALING, (2, 3), optimizer, progress, {"lr": 0.02})
    return path
