"""Helpers that the lessons share: digits, a training loop that prints, pictures and sound.

Three environment variables control them:

- `NPVAE_QUICK=1` runs the same claims at smaller sizes; the tests use it.
- `NPVAE_DIGITS=glyphs` uses npvae's own digits even if MNIST is available; `mnist` requires MNIST.
- `NPVAE_PICTURES=DIR` sets the folder for pictures; the default is `pictures/` beside the lessons.
"""

import os
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from cycler import cycler
from threadpoolctl import threadpool_limits

try:
    from npvae import figures
except ModuleNotFoundError:  # npvae is not installed: use the clone that holds this file
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    from npvae import figures
from npvae.datasets import default_dataset, load_dataset
from npvae.datasets.sound import wav_bytes

threadpool_limits(1)  # threads of a matrix product: a second one is slow where cores are busy

QUICK = os.environ.get("NPVAE_QUICK", "0") not in ("", "0")
DIGITS = os.environ.get("NPVAE_DIGITS", "").lower()
if DIGITS not in ("", "mnist", "glyphs"):
    sys.exit(f"NPVAE_DIGITS is {DIGITS!r}; choose mnist or glyphs, or unset it")
PICTURES = Path(os.environ.get("NPVAE_PICTURES") or Path(__file__).parent / "pictures")
try:
    PICTURES.mkdir(parents=True, exist_ok=True)
except OSError as error:
    sys.exit(
        f"cannot save pictures in {PICTURES}: {error.strerror}; set NPVAE_PICTURES to a folder"
    )
NOTEBOOK = "ipykernel" in sys.modules  # a notebook shows figures by itself

BLUE, ORANGE, GREEN, PURPLE = COLOURS = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
plt.rcParams.update(figures.STYLE)
plt.rcParams.update(
    {"axes.prop_cycle": cycler(color=COLOURS), "figure.constrained_layout.use": True}
)


def sized(full, quick):
    """Return the size to use: `full`, or `quick` in quick mode."""
    return quick if QUICK else full


def digits():
    """Return the dataset of NPVAE_DIGITS, else MNIST if available, else glyphs; print which."""
    if DIGITS:
        data, which = load_dataset(DIGITS), f"{DIGITS}, set by NPVAE_DIGITS"
    else:
        data, _ = default_dataset()  # its sentence speaks of flags, which a lesson does not have
        which = data.name
        if which != "mnist":
            which += ", since MNIST could not be loaded (`npvae datasets` says how to get it)"
    print(f"digits: {which}")
    return data


def run_epochs(trainer, epochs, name):
    """Run the trainer to the end of an epoch, and print the mean loss of each epoch on one line.

    Parameters
    ----------
    trainer : npvae.Trainer
    epochs : int
        Number of the last epoch.
    name : str
        What is trained; the line begins with it.
    """
    print(f"training {name}; loss of each epoch:", end="", flush=True)
    while trainer.goes_on(epochs):
        print(f" {trainer.run_epoch().train_loss:.1f}", end="", flush=True)
    print()


def show(drawn, name):
    """Save a figure (or the figure of an axes) as NAME.png, and display it if interactive.

    In a notebook, the figure appears below the cell and is not saved.
    """
    if NOTEBOOK:
        return
    path = PICTURES / f"{name}.png"
    figures.save(drawn, path)
    print(f"picture: {path}")
    backend = matplotlib.get_backend().lower()
    if backend.startswith("module://") or (sys.stdout.isatty() and backend != "agg"):
        plt.show()  # in the pane of an IDE, or in a window that waits to be closed
    plt.close("all")


def hear(tunes, name):
    """Save tunes, played one after another, as NAME.wav beside the pictures.

    In a notebook, a player appears below the cell and nothing is saved.

    Parameters
    ----------
    tunes : (n, 16) int array of tokens, as `npvae.datasets.tunes.tokens_of` returns them
    name : str
    """
    if NOTEBOOK:
        from IPython.display import Audio, display

        display(Audio(wav_bytes(tunes, rate=11_025, bytes_per_sample=1)))
        return
    path = PICTURES / f"{name}.wav"
    path.write_bytes(wav_bytes(tunes))
    print(f"sound: {path}")
