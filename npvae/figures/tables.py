"""What pictures of tables share: the names of columns, and values as colours."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from npvae.figures.form import Form
from npvae.figures.style import distinct, drawable
from npvae.parameters import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMES = 40  # more columns are numbered, not named
MANY = 20  # the names of more columns are small
DIVERGING, SEQUENTIAL = "PuOr", "cividis"  # both are distinct for colour-blind readers


def name_columns(ax: "Axes", form: Form, *, down: bool = False) -> None:
    """Label the columns of a small table, along x or (down) y; number those of a large one."""
    axis, n = ax.yaxis if down else ax.xaxis, form.n_x
    if len(form.columns) == n <= MOST_NAMES:
        names = distinct(form.columns, 24)
        axis.set_ticks(range(n), names, parse_math=False)
        for label in axis.get_ticklabels():
            label.set(fontsize="x-small" if n > MANY else "medium")
            if not down:
                label.set(rotation=90 if n > MANY else 45, ha="right", rotation_mode="anchor")
                label.set(va="center" if n > MANY else "baseline")
        return
    from matplotlib.ticker import MaxNLocator

    sizes = "x".join(map(str, form.shape))
    axis.set_label_text("column" if len(form.shape) == 1 else f"position in a {sizes} array")
    axis.set_major_locator(MaxNLocator(integer=True, nbins=min(8, n)))


def field(
    ax: "Axes", values: Array, form: Form, x: Array | None = None, y: Array | None = None
) -> Any:
    """Draw values as colours, and return the mesh, which a colour bar needs.

    Parameters
    ----------
    values : (rows, columns) float array
    form : of the examples that the values are from
    x, y : (columns,) and (rows,) ascending coordinates; by default cells are numbered, and rows
        run downwards
    """
    (low, high), (rows, columns) = form.span, values.shape
    ax.grid(visible=False)
    edges = (
        borders(np.arange(columns) if x is None else x),
        borders(np.arange(rows) if y is None else y),
    )
    if y is None:
        ax.invert_yaxis()
    colours = DIVERGING if low < 0 < high else SEQUENTIAL
    values = drawable(values)
    return ax.pcolormesh(*edges, values, cmap=colours, vmin=low, vmax=high, rasterized=True)


def borders(centers: Array) -> Array:
    """Return the n + 1 borders of n cells, midway between their centers.

    >>> borders(np.array([0.0, 1.0, 3.0]))
    array([-0.5,  0.5,  2. ,  4. ])
    """
    first, last = float(centers[0]), float(centers[-1])
    if first == last:
        return np.linspace(first - 0.5, first + 0.5, len(centers) + 1)
    middles = (centers[1:] + centers[:-1]) / 2
    return np.concatenate([[2 * first - middles[0]], middles, [2 * last - middles[-1]]])


def colour_bar(field: Any, axes: Sequence["Axes"], form: Form) -> None:
    """Draw the colour scale of fields: below them, or beside panels that were placed by hand."""
    figure: Any = axes[0].get_figure()
    place: dict[str, Any] = {
        **{"ax": list(axes), "location": "bottom", "shrink": 0.5, "aspect": 30},
        **{"anchor": (0.0, 1.0), "pad": 0.03},
    }
    if axes[0].get_axes_locator() is not None:
        right = max(axes, key=lambda ax: ax.get_position().x1)
        place = {"cax": right.inset_axes((1.05, 0, 0.05, 1))}
    bar = figure.colorbar(field, extend="both", **place)
    bar.set_label(form.unit, parse_math=False)
    bar.outline.set_visible(False)
