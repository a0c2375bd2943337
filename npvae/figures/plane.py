"""What a plane of latent space decodes to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from npvae.errors import InputError
from npvae.figures.form import Form
from npvae.figures.scatter import PRIOR, name_axes
from npvae.figures.style import distinct, drawable, drawing, panels, tick_names, title
from npvae.figures.tables import colour_bar, field, name_columns
from npvae.figures.tiles import show_tiles
from npvae.parameters import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PANELS = 12


def manifold(
    x: Array,
    form: Form | Sequence[int],
    ticks: Sequence[Array],
    *,
    axes: Sequence[str] = ("z 0", "z 1"),
    unit: str = PRIOR,
    told: str = "Means of p(x | z) at Gaussian quantiles of z",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw what a plane decodes to: images in a grid, or a map of each column of a table.

    Parameters
    ----------
    x : (n * n, n_x) array, or (n, n_x) for one latent, in the order of `latent_space.Plane.grid`
    form : of one example, or its shape; of a table at most the 12 columns that vary most are drawn
    ticks : the n coordinates along each direction, ascending
    axes, unit : what the coordinates are, and their unit
    told : the title
    ax : where to draw; by default a new figure

    Raises
    ------
    InputError : if the ticks or the form do not fit x

    Returns
    -------
    ax
    """
    form = Form.of(form, x)
    places = int(np.prod([len(tick) for tick in ticks]))
    if len(ticks) not in (1, 2) or places != len(x):
        raise InputError(
            f"the ticks are for {places} places, but x has {len(x)} rows; pass the ticks of the "
            "grid that was decoded: plane.ticks(n) for plane.grid(n)"
        )
    x = x if form.is_image else drawable(x)
    maps = len(_varying(x)) if len(ticks) == 2 and not form.is_image else 0
    with drawing(ax, height=_height(form, maps)) as ax:
        title(ax, told)
        if form.is_image:
            across, *up = [tick_names(tick) for tick in ticks]
            names = up[0][::-1] if up else []
            show_tiles(ax, x, form, len(across), heads=across, names=names, below=True)
            name_axes(ax, axes[: len(ticks)], unit)
        elif len(ticks) == 1:
            image = field(ax, x.T, form, x=ticks[0])
            name_columns(ax, form, down=True)
            name_axes(ax, axes[:1], unit)
            colour_bar(image, [ax], form)
        else:
            if maps < x.shape[1]:
                told += f" (the {maps} of {x.shape[1]} columns that vary most)"
            title(ax, f"{told}; coordinates in {unit}" if unit else told)
            _maps(ax, x, form, ticks, axes)
    return ax


def _maps(
    ax: "Axes",
    x: Array,
    form: Form,
    ticks: Sequence[Array],
    axes: Sequence[str],
) -> None:
    """Draw a map of the plane for each column, or for those that vary most."""
    chosen, n = _varying(x), len(ticks[0])
    across = _across(len(chosen))
    parts = panels(ax, -(-len(chosen) // across), across)
    named = len(form.columns) == x.shape[1]
    names = [form.columns[i] if named else f"column {i}" for i in chosen.tolist()]
    names = distinct(names, 72 // across)
    for part, column, name in zip(parts, chosen.tolist(), names, strict=False):
        upwards = x[:, column].reshape(n, n)[::-1]
        image = field(part, upwards, form, *ticks)
        part.set_title(name, parse_math=False, fontsize="small")
    for part in parts[len(chosen) :]:
        part.set_axis_off()
    for i, part in enumerate(parts[: len(chosen)]):
        if i % across:
            part.set_yticks([])
        if i + across < len(chosen):
            part.set_xticks([])
    corner = parts[(len(chosen) - 1) // across * across]
    name_axes(corner, axes, unit="")
    colour_bar(image, parts, form)


def _varying(x: Array) -> Array:
    """Return the indices of the columns that vary most, in ascending order."""
    return np.sort(np.argsort(-x.var(axis=0), kind="stable")[:MOST_PANELS])


def _height(form: Form, maps: int) -> float:
    """Return inches for images, for maps in rows, or for one line for each column."""
    if form.is_image:
        return 7
    return 1.4 + 1.5 * -(-maps // _across(maps)) if maps else min(7, 1.5 + 0.25 * form.n_x)


def _across(n: int) -> int:
    """Return how many of n panels are in a row."""
    return min(4, int(np.ceil(np.sqrt(n))))
