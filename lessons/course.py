"""What the lessons share: digits to work on, a place for pictures, and a quick mode.

Three environment variables decide:

- `NPVAE_QUICK=1`: smaller sizes, the same claims; for the tests
- `NPVAE_DIGITS=glyphs`: npvae's own digits, even where MNIST could be had (or `mnist`)
- `NPVAE_PICTURES=DIR`: where pictures go; by default `pictures/` beside the lessons
"""

import os
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from cycler import cycler

from npvae import figures
from npvae.datasets import default_dataset, load_dataset

QUICK = os.environ.get("NPVAE_QUICK", "0") not in ("", "0")
PICTURES = Path(os.environ.get("NPVAE_PICTURES") or Path(__file__).parent / "pictures")
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
    """Return MNIST where it can be had, else glyphs, or what NPVAE_DIGITS names; print which."""
    if name := os.environ.get("NPVAE_DIGITS"):
        data, which = load_dataset(name), f"{name}, as NPVAE_DIGITS says"
    else:
        data, which = default_dataset()
    print(f"digits: {which}")
    return data


def show(drawn, name):
    """Save a figure (or any axes of it) as NAME.png; show it if somebody is looking."""
    path = PICTURES / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figures.save(drawn, path)
    if NOTEBOOK:
        return
    print(f"picture: {path}")
    backend = matplotlib.get_backend().lower()
    if backend.startswith("module://") or (sys.stdout.isatty() and backend != "agg"):
        plt.show()  # in an IDE's own pane, or in a window until it is closed
    plt.close("all")
