"""Your own arrays: read .npy and .npz files and interpret their content."""

import math
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from npvae.datasets.user_examples import (
    Examples,
    find_range,
    remark_on_counting,
    remark_on_dark_pixels,
)
from npvae.errors import DataError
from npvae.parameters import Array
from npvae.storage.arrays import MappedArray, read_array, read_arrays
from npvae.storage.reading import LIMIT, quote

X_NAMES = ("x", "images", "data")
LABEL_NAMES = ("labels", "y")
Kind: TypeAlias = Literal["pixels", "real"]
SMALLEST_SQUARE = 8  # side in pixels; shorter flat rows are not interpreted as square images


def read_npy(path: str | Path, *, kind: Kind | None = None, progress: bool = False) -> Examples:
    """Return the examples in an .npy file, memory-mapped if they take more than `LIMIT` bytes.

    `understand_array` explains which arrays are accepted.
    """
    return understand_array(read_array(path), path, kind=kind, progress=progress)


def read_npz(path: str | Path, *, kind: Kind | None = None, progress: bool = False) -> Examples:
    """Return the examples in an .npz file, with their labels if there are any.

    The file contains a single array; or one named `x` (or `images` or `data`) and optionally one
    named `labels` (or `y`). Other arrays are ignored, and a remark says so.

    Raises
    ------
    DataError : the names do not identify the examples; or as for `understand_array`
    """
    arrays = read_arrays(path)
    x_name = next(iter(arrays)) if len(arrays) == 1 else _choose(arrays, X_NAMES, path)
    if x_name is None:
        raise DataError(
            f"{path} contains the arrays {quote(', '.join(arrays)) or '(none)'}; expected a single "
            "array, or one named x (or images or data) and optionally one named labels (or y)"
        )
    label_name = None if len(arrays) == 1 else _choose(arrays, LABEL_NAMES, path)
    examples = understand_array(arrays[x_name], path, kind=kind, progress=progress)
    if label_name is not None:
        examples.labels = arrays[label_name]
    others = [name for name in arrays if name not in (x_name, label_name)]
    if others:
        examples.remarks += (f"These arrays of the file are not used: {quote(', '.join(others))}.",)
    return examples


def _choose(arrays: dict[str, Array], names: tuple[str, ...], path: str | Path) -> str | None:
    """Return the one of these names that is in the file, or None."""
    found = [name for name in names if name in arrays]
    if len(found) > 1:
        raise DataError(
            f"{path} contains arrays called {' and '.join(found)}, which mean the same; keep only "
            "one of them"
        )
    return found[0] if found else None


def understand_array(
    array: Array,
    path: str | Path,
    *,
    columns: tuple[str, ...] = (),
    kind: Kind | None = None,
    progress: bool = False,
) -> Examples:
    """Return the interpretation of an array of examples.

    =====================  ================================  ======================================
    numbers                shape                             meaning
    =====================  ================================  ======================================
    uint8                  any                               pixels, 0 to 255
    bool                   any                               pixels, black and white
    floats in [0, 1]       (N, H, W) or (N, H, W, C)         pixels
    integers in 0..255     (N, H, W) or (N, H, W, C)         pixels, turned into uint8
    anything else          any                               real numbers (a Gaussian likelihood)
    =====================  ================================  ======================================

    An array larger than memory stays in its file and is memory-mapped. Arrays that would have to be
    copied (bool, integers that become uint8, and three or four axes in Fortran order) are refused
    above `LIMIT` bytes.

    Flat uint8 or bool rows whose length is a square of at least 64 are interpreted as square
    images.

    Parameters
    ----------
    array : (N, n_x), (N, H, W) or (N, H, W, C) array, in memory or memory-mapped
    path : the file, for error messages
    columns : names of the columns of a table, if they have any
    kind : "real" to take floats and wide integers as real numbers, even if they could be pixels
    progress : show a progress bar if the check takes more than a second

    Raises
    ------
    DataError : the shape or the type is not supported, or a number is NaN or infinite
    """
    if array.dtype.kind not in "buif":
        raise DataError(
            f"{path} contains values of type {quote(array.dtype)}; expected numbers: uint8 or bool "
            "for pixels, integers or floats for other data"
        )
    if array.ndim not in (2, 3, 4) or array.size == 0:
        raise DataError(
            f"{path} contains an array of shape {array.shape}; expected one example per row, in "
            "the shape (N, n_x), (N, H, W) or (N, H, W, C) with at least one number"
        )
    shape = array.shape[1:]
    in_order = array.ndim == 2 or array.flags.c_contiguous
    _require_no_copy(in_order, array, path, "save np.ascontiguousarray(x) instead")
    x = array.reshape(len(array), math.prod(shape))
    if x.dtype == bool:
        _require_no_copy(False, array, path, "save it as uint8, with 0 and 255")
        return Examples(*_as_bytes(x, shape), remarks=("The pixels are black and white.",))
    low, high = find_range(x, path, columns=columns, progress=progress)
    if x.dtype == np.uint8:
        return Examples(x, _picture(shape), "pixels", remarks=_remarks_on_bytes(shape, high))
    if len(shape) > 1 and kind != "real":
        if x.dtype.kind in "ui" and low >= 0 and high <= 255:
            _require_no_copy(False, array, path, "save it as uint8")
        return _understand_images(x, shape, low, high)
    remark = f"The {x.dtype} numbers are interpreted as real-valued (Gaussian likelihood)."
    if low >= 0 and high <= 255:
        remark += " If they are pixels, save them as uint8 (0 to 255) or in the shape (N, H, W)."
    remarks = [remark]
    steps = x[-1].astype(np.float64) - x[0].astype(np.float64)
    for column in np.flatnonzero(steps == len(x) - 1):
        name = repr(columns[column]) if columns else f"{column} (counted from 0)"
        remarks += remark_on_counting(x, int(column), name)
    return Examples(x, _picture(shape) if shape[1:] else shape, "real", remarks=tuple(remarks))


