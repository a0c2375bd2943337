"""The user's own arrays: what an .npy or .npz file means."""

import math
from pathlib import Path
from typing import Literal

import numpy as np

from npvae.datasets.user_examples import Examples, find_range, remark_on_dark_pixels
from npvae.errors import DataError
from npvae.parameters import Array
from npvae.storage.arrays import MappedArray, read_array, read_arrays
from npvae.storage.reading import LIMIT, quote

X_NAMES = ("x", "images", "data")
LABEL_NAMES = ("labels", "y")
SMALLEST_SQUARE = 8  # pixels a side; a row of fewer bytes is not taken for a picture


def read_npy(path: str | Path, *, progress: bool = False) -> Examples:
    """Return the examples in an .npy file, memory-mapped where they take more than `LIMIT` bytes.

    See `understand_array` for what the array may be.
    """
    return understand_array(read_array(path), path, progress=progress)


def read_npz(path: str | Path, *, progress: bool = False) -> Examples:
    """Return the examples in an .npz file, and their labels.

    It holds one array, or one named `x` (or `images`, or `data`) and perhaps one named `labels`
    (or `y`); others are left alone, and a remark says so.

    Raises
    ------
    DataError : the names do not say which array is which; or as for `understand_array`
    """
    arrays = read_arrays(path)
    x_name = next(iter(arrays)) if len(arrays) == 1 else _choose(arrays, X_NAMES, path)
    if x_name is None:
        raise DataError(
            f"{path} holds the arrays {quote(', '.join(arrays)) or '(none)'}; expected a single "
            "one, or one named x (or images, or data) and perhaps one named labels (or y)"
        )
    label_name = None if len(arrays) == 1 else _choose(arrays, LABEL_NAMES, path)
    examples = understand_array(arrays[x_name], path, progress=progress)
    if label_name is not None:
        examples.labels = arrays[label_name]
    others = [name for name in arrays if name not in (x_name, label_name)]
    if others:
        examples.remarks += (f"The arrays {quote(', '.join(others))} of the file were left alone.",)
    return examples


def _choose(arrays: dict[str, Array], names: tuple[str, ...], path: str | Path) -> str | None:
    """Return the one of these names that the file has, or None."""
    found = [name for name in names if name in arrays]
    if len(found) > 1:
        raise DataError(
            f"{path} holds {' and '.join(found)}, which mean the same; keep one of them"
        )
    return found[0] if found else None


def understand_array(array: Array, path: str | Path, *, progress: bool = False) -> Examples:
    """Return what an array of examples means.

    =====================  ================================  ======================================
    numbers                shape                             meaning
    =====================  ================================  ======================================
    uint8                  any                               pixels, 0 to 255
    bool                   any                               pixels, black and white
    floats in [0, 1]       (N, H, W) or (N, H, W, C)         pixels
    integers in 0..255     (N, H, W) or (N, H, W, C)         pixels, turned into uint8
    anything else          any                               real numbers (a Gaussian likelihood)
    =====================  ================================  ======================================

    An array larger than memory stays in its file. That takes numbers that can stay as they are:
    bool, integers that become uint8, and arrays of three or four axes in Fortran order would be
    copied, and are refused above `LIMIT` bytes.

    A flat uint8 or bool row of a square number of pixels, 64 at least, is taken for a square image.

    Parameters
    ----------
    array : (N, n_x), (N, H, W) or (N, H, W, C) array, in memory or memory-mapped
    path : the file, for errors
    progress : show a progress bar if looking through takes more than a second

    Raises
    ------
    DataError : another shape or type, or a number that is NaN or infinite
    """
    if array.dtype.kind not in "buif":
        raise DataError(
            f"{path} holds values of type {quote(array.dtype)}; expected numbers: uint8 or bool "
            "for pixels, integers or floats for anything else"
        )
    if array.ndim not in (2, 3, 4) or array.size == 0:
        raise DataError(
            f"{path} holds an array of shape {array.shape}; expected one example a row and at "
            "least one number an example: (N, n_x), (N, H, W) or (N, H, W, C)"
        )
    shape = array.shape[1:]
    in_order = array.ndim == 2 or array.flags.c_contiguous
    _require_no_copy(in_order, array, path, "save it in C order, np.ascontiguousarray(x)")
    x = array.reshape(len(array), math.prod(shape))
    if x.dtype == bool:
        _require_no_copy(False, array, path, "save it as uint8, 0 and 255")
        return Examples(*_as_bytes(x, shape), remarks=("Black and white pixels.",))
    low, high = find_range(x, path, progress=progress)
    if x.dtype == np.uint8:
        return Examples(x, _picture(shape), "pixels", remarks=_remarks_on_bytes(shape, high))
    if len(shape) > 1:
        if x.dtype.kind in "ui" and low >= 0 and high <= 255:
            _require_no_copy(False, array, path, "save it as uint8")
        return _understand_images(x, shape, low, high)
    remark = f"A table of {x.dtype} numbers: real-valued, so the likelihood is Gaussian."
    if low >= 0 and high <= 255:
        remark += " If they are pixels, save them as uint8 (0 to 255) or in the shape (N, H, W)."
    return Examples(x, shape, "real", remarks=(remark,))


