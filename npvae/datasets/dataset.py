"""Datasets: examples in rows, divided into a training, a validation and a test part."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from npvae.datasets.one_hot import table_columns
from npvae.devices import Device
from npvae.errors import InputError
from npvae.parameters import Array
from npvae.storage.reading import quote

CHUNK_BYTES = 1 << 24  # read at a time from an array that may be larger than memory


@dataclass(frozen=True, repr=False)
class Split:
    """One part of a dataset: some rows of an array that all parts may share.

    Attributes
    ----------
    x : (N, n_x) array in memory or memory-mapped; uint8 pixels, or floats
    rows : (n,) int array, the rows of `x` that belong to this part
    labels : (n,) int array, or None
    factors : the known factors that generated each example, (n,) arrays by name; usually empty
    missing : (n,) how many values of each example were missing and have been filled in; None if
        nothing is filled in
    """

    x: Array
    rows: Array
    labels: Array | None = None
    factors: Mapping[str, Array] = field(default_factory=dict)
    missing: Array | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        with_labels = "" if self.labels is None else ", with labels"
        numbers = f"{self.x.shape[1]} {self.x.dtype} numbers"
        return f"Split({len(self):,} examples of {numbers}{with_labels})"

    def take(self, chosen: Any) -> Array:
        """Return the examples numbered `chosen` (a slice or an index array) within this part.

        Returns
        -------
        (len(chosen), n_x) array, as stored

        >>> Split(np.arange(8).reshape(4, 2), rows=np.array([3, 1])).take(slice(0, 1))
        array([[6, 7]])
        """
        taken = self.x.take(self.rows[chosen], axis=0)  # copies whole rows, faster than x[...]
        return np.asarray(taken) if isinstance(taken, np.memmap) else taken

    def only(self, chosen: Any) -> "Split":
        """Return the examples numbered `chosen` (a slice or an index array) as a new part."""
        return _part(self, chosen)

    def to(self, device: Device) -> "Split":
        """Return this part with `x`, `rows` and `labels` on `device`; all of `x` is copied."""
        labels = None if self.labels is None else device.asarray(self.labels)
        return replace(
            self, x=device.asarray(self.x), rows=device.asarray(self.rows), labels=labels
        )


@dataclass(frozen=True, repr=False)
class Dataset:
    """Training, validation and test examples, with a description.

    Attributes
    ----------
    name : as given to `load_dataset`
    train, validation, test : the parts; training and model selection never use the test part
    shape : shape of one example: (28, 28), (32, 32, 3), or (n_x,) for a table
    kind : "pixels" (uint8 as 0..255, or floats in [0, 1]), "notes" (tunes: for each step a group of
        one-hot numbers) or "real" (any numbers)
    source : where the data came from, in words: a folder, a file, or how they were made
    classes : name of each label; empty without labels
    columns : name of each number in a row of a table; empty otherwise
    categories : the texts of each text column of a table, by its name. A column colour with the
        texts blue and red has two one-hot numbers, whose names are colour=blue and colour=red
    means : (n_x,) the numbers that missing values are filled in with, or None
    remark : what the user should know about how the data were interpreted, or ""
    """

    name: str
    train: Split
    validation: Split
    test: Split
    shape: tuple[int, ...]
    kind: Literal["pixels", "notes", "real"]
    source: str
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    means: Array | None = None
    remark: str = ""

    @property
    def n_x(self) -> int:
        """The number of numbers in one example."""
        return int(np.prod(self.shape))

    @property
    def groups(self) -> tuple[int, ...]:
        """The number of categories of each step of a tune, or of each column of a table.

        It is 0 for a column of numbers. Without any categories there are no groups: ().
        """
        if self.kind == "notes":
            steps, tokens = self.shape
            return (tokens,) * steps
        if not self.categories:
            return ()
        return tuple(len(column.texts) for column in table_columns(self.columns, self.categories))

    @property
    def one_hot(self) -> Array:
        """(n_x,) bool: which numbers of an example are one-hot, such as those of a text column."""
        sizes = np.array(self.groups or (0,) * self.n_x)
        return np.repeat(sizes > 0, np.maximum(sizes, 1))

    def __repr__(self) -> str:
        parts = " + ".join(f"{len(part):,}" for part in (self.train, self.validation, self.test))
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return (
            f"Dataset({quote(self.name)!r}: {parts} examples of shape {self.shape}, "
            f"{self.kind}{classes})"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a description and the first examples."""
        from npvae.datasets.notebook import dataset_html

        return dataset_html(self)

    @classmethod
    def from_arrays(
        cls,
        x: Any,
        labels: Any = None,
        *,
        seed: int = 0,
        validation: int | None = None,
        name: str = "arrays",
        missing: Literal["refuse", "drop", "mean"] = "refuse",
    ) -> "Dataset":
        """Return your own arrays as a dataset, split 80 / 10 / 10 by a seed.

        Parameters
        ----------
        x : (N, n_x), (N, H, W) or (N, H, W, C) array, interpreted like an .npy file, see
            `user_arrays.understand_array`; or a DataFrame of pandas or polars, whose columns of
            text, categories or booleans become one-hot, see `user_frames.understand_frame`
        labels : (N,) whole numbers or text; or the name of a column of the DataFrame
        seed, validation : as for `load_dataset`
        name : the name of the data in messages
        missing : "refuse" missing values (NaN, None, pandas.NA), "drop" their rows, or fill in the
            "mean" of the training part, which for a one-hot column is how often it is 1

        Raises
        ------
        InputError : x or labels is not an array, or an argument is out of range
        DataError : x has fewer than 10 examples or another shape, contains infinity or a missing
            value that is refused, or has a column that npvae does not read, such as one of dates

        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> Dataset.from_arrays(x, labels=np.arange(50) % 2)
        Dataset('arrays': 40 + 5 + 5 examples of shape (3,), real, 2 classes)
        """
        from npvae.datasets.user_data import from_arrays

        return from_arrays(x, labels, seed, validation, name, missing)


