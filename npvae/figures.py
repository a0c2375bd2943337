"""Pictures, drawn with matplotlib and written as PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from npvae.arrays import Array
from npvae.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # Okabe & Ito 2008: told apart by all eyes
STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "font.size": 9,
}


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> "Figure":
    """Return an empty figure in npvae's style, sizes in inches."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.subplots(rows, columns)
    return figure


def save(figure: "Figure", path: str | Path) -> None:
    """Write a figure as PNG, whole or not at all; the same figure gives the same bytes."""
    with write_whole(path) as file:
        figure.savefig(file, format="png", dpi=120, metadata={"Software": None})


def is_image(shape: Sequence[int]) -> bool:
    """Whether examples of this shape can be shown as pictures: (H, W), (H, W, 1) or (H, W, 3)."""
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3))


def tile(images: Array, shape: Sequence[int], columns: int) -> Array:
    """Lay images out in a grid with a thin frame between them.

    Parameters
    ----------
    images : (N, n_x) array with values in [0, 1]
    shape : of one image: (H, W) or (H, W, C)
    columns : images in a row

    Returns
    -------
    (rows * (H + 1) + 1, columns * (W + 1) + 1[, C]) array; white where no image is
    """
    height, width, *channels = shape
    rows = -(-len(images) // columns)
    grid = np.ones((rows * (height + 1) + 1, columns * (width + 1) + 1, *channels))
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + 1) + 1, (i % columns) * (width + 1) + 1
        grid[top : top + height, left : left + width] = image.reshape(shape)
    return grid


def reconstructions(
    x: Array,
    x_hat: Array,
    shape: Sequence[int],
    columns: Sequence[str] = (),
    *,
    spoiled: Array | None = None,
    how: str = "reconstructed from mu",
) -> "Figure":
    """Examples above what the model makes of them.

    Parameters
    ----------
    x, x_hat : (N, n_x) arrays as the model sees them: images in [0, 1], standardised columns
    shape : of one example; a table's rows are drawn as lines over its columns
    columns : names of a table's columns
    spoiled : (N, n_x) array, what a model that denoises was given in place of x; shown between
    how : what was done to x_hat
    """
    if not is_image(shape):
        figure = new_figure(8, 6, rows=2, columns=2)
        for i, ax in enumerate(figure.axes[: len(x)]):
            ax.plot(x[i], "o-", color=BLUE, label="example", markersize=4)
            if spoiled is not None:
                ax.plot(spoiled[i], ":", color=GREEN, label="spoiled, as given")
            ax.plot(x_hat[i], "x--", color=ORANGE, label="reconstructed")
            _name_columns(ax, columns, len(x[i]))
            ax.set_title(f"test example {i}")
        lines = figure.axes[0].lines  # named above the panels: within, they may hide one another
        figure.legend(handles=lines, loc="outside upper center", ncols=len(lines), frameon=False)
        return figure
    n = min(len(x), 16)
    rows = [x, x_hat] if spoiled is None else [x, spoiled, x_hat]
    high = len(rows) * (shape[0] + 1) + 1
    figure = new_figure(8, 8 * high / (8 * shape[1] + 9) * 2 + 0.6, rows=2)
    between = "" if spoiled is None else ", between: spoiled, as given to the model"
    for half, ax in enumerate(figure.axes):
        chosen = slice(half * 8, min(half * 8 + 8, n))
        stacked = np.concatenate([row[chosen] for row in rows])
        _show(ax, tile(stacked, shape, columns=max(len(x[chosen]), 1)))
        ax.set_title(f"above: test examples{between}, below: {how}", loc="left")
    return figure


