"""What a dataset is: examples in rows, in three parts that never mix."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from npvae.devices import Device
from npvae.errors import InputError
from npvae.parameters import Array
from npvae.storage.reading import quote

CHUNK_BYTES = 1 << 24  # what a pass over an array that may not fit into memory reads at a time


@dataclass(frozen=True, repr=False)
class Split:
    """One part of a dataset: some rows of an array that the parts may share.

    Attributes
    ----------
    x : (N, n_x) array in memory or memory-mapped; uint8 pixels, or floats
    rows : (n,) int array, the rows of `x` that belong to this part
    labels : (n,) int array, or None
    factors : what each example was drawn with, by name, (n,) arrays; empty where nobody knows
    """

    x: Array
    rows: Array
    labels: Array | None = None
    factors: Mapping[str, Array] = field(default_factory=dict)

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
        taken = self.x[self.rows[chosen]]
        return np.asarray(taken) if isinstance(taken, np.memmap) else taken

    def only(self, chosen: Any) -> "Split":
        """Return the examples numbered `chosen` (a slice or an index array) as a part."""
        return _part(self, chosen)

    def to(self, device: Device) -> "Split":
        """Return this part on `device`: the whole of `x`, its row numbers and its labels."""
        labels = None if self.labels is None else device.asarray(self.labels)
        return replace(
            self, x=device.asarray(self.x), rows=device.asarray(self.rows), labels=labels
        )


@dataclass(frozen=True, repr=False)
class Dataset:
    """Training, validation and test examples, and what they are.

    Attributes
    ----------
    name : as given to `load_dataset`
    train, validation, test : the parts; nothing that trains or selects sees the test part
    shape : of one example: (28, 28), (32, 32, 3), or (n_x,) for a table
    kind : "pixels" (uint8 as 0..255, or floats in [0, 1]) or "real" (any numbers)
    source : where it came from, for people: a folder, a file, or how it was made
    classes : name of each label; empty without labels
    columns : name of each column of a table; empty otherwise
    remark : what the reader should know about how the data were understood, or ""
    """

    name: str
    train: Split
    validation: Split
    test: Split
    shape: tuple[int, ...]
    kind: Literal["pixels", "real"]
    source: str
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    remark: str = ""

    @property
    def n_x(self) -> int:
        """Numbers in one example."""
        return int(np.prod(self.shape))

    def __repr__(self) -> str:
        parts = " + ".join(f"{len(part):,}" for part in (self.train, self.validation, self.test))
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return (
            f"Dataset({quote(self.name)!r}: {parts} examples of shape {self.shape}, "
            f"{self.kind}{classes})"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: the same, the source, and the first examples."""
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
    ) -> "Dataset":
        """Return your own arrays as a dataset, split 80 / 10 / 10 by a seed.

        Parameters
        ----------
        x : (N, n_x), (N, H, W) or (N, H, W, C) array, or a pandas DataFrame of numbers. What the
            numbers mean is decided as for an .npy file: see `user_arrays.understand_array`
        labels : (N,) whole numbers or text; or the name of the DataFrame's column that has them
        seed, validation : as for `load_dataset`
        name : what the data are called in messages

        Raises
        ------
        InputError : x or labels is not an array, or a number does not fit
        DataError : fewer than 10 examples, another shape, or a number that is NaN or infinite

        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> Dataset.from_arrays(x, labels=np.arange(50) % 2)
        Dataset('arrays': 40 + 5 + 5 examples of shape (3,), real, 2 classes)
        """
        from npvae.datasets.user_data import from_arrays

        return from_arrays(x, labels, seed, validation, name)


def parts_on(device: Device, *parts: Split) -> list[Split]:
    """Return parts of a dataset on `device`; an array that they share is copied there once.

    Raises
    ------
    InputError : if they do not fit there
    """
    arrays = {id(part.x): part.x for part in parts}
    try:
        there = {key: device.asarray(x) for key, x in arrays.items()}
        return [replace(part, x=there[id(part.x)]).to(device) for part in parts]
    except MemoryError as error:
        megabytes = sum(x.nbytes for x in arrays.values()) / 1e6
        raise InputError(
            f"the examples take {megabytes:.0f} MB, more than the device {device.name} has left "
            f"({error}); train on fewer, or on the device cpu"
        ) from error


def whole(
    x: Array, labels: Array | None = None, factors: Mapping[str, Array] | None = None
) -> Split:
    """Return all examples as one part.

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
    """Return a training part and a validation part, which is the last examples.

    Parameters
    ----------
    x, labels, factors : as for `whole`
    validation : how many to hold out; None for one in twelve, which is MNIST's usual 5,000

    Raises
    ------
    InputError : `validation` is negative, or leaves nothing to train on

    >>> train, held_out = hold_out_last(np.zeros((60, 4)), np.arange(60))
    >>> len(train), held_out.labels
    (55, array([55, 56, 57, 58, 59]))
    """
    n = len(x)
    n_train = n - (n // 12 if validation is None else validation)
    if not 1 <= n_train <= n:
        raise InputError(
            f"validation (--validation) is {validation}; "
            f"choose a number from 0 to {n - 1}, since there are {n} "
            "training examples"
        )
    everything = whole(x, labels, factors)
    return _part(everything, slice(0, n_train)), _part(everything, slice(n_train, n))


def _part(split: Split, part: Any) -> Split:
    """Return some examples of a split, everything aligned."""
    labels = None if split.labels is None else split.labels[part]
    factors = {name: values[part] for name, values in split.factors.items()}
    return Split(split.x, split.rows[part], labels, factors)


def chunks(n: int, x: Array) -> Iterator[slice]:
    """Cut n rows like those of `x` into consecutive pieces of a few megabytes.

    >>> list(chunks(5, np.zeros((5, 1_000_000))))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 6, None)]
    """
    step = max(1, CHUNK_BYTES // (x.itemsize * x.shape[1]))
    return (slice(start, start + step) for start in range(0, n, step))


def checksum(x: Array) -> str:
    """Return the CRC-32 of an array's numbers, a chunk of rows at a time.

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
    seed : which tenth is the test part, and which the validation part
    validation : number of rows in the validation part, if not a tenth; the test part stays

    Raises
    ------
    InputError : `validation` is negative, or leaves nothing to train on

    >>> [len(part) for part in split_by_seed(50, seed=0)]
    [40, 5, 5]
    """
    order = np.random.default_rng(seed).permutation(n)
    tenth = n // 10
    held_out = tenth if validation is None else validation
    if not 0 <= held_out < n - tenth:
        raise InputError(
            f"validation (--validation) is {validation}; "
            f"choose a number from 0 to {n - tenth - 1}, since {tenth} "
            f"of the {n} examples are the test part"
        )
    parts = order[tenth + held_out :], order[tenth : tenth + held_out], order[:tenth]
    return np.sort(parts[0]), np.sort(parts[1]), np.sort(parts[2])
