"""Paths through latent space: from one example to another, and along one latent at a time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from npvae.errors import InputError
from npvae.figures.form import Form
from npvae.figures.scatter import PRIOR
from npvae.figures.style import drawing, number, one_line, panels, tick_names, title
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
    told: str = "Decoded along the straight line from code A to code B",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw interpolations: strips that lead from one example to another.

    Parameters
    ----------
    x : (strips, steps, n_x) array, decoded at t = 0 ... 1
    form : of one example, or its shape
    ends : two (strips, n_x) arrays, the examples A and B; drawn at the left and at the right
    names : of the strips, in one line or two
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
    names = ["\n".join(map(one_line, name.split("\n"))) for name in names]
    for end in ends or ():
        if end.shape != (strips, form.n_x):
            raise InputError(
                f"one of the ends has shape {end.shape}, expected {(strips, form.n_x)}"
            )
    if ends is not None:
        x = np.concatenate([ends[0][:, None], x, ends[1][:, None]], axis=1)
    columns = x.shape[1]
    across = min(3, strips)
    rows = strips if form.is_image else -(-strips // across)
    with drawing(ax, height=_height(form, rows, lines=2)) as ax:
        title(ax, told)
        if form.is_image:
            flat = x.reshape(strips * columns, -1)
            heads = _times(steps, ends is not None)
            show_tiles(ax, flat, form, columns, heads=heads, names=names)
            return ax
        parts = panels(ax, rows, across)
        for i, part in enumerate(parts):
            if i >= strips:
                part.set_axis_off()
                continue
            image = field(part, x[i].T, form)
            _name_panel(part, form, names[i] if i < len(names) else "", first=i % across == 0)
            first, last = ("A", "B") if ends is not None else ("t = 0", "t = 1")
            part.set_xticks([0, (columns - 1) / 2, columns - 1], [first, "t = 0.5", last])
            if i + across < strips:
                part.tick_params(labelbottom=False)
            if ends is not None:  # separate the examples from what is decoded
                for border in (0.5, steps + 0.5):
                    part.axvline(border, color="white", linewidth=3)
        colour_bar(image, parts[:strips], form)
    return ax


def _times(steps: int, has_ends: bool) -> list[str]:
    """Return the labels of a strip's columns; of many, only the first and the last."""
    times = [number(t, 1 if steps in (2, 3, 6, 11) else 2) for t in np.linspace(0, 1, steps)]
    if steps > 12:
        times = [time if i in (0, steps - 1) else "" for i, time in enumerate(times)]
    times[0], times[-1] = "t = 0", "1"
    return ["A", *times, "B"] if has_ends else times


def _name_panel(part: "Axes", form: Form, name: str, *, first: bool) -> None:
    """Write the name of a panel above it and, in the first of a row, those of the columns."""
    part.set_title(name, parse_math=False, fontsize="small")
    if first:
        name_columns(part, form, down=True)
    else:
        part.set_yticks([])


def traversals(
    x: Array,
    form: Form | Sequence[int],
    values: Array,
    names: Sequence[str],
    *,
    unit: str = PRIOR,
    told: str = "One latent changes at a time",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw what one code decodes to as one of its latents changes, a row for each latent.

    Parameters
    ----------
    x : (latents, steps, n_x) array
    form : of one example, or its shape
    values : (steps,) that each latent takes
    names : of the latents, for instance with their KL
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
            f"{len(values)} values and {len(names)} names for x of shape {x.shape}; pass a value "
            "for each step and a name for each latent"
        )
    names = [one_line(name) for name in names]
    rows = latents if form.is_image else -(-latents // 4)
    across = -(-latents // rows)
    with drawing(ax, height=_height(form, rows)) as ax:
        title(ax, told)
        if form.is_image:
            flat = x.reshape(latents * steps, -1)
            heads = tick_names(np.asarray(values), most=15)
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
            _name_panel(part, form, names[i], first=i % across == 0)
            middle = (values[0] + values[-1]) / 2
            ticks = np.array([values[0], middle, values[-1]])
            part.set_xticks(ticks, tick_names(ticks))
            if i + across < latents:
                part.tick_params(labelbottom=False)
        colour_bar(image, parts[:latents], form)
    return ax


def _height(form: Form, rows: int, lines: int = 1) -> float:
    """Return inches for rows of images, or of panels with named columns and titles of `lines`."""
    if form.is_image:
        return 1 + 0.6 * rows
    names = form.n_x if form.n_x <= MANY else 0.7 * form.n_x if form.n_x <= MOST_NAMES else 8
    return 1.2 + rows * (0.2 + 0.15 * lines + 0.17 * max(5, names))