def _require_no_copy(fits: bool, array: Array, path: str | Path, advice: str) -> None:
    """Refuse an array in a file that is too large to be copied into memory."""
    if isinstance(array, MappedArray) and not fits:
        raise DataError(
            f"{path} takes {array.nbytes} bytes, more than the {LIMIT} that npvae reads into "
            f"memory, and cannot be used where it lies as it is ({array.dtype}); {advice}"
        )


def _as_bytes(x: Array, shape: tuple[int, ...]) -> tuple[Array, tuple[int, ...], Literal["pixels"]]:
    """Return black and white as 0 and 255, in memory."""
    return np.multiply(x, 255, dtype=np.uint8), _picture(shape), "pixels"


def _understand_images(x: Array, shape: tuple[int, ...], low: float, high: float) -> Examples:
    """Return images of floats or of wide integers: pixels if they lie within pixels' bounds."""
    picture = _picture(shape)
    if x.dtype.kind in "ui" and low >= 0 and high <= 255:
        as_bytes = x.astype(np.uint8)
        return Examples(as_bytes, picture, "pixels", remarks=_remarks_on_bytes(shape, high))
    if x.dtype.kind == "f" and low >= 0 and high <= 1:
        return Examples(x, picture, "pixels", remarks=("Floats in [0, 1], taken for pixels.",))
    remark = (
        f"Images of {x.dtype} numbers from {low:g} to {high:g}: real-valued, so the likelihood is "
        "Gaussian. Pixels would be uint8 (0 to 255) or floats in [0, 1]."
    )
    return Examples(x, picture, "real", remarks=(remark,))


def _picture(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape to draw pixels in: a square for a flat row, no axis for a single channel."""
    if len(shape) == 1:
        side = math.isqrt(shape[0])
        return (side, side) if side**2 == shape[0] and side >= SMALLEST_SQUARE else shape
    return shape[:2] if len(shape) == 3 and shape[2] == 1 else shape


def _remarks_on_bytes(shape: tuple[int, ...], high: float) -> tuple[str, ...]:
    """Return what looks odd about pixels stored as bytes."""
    remarks = [*remark_on_dark_pixels(high)]
    if _picture(shape) != shape and len(shape) == 1:
        side = math.isqrt(shape[0])
        remarks.append(f"{shape[0]} bytes a row, taken for {side} x {side} pixels.")
    if len(shape) == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3, 4):
        remarks.append(
            f"Images of {shape[0]} x {shape[1]} pixels with {shape[2]} channels? If the channels "
            "come first, move them last: np.moveaxis(x, 1, -1)."
        )
    return tuple(remarks)
