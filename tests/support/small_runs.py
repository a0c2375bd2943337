"""What the tests of `npvae train --resume` share: small data, beginning a run, stopping it."""

import signal

import numpy as np
from npvae.cli.watching import Watch
from run_files import differing_bytes, draw_quickly

from npvae.cli import main

SMALL = ["--latent", "2", "--hidden", "8", "--batch-size", "16"]  # three updates an epoch


def small_data(folder, monkeypatch):
    """Work in a folder of one's own, with small data; signals are heard."""
    monkeypatch.chdir(folder)
    x = np.random.default_rng(0).integers(0, 256, (60, 5, 7), dtype=np.uint8)
    np.save("own.npy", x)
    np.save("real.npy", x[:, 0].astype(float))
    np.savez("labelled.npz", x=x, y=np.arange(60) % 3)
    draw_quickly(monkeypatch)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def train(*arguments):
    return main(["train", *map(str, arguments)])


def begin(out, *more, data="own.npy", epochs=4):
    return train("--data", data, *SMALL, "--epochs", epochs, "--out", out, *more)


def stop_after(monkeypatch, updates):
    """Let a Ctrl-C come during this update of the next training, and only of that."""
    real = Watch.__call__

    def watch(self, steps):
        for number, step in enumerate(real(self, steps), start=1):
            if number == updates:
                signal.raise_signal(signal.SIGINT)
                monkeypatch.setattr(Watch, "__call__", real)
            yield step

    monkeypatch.setattr(Watch, "__call__", watch)


def require_same(one, other):
    assert differing_bytes(one, other) == {}
