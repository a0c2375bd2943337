"""Rows of a table: lines over its columns, or fields of colour."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from npvae.arrays import Array
from npvae.figures.form import Form

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMES = 20  # columns that are named; more are numbered
DIVERGING, SEQUENTIAL = "PuOr", "cividis"  # about a middle, and from zero: for all eyes


def name_columns(ax: "Axes", form: Form, *, down: bool = False) -> None:
    """Label the columns of a small table, along x or (down) y; number those of a large one."""
    axis, n = ax.yaxis if down else ax.xaxis, form.n_x
    if len(form.columns) == n <= MOST_NAMES:
        names = [name if len(name) <= 24 else f"{name[:23]}…" for name in form.columns]
        axis.set_ticks(range(n), names, parse_math=False)
        if not down:
            for label in axis.get_ticklabels():
                label.set(rotation=45, ha="right", rotation_mode="anchor")
        return
    from matplotlib.ticker import MaxNLocator

    sizes = "x".join(map(str, form.shape))
    axis.set_label_text("column" if len(form.shape) == 1 else f"number in a {sizes} array")
    axis.set_major_locator(MaxNLocator(integer=True, nbins=min(8, n)))


def field(ax: "Axes", values: Array, form: Form, **options: Any) -> Any:
    """Draw numbers as colours; return what a colour bar needs.

    Parameters
    ----------
    values : (rows, columns) float array
    form : of the examples that the numbers are from
    options : of `imshow`
    """
    low, high = form.span
    ax.grid(visible=False)
    colours = DIVERGING if low < 0 < high else SEQUENTIAL
    values = np.clip(values, -1e30, 1e30)
    return ax.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto", **options)


def colour_bar(field: Any, axes: Sequence["Axes"], form: Form) -> None:
    """Say beside fields what their colours mean."""
    figure: Any = axes[0].get_figure()
    bar = figure.colorbar(field, ax=list(axes), extend="both", shrink=0.8)
    bar.set_label(form.unit)
    bar.outline.set_visible(False)


def half_step(tick: Array) -> float:
    """Return half the distance between coordinates, by which a field goes beyond them."""
    return float(tick[-1] - tick[0]) / max(1, 2 * len(tick) - 2) or 0.5


def extent(tick: Array, n: int) -> tuple[float, float, float, float]:
    """Return where a field of n rows, numbered downwards, lies over ascending coordinates."""
    half = half_step(tick)
    return float(tick[0]) - half, float(tick[-1]) + half, n - 0.5, -0.5
