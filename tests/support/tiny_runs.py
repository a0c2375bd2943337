"""Tiny runs of `npvae train`, in this process: beginning one, stopping it, comparing two."""

import signal

import numpy as np
from run_files import differing_bytes

from npvae.cli import main
from npvae.training import Trainer

SMALL = ["--latent", "2", "--hidden", "8", "--batch-size", "16"]  # three updates an epoch


def save_tiny_data():
    """Save numbers of every form in the working folder."""
    x = np.random.default_rng(0).integers(0, 256, (60, 5, 7), dtype=np.uint8)
    np.save("own.npy", x)
    np.save("real.npy", x[:, 0].astype(float))
    np.savez("labelled.npz", x=x, y=np.arange(60) % 3)


def train(*arguments):
    return main(["train", *map(str, arguments)])


def begin(out, *more, data="own.npy", epochs=4):
    return train("--data", data, *SMALL, "--epochs", epochs, "--out", out, *more)


def at_update(monkeypatch, number, act):
    """Let something happen within an update of the next training, and only of that."""
    step, made = Trainer.step, []

    def acting(self):
        made.append(self.steps)
        if len(made) == number:
            act()
            monkeypatch.setattr(Trainer, "step", step)
        return step(self)

    monkeypatch.setattr(Trainer, "step", acting)


def stop_after(monkeypatch, updates, *numbers):
    """Let signals come during this update of the next training: a Ctrl-C, or the given ones."""

    def signals():
        for number in numbers or (signal.SIGINT,):
            signal.raise_signal(number)

    at_update(monkeypatch, updates, signals)


def require_same(one, other):
    assert differing_bytes(one, other) == {}