def require_dataset(data: Any) -> None:
    """Raise `InputError` unless the data are a dataset, with all its parts."""
    if not isinstance(data, Dataset):
        given = "NumPy array" if isinstance(data, np.ndarray) else type(data).__name__
        raise InputError(
            f"the data are a {given}; expected a Dataset. Use load_dataset(name), or "
            "Dataset.from_arrays(x) for an array"
        )


def parts_on(device: Device, *parts: Split) -> list[Split]:
    """Return parts of a dataset on `device`; an array that they share is copied only once.

    Raises
    ------
    InputError : if the memory of the device is too small
    """
    arrays = {id(part.x): part.x for part in parts}
    try:
        there = {key: device.asarray(x) for key, x in arrays.items()}
        return [replace(part, x=there[id(part.x)]).to(device) for part in parts]
    except MemoryError as error:
        megabytes = sum(x.nbytes for x in arrays.values()) / 1e6
        raise InputError(
            f"the examples take {megabytes:.0f} MB, more than the free memory of the device "
            f"{device.name} ({error}); use fewer examples, or the device cpu"
        ) from error


def whole(
    x: Array, labels: Array | None = None, factors: Mapping[str, Array] | None = None
) -> Split:
    """Return all examples as a single part.

    Parameters
    ----------
    x : (N, ...) array; each example becomes a row
    labels, factors : (N,) arrays, as in `Split`
    """
    return Split(x.reshape(len(x), -1), np.arange(len(x)), labels, factors or {})


def hold_out_last(
    x: Array,
    labels: Array,
    validation: int | None = None,
    factors: Mapping[str, Array] | None = None,
) -> tuple[Split, Split]:
    """Return a training part, and a validation part that consists of the last examples.

    Parameters
    ----------
    x, labels, factors : as for `whole`
    validation : number of examples to hold out; None for one in twelve (5,000 for MNIST)

    Raises
    ------
    InputError : `validation` is negative, or leaves no training example

    >>> train, held_out = hold_out_last(np.zeros((60, 4)), np.arange(60))
    >>> len(train), held_out.labels
    (55, array([55, 56, 57, 58, 59]))
    """
    n = len(x)
    n_train = n - (n // 12 if validation is None else validation)
    if not 1 <= n_train <= n:
        raise InputError(
            f"validation (--validation) is {validation}, but there are {n} training examples; "
            f"choose a number from 0 to {n - 1}"
        )
    everything = whole(x, labels, factors)
    return _part(everything, slice(0, n_train)), _part(everything, slice(n_train, n))


def _part(split: Split, part: Any) -> Split:
    """Return some examples of a split with their labels and factors."""
    labels = None if split.labels is None else split.labels[part]
    factors = {name: values[part] for name, values in split.factors.items()}
    missing = None if split.missing is None else split.missing[part]
    return Split(split.x, split.rows[part], labels, factors, missing)


def chunks(n: int, x: Array) -> Iterator[slice]:
    """Return consecutive slices of n rows like those of `x`, each a few megabytes.

    >>> list(chunks(5, np.zeros((5, 1_000_000))))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 6, None)]
    """
    step = max(1, CHUNK_BYTES // (x.itemsize * x.shape[1]))
    return (slice(start, start + step) for start in range(0, n, step))


def checksum(x: Array) -> str:
    """Return the CRC-32 of an array's numbers, read a chunk of rows at a time.

    >>> checksum(np.arange(4, dtype=np.uint8).reshape(2, 2))
    '8bb98613'
    """
    crc = 0
    for chunk in chunks(len(x), x):
        crc = zlib.crc32(x[chunk].tobytes(), crc)
    return f"{crc:08x}"


def split_by_seed(n: int, seed: int, validation: int | None = None) -> tuple[Array, Array, Array]:
    """Return the row numbers of an 80 / 10 / 10 split: train, validation, test, each ascending.

    Parameters
    ----------
    n : number of rows
    seed : decides which rows are in which part
    validation : number of rows in the validation part (default: a tenth); it does not change the
        test part

    Raises
    ------
    InputError : `validation` is negative, or leaves no training example

    >>> [len(part) for part in split_by_seed(50, seed=0)]
    [40, 5, 5]
    """
    order = np.random.default_rng(seed).permutation(n)
    tenth = n // 10
    held_out = tenth if validation is None else validation
    if not 0 <= held_out < n - tenth:
        raise InputError(
            f"validation (--validation) is {validation}, but {n - tenth} of the {n} examples are "
            f"outside the test part; choose a number from 0 to {n - tenth - 1}"
        )
    parts = order[tenth + held_out :], order[tenth : tenth + held_out], order[:tenth]
    return np.sort(parts[0]), np.sort(parts[1]), np.sort(parts[2])
