"""Your own data: read a file or folder, split it by a seed, and describe it."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from npvae.datasets.dataset import Dataset, Split, chunks, split_by_seed
from npvae.datasets.preprocessing import remark_on_columns
from npvae.datasets.user_arrays import read_npy, read_npz, understand_array
from npvae.datasets.user_examples import Examples, encode_labels
from npvae.datasets.user_images import read_image_folder
from npvae.datasets.user_table import read_table
from npvae.errors import DataError, InputError
from npvae.parameters import Array
from npvae.storage.reading import printable, quote

FORMS = ".npy, .npz, .csv or a folder of images"
FEWEST = 10  # examples, so that each part of the split has at least one


def load_own(
    path: str | Path,
    *,
    seed: int = 0,
    validation: int | None = None,
    label_column: str | int | None = None,
    progress: bool = True,
) -> Dataset:
    """Return your own data as a dataset, split 80 / 10 / 10 by a seed.

    Parameters
    ----------
    path : an .npy, .npz or .csv file, or a folder of images
    seed : seed of the split, not negative
    validation : number of examples in the validation part; None for a tenth
    label_column : column of a .csv file with the labels: its name, or its number counted from 0;
        "" for none
    progress : show a progress bar for long operations

    Raises
    ------
    DataError : the file cannot be read in the format of its suffix
    InputError : the suffix is not supported, or an argument is invalid
    """
    name, path = str(path), Path(os.path.expanduser(path))
    if label_column is not None and path.suffix.lower() != ".csv":
        raise InputError(
            f"label_column (--label-column) works with .csv files only, but the data are {path}; "
            "leave it out"
        )
    source = f"{printable(path.resolve())}, split by seed {seed}"
    examples = read_examples(path, label_column=label_column, progress=progress)
    return split_examples(examples, printable(name), source, path, seed, validation)


def split_examples(
    examples: Examples,
    name: str,
    source: str,
    path: str | Path,
    seed: int,
    validation: int | None,
) -> Dataset:
    """Return examples as a dataset, split 80 / 10 / 10 by a seed.

    Parameters
    ----------
    name, source : as in `Dataset`
    path : the file or the name of the data, for error messages
    seed, validation : as for `load_own`
    """
    if seed < 0:
        raise InputError(f"seed is {seed}; choose at least 0")
    x, n = examples.x, len(examples.x)
    if n < FEWEST:
        raise DataError(
            f"{path} contains {n} examples; at least {FEWEST} are needed for a training, a "
            "validation and a test part"
        )
    if _constant(x):
        raise DataError(
            f"{path} contains only the number {x[0, 0]}, so there is nothing to learn; give "
            "examples that differ"
        )
    labels: Array | None = None
    classes: tuple[str, ...] = ()
    if examples.labels is not None:
        labels, classes = encode_labels(examples.labels, n, path)
    train, held_out, test = (
        Split(x, rows, None if labels is None else labels[rows])
        for rows in split_by_seed(n, seed, validation)
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
        remark=" ".join(examples.remarks),
    )
    if data.kind == "real":
        data = replace(data, remark=f"{data.remark} {remark_on_columns(data)}".strip())
    return data


def from_arrays(x: Any, labels: Any, seed: int, validation: int | None, name: str) -> Dataset:
    """Return arrays or a DataFrame as a dataset; see `Dataset.from_arrays`."""
    columns: tuple[str, ...] = ()
    if hasattr(x, "columns") and hasattr(x, "to_numpy"):  # a DataFrame, without importing pandas
        if isinstance(labels, str):
            if labels not in x.columns:
                raise InputError(
                    f"labels is {quote(repr(labels))}, but x has no column {quote(repr(labels))}; "
                    "give the name of one of its columns"
                )
            x, labels = x.drop(columns=[labels]), x[labels]
        columns, x = tuple(quote(column) for column in x.columns), x.to_numpy()
        if x.dtype.kind == "O":
            raise InputError(
                "the columns of x have different types; expected numbers in all of them. Drop or "
                "encode columns of text, or pass the name of the label column as labels"
            )
    elif isinstance(labels, str):
        raise InputError(
            f"labels is {quote(repr(labels))}, but column names need a DataFrame, and x is a "
            f"{type(x).__name__}; give labels as an array with one label for each row"
        )
    x = require_array("x", x)
    if labels is not None:
        labels = labels.to_numpy() if hasattr(labels, "to_numpy") else labels
        labels = require_array("labels", np.asarray(labels) if type(labels) is list else labels)
        if labels.dtype.kind == "O":
            labels = labels.astype(np.str_)
    where = name
    if name == "arrays":  # the default name, for data that do not come from a file
        where = "the DataFrame" if columns else "the array"
    examples = understand_array(x, where, columns=columns)
    examples.labels, examples.columns = labels, columns
    return split_examples(examples, name, f"arrays, split by seed {seed}", where, seed, validation)


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


def read_new_examples(
    path: Path,
    *,
    label_column: str | int | None,
    columns: tuple[str, ...],
    n_x: int,
    kind: Literal["pixels", "real"],
    progress: bool = False,
) -> Examples:
    """Return the examples in a file or folder, read like data that a model was trained on.

    Parameters
    ----------
    path : as for `load_own`
    label_column : as it was given for the training; the new data need no labels
    columns : the columns of the training data, if they had names
    n_x, kind : the number of numbers in one example of the training data, and their kind

    Raises
    ------
    DataError : the file cannot be read in the format of its suffix, or has other columns
    InputError : the suffix is not supported
    """
    is_table = path.suffix.lower() == ".csv"
    try:
        examples = read_examples(path, label_column=label_column, kind=kind, progress=progress)
    except InputError:
        if not is_table or label_column is None:
            raise
        examples = read_examples(path, label_column="", kind=kind, progress=progress)
    if is_table and label_column is not None and examples.x.shape[1] == n_x - 1:
        examples = read_examples(path, label_column="", kind=kind, progress=progress)
    if columns and examples.columns and columns != examples.columns:
        raise DataError(
            f"{path} has the columns {quote(', '.join(examples.columns))}; expected those that "
            f"the run was trained on, in the same order: {quote(', '.join(columns))}"
        )
    return examples


def read_examples(
    path: Path,
    *,
    label_column: str | int | None = None,
    kind: Literal["pixels", "real"] | None = None,
    progress: bool = False,
) -> Examples:
    """Return the examples in a file or folder; the suffix decides how it is read.

    Parameters
    ----------
    path, label_column, progress : as for `load_own`
    kind : "real" to take the floats and wide integers of an array as real numbers, even if they
        could be pixels
    """
    if path.is_dir():
        return read_image_folder(path, progress=progress)
    match path.suffix.lower():
        case ".npy":
            return read_npy(path, kind=kind, progress=progress)
        case ".npz":
            return read_npz(path, kind=kind, progress=progress)
        case ".csv":
            return read_table(path, label_column=label_column)
    files = f"{path.suffix} files" if path.suffix else "files without a suffix"
    raise InputError(f"{path} cannot be read: npvae does not read {files}; use {FORMS}")


def _constant(x: Array) -> bool:
    """Return whether all numbers are equal; stops at the first chunk where they are not."""
    return all(bool((x[chunk] == x[0, 0]).all()) for chunk in chunks(len(x), x))
