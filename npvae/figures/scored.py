"""The oddest examples, and which of their pixels or columns make them odd."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from npvae.errors import InputError
from npvae.figures.examples import X_HAT
from npvae.figures.form import Form
from npvae.figures.style import (
    INK,
    distinct,
    drawable,
    drawing,
    no_frame,
    number,
    panels,
    shortened,
    title,
)
from npvae.figures.tiles import show_tiles
from npvae.parameters import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS = 10  # images in a row
MOST_COLUMNS = 4  # of a table, for each example
LONGEST_NAME = 24  # characters of a column's name that fit its cell
LONGEST_TEXT = 8  # characters of a text, which stands in the cell twice
LARGE = 1e6  # larger numbers are written with an exponent
PALEST = 1.4  # the share of which the colour is the darkest, so that none hides the text
BRIGHT = 0.99  # share of the pixels that are darker than white


def oddest(
    x: Array,
    x_hat: Array,
    nats: Array,
    form: Form | Sequence[int],
    names: Sequence[str],
    *,
    missing: Array | None = None,
    told: str = "The oddest examples",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw examples, their reconstructions, and what each pixel or column costs.

    Images are drawn in three rows: x, its reconstruction, and the nats of each pixel, from the
    smallest (black) to those above 99 % of the picture (white). Of a row of a
    table, the columns that cost most are written, with x, its reconstruction and the nats.

    Parameters
    ----------
    x, x_hat : (N, n_x) arrays, examples and their reconstructions; in a table, numbers or texts
    nats : (N, n_x) array, -log p(x_i | z) of each pixel or column
    form : of one example, or its shape
    names : of the examples, in one or more lines each
    missing : (N, n_x) bool array, which numbers of a table were filled in; "missing" is written in
        place of these
    told : the beginning of the title
    ax : where to draw; by default a new figure

    Raises
    ------
    InputError : if the form, x_hat, nats, `missing` or the names do not fit x

    Returns
    -------
    ax
    """
    form = Form.of(form, x)
    if not x.shape == x_hat.shape == nats.shape or len(names) != len(x):
        raise InputError(
            f"x, x_hat and nats have the shapes {x.shape}, {x_hat.shape} and {nats.shape}, with "
            f"{len(names)} names; expected the same shape, and one name for each example"
        )
    missing = np.zeros(x.shape, bool) if missing is None else missing
    if missing.shape != x.shape:
        raise InputError(f"missing has shape {missing.shape}, expected {x.shape}, the shape of x")
    if form.is_image:
        return _images(x, x_hat, drawable(nats), form, names, told, ax)
    return _table(x, x_hat, drawable(nats), missing, form, names, told, ax)


def _images(
    x: Array,
    x_hat: Array,
    nats: Array,
    form: Form,
    names: Sequence[str],
    told: str,
    ax: "Axes | None",
) -> "Axes":
    """Draw blocks of images, each of x, its reconstruction and the nats of the pixels."""
    height, width, *channels = form.shape
    if channels:  # the nats of a pixel are those of its channels
        nats = nats.reshape(len(nats), -1, *channels).sum(axis=-1).repeat(channels[0], axis=1)
    low, high = float(nats.min()), float(np.quantile(nats, BRIGHT))
    span = form.span
    shown = span[0] + (nats - low) / (high - low or 1.0) * (span[1] - span[0])
    across = min(ACROSS, len(x))
    starts = range(0, len(x), ACROSS)
    tall = len(starts) * (3.0 * height / width / across * 5.2 + 0.6)
    with drawing(ax, height=min(30.0, tall + 0.5)) as ax:
        title(
            ax,
            f"{told}: x, reconstruction {X_HAT} and nats per pixel "
            f"(black is {number(low, 1)}, white {number(high, 1)} or more)",
        )
        for start, part in zip(starts, panels(ax, len(starts), 1), strict=True):
            rows = [_filled(row[start : start + ACROSS], across) for row in (x, x_hat, shown)]
            heads = names[start : start + ACROSS]
            show_tiles(
                part, np.concatenate(rows), form, across, heads=heads, names=["x", X_HAT, "nats"]
            )
            part.tick_params(axis="x", labelsize="x-small")
    return ax


def _filled(images: Array, n: int) -> Array:
    """Return n images; those that are missing are NaN."""
    return np.concatenate([images, np.full((n - len(images), images.shape[1]), np.nan)])


def _table(
    x: Array,
    x_hat: Array,
    nats: Array,
    missing: Array,
    form: Form,
    names: Sequence[str],
    told: str,
    ax: "Axes | None",
) -> "Axes":
    """Draw a row of cells for each example: its columns that cost most, in falling order."""
    columns = distinct(form.columns or map(str, range(form.n_x)), LONGEST_NAME)
    dearest = np.argsort(-nats, axis=1, kind="stable")[:, :MOST_COLUMNS]
    cost = np.maximum(nats, 0)
    share = cost / np.maximum(cost.sum(axis=1, keepdims=True), 1e-12)
    with drawing(ax, height=min(30.0, 0.8 + 0.4 * len(x))) as ax:
        in_a_cell = np.take_along_axis(missing, dearest, axis=1).any()
        filled_in = ". Missing values were filled in with the mean" if in_a_cell else ""
        of = f"{dearest.shape[1]} of {form.n_x} columns"
        title(
            ax,
            f"{told}, each with the {of} that cost most: x (reconstruction {X_HAT}) and nats; the "
            "darker, the larger is their share" + filled_in,
        )
        shares = np.take_along_axis(share, dearest, axis=1)
        ax.imshow(shares, vmin=0, vmax=PALEST, cmap="Oranges", aspect="auto")
        for (i, j), column in np.ndenumerate(dearest):
            value = "missing" if missing[i, column] else _written(x[i, column])
            cost_of_it = f"({_written(x_hat[i, column])}), {number(nats[i, column], 1)}"
            text = f"{columns[column]}\n{value} {cost_of_it}"
            look: dict[str, Any] = {"ha": "center", "va": "center", "color": INK}
            ax.text(j, i, text, fontsize="x-small", parse_math=False, **look)
        ax.set_xticks([])
        ax.set_yticks(range(len(x)), [_in_two(name) for name in names], parse_math=False)
        no_frame(ax)
        ax.tick_params(axis="y", labelsize="x-small")
    return ax


def _written(value: float | str) -> str:
    """Return a number in three digits, or in all those before the point; a text is shortened.

    >>> _written(0.012345), _written(3432.1), _written(2.5e7), _written("blue")
    ('0.0123', '3432', '2.5e+07', 'blue')
    """
    if isinstance(value, str):
        return shortened(value, LONGEST_TEXT)
    return f"{value:.0f}" if 1000 <= abs(value) < LARGE else f"{value:.3g}"


def _in_two(name: str) -> str:
    """Return a name of several lines in at most two, the last of which is kept."""
    *first, last = name.split("\n")
    return "\n".join([", ".join(first), last] if first else [last])
