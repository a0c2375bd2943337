"""Examples as read from your own files, and the checks that all readers share."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from npvae.datasets.dataset import chunks
from npvae.datasets.notebook import progress_bar
from npvae.errors import DataError
from npvae.parameters import Array
from npvae.storage.reading import LIMIT, printable, quote, reading

Kind: TypeAlias = Literal["pixels", "real"]
Missing: TypeAlias = Literal["refuse", "drop", "mean"]
REAL = "The columns are interpreted as real-valued (Gaussian likelihood)."
FEWEST_COUNTED = 10  # rows that do not count 0, 1, 2, ... by accident


@dataclass(frozen=True)
class TrainedOn:
    """What a model was trained on, which new data for it have to match.

    Attributes
    ----------
    n_x, kind : the number of numbers in an example, and "pixels" or "real"
    columns : the names of the numbers, if the data were a table with names
    categories : the texts of each text column of the table, by its name
    """

    n_x: int
    kind: Kind
    columns: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadOptions:
    """How your own data are read.

    Attributes
    ----------
    label_column : the column of a table with the labels: its name, or its number counted from 0;
        "" for none; None for the one with a usual name, if there is one
    drop : the columns of a table that are left out, by name or number
    missing : "refuse" missing values, or read them as NaN, to "drop" their rows or fill in the
        "mean" of the training part
    trained_on : what a model was trained on, if these are new data for it
    """

    label_column: str | int | None = None
    drop: tuple[str, ...] = ()
    missing: Missing = "refuse"
    trained_on: TrainedOn | None = None

    @property
    def missing_advice(self) -> str:
        """What to do about missing values that are refused."""
        drop, mean = 'missing="drop" (--missing drop)', 'missing="mean" (--missing mean)'
        if self.trained_on is not None:
            return (
                "Fill in what is missing, or drop the row; the model was trained without missing "
                f"values, so to allow them train again with {drop} or {mean}"
            )
        return (
            f"Fill in what is missing, leave such rows out with {drop}, or fill in the means of "
            f"the training part with {mean}"
        )


USUAL = ReadOptions()


@dataclass
class Examples:
    """The examples that a reader found, before they are split.

    Attributes
    ----------
    x : (N, n_x) array, in memory or memory-mapped
    shape : shape of one example
    kind : "pixels" or "real", as in `Dataset`
    labels : (N,) array of numbers or text, or None
    columns : name of each number of a row of a table with a header
    categories : the texts of each text column of a table, by its name
    missing : (N,) number of missing values of each example, which are NaN in x; None if missing
        values are refused
    remarks : sentences about how the data were interpreted
    """

    x: Array
    shape: tuple[int, ...]
    kind: Kind
    labels: Array | None = None
    columns: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: Array | None = None
    remarks: tuple[str, ...] = ()


def find_range(
    x: Array,
    path: str | Path,
    *,
    columns: Sequence[str] = (),
    options: ReadOptions = USUAL,
    progress: bool = False,
) -> tuple[float, float]:
    """Return the smallest and the largest number of a table, reading a few megabytes at a time.

    Parameters
    ----------
    x : (N, n_x) array of numbers, in memory or memory-mapped
    path : the file, for error messages
    columns : names of the columns, for error messages, if they have any
    options : what to do about missing values: unless they are refused, NaN does not count
    progress : show a progress bar if this takes more than a second

    Raises
    ------
    DataError : numbers are NaN or infinite; the message counts them, and names the row and the
        column of the first

    >>> find_range(np.array([[3, 1], [2, 5]]), "table.npy")
    (1.0, 5.0)
    """
    low, high, missing = np.inf, -np.inf, options.missing
    pieces = list(chunks(len(x), x))
    for piece in progress_bar(
        pieces, "checking numbers", disable=not progress, leave=False, delay=1
    ):
        start, part = piece.start, np.asarray(x[piece])
        with np.errstate(invalid="ignore"):
            known = part
            if missing != "refuse" and np.isnan(part).any():
                known = part[~np.isnan(part)]
                if known.size == 0:
                    continue
            lowest, highest = float(known.min()), float(known.max())
        # a NaN makes both of them NaN; a longdouble beyond float64 counts as infinite
        if not (np.isfinite(lowest) and np.isfinite(highest)):
            with np.errstate(over="ignore"):
                row, column = np.argwhere(_odd(part, missing))[0]
                n = sum(int(_odd(x[rest], missing).sum()) for rest in pieces[pieces.index(piece) :])
            where = f"row {start + row}, column {column} (both counted from 0)"
            if columns:
                where = f"row {start + row} (counted from 0), column {columns[column]!r}"
            infinite = not np.isnan(part[row, column])
            advice = "Correct it or drop the row" if infinite else options.missing_advice
            raise DataError(
                f"{path}: {where} is {part[row, column]}; expected a finite number. {advice}"
                if n == 1
                else f"{path}: {n} values are missing or infinite; the first is {where}, which is "
                f"{part[row, column]}. {advice}"
            )
        low, high = min(low, lowest), max(high, highest)
    return low, high


def _odd(part: Array, missing: Missing) -> Array:
    """Return which numbers are infinite, or NaN if these are refused."""
    numbers = part.astype(np.float64)
    return ~np.isfinite(numbers) if missing == "refuse" else np.isinf(numbers)


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


def remark_on_labels(column: str | None, examples: Examples) -> tuple[str, ...]:
    """Return a remark about the label column, or about text columns that could be it.

    Parameters
    ----------
    column : the name of the label column, or None if there is none
    examples : the examples of the table
    """
    if column is not None:
        return (f"The column {quote(repr(column))} contains the labels.",)
    if not examples.categories:
        return ()
    return (
        "If a text column contains the labels, give its name as label_column (--label-column).",
    )


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
