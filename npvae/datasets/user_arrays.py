"""Your own arrays: read .npy and .npz files and interpret their content."""

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np

from npvae.datasets.missing import count_missing
from npvae.datasets.user_examples import (
    USUAL,
    Examples,
    ReadOptions,
    find_range,
    remark_on_counting,
    remark_on_dark_pixels,
)
from npvae.errors import DataError, InputError
from npvae.parameters import Array
from npvae.storage.arrays import MappedArray, read_array, read_arrays
from npvae.storage.reading import LIMIT, quote

X_NAMES = ("x", "images", "data")
LABEL_NAMES = ("labels", "y")
GONE = ("NAType", "NaTType")  # the classes of missing values in pandas
SMALLEST_SQUARE = 8  # side in pixels; shorter flat rows are not interpreted as square images


def read_npy(path: str | Path, options: ReadOptions = USUAL, *, progress: bool = False) -> Examples:
    """Return the examples in an .npy file, memory-mapped if they take more than `LIMIT` bytes.

    `understand_array` explains which arrays are accepted.
    """
    return understand_array(read_array(path), path, options, progress=progress)


def read_npz(path: str | Path, options: ReadOptions = USUAL, *, progress: bool = False) -> Examples:
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
    examples = understand_array(arrays[x_name], path, options, progress=progress)
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
    options: ReadOptions = USUAL,
    *,
    columns: tuple[str, ...] = (),
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
    options : what to do about missing values, which are NaN; and what a model was trained on: if
        that is real numbers, so are these floats and wide integers, even if they could be pixels
    columns : names of the columns of a table, if they have any
    progress : show a progress bar if the check takes more than a second

    Raises
    ------
    DataError : the shape or the type is not supported, a number is infinite, or it is NaN and
        missing values are refused
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
    low, high = find_range(x, path, columns=columns, options=options, progress=progress)
    examples = _understand(x, path, shape, low, high, columns, options)
    if options.missing != "refuse" and x.dtype.kind == "f":
        examples.missing = count_missing(x)
    return examples


def _understand(
    x: Array,
    path: str | Path,
    shape: tuple[int, ...],
    low: float,
    high: float,
    columns: tuple[str, ...],
    options: ReadOptions,
) -> Examples:
    """Return the interpretation of rows of numbers from low to high."""
    if x.dtype == np.uint8:
        return Examples(x, _picture(shape), "pixels", remarks=_remarks_on_bytes(shape, high))
    known_as_real = options.trained_on is not None and options.trained_on.kind == "real"
    if len(shape) > 1 and not known_as_real:
        if x.dtype.kind in "ui" and low >= 0 and high <= 255:
            _require_no_copy(False, x, path, "save it as uint8")
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


def require_array(name: str, x: Any) -> Array:
    """Return `x` if it is a plain NumPy array.

    Raises
    ------
    InputError : it is a list, a matrix, a masked or structured array, or another object; the
        message says how to convert it
    """
    advice = f"np.asarray({name})"
    if isinstance(x, np.ma.MaskedArray):
        what, advice = "a masked array", f"{name}.filled(value), or drop rows with masked values"
    elif isinstance(x, np.matrix):
        what = "a matrix"
    elif not isinstance(x, np.ndarray):
        what = f"a {type(x).__name__}"
    elif x.dtype.names is not None:
        what = "a structured array"
        advice = f"numpy.lib.recfunctions.structured_to_unstructured({name})"
    else:
        return x
    raise InputError(f"{name} is {what}; expected a NumPy array. Use {advice}")


def labels_of(labels: Any, path: str, options: ReadOptions) -> tuple[Array, Array]:
    """Return labels as an array, and which of them are missing.

    Parameters
    ----------
    labels : an array, a list, or a column of a DataFrame
    path : what to call the data in messages
    options : whether rows without a label may be left out; a mean cannot replace a label

    Raises
    ------
    InputError : labels is another object
    DataError : a label is missing, and may not be
    """
    labels = labels.to_numpy() if hasattr(labels, "to_numpy") else labels
    found = require_array("labels", np.asarray(labels) if type(labels) is list else labels)
    gone = np.zeros(found.shape, bool)
    if found.dtype.kind in "fO":
        cells = found.ravel().tolist()
        gone = np.array([is_missing(cell) for cell in cells], bool).reshape(found.shape)
    if gone.any() and options.missing != "drop":
        drop = 'leave such rows out with missing="drop" (--missing drop)'
        advice = "drop the rows" if options.trained_on is not None else drop
        raise DataError(
            f"{path}: {int(gone.sum())} labels are missing; the first is in row "
            f"{np.argmax(gone)} (counted from 0). Fill in what is missing, or {advice}"
        )
    if found.dtype.kind == "O":
        found = np.where(gone, "", found).astype(np.str_)
    return np.where(gone, 0, found) if found.dtype.kind == "f" else found, gone


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, or a missing value of pandas.

    >>> [is_missing(value) for value in (None, float("nan"), 0.0, "")]
    [True, True, False, False]
    """
    is_nan = isinstance(value, float) and value != value
    return value is None or is_nan or type(value).__name__ in GONE
