"""Tunes as piano rolls: pitch upwards, time to the right."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from npvae.datasets.tunes import LOWEST, N_PITCHES, SHAPE, STEPS, sounding
from npvae.errors import InputError
from npvae.figures.style import drawing, no_frame, panels, shortened, title
from npvae.parameters import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROLL_SHAPE = (N_PITCHES, 2 * STEPS)  # two pixels for each step
HELD = 0.55  # grey of a note that sounds; where it begins it is white
ACROSS = 4  # tunes beside each other
OCTAVES = {"C3": 48, "C4": 60, "C5": 72, "C6": 84}


def as_piano_rolls(x: Array) -> Array:
    """Return tunes as images in [0, 1], in which the first half of a note's first step is brighter.

    The brightness is a probability: of an example it is 0 or 1, of a mean of p(x | z) it is how
    probable it is that the pitch begins, or sounds.

    Parameters
    ----------
    x : (..., 16 * 33) array, examples of the dataset tunes or means of p(x | z)

    Returns
    -------
    (..., 31 * 32) float array, images of the shape (31, 32)
    """
    begins, sounds = sounding(x)
    steps = np.stack([(1 - HELD) * begins + HELD * sounds, HELD * sounds], axis=2)
    rolls = steps.reshape(len(steps), -1, N_PITCHES).transpose(0, 2, 1)[:, ::-1]
    return np.clip(rolls, 0, 1).reshape(*np.shape(x)[:-1], -1)


def as_columns(nats: Array) -> Array:
    """Return nats, (..., 16 * 33), as images, (..., 31 * 32): each column is the cost of a step."""
    each = np.asarray(nats).reshape(*np.shape(nats)[:-1], *SHAPE).sum(axis=-1)  # (..., 16)
    row = each.repeat(2, axis=-1)[..., None, :]
    return np.broadcast_to(row, (*each.shape[:-1], *ROLL_SHAPE)).reshape(*each.shape[:-1], -1)


def piano_rolls(
    x: Array,
    *,
    names: Sequence[str] = (),
    told: str = "",
    across: int = ACROSS,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw tunes as piano rolls, each in a panel of its own.

    Parameters
    ----------
    x : (N, 16 * 33) array, examples of the dataset tunes or means of p(x | z)
    names : what stands above each tune, or none
    told : the title
    across : tunes beside each other
    ax : where to draw; by default a new figure

    Raises
    ------
    InputError : if x has another shape, or there is another number of names

    Returns
    -------
    ax
    """
    x = np.asarray(x)
    n_x = SHAPE[0] * SHAPE[1]
    if x.ndim != 2 or x.shape[1] != n_x or len(x) == 0:
        raise InputError(f"x has shape {x.shape}, expected (N, {n_x}): one row for each tune")
    if names and len(names) != len(x):
        raise InputError(f"{len(names)} names for {len(x)} tunes; pass one for each")
    across = min(across, len(x))
    down = -(-len(x) // across)
    with drawing(ax, height=0.6 + 1.9 * down) as ax:
        title(ax, told)
        parts = panels(ax, down, across)
        for i, part in enumerate(parts):
            if i >= len(x):
                part.set_axis_off()
                continue
            _panel(part, as_piano_rolls(x[i]))
            if i % across:
                part.tick_params(labelleft=False)
            else:
                part.set_ylabel("pitch")
            if i + across < len(x):
                part.tick_params(labelbottom=False)
            else:
                part.set_xlabel("eighth notes")
            if names:
                name = shortened(names[i], 80 // across)
                part.set_title(name, fontsize="small", parse_math=False)
    return ax


def _panel(ax: "Axes", roll: Array) -> None:
    """Draw one piano roll, with lines at the octaves of C."""
    extent = (0.0, float(STEPS), LOWEST - 0.5, LOWEST + N_PITCHES - 0.5)
    image = roll.reshape(ROLL_SHAPE)
    ax.imshow(image, vmin=0, vmax=1, cmap="gray", extent=extent, aspect="auto")
    shown = {name: pitch for name, pitch in OCTAVES.items() if LOWEST <= pitch < extent[3]}
    no_frame(ax)
    ax.set_yticks(list(shown.values()), list(shown))
    ax.set_xticks([0, 4, 8, 12, 16])
