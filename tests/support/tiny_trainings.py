"""Tiny trainings of every kind, to be stopped anywhere: 40 examples, three updates an epoch."""

from copy import deepcopy
from dataclasses import replace

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
    EarlyStopping,
    Evaluation,
    Momentum,
    Pixels,
    Sequential,
    Split,
    Stages,
    WarmUp,
    trainer_for,
)

BATCH = 16  # the last of the three holds eight examples
EPOCHS = 4
BOUNDS = (-5.0, -4.0, -4.5, -4.2, -1.0, -1.0)  # patience 2: over after the fourth, the second best


class Named(VAE):
    """A class of one's own."""


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


def own_layers():
    encoder = Sequential(Dense(6, 4, rng=0))
    return VAE(encoder, Dense(2, 6, rng=1), n_x=6, n_z=2)


MODELS = {
    "vae": lambda **o: VAE.dense(6, 5, 2, activation="tanh", beta=2, seed=3, **o),
    "two hidden layers": lambda **o: VAE.dense(6, (5, 4), 2, **o),
    "no hidden layer": lambda **o: VAE.dense(6, (), 2, **o),
    "float64": lambda **o: VAE.dense(6, 5, 2, seed=3, **{"dtype": np.float64, **o}),
    "autoencoder": lambda **o: Autoencoder.dense(6, 5, 2, activation="softplus", seed=3, **o),
    "denoising": lambda **o: DenoisingAutoencoder.dense(
        6, 5, 2, corruption="gaussian", amount=0.5, **o
    ),
    "iwae": lambda **o: IWAE.dense(6, 5, 2, k=3, **o),
    "dreg, conditional": lambda **o: IWAE.dense(6, 5, 2, k=3, objective="dreg", n_y=3, **o),
    "free bits": lambda **o: VAE.dense(6, 5, 2, free_bits=0.1, beta=0, **o),
    "conditional": lambda **o: VAE.dense(6, 5, 2, n_y=3, **o),
    "gaussian": lambda **o: VAE.dense(6, 5, 2, likelihood="gaussian", sigma=0.3, **o),
    "learned sigma": lambda **o: VAE.dense(6, 5, 2, likelihood="gaussian", sigma="learned", **o),
    "optimal sigma": lambda **o: VAE.dense(6, 5, 2, likelihood="gaussian", sigma="optimal", **o),
    "gated": lambda **o: VAE.dense(
        6, 5, 2, activation="gated", init="he", logvar_range=(-6, 2), **o
    ),
    "own class": lambda **o: Named.dense(6, 5, 2, **o),
    "own layers": own_layers,
}
OPTIMIZERS = {
    "Adam": lambda: Adam(0.02),
    "Adagrad": lambda: Adagrad(0.05),
    "Momentum": lambda: Momentum(0.02),
    "SGD": SGD,
    "own optimiser": Signed,
}
SCHEDULES = {
    "none": {},
    "warm-up": {"beta": WarmUp(3, end=2)},
    "stages": {"lr": Stages(0.02)},
    "cosine": {"lr": Cosine(0.02, epochs=EPOCHS)},
    "early stopping": {"early_stopping": EarlyStopping(2)},
}
KINDS = [
    *({"model": name} for name in MODELS),
    *({"optimizer": name} for name in list(OPTIMIZERS)[1:]),
    *({"schedule": name} for name in list(SCHEDULES)[1:]),
]


def tiny_dataset():
    x = np.random.default_rng(0).integers(0, 256, (57, 6), dtype=np.uint8)
    parts = [Split(x, rows, rows % 3) for rows in np.split(np.arange(57), [40, 52])]
    return Dataset("tiny", *parts, (2, 3), "pixels", "a test", classes=("a", "b", "c"))


def make_training(model="vae", optimizer="Adam", schedule="none", **options):
    """A trainer that has not begun; each of its parts is a name, or the thing itself.

    With early stopping the validation part gives the bounds `BOUNDS`.
    """
    model = MODELS[model]() if isinstance(model, str) else model
    schedules = SCHEDULES[schedule] if isinstance(schedule, str) else schedule
    options = {"scaling": Pixels("dynamic"), "batch_size": BATCH, "rng": 7} | options
    data = options.pop("data", None) or tiny_dataset()
    trainer = trainer_for(model, data, optimizer=OPTIMIZERS[optimizer](), **options, **schedules)
    if "early_stopping" in schedules:

        def validate():
            bound = BOUNDS[len(trainer.records)]
            return Evaluation(-bound, bound, 0.0, (0.0, 0.0), 0, 12, bound)

        trainer.validate = validate
    return trainer


def go_on(trainer, updates=None, epochs=EPOCHS):
    """Drive the loop to its end, or for so many updates."""
    made = 0
    while trainer.goes_on(epochs) and made != updates:
        trainer.step()
        made += 1
        if trainer.epoch_is_over:
            trainer.end_epoch()
    return trainer


def bits(trainer):
    """All that a training is made of, but the time it took; arrays as bytes."""
    state = deepcopy(trainer.state())
    del state["seconds"]
    state["records"] = [replace(record, seconds=0) for record in state["records"]]
    if not len(state["order"]):
        del state["losses"]  # of the epoch before
    return _bytes(state)


def _bytes(value):
    if isinstance(value, dict):
        return {name: _bytes(each) for name, each in value.items()}
    return (value.dtype.str, value.tobytes()) if isinstance(value, np.ndarray) else value
