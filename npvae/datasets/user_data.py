"""Your own data: read a file or folder, split it by a seed, and describe it."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from npvae.datasets.dataset import Dataset, Split, chunks, split_by_seed
from npvae.datasets.missing import fill_in, training_means
from npvae.datasets.preprocessing import remark_on_columns
from npvae.datasets.user_arrays import (
    labels_of,
    read_npy,
    read_npz,
    require_array,
    understand_array,
)
from npvae.datasets.user_examples import (
    USUAL,
    Examples,
    Missing,
    ReadOptions,
    encode_labels,
)
from npvae.datasets.user_frames import is_frame, read_parquet, understand_frame
from npvae.datasets.user_images import read_image_folder
from npvae.datasets.user_table import read_table
from npvae.errors import DataError, InputError
from npvae.parameters import Array
from npvae.storage.reading import printable, quote

TEXT_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
TABLES = (*TEXT_TABLES, ".parquet")
FORMS = ".npy, .npz, .csv, .tsv (or .csv.gz, .tsv.gz), .parquet or a folder of images"
FEWEST = 10  # examples, so that each part of the split has at least one


def load_own(
    path: str | Path,
    options: ReadOptions = USUAL,
    *,
    seed: int = 0,
    validation: int | None = None,
    progress: bool = True,
) -> Dataset:
    """Return your own data as a dataset, split 80 / 10 / 10 by a seed.

    Parameters
    ----------
    path : a file in one of `FORMS`, or a folder of images
    options : which columns of a table are used, and what to do about missing values
    seed : seed of the split, not negative
    validation : number of examples in the validation part; None for a tenth
    progress : show a progress bar for long operations

    Raises
    ------
    DataError : the file cannot be read in the format of its suffix
    InputError : the suffix is not supported, or an argument is invalid
    """
    name, path = str(path), Path(os.path.expanduser(path))
    source = f"{printable(path.resolve())}, split by seed {seed}"
    examples = read_examples(path, options, progress=progress)
    return split_examples(
        examples, printable(name), source, path, seed, validation, options=options
    )


def split_examples(
    examples: Examples,
    name: str,
    source: str,
    path: str | Path,
    seed: int,
    validation: int | None,
    options: ReadOptions = USUAL,
) -> Dataset:
    """Return examples as a dataset, split 80 / 10 / 10 by a seed.

    Parameters
    ----------
    name, source : as in `Dataset`
    path : the file or the name of the data, for error messages
    seed, validation, options : as for `load_own`
    """
    if seed < 0:
        raise InputError(f"seed is {seed}; choose at least 0")
    kept = complete_rows(examples, options)
    n, n_dropped = len(kept), len(examples.x) - len(kept)
    if n < FEWEST:
        without = f" without missing values ({n_dropped} are left out)" if n_dropped else ""
        raise DataError(
            f"{path} contains {n} examples{without}; at least {FEWEST} are needed for a training, "
            "a validation and a test part"
        )
    if _constant(Split(examples.x, kept)):
        raise DataError(
            f"{path} contains only the number {examples.x[kept[0], 0]}, so there is nothing to "
            "learn; give examples that differ"
        )
    rows = [kept[part] for part in split_by_seed(n, seed, validation)]
    means: Array | None = None
    remarks = examples.remarks
    if options.missing == "mean":
        means = training_means(examples.x, rows[0], examples.columns, path)
        if examples.missing is not None and examples.missing.any():
            examples.x = fill_in(examples.x, means, path)
            remarks += (_remark_on_filled(examples.missing),)
    elif n_dropped:
        remarks += (
            f"{n_dropped:,} of {n + n_dropped:,} rows have missing values and are left out.",
        )
    labels, classes = numbered_labels(examples, kept, path)
    train, held_out, test = (
        Split(
            examples.x,
            part,
            None if labels is None else labels[part],
            missing=None if means is None else missing_in(examples)[part],
        )
        for part in rows
    )
    data = Dataset(
        name=name,
        train=train,
        validation=held_out,
        test=test,
        shape=examples.shape,
        kind=examples.kind,
        source=source,
        classes=classes,
        columns=examples.columns,
        categories=examples.categories,
        means=means,
        remark=" ".join(remarks),
    )
    if data.kind == "real":
        data = replace(data, remark=f"{data.remark} {remark_on_columns(data)}".strip())
    return data


def complete_rows(examples: Examples, options: ReadOptions) -> Array:
    """Return the numbers of the rows that are used: with "drop" those without missing values."""
    if options.missing != "drop" or examples.missing is None:
        return np.arange(len(examples.x))
    return np.flatnonzero(examples.missing == 0)


def missing_in(examples: Examples) -> Array:
    """Return how many values of each example were missing, (N,) int64."""
    return np.zeros(len(examples.x), np.int64) if examples.missing is None else examples.missing


def numbered_labels(
    examples: Examples, rows: Array, path: str | Path
) -> tuple[Array | None, tuple[str, ...]]:
    """Return the label of each example as a number, -1 outside of `rows`, and the names."""
    if examples.labels is None:
        return None, ()
    n = len(examples.x)
    if len(rows) == n:
        return encode_labels(examples.labels, n, path)
    codes, classes = encode_labels(examples.labels[rows], len(rows), path)
    labels = np.full(n, -1, np.int64)
    labels[rows] = codes
    return labels, classes


def _remark_on_filled(missing: Array) -> str:
    values, rows = int(missing.sum()), int((missing > 0).sum())
    return (
        f"{values:,} missing value{'s' * (values > 1)} in {rows:,} row{'s' * (rows > 1)} "
        f"{'are' if values > 1 else 'is'} filled in with the mean of the training part."
    )


def from_arrays(
    x: Any,
    labels: Any,
    seed: int,
    validation: int | None,
    name: str,
    missing: Missing,
) -> Dataset:
    """Return arrays or a DataFrame as a dataset; see `Dataset.from_arrays`."""
    options = ReadOptions(missing=missing)
    where = name
    if name == "arrays":  # the default name, for data that do not come from a file
        where = "the DataFrame" if is_frame(x) else "the array"
    if is_frame(x):
        examples = understand_frame(x, labels, where, options)
    elif isinstance(labels, str):
        raise InputError(
            f"labels is {quote(repr(labels))}, but column names need a DataFrame, and x is a "
            f"{type(x).__name__}; give labels as an array with one label for each row"
        )
    else:
        examples = understand_array(require_array("x", x), where, options)
        if labels is not None:
            examples.labels, gone = labels_of(labels, where, options)
            if gone.any() and len(gone) == len(examples.x):
                examples.missing = missing_in(examples) + gone
    source = f"arrays, split by seed {seed}"
    return split_examples(examples, name, source, where, seed, validation, options)


def read_examples(path: Path, options: ReadOptions = USUAL, *, progress: bool = False) -> Examples:
    """Return the examples in a file or folder; the suffix decides how it is read.

    Parameters
    ----------
    path, options, progress : as for `load_own`

    Raises
    ------
    DataError, InputError : as for `load_own`
    """
    if path.is_dir():
        _require_no_table_options(path, options)
        return read_image_folder(path, progress=progress)
    suffix = suffix_of(path)
    if suffix not in TABLES:
        _require_no_table_options(path, options)
    if suffix in TEXT_TABLES:
        return read_table(path, options)
    match suffix:
        case ".npy":
            return read_npy(path, options, progress=progress)
        case ".npz":
            return read_npz(path, options, progress=progress)
        case ".parquet":
            return read_parquet(path, options)
    files = f"{path.suffix} files" if path.suffix else "files without a suffix"
    raise InputError(f"{path} cannot be read: npvae does not read {files}; use {FORMS}")


def suffix_of(path: Path) -> str:
    """Return the suffix of a file name; that of a packed file has two parts.

    >>> suffix_of(Path("my.data/Table.CSV.gz")), suffix_of(Path("x.npy"))
    ('.csv.gz', '.npy')
    """
    *before, last = ["", *map(str.lower, path.suffixes)]
    return f"{before[-1]}{last}" if last == ".gz" else last


def _require_no_table_options(path: Path, options: ReadOptions) -> None:
    """Refuse options that choose columns, unless these are new data for a trained model."""
    if options.trained_on is not None:
        return
    for flag, value in (("label_column", options.label_column), ("drop", options.drop)):
        if value not in (None, ()):
            raise InputError(
                f"{flag} (--{flag.replace('_', '-')}) works with tables only ({', '.join(TABLES)}),"
                f" but the data are {path}; leave it out"
            )


def _constant(split: Split) -> bool:
    """Return whether all numbers are equal; stops at the first chunk where they are not."""
    first = split.take(slice(1))[0, 0]
    return all(bool((split.take(chunk) == first).all()) for chunk in chunks(len(split), split.x))