def _require_no_copy(fits: bool, array: Array, path: str | Path, advice: str) -> None:
    """Refuse a memory-mapped array that would have to be copied into memory."""
    if isinstance(array, MappedArray) and not fits:
        raise DataError(
            f"{path} takes {array.nbytes} bytes, more than the {LIMIT} that npvae reads into "
            f"memory, and a {array.dtype} array in this order cannot be memory-mapped; {advice}"
        )


def _as_bytes(x: Array, shape: tuple[int, ...]) -> tuple[Array, tuple[int, ...], Literal["pixels"]]:
    """Return black and white pixels as 0 and 255, in memory."""
    return np.multiply(x, 255, dtype=np.uint8), _picture(shape), "pixels"


def _understand_images(x: Array, shape: tuple[int, ...], low: float, high: float) -> Examples:
    """Return images of floats or wide integers; they are pixels if all numbers are in range."""
    picture = _picture(shape)
    if x.dtype.kind in "ui" and low >= 0 and high <= 255:
        as_bytes = x.astype(np.uint8)
        return Examples(as_bytes, picture, "pixels", remarks=_remarks_on_bytes(shape, high))
    if x.dtype.kind == "f" and low >= 0 and high <= 1:
        return Examples(
            x, picture, "pixels", remarks=("Floats in [0, 1] are interpreted as pixels.",)
        )
    remark = (
        f"The images have {x.dtype} numbers from {low:g} to {high:g} and are interpreted as "
        "real-valued (Gaussian likelihood). Pixels would be uint8 (0 to 255) or floats in [0, 1]."
    )
    return Examples(x, picture, "real", remarks=(remark,))


def _picture(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in which pixels are drawn: flat rows become square, one channel no axis."""
    if len(shape) == 1:
        side = math.isqrt(shape[0])
        return (side, side) if side**2 == shape[0] and side >= SMALLEST_SQUARE else shape
    return shape[:2] if len(shape) == 3 and shape[2] == 1 else shape


def _remarks_on_bytes(shape: tuple[int, ...], high: float) -> tuple[str, ...]:
    """Return remarks about pixels stored as bytes that may be a mistake."""
    remarks = [*remark_on_dark_pixels(high)]
    if _picture(shape) != shape and len(shape) == 1:
        side = math.isqrt(shape[0])
        remarks.append(f"Each row of {shape[0]} bytes is interpreted as {side} x {side} pixels.")
    if len(shape) == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3, 4):
        remarks.append(
            f"The shape is interpreted as {shape[0]} x {shape[1]} pixels with {shape[2]} channels; "
            "if the channels come first, move them last with np.moveaxis(x, 1, -1)."
        )
    return tuple(remarks)