def samples(
    x: Array,
    shape: Sequence[int],
    columns: Sequence[str] = (),
    *,
    title: str = "",
    across: int | None = None,
) -> "Figure":
    """Examples that the model made up, from draws of the prior.

    Parameters
    ----------
    x : (N, n_x) array as the model sees it: images in [0, 1], standardised columns
    shape : of one example; a table's rows are drawn as lines over its columns
    columns : names of a table's columns
    title : "64 samples from the prior" by default
    across : images in a row; by default as many as rows
    """
    title = title or f"{len(x)} samples from the prior"
    if not is_image(shape):
        figure = new_figure(8, 4)
        (ax,) = figure.axes
        ax.plot(x.T, color=BLUE, alpha=min(1, max(0.08, 4 / len(x))), linewidth=1)
        ax.plot(np.median(x, axis=0), "o-", color=ORANGE, label="median")
        _name_columns(ax, columns, x.shape[1])
        ax.set_title(f"{title}, one line each")
        ax.legend(frameon=False)
        return figure
    grid = tile(x, shape, columns=across or int(np.ceil(np.sqrt(len(x)))))
    figure = new_figure(6, 6 * grid.shape[0] / grid.shape[1] + 0.3)
    _show(figure.axes[0], grid)
    figure.axes[0].set_title(title, loc="left")
    return figure


def history(columns: Mapping[str, Sequence[float]], bound: str = "ELBO") -> "Figure":
    """What was maximised, reconstruction, KL and active units over the epochs.

    Parameters
    ----------
    columns : the columns of history.csv by name; the validation_... ones may be missing
    bound : what was maximised, but for weights of the KL: the loss itself, if it is no ELBO
    """
    from matplotlib.ticker import MaxNLocator

    epochs = columns["epoch"]
    if bound != "ELBO":
        columns = {**columns, "train_bound": [-loss for loss in columns["train_loss"]]}
    panels = {
        "elbo" if bound == "ELBO" else "bound": f"{bound} (nats an example)",
        "reconstruction": "reconstruction, -log p(x | z) (nats)",
        "kl": "KL(q(z | x), N(0, I)) (nats)",
        "active_units": "active latents (validation)",
    }
    figure = new_figure(8, 5.5, rows=2, columns=2)
    for ax, (key, title) in zip(figure.axes, panels.items(), strict=True):
        for part, colour, marker in (("train", BLUE, "o"), ("validation", ORANGE, "s")):
            values = columns.get(f"{part}_{key}")
            if values is not None:
                drawn = np.clip(values, -1e30, 1e30)  # matplotlib's limit is not far beyond
                ax.plot(epochs, drawn, color=colour, marker=marker, markersize=3.5, label=part)
        ax.set_title(title, loc="left")
        ax.set_xlabel("epoch")
        ax.set_xlim(0.5, max(epochs) + 0.5)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if key == "kl" and not any(columns["train_kl"]):
            ax.clear()
            ax.set_title(title, loc="left")
            ax.text(0.5, 0.5, "no prior, no KL", ha="center", transform=ax.transAxes)
            ax.set_xticks([])
            ax.set_yticks([])
        elif not ax.lines:
            ax.text(0.5, 0.5, "no validation part", ha="center", transform=ax.transAxes)
            ax.set_yticks([])
    figure.axes[-1].set_ylim(0, max([1, *columns.get("validation_active_units", [])]) * 1.05)
    figure.axes[-1].yaxis.set_major_locator(MaxNLocator(integer=True))
    figure.axes[0].legend(loc="lower right", frameon=False)
    return figure


def _show(ax: "Axes", grid: Array) -> None:
    image = grid[..., 0] if grid.ndim == 3 and grid.shape[-1] == 1 else grid
    ax.imshow(np.clip(image, 0, 1), vmin=0, vmax=1, cmap="gray", interpolation="nearest")
    ax.set_axis_off()


def _name_columns(ax: "Axes", columns: Sequence[str], n: int) -> None:
    """Label each column of a small table; number those of a large one."""
    if len(columns) == n <= 20:
        ax.set_xticks(range(n), columns, rotation=45, ha="right", parse_math=False)
    else:
        from matplotlib.ticker import MaxNLocator

        ax.set_xlabel("column")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylabel("standard deviations from the mean")
