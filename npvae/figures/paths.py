"""Paths through latent space: from one example to another, and along one latent at a time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from npvae.errors import InputError
from npvae.figures.form import Form
from npvae.figures.scatter import PRIOR
from npvae.figures.style import drawing, one_line, panels, title
from npvae.figures.tables import MANY, MOST_NAMES, colour_bar, field, name_columns
from npvae.figures.tiles import show_tiles
from npvae.parameters import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def interpolation(
    x: Array,
    form: Form | Sequence[int],
    *,
    ends: tuple[Array, Array] | None = None,
    names: Sequence[str] = (),
    told: str = "decoded along the straight line from code A to code B",
    ax: "Axes | None" = None,
) -> "Axes":
    """Strips from one example to another.

    Parameters
    ----------
    x : (strips, steps, n_x) array, decoded at t = 0 ... 1
    form : of one example, or its shape
    ends : two (strips, n_x) arrays, the examples A and B themselves; shown left and right
    names : of the strips
    told : the title
    ax : where to draw; by default a new figure

    Raises
    ------
    InputError : if the form or the ends do not fit x

    Returns
    -------
    ax
    """
    form = Form.of(form, x, axes=3)
    strips, steps, _ = x.shape
    names = [one_line(name) for name in names]
    for end in ends or ():
        if end.shape != (strips, form.n_x):
            raise InputError(f"an end has shape {end.shape}, expected {(strips, form.n_x)}")
    times = [f"{t:.2g}" for t in np.linspace(0, 1, steps)]
    if steps > 12:
        times = [time if i in (0, steps - 1) else "" for i, time in enumerate(times)]
    if form.is_image and steps <= 12:
        times[0] = "t = 0"
    if ends is not None:
        x = np.concatenate([ends[0][:, None], x, ends[1][:, None]], axis=1)
        times = ["A", *times, "B"]
    with drawing(ax, height=_height(form, strips)) as ax:
        title(ax, told)
        if form.is_image:
            flat = x.reshape(strips * len(times), -1)
            show_tiles(ax, flat, form, len(times), heads=times, names=names)
            return ax
        parts = panels(ax, strips, 1)
        for i, part in enumerate(parts):
            image = field(part, x[i].T, form)
            name_columns(part, form, down=True)
            part.set_xticks(range(len(times)), times)
            if i < strips - 1:
                part.tick_params(labelbottom=False)
            if i < len(names):
                part.set_title(names[i], parse_math=False)
            if ends is not None:  # between what is decoded and the examples themselves
                for border in (0.5, steps + 0.5):
                    part.axvline(border, color="white", linewidth=3)
        parts[-1].set_xlabel("t")
        colour_bar(image, parts, form)
    return ax


def traversals(
    x: Array,
    form: Form | Sequence[int],
    values: Array,
    names: Sequence[str],
    *,
    unit: str = PRIOR,
    told: str = "one latent at a time takes other values",
    ax: "Axes | None" = None,
) -> "Axes":
    """What becomes of one code when one of its latents changes, a row for each latent.

    Parameters
    ----------
    x : (latents, steps, n_x) array
    form : of one example, or its shape
    values : (steps,) that the latents take
    names : of the latents, with their KL for instance
    unit : of the values
    told : the title
    ax : where to draw; by default a new figure

    Raises
    ------
    InputError : if the form, the values or the names do not fit x

    Returns
    -------
    ax
    """
    form = Form.of(form, x, axes=3)
    latents, steps, _ = x.shape
    if len(values) != steps or len(names) != latents:
        raise InputError(
            f"{len(values)} values and {len(names)} names for x of shape {x.shape}; give a value "
            "for each step and a name for each latent"
        )
    names = [one_line(name) for name in names]
    across = min(4, latents)
    rows = latents if form.is_image else -(-latents // across)
    with drawing(ax, height=_height(form, rows)) as ax:
        title(ax, told)
        if form.is_image:
            flat = x.reshape(latents * steps, -1)
            heads = [f"{value:.2g}" for value in values]
            show_tiles(ax, flat, form, steps, heads=heads, names=names, below=True)
            ax.set_xlabel(one_line(f"z ({unit})"), parse_math=False)
            return ax
        title(ax, f"{told}; z in {unit}")
        parts = panels(ax, rows, across)
        for i, part in enumerate(parts):
            if i >= latents:
                part.set_axis_off()
                continue
            image = field(part, x[i].T, form, x=values)
            name_columns(part, form, down=True)
            part.set_title(names[i], parse_math=False)
            part.set_xticks([values[0], (values[0] + values[-1]) / 2, values[-1]])
            if i % across:
                part.set_ylabel("")
                part.tick_params(labelleft=False)
            if i + across < latents:
                part.tick_params(labelbottom=False)
        colour_bar(image, parts, form)
    return ax


def _height(form: Form, rows: int) -> float:
    """Return inches in which rows of images, or of fields with a line for each column, fit."""
    if form.is_image:
        return 1 + 0.6 * rows
    lines = form.n_x if form.n_x <= MANY else 0.7 * form.n_x if form.n_x <= MOST_NAMES else 8
    return max(3.0, 0.8 + rows * (0.35 + 0.17 * lines))
