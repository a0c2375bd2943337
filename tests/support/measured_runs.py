"""What the tests of trained runs share: one small run of each kind, trained in a moment."""

import numpy as np
import pytest
import run_files

from npvae.cli import main

SMALL = ["--latent", "2", "--hidden", "8", "--epochs", "1", "--batch-size", "40"]
RUNS = {
    "vae": ["pixels.npy"],
    "grey": ["pixels.npy", "--binarize", "none"],
    "iwae": ["pixels.npy", "--objective", "iwae", "--k", "5"],
    "several": ["pixels.npy", "--k", "5"],
    "all-to-train": ["pixels.npy", "--validation", "0"],
    "table": ["table.npy"],
    "animals": ["animals.npz", "--conditional"],
    "numbers": ["numbers.npz", "--conditional"],
    "autoencoder": ["pixels.npy", "--model", "autoencoder"],
    "denoising": ["pixels.npy", "--model", "denoising"],
}
NAMES = ("cat", "dog", "emu")


def save_data(folder):
    """Write 100 pictures of 4x5 bytes, with and without labels, and a table."""
    rng = np.random.default_rng(0)
    x, labels = rng.integers(0, 256, (100, 4, 5), dtype=np.uint8), np.arange(100) % 3
    np.save(folder / "pixels.npy", x)
    np.save(folder / "table.npy", rng.normal(100, 15, (100, 4)))
    np.savez(folder / "animals.npz", x=x, y=np.array(NAMES)[labels])
    np.savez(folder / "numbers.npz", x=x, y=np.array([10, 2, 0])[labels])
    np.savez(folder / "more-animals.npz", x=x, y=np.arange(100) % 5)


def train(folder, *names, epochs=1):
    """Train the runs of these names in a folder of data; no picture is drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_files.draw_quickly(patch)
        for name in names:
            data, *options = RUNS[name]
            assert (
                main(
                    [
                        "train",
                        "--data",
                        data,
                        *SMALL,
                        *options,
                        "--epochs",
                        str(epochs),
                        "--out",
                        name,
                    ]
                )
                == 0
            )


def run(*arguments):
    """Return the exit status, argparse's own among them."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as exit_:
        return exit_.code


def refused(capsys, *arguments):
    """Return the one line that a refusal says; its exit status is 2."""
    assert run(*arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("npvae")
    return line
