"""Examples as read from your own files, and the checks that all readers share."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from npvae.datasets.dataset import chunks
from npvae.datasets.notebook import progress_bar
from npvae.errors import DataError
from npvae.parameters import Array
from npvae.storage.reading import LIMIT, printable, quote, reading

FEWEST_COUNTED = 10  # rows that do not count 0, 1, 2, ... by accident


@dataclass
class Examples:
    """The examples that a reader found, before they are split.

    Attributes
    ----------
    x : (N, n_x) array, in memory or memory-mapped
    shape : shape of one example
    kind : "pixels" or "real", as in `Dataset`
    labels : (N,) array of numbers or text, or None
    columns : name of each column of a table with a header
    remarks : sentences about how the data were interpreted
    """

    x: Array
    shape: tuple[int, ...]
    kind: Literal["pixels", "real"]
    labels: Array | None = None
    columns: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def find_range(
    x: Array, path: str | Path, *, columns: Sequence[str] = (), progress: bool = False
) -> tuple[float, float]:
    """Return the smallest and the largest number of a table, reading a few megabytes at a time.

    Parameters
    ----------
    x : (N, n_x) array of numbers, in memory or memory-mapped
    path : the file, for error messages
    columns : names of the columns, for error messages, if they have any
    progress : show a progress bar if this takes more than a second

    Raises
    ------
    DataError : numbers are NaN or infinite; the message counts them, and names the row and the
        column of the first

    >>> find_range(np.array([[3, 1], [2, 5]]), "table.npy")
    (1.0, 5.0)
    """
    low, high = np.inf, -np.inf
    pieces = list(chunks(len(x), x))
    for piece in progress_bar(
        pieces, "checking numbers", disable=not progress, leave=False, delay=1
    ):
        start, part = piece.start, np.asarray(x[piece])
        with np.errstate(invalid="ignore"):
            lowest, highest = float(part.min()), float(part.max())
        # a NaN makes both of them NaN; a longdouble beyond float64 counts as infinite
        if not (np.isfinite(lowest) and np.isfinite(highest)):
            with np.errstate(over="ignore"):
                row, column = np.argwhere(~np.isfinite(part.astype(np.float64)))[0]
                n = sum(
                    int((~np.isfinite(x[rest].astype(np.float64))).sum())
                    for rest in pieces[pieces.index(piece) :]
                )
            where = f"row {start + row}, column {column} (both counted from 0)"
            if columns:
                where = f"row {start + row} (counted from 0), column {columns[column]!r}"
            raise DataError(
                f"{path}: {where} is {part[row, column]}; expected a finite number. Fill it in or "
                "drop the row"
                if n == 1
                else f"{path}: {n} values are missing or infinite; the first is {where}, which is "
                f"{part[row, column]}. Fill them in or drop the rows"
            )
        low, high = min(low, lowest), max(high, highest)
    return low, high


def counts_up(column: Array) -> bool:
    """Return whether a column consists of whole numbers that increase by one per row."""
    first, n = float(column[0]), len(column)
    if first % 1 or column[-1] - first != n - 1 or column[n // 2] - first != n // 2:
        return False
    return np.array_equal(column, first + np.arange(n))


def remark_on_counting(x: Array, column: int, name: str) -> tuple[str, ...]:
    """Return a remark if a column counts upwards by one over at least 10 rows; it may be an index.

    Parameters
    ----------
    x : (N, n_x) array of finite numbers
    column : its number
    name : its name in the remark
    """
    if len(x) < FEWEST_COUNTED or not counts_up(x[:, column]):
        return ()
    first = x[0, column]
    return (f"The column {name} counts upwards from {first:g}; if it is an index, drop it.",)


def remark_on_dark_pixels(high: float) -> tuple[str, ...]:
    """Return a remark if all pixels from 0 to 255 are nearly black; `high` is the brightest."""
    if high > 1:
        return ()
    return ("No pixel is above 1 of 255; if 1 means white, save them as bool, or as 0 and 255.",)


def require_memory(n: int, width: int, path: str | Path) -> None:
    """Refuse n text labels of `width` bytes each if they take more than `LIMIT` / 4 in total.

    The longest one decides how much each of them takes, and sorting takes them several times.

    Raises
    ------
    DataError : they do
    """
    if n * width > LIMIT // 4:
        raise DataError(
            f"{path} has {n} labels, the longest of {width // 4} characters, which need too much "
            "memory; use shorter labels"
        )


def encode_labels(labels: Array, n: int, path: str | Path) -> tuple[Array, tuple[str, ...]]:
    """Return labels as numbers 0, 1, 2, ... and their names.

    Names are sorted as numbers if all of them are numbers, and as text otherwise.

    Parameters
    ----------
    labels : (n,) whole numbers, booleans or text
    n : number of examples
    path : the file, for error messages

    Returns
    -------
    codes : (n,) int64
    classes : name of each code

    Raises
    ------
    DataError : the number, the shape or the type of the labels is wrong

    >>> encode_labels(np.array(["10", "9", "10"]), 3, "digits.csv")
    (array([1, 0, 1]), ('9', '10'))
    """
    if labels.shape != (n,):
        raise DataError(
            f"{path}: the labels have the shape {labels.shape}; expected ({n},), one label for "
            "each example"
        )
    if labels.dtype.kind in "US":
        require_memory(n, labels.itemsize * (4 if labels.dtype.kind == "S" else 1), path)
    if (
        labels.dtype.kind == "f"
        and (np.abs(labels) < np.float64(2**53)).all()
        and (labels % 1 == 0).all()
    ):
        labels = labels.astype(np.int64)
    if labels.dtype.kind == "S":
        with reading(path, "text labels in UTF-8", "save the labels as numbers or as str"):
            labels = np.char.decode(labels, "utf-8")
    if labels.dtype.kind not in "iubU":
        raise DataError(
            f"{path}: the labels have the type {quote(labels.dtype)}; expected whole numbers or "
            "text"
        )
    names, codes = np.unique(labels, return_inverse=True)
    if names.dtype.kind == "U":
        _refuse_wild_text(names, path)
        try:
            order = np.argsort([float(name) for name in names], kind="stable")
        except ValueError:
            order = np.arange(len(names))
        names, codes = names[order], np.argsort(order)[codes]
    classes = tuple(printable(name) for name in names)
    if len(set(classes)) < len(classes):
        raise DataError(
            f"{path}: some labels differ only in control characters; use printable names"
        )
    return codes.astype(np.int64), classes


def _refuse_wild_text(names: Array, path: str | Path) -> None:
    """Refuse text that NumPy can read but that contains invalid characters."""
    letters = np.frombuffer(names.astype(np.str_).tobytes(), np.uint32)
    halves = letters >> 11 == 0xD800 >> 11  # surrogates, half of a character in UTF-16
    if (halves | (letters > sys.maxunicode)).any():
        raise DataError(
            f"{path}: the labels contain invalid characters; save them as numbers or as str"
        )
