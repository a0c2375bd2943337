"""Images side by side, as one large image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from npvae.figures.form import Form
from npvae.figures.style import no_frame
from npvae.parameters import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FINE = 28  # smaller images are enlarged, because the frame is one pixel wide
SHARP, MOST = 960, 2000  # pixels across: no smoothing up to here; more would not be visible
FRAME = "#bbbbbb"  # between images that are too light to stand out from white paper


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
    the frame and in places without an image
    """
    height, width, *channels = shape
    rows = -(-len(images) // columns)
    grid = np.full(
        (rows * (height + 1) + 1, columns * (width + 1) + 1, *channels), np.nan, np.float32
    )
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
    """Draw images in a grid; the lower limit of their form is black, the upper white.

    Parameters
    ----------
    images, columns : as for `tile`
    form : of one image
    heads : the labels of the columns, or none
    names : the labels of the rows, or none
    below : whether the labels of the columns are below them, not above
    """
    (low, high), (height, width, *channels) = form.span, form.shape
    images = np.clip(images, low, high).reshape(-1, height, width, *channels)
    zoom = max(1, FINE // max(height, width))
    images = images.repeat(zoom, axis=1).repeat(zoom, axis=2)
    images = _shrunk(images, -(-columns * images.shape[2] // MOST))
    height, width = images.shape[1:3]
    grid = tile(images, (height, width, *channels), columns)
    grid = np.clip((grid - low) / (high - low), 0, 1)
    if np.nanmean(grid) > 0.5:
        ax.set_facecolor(FRAME)
    if grid.ndim == 3:
        grid = grid[..., 0] if grid.shape[-1] == 1 else _with_alpha(grid)
    smooth = "nearest" if grid.shape[1] <= SHARP else "antialiased"
    ax.imshow(grid, vmin=0, vmax=1, cmap="gray", interpolation=smooth)
    no_frame(ax)
    ax.set_xticks((width + 1) * (np.arange(len(heads)) + 0.5), heads, parse_math=False)
    ax.set_yticks((height + 1) * (np.arange(len(names)) + 0.5), names, parse_math=False)
    if not below:
        ax.xaxis.tick_top()


def _shrunk(images: Array, k: int) -> Array:
    """Return images, (N, H, W, ...), with the mean of each k x k pixels as one."""
    if k < 2:
        return images
    n, height, width, *channels = images.shape
    rows, columns = max(1, height // k), max(1, width // k)
    high, wide = min(k, height), min(k, width)
    blocks = images[:, : rows * high, : columns * wide]
    return blocks.reshape(n, rows, high, columns, wide, *channels).mean(axis=(2, 4))


def _with_alpha(grid: Array) -> Array:
    """Return colours, (H, W, 4), in which NaN is transparent."""
    seen = ~np.isnan(grid[..., :1])
    return np.concatenate([np.where(seen, grid, 0), seen], axis=-1)
