"""What the lessons share: digits to work on, a place for pictures, and a quick mode.

Three environment variables decide:

- `NPVAE_QUICK=1`: smaller sizes, the same claims; for the tests
- `NPVAE_DIGITS=glyphs`: npvae's own digits, even where MNIST could be had; or `mnist`, and no other
- `NPVAE_PICTURES=DIR`: where pictures go; by default `pictures/` beside the lessons
"""

import os
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from cycler import cycler

try:
    from npvae import figures
except ModuleNotFoundError:  # a clone that nobody has installed
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    from npvae import figures
from npvae.datasets import default_dataset, load_dataset

QUICK = os.environ.get("NPVAE_QUICK", "0") not in ("", "0")
DIGITS = os.environ.get("NPVAE_DIGITS", "").lower()
if DIGITS not in ("", "mnist", "glyphs"):
    sys.exit(f"NPVAE_DIGITS is {DIGITS!r}; choose mnist or glyphs, or unset it")
PICTURES = Path(os.environ.get("NPVAE_PICTURES") or Path(__file__).parent / "pictures")
try:
    PICTURES.mkdir(parents=True, exist_ok=True)
except OSError as error:
    sys.exit(
        f"no pictures can be kept in {PICTURES}: {error.strerror}; set NPVAE_PICTURES to a folder"
    )
NOTEBOOK = "ipykernel" in sys.modules  # where the figures of a cell are shown below it

BLUE, ORANGE, GREEN, PURPLE = COLOURS = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
plt.rcParams.update(figures.STYLE)
plt.rcParams.update(
    {"axes.prop_cycle": cycler(color=COLOURS), "figure.constrained_layout.use": True}
)


def sized(full, quick):
    """Return a size: the first one, or the second in quick mode."""
    return quick if QUICK else full


def digits():
    """Return what NPVAE_DIGITS names, else MNIST where it can be had, else glyphs; print which."""
    if DIGITS:
        data, which = load_dataset(DIGITS), f"{DIGITS}, as NPVAE_DIGITS says"
    else:
        data, which = default_dataset()
    print(f"digits: {which}")
    return data


def show(drawn, name):
    """Save a figure (or any axes of it) as NAME.png; show it if somebody is looking.

    A notebook shows it below the cell, and nothing is saved.
    """
    if NOTEBOOK:
        return
    path = PICTURES / f"{name}.png"
    figures.save(drawn, path)
    print(f"picture: {path}")
    backend = matplotlib.get_backend().lower()
    if backend.startswith("module://") or (sys.stdout.isatty() and backend != "agg"):
        plt.show()  # in an IDE's own pane, or in a window until it is closed
    plt.close("all")
