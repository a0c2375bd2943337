"""Missing values of your own data: their rows are left out, or they are filled in with means."""

from collections.abc import Mapping, Sequence

import numpy as np

from npvae.datasets.dataset import chunks
from npvae.datasets.one_hot import table_columns
from npvae.errors import DataError
from npvae.parameters import Array
from npvae.storage.arrays import MappedArray
from npvae.storage.reading import quote


def count_missing(
    x: Array, names: Sequence[str] = (), categories: Mapping[str, Sequence[str]] | None = None
) -> Array:
    """Return how many values of each row are NaN; all numbers of a text column count as one value.

    Parameters
    ----------
    x : (N, n_x) array of floats
    names, categories : as for `one_hot.table_columns`

    Returns
    -------
    (N,) int64
    """
    once = [column.place.start for column in table_columns(names, categories or {})]
    counted = np.zeros(len(x), np.int64)
    for piece in chunks(len(x), x):
        part = np.asarray(x[piece])
        counted[piece] = np.isnan(part[:, once] if categories else part).sum(axis=1)
    return counted


def training_means(x: Array, rows: Array, names: Sequence[str], path: object) -> Array:
    """Return the mean of what is known of each column in some rows of x.

    Parameters
    ----------
    x : (N, n_x) array, in which NaN is a missing value
    rows : the row numbers of the training part
    names : of the columns, if they have any
    path : the file, for the message

    Returns
    -------
    (n_x,) float64

    Raises
    ------
    DataError : a column has no value in these rows
    """
    total, n = np.zeros((2, x.shape[1]))
    for piece in chunks(len(rows), x):
        part = x.take(rows[piece], axis=0).astype(np.float64)
        total += np.nansum(part, axis=0)
        n += (~np.isnan(part)).sum(axis=0)
    for column in np.flatnonzero(n == 0):
        name = repr(names[int(column)]) if names else f"{column} (counted from 0)"
        raise DataError(
            f"{path}, column {quote(name)} has no value in the training part, so there is no mean "
            "to fill in; leave the column out with drop (--drop)"
        )
    mean: Array = total / n
    return mean


def fill_in(x: Array, means: Array, path: object) -> Array:
    """Return x with the mean of its column in place of each NaN.

    Raises
    ------
    DataError : x is memory-mapped, because it is larger than npvae reads into memory
    """
    if isinstance(x, MappedArray):
        raise DataError(
            f"{path} is too large to fill in its missing values; fill them in before you save the "
            'file, or leave their rows out when you train, with missing="drop" (--missing drop)'
        )
    gaps = np.isnan(x)
    return np.where(gaps, means.astype(x.dtype), x) if gaps.any() else x
