"""Your own tables: DataFrames of pandas and polars, and Parquet files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from importlib import import_module
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np

from npvae.datasets.one_hot import (
    DATES_ADVICE,
    expand,
    remark_on_texts,
    table_columns,
    why_not_one_hot,
)
from npvae.datasets.user_arrays import is_missing, labels_of, understand_array
from npvae.datasets.user_columns import choose_columns, without_index
from npvae.datasets.user_examples import (
    USUAL,
    Examples,
    ReadOptions,
    find_range,
    remark_on_counting,
    remark_on_labels,
)
from npvae.errors import DataError, InputError
from npvae.parameters import Array
from npvae.storage.reading import LIMIT, open_regular, printable, quote, reading

LARGEST = 4 * LIMIT  # bytes that the numbers of a Parquet file may take
DATES = (date, time, timedelta, np.datetime64, np.timedelta64)


def is_frame(x: Any) -> bool:
    """Return whether x is a DataFrame, of pandas, polars or a library like them."""
    return hasattr(x, "columns") and hasattr(x, "to_numpy")


def read_parquet(path: str | Path, options: ReadOptions = USUAL) -> Examples:
    """Return the examples in a Parquet file, and their labels if it has a label column.

    Columns are chosen as in a .csv file, and interpreted as in a DataFrame.

    Raises
    ------
    InputError : neither pandas with pyarrow nor polars is installed, or a column that was asked
        for does not exist
    DataError : the file is damaged or too large; or as for `understand_frame`
    """
    frame = _frame_in(path)
    names = [str(name) for name in frame.columns]
    _require_different(names, path)
    kept, label = choose_columns(names, options, path)
    labels = None if label is None else frame[frame.columns[label]]
    examples = _understand(frame, kept, labels, str(path), options)
    examples.remarks += remark_on_labels(None if label is None else names[label], examples)
    return examples


def understand_frame(frame: Any, labels: Any, path: str, options: ReadOptions = USUAL) -> Examples:
    """Return the interpretation of a DataFrame; its index, if it has one, is ignored.

    So is a column that counts upwards by one and has no name, or is called index or id.
    Columns of numbers, or of booleans alone, are interpreted like an array. In a table with other
    columns numbers are real-valued, and columns of text, categories or booleans become one-hot.

    Parameters
    ----------
    frame : a DataFrame
    labels : the name of one of its columns, or a sequence with one label for each row, or None
    path : what to call the data in messages
    options : what to do about missing values

    Raises
    ------
    DataError : a column contains dates, mixes numbers and text, or has many different texts; a
        value is infinite, or missing while missing values are refused
    InputError : there is no column of this name
    """
    names = list(map(str, frame.columns))
    _require_different(names, path)
    kept = list(range(len(names)))
    if isinstance(labels, str):
        if labels not in names:
            raise InputError(
                f"labels is {quote(repr(labels))}, but x has no column {quote(repr(labels))}; "
                "give the name of one of its columns"
            )
        kept.remove(names.index(labels))
        labels = frame[frame.columns[names.index(labels)]]
    if not kept:
        raise DataError(f"{path} has only a label column; expected columns of numbers, too")
    return _understand(frame, kept, labels, path, options)


# ---- Parquet files -------------------------------------------------------------------------------


def _frame_in(path: str | Path) -> Any:
    """Return the DataFrame in a Parquet file, read by pandas or polars."""
    for libraries, read in ((("pandas", "pyarrow.parquet"), _by_arrow), (("polars",), _by_polars)):
        try:
            *_, library = map(import_module, libraries)
        except ImportError:
            continue
        with reading(path, "a Parquet file", "save it again"), open_regular(path) as file:
            return read(library, file)
    raise InputError(
        f"{path} is a Parquet file, which only pandas with pyarrow, or polars, can read; install "
        "them with pip install pandas pyarrow, or save the table as .csv"
    )


def _by_arrow(parquet: Any, file: Any) -> Any:
    stored = parquet.ParquetFile(file)
    _require_room(stored.metadata.num_rows, stored.metadata.num_columns)
    return stored.read().to_pandas().reset_index(drop=True)


def _by_polars(polars: Any, file: Any) -> Any:
    lazy = polars.scan_parquet(file)
    n = lazy.select(polars.len()).collect().item()
    _require_room(n, len(lazy.collect_schema()))
    return lazy.collect()


def _require_room(n: int, columns: int) -> None:
    if 8 * n * columns > LARGEST:
        raise ValueError(f"its {n} rows of {columns} columns take more than {LARGEST} bytes")


# ---- columns -------------------------------------------------------------------------------------


def _require_different(names: Sequence[str], path: str | Path) -> None:
    for name in [name for name, n in Counter(names).items() if n > 1][:1]:
        raise DataError(
            f"{path}: several columns are called {quote(repr(name))}; give each column a "
            "different name"
        )


def _understand(
    frame: Any, kept: Sequence[int], labels: Any, path: str, options: ReadOptions
) -> Examples:
    """Return some columns of a DataFrame as examples, with their labels."""
    names = [printable(frame.columns[i]) for i in kept]
    columns = {
        name: _values_of(frame[frame.columns[i]], f"{path}, column {quote(repr(name))}")
        for name, i in zip(names, kept, strict=True)
    }
    remarks: tuple[str, ...] = ()
    known = options.trained_on is not None and options.trained_on.columns
    if not known and len(columns[names[0]]):
        kept, remarks = without_index(names, list(columns.values()), path)
        names = [names[place] for place in kept]
        columns = {name: columns[name] for name in names}
    missing = np.column_stack([_gaps(values) for values in columns.values()])
    if missing.any() and options.missing == "refuse":
        row, column = np.argwhere(missing)[0]
        n, where = int(missing.sum()), f"row {row} (counted from 0), column {names[column]!r}"
        many = f"{n} values are missing; the first is {where}"
        what = many if n > 1 else f"{where} is missing"
        raise DataError(f"{path}: {what}. {options.missing_advice}")
    for column in np.flatnonzero(missing.all(axis=0) & (len(missing) > 0)):
        raise DataError(
            f"{path}, column {quote(repr(names[column]))} has no values; leave the column out"
        )
    examples = _examples(columns, path, options)
    examples.remarks += remarks
    if options.missing != "refuse":
        examples.missing = missing.sum(axis=1)
    if labels is not None:
        examples.labels, unlabelled = labels_of(labels, path, options)
        if examples.missing is not None and unlabelled.shape == examples.missing.shape:
            examples.missing += unlabelled
    return examples


def _examples(columns: Mapping[str, Array], path: str, options: ReadOptions) -> Examples:
    """Return columns as examples: like an array, or as numbers and one-hot columns."""
    one_hot = _one_hot_columns(columns, options)
    for name, values in columns.items():
        if name not in one_hot and values.dtype == object:
            text = next(text for text in values if text is not None)
            raise DataError(
                f"{path}, column {quote(repr(name))}: {quote(repr(text))} is not a number; correct "
                "it or drop the row"
            )
    if not one_hot:
        x = np.column_stack(list(columns.values()))
        examples = understand_array(x, path, options, columns=tuple(columns))
        examples.columns = tuple(columns)
        return examples
    numbers, categories = [], {}
    remarks: list[str] = []
    for name, values in columns.items():
        if name in one_hot:
            where = f"{path}, column {quote(repr(name))}"
            categories[name] = one_hot[name] or _few_texts(values, where)
            numbers.append(_places(values, categories[name], where))
        else:
            numbers.append(values.astype(np.float64))
            remarks += remark_on_counting(numbers[-1][:, np.newaxis], 0, quote(repr(name)))
    x, flat = expand(numbers, list(columns), categories, path)
    find_range(x, path, columns=flat, options=replace(options, missing="drop"))
    remarks = [remark_on_texts(columns, categories), *remarks]
    return Examples(x, (x.shape[1],), "real", None, flat, categories, remarks=tuple(remarks))


def _one_hot_columns(
    columns: Mapping[str, Array], options: ReadOptions
) -> dict[str, tuple[str, ...]]:
    """Return the names of the columns that become one-hot, with their texts if a model knows them.

    Booleans do, unless all columns are boolean, because these are black and white pixels.
    """
    trained_on = options.trained_on
    if trained_on is not None and trained_on.columns:
        known = table_columns(trained_on.columns, trained_on.categories)
        return {column.name: column.texts for column in known if column.texts}
    if all(values.dtype == bool for values in columns.values()):
        return {}
    return {name: () for name, values in columns.items() if values.dtype in (bool, object)}


def _few_texts(values: Array, where: str) -> tuple[str, ...]:
    """Return the different texts of a column, sorted; refuse many of them."""
    texts = {str(text) for text in values if text is not None}
    if reason := why_not_one_hot(len(texts), len(values), max(map(len, texts))):
        raise DataError(
            f"{where} contains text and cannot become one-hot because {reason}; leave the column "
            "out, or pass its name as the labels if it contains them"
        )
    return tuple(sorted(map(printable, texts)))


def _places(values: Array, texts: Sequence[str], where: str) -> Array:
    """Return the place of each value among the texts of its column; NaN for a missing value."""
    places = {text: place for place, text in enumerate(texts)}
    found = np.full(len(values), np.nan)
    for row, text in enumerate(values):
        if text is None or text != text:
            continue
        if printable(text) not in places:
            raise DataError(
                f"{where}: {quote(repr(text))} in row {row} (counted from 0) is not one of the "
                f"texts that the model was trained on: {quote(', '.join(texts))}"
            )
        found[row] = places[printable(text)]
    return found


def _gaps(values: Array) -> Array:
    """Return which values of a column are missing."""
    if values.dtype == object:
        return np.array([value is None for value in values], bool)
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)


def _values_of(column: Any, where: str) -> Array:
    """Return the values of a column: numbers, booleans, or an object array of texts and None."""
    is_category = str(getattr(column, "dtype", "")) == "category"  # in pandas; texts in polars
    values = np.asarray((column.astype(object) if is_category else column).to_numpy())
    if values.dtype.kind in "buif" and not is_category:
        return values
    gaps = [is_missing(value) for value in values.tolist()]
    cells = [None if gap else value for value, gap in zip(values.tolist(), gaps, strict=True)]
    there = [cell for cell in cells if cell is not None]
    kinds = {_kind_of(cell) for cell in there}
    if values.dtype.kind in "mM" or "date" in kinds:
        raise DataError(f"{where} contains dates or times; {DATES_ADVICE}")
    if is_category or kinds in ({"text"}, {"boolean"}):
        return np.array([None if cell is None else str(cell) for cell in cells], object)
    if kinds <= {"number"}:
        return np.array([np.nan if cell is None else float(cell) for cell in cells])
    raise DataError(
        f"{where} contains values of different types or of a type that npvae does not read "
        f"({', '.join(sorted(kinds))}); expected numbers, text or booleans. Convert them, or leave "
        "the column out"
    )


def _kind_of(value: Any) -> str:
    """Return the kind of a value: "text", "boolean", "number", "date", or the name of its class."""
    if isinstance(value, bool):
        return "boolean"
    for kind, classes in (("text", str), ("date", DATES), ("number", Number)):
        if isinstance(value, classes) and not isinstance(value, complex):
            return kind
    return type(value).__name__
