"""Images side by side in one picture."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from npvae.arrays import Array
from npvae.figures.form import Form
from npvae.figures.style import no_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FINE = 28  # pixels that an image is at least drawn with


def tile(images: Array, shape: Sequence[int], columns: int) -> Array:
    """Lay images out in a grid with a thin frame between them.

    Parameters
    ----------
    images : (N, n_x) array
    shape : of one image: (H, W) or (H, W, C)
    columns : images in a row

    Returns
    -------
    (rows * (H + 1) + 1, columns * (W + 1) + 1[, C]) array; NaN, which is drawn as bare paper, in
    the frame and where no image is
    """
    height, width, *channels = shape
    rows = -(-len(images) // columns)
    grid = np.full((rows * (height + 1) + 1, columns * (width + 1) + 1, *channels), np.nan)
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + 1) + 1, (i % columns) * (width + 1) + 1
        grid[top : top + height, left : left + width] = image.reshape(shape)
    return grid


def show_tiles(
    ax: "Axes",
    images: Array,
    form: Form,
    columns: int,
    *,
    heads: Sequence[str] = (),
    names: Sequence[str] = (),
    below: bool = False,
) -> None:
    """Draw images in a grid, the lower limit of their form black and the upper white.

    Parameters
    ----------
    images, columns : as for `tile`
    form : of one image
    heads : what stands above each column (below it, with `below`), or nothing
    names : what stands beside each row, or nothing
    """
    (low, high), (height, width, *channels) = form.span, form.shape
    zoom = max(1, FINE // max(height, width))  # beside few pixels the frame would be wide
    images = images.reshape(-1, height, width, *channels).repeat(zoom, axis=1).repeat(zoom, axis=2)
    height, width = zoom * height, zoom * width
    grid = tile(images, (height, width, *channels), columns)
    grid = np.clip((grid - low) / (high - low), 0, 1)
    if grid.ndim == 3:
        grid = grid[..., 0] if grid.shape[-1] == 1 else _with_alpha(grid)
    ax.imshow(grid, vmin=0, vmax=1, cmap="gray")
    no_frame(ax)
    ax.set_xticks((width + 1) * (np.arange(len(heads)) + 0.5), heads, parse_math=False)
    ax.set_yticks((height + 1) * (np.arange(len(names)) + 0.5), names, parse_math=False)
    if not below:
        ax.xaxis.tick_top()


def _with_alpha(grid: Array) -> Array:
    """Return colours that are NaN as transparent."""
    seen = ~np.isnan(grid[..., :1])
    return np.concatenate([np.where(seen, grid, 0), seen], axis=-1)
