"""Examples that a model returns, written as numbers: arrays, or the user's table."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from npvae.datasets.dataset import chunks
from npvae.datasets.one_hot import table_columns, table_rows
from npvae.parameters import Array
from npvae.runs.model_file import SavedModel
from npvae.storage.arrays import write_arrays
from npvae.storage.atomic import atomic_write

FORMULA = re.compile(r"\s*[=+@-]\s*\S")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def write_numbers(
    path: Path,
    x: Array,
    saved: SavedModel,
    labels: Sequence[str] | None = None,
    rows: Array | None = None,
) -> None:
    """Write examples in the units of the data: as an array (.npy), arrays (.npz) or a table (.csv).

    An array has the shape (B, *shape), and its text columns stay one-hot. A table has the columns
    of the user's table, in their order; in a text column it has the text whose number is the
    largest. Without names of columns it has no header. The labels are its last column. In an .npz
    file they are the array y, beside the array rows.

    Parameters
    ----------
    path : where to write; the suffix decides the form
    x : (B, n_x) array on the host, as the model returns it
    saved : the model, with its scaling and its columns
    labels : (B,) names of the labels, if there are any
    rows : (B,) where the examples that these were made of are in their data, if they were

    Raises
    ------
    WriteError : the file could not be written; an earlier file is unchanged
    """
    if path.suffix.lower() == ".csv":
        with atomic_write(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(_table(x, saved, labels))
        return
    numbers = saved.scaling.decode(x).reshape(-1, *saved.shape)
    with atomic_write(path) as file:
        if path.suffix.lower() == ".npy":
            np.save(file, numbers)
        else:
            arrays = {"x": numbers, "y": None if labels is None else np.array(labels), "rows": rows}
            write_arrays(file, {name: one for name, one in arrays.items() if one is not None})


def _table(
    x: Array, saved: SavedModel, labels: Sequence[str] | None
) -> Iterator[list[float | str]]:
    """Yield the header and the rows of the user's table, and the labels in the last column."""
    if saved.columns:
        names = [column.name for column in table_columns(saved.columns, saved.categories)]
        yield [cell(name) for name in [*names, *(["label"] if labels is not None else [])]]
    for number, row in enumerate(_rows(x, saved)):
        label = [] if labels is None else [labels[number]]
        yield [cell(one) if isinstance(one, str) else one for one in [*row, *label]]


def _rows(x: Array, saved: SavedModel) -> Iterator[list[float | str]]:
    """Yield rows of numbers and texts, decoding a few megabytes at a time."""
    for piece in chunks(len(x), x):
        yield from table_rows(saved.scaling.decode(x[piece]), saved.columns, saved.categories)


def cell(text: str) -> str:
    """Return the text of a .csv cell; an apostrophe precedes what a spreadsheet would evaluate.

    >>> cell("=1+1"), cell("-height"), cell("-1.5"), cell("a=b"), cell("+")
    ("'=1+1", "'-height", '-1.5', 'a=b', '+')
    """
    is_formula = FORMULA.match(text) and not NUMBER.fullmatch(text.strip())
    return f"'{text}" if is_formula else text
