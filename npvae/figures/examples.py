"""Pictures of examples: beside their reconstructions, and sampled from a model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from npvae.errors import InputError
from npvae.figures.form import Form
from npvae.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    LINES,
    ORANGE,
    distinct,
    drawable,
    drawing,
    label_name,
    panels,
    title,
)
from npvae.figures.tables import name_columns
from npvae.figures.tiles import show_tiles
from npvae.parameters import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS = 8  # images in a row, above their reconstructions
X_HAT = "x\u0302"
ROWS = {"x": (BLUE, "o-"), "corrupted": (GREEN, ":"), X_HAT: (ORANGE, "x--")}


def reconstructions(
    x: Array,
    x_hat: Array,
    form: Form | Sequence[int],
    *,
    corrupted: Array | None = None,
    what: str = "Test examples x",
    how: str = "decoded from μ",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw examples above their reconstructions.

    Parameters
    ----------
    x, x_hat : (N, n_x) arrays
    form : of one example, or its shape; of a table only the first four rows are drawn
    corrupted : (N, n_x) array, the input of a denoising model; drawn between the two
    what, how : for the title: what x is, and how x_hat was made
    ax : where to draw; by default a new figure

    Raises
    ------
    InputError : if the form, x_hat or `corrupted` does not fit x

    Returns
    -------
    ax
    """
    form = Form.of(form, x)
    for name, given in (("x_hat", x_hat), ("corrupted", corrupted)):
        if given is not None and given.shape != x.shape:
            raise InputError(f"{name} has shape {given.shape}, expected {x.shape}, the shape of x")
    rows = {
        name: row if form.is_image else drawable(row)
        for name, row in zip(ROWS, (x, corrupted, x_hat), strict=True)
        if row is not None
    }
    told = f"{what} and their reconstructions {X_HAT}, {how}"
    if corrupted is not None:
        told = f"{what}, the corrupted input, and its reconstructions {X_HAT}, {how}"
    with drawing(ax, height=7 if form.is_image else 5) as ax:
        title(ax, told)
        if form.is_image:
            across = min(ACROSS, len(x))
            starts = range(0, len(x), ACROSS)
            blocks = [_filled(row[i : i + ACROSS], across) for i in starts for row in rows.values()]
            show_tiles(ax, np.concatenate(blocks), form, across, names=[*rows] * len(starts))
        else:
            _rows_in_panels(ax, rows, form)
    return ax


def _filled(images: Array, n: int) -> Array:
    """Return n images; those that are missing are NaN."""
    return np.concatenate([images, np.full((n - len(images), images.shape[1]), np.nan)])


def _rows_in_panels(ax: "Axes", rows: dict[str, Array], form: Form) -> None:
    """Draw up to four rows of a table, each in a panel of its own."""
    n = min(4, len(rows["x"]))
    parts = panels(ax, -(-n // 2), min(n, 2))
    for i, part in enumerate(parts[:n]):
        for name, row in rows.items():
            colour, style = ROWS[name]
            part.plot(row[i], style, color=colour, label=name)
        name_columns(part, form)
        if i + 2 < n:  # the panel below has the same columns
            part.set_xlabel("")
            part.tick_params(labelbottom=False)
        if i % 2:
            part.tick_params(labelleft=False)
    for part in parts[n:]:
        part.set_axis_off()
    shown = np.concatenate([row[:n].ravel() for row in rows.values()])
    low, high = shown.min(), shown.max()
    margin = 0.06 * (high - low) or 1.0
    for part in parts[:n]:
        part.set_ylim(low - margin, high + margin)
    parts[0].set_ylabel(form.unit, loc="top", parse_math=False)
    parts[0].legend(ncols=len(rows), fontsize="small")


def samples(
    x: Array,
    form: Form | Sequence[int],
    *,
    labels: Array | None = None,
    classes: Sequence[str] = (),
    across: int | None = None,
    told: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw examples that a model made from draws of the prior.

    Parameters
    ----------
    x : (N, n_x) array
    form : of one example, or its shape; rows of a table are drawn as lines over its columns
    labels : (N,) whole numbers, the label that each was made for; written above columns of images
        that share it; the rows of a table have a colour for each
    classes : names of the labels
    across : images in a row; by default as many as there are rows
    told : the title; by default the number of samples, and that they are means of p(x | z)
    ax : where to draw; by default a new figure

    Raises
    ------
    InputError : if the form or the labels do not fit x

    Returns
    -------
    ax
    """
    form = Form.of(form, x)
    if labels is not None and len(labels) != len(x):
        raise InputError(f"{len(labels)} labels for {len(x)} samples; pass one for each")
    x = np.asarray(x) if form.is_image else drawable(x)
    with drawing(ax, height=7 if form.is_image else 4) as ax:
        title(ax, told or f"{len(x)} samples from the prior (means of p(x | z))")
        if form.is_image:
            across = across or int(np.ceil(np.sqrt(len(x))))
            show_tiles(ax, x, form, across, heads=_heads(labels, classes, across))
        else:
            _lines(ax, x, form, labels, classes)
    return ax


def _lines(ax: "Axes", x: Array, form: Form, labels: Array | None, classes: Sequence[str]) -> None:
    """Draw rows as thin lines, and the median of each label's rows as a thick one."""
    thin = min(1.0, max(0.2, 12 / len(x)))
    known = [None] if labels is None else np.unique(labels).tolist()
    if len(known) > len(LINES):  # more colours could not be told apart
        labels, known = None, [None]
    for colour, label in zip(LINES, known, strict=False):
        chosen = x if labels is None else x[labels == label]
        name = "median" if label is None else f"median of {label_name(classes, label)}"
        ax.plot(chosen.T, color=FAINT if label is None else colour, alpha=thin, linewidth=0.8)
        ax.plot(np.median(chosen, axis=0), "o-", color=colour, label=name)
    name_columns(ax, form)
    ax.set_ylabel(form.unit, parse_math=False)
    for text in ax.legend().get_texts():
        text.set_parse_math(False)


def _heads(labels: Array | None, classes: Sequence[str], across: int) -> list[str]:
    """Return the label of each column of images, if all images in a column share it."""
    if labels is None:
        return []
    first = labels[:across]
    if (len(first) > 1 and len(np.unique(first)) == 1) or (
        labels != np.resize(first, len(labels))
    ).any():
        return []
    n = max(3, 84 // across)  # characters above an image
    names = dict(
        zip(labels.tolist(), (label_name(classes, i) for i in labels.tolist()), strict=True)
    )
    short = dict(zip(names, distinct(list(names.values()), min(12, n)), strict=True))
    return [short[label] for label in first.tolist()]
