"""From the numbers in a file to the numbers a model sees, and back: when a batch is drawn."""

from copy import copy
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import DTypeLike

from npvae.datasets.dataset import CHUNK_BYTES, Dataset, Split, chunks
from npvae.devices import Device
from npvae.errors import DataError, InputError
from npvae.parameters import Array

Binarize = Literal["dynamic", "threshold", "none"]
MOST_SIGMAS = 10.0  # that a number of the training part lies from the mean of its column
SMALLEST, LARGEST = 1e-150, 1e150  # whose squares are neither zero nor infinite


class Scaling(Protocol):
    """Both directions between a dataset's rows and a model's x."""

    def encode(self, rows: Array, rng: np.random.Generator, dtype: DTypeLike) -> Array:
        """Return (B, n_x) floats for the model, from rows as stored; rng is of their device."""

    def decode(self, x: Array) -> Array:
        """Return what the model makes: pixels in [0, 1], columns in the units of the data."""

    def to(self, device: Device) -> "Scaling":
        """Return this scaling with its numbers on `device`."""


class Pixels:
    """Pixels as floats in [0, 1], or as zeros and ones.

    Parameters
    ----------
    binarize : "dynamic" draws each pixel anew, on with probability v / 255 (Salakhutdinov & Murray
        2008; Burda et al. 2015); "threshold" turns v >= 128 on; "none" leaves the pixel grey,
        v / 255, which is no binary datum, so that its Bernoulli loss is not a likelihood

    Notes
    -----
    A byte v is on when r < v with r uniform over 0..254, which happens with probability exactly
    v / 255 (on a GPU within 2^-32 of it). Stored floats in [0, 1] are taken as they are, and on
    when a uniform float is below.

    >>> rows = np.array([[0, 127, 128, 255]], np.uint8)
    >>> Pixels("threshold").encode(rows, np.random.default_rng(0), np.float32)
    array([[0., 0., 1., 1.]], dtype=float32)
    """

    def __init__(self, binarize: Binarize = "dynamic") -> None:
        if binarize not in ("dynamic", "threshold", "none"):
            raise InputError(f"binarize is {binarize!r}; choose dynamic, threshold or none")
        self.binarize = binarize

    def encode(self, rows: Array, rng: np.random.Generator, dtype: DTypeLike) -> Array:
        bytes_ = rows.dtype == np.uint8
        if self.binarize == "dynamic":
            if bytes_:
                return draw_pixels(rows, rng, dtype)
            return (rng.random(size=rows.shape) < rows).astype(dtype)
        if self.binarize == "threshold":
            return (rows >= (128 if bytes_ else 0.5)).astype(dtype)
        grey = rows.astype(dtype)
        if bytes_:
            grey *= 1 / 255
        return grey

    def decode(self, x: Array) -> Array:
        return x

    def to(self, device: Device) -> "Pixels":
        return self


def draw_pixels(rows: Array, rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Return 1 where r < v for bytes v, r uniform over 0..254, else 0."""
    return (rng.integers(0, 255, size=rows.shape, dtype=np.uint8) < rows).astype(dtype)


class Standardized:
    """Real-valued columns with mean 0 and standard deviation 1 over the training part.

    Parameters
    ----------
    mean, std : (n_x,) float arrays, in the units of the data; std is positive

    Raises
    ------
    InputError : a mean or a standard deviation that cannot be computed with, such as 0 or NaN

    >>> inches = Standardized(mean=np.array([70.0]), std=np.array([4.0]))
    >>> inches.encode(np.array([[74.0]]), np.random.default_rng(0), np.float64)
    array([[1.]])
    """

    def __init__(self, mean: Array, std: Array) -> None:
        if mean.ndim != 1 or mean.shape != std.shape:
            raise InputError(
                f"mean and std have the shapes {mean.shape} and {std.shape}; expected one number "
                "for each column in both"
            )
        right = (np.abs(mean) <= LARGEST) & (std >= SMALLEST) & (std <= LARGEST)
        for column in np.flatnonzero(~right)[:1]:
            raise InputError(
                f"column {column} (counted from 0) has the mean {mean[column]:g} and the standard "
                f"deviation {std[column]:g}; expected a positive standard deviation, and numbers "
                f"from {SMALLEST:g} to {LARGEST:g} in size"
            )
        self.mean, self.std = mean, std

    def encode(self, rows: Array, rng: np.random.Generator, dtype: DTypeLike) -> Array:
        standard = (rows - self.mean) / self.std
        return standard.astype(dtype)

    def decode(self, x: Array) -> Array:
        return x * self.std + self.mean

    def to(self, device: Device) -> "Standardized":
        there = copy(self)
        there.mean, there.std = device.asarray(self.mean), device.asarray(self.std)
        return there


class ColumnStatistics(NamedTuple):
    """What the training part says of each column, (n_x,) each, in the units of the data.

    Attributes
    ----------
    mean, std : mean and standard deviation
    furthest : largest distance of a number from the mean
    """

    mean: Array
    std: Array
    furthest: Array

    @property
    def varies(self) -> Array:
        """Whether the numbers differ, by more than rounding."""
        return self.std > 1e-12 * np.abs(self.mean)

    @property
    def hardly_varies(self) -> Array:
        """Whether nearly all numbers are the same: one is more than 10 std from the mean."""
        return self.varies & (self.furthest > MOST_SIGMAS * self.std)

    @property
    def spread(self) -> Array:
        """What a column is divided by: its std with a floor.

        Where nearly all numbers are the same, std is small and says little of the numbers that are
        to come: in scikit-learn's digits, one pixel that is on in a single training image puts
        images of the test part 91 std from the mean, at a price of thousands of nats. So no number
        of the training part lies more than 10 spreads from the mean. A column that never varies is
        divided by its size, or by 1 if that is larger.
        """
        floored = np.maximum(self.std, self.furthest / MOST_SIGMAS)
        return np.where(self.varies, floored, np.maximum(1.0, np.abs(self.mean)))


def column_statistics(dataset: Dataset) -> ColumnStatistics:
    """Return mean, standard deviation and range of each column, one chunk of rows at a time.

    Raises
    ------
    DataError : a column holds NaN, or numbers whose squares are infinite or zero; names it
    """
    train, n = dataset.train, len(dataset.train)
    total, largest, squares, furthest = np.zeros((4, dataset.n_x))
    with np.errstate(all="ignore"):
        for chunk in chunks(n, train.x):
            rows = train.take(chunk)
            total += rows.sum(axis=0, dtype=np.float64)
            largest = np.maximum(largest, np.abs(rows.astype(np.float64)).max(axis=0))
        for column in np.flatnonzero(
            ~((largest == 0) | (largest >= SMALLEST) & (largest <= LARGEST))
        ):
            raise DataError(
                f"{dataset.name}, column {name_of(dataset, int(column))}: the largest number is "
                f"{largest[column]:g} in size; expected {SMALLEST:g} to {LARGEST:g}. Give the "
                "column in another unit, or drop it"
            )
        mean = total / n
        for chunk in chunks(n, train.x):
            away = train.take(chunk) - mean
            squares += (away * away).sum(axis=0)
            furthest = np.maximum(furthest, np.abs(away).max(axis=0))
    return ColumnStatistics(mean, np.sqrt(squares / n), furthest)


def name_of(dataset: Dataset, column: int) -> str:
    """Return the name of a column or, where it has none, its number."""
    return repr(dataset.columns[column]) if dataset.columns else f"{column} (counted from 0)"


def remark_on_columns(dataset: Dataset) -> str:
    """Say which columns of real-valued data hardly vary or never do, and what follows; or ""."""
    found = column_statistics(dataset)
    remarks = []
    for which, what in (
        (
            found.hardly_varies,
            f"hardly vary in the training part: their spread is taken to be the "
            f"largest distance from the mean, divided by {MOST_SIGMAS:g}",
        ),
        (~found.varies, "never vary in the training part"),
    ):
        if n := int(which.sum()):
            names = ", ".join(name_of(dataset, int(column)) for column in np.flatnonzero(which)[:5])
            remarks.append(
                f"{n} of {len(which)} columns {what} ({names}{', ...' if n > 5 else ''})."
            )
    return " ".join(remarks)


def scaling_for(dataset: Dataset, binarize: Binarize = "dynamic") -> Scaling:
    """Return what turns the rows of `dataset` into a model's x.

    Pixels are binarised as asked; real-valued columns are standardised by the training part, with
    a floor for the spread of columns that hardly vary: see `ColumnStatistics.spread`.

    Raises
    ------
    DataError : a column cannot be standardised; names it
    """
    if dataset.kind == "pixels":
        return Pixels(binarize)
    found = column_statistics(dataset)
    return Standardized(found.mean, found.spread)


def moments_of(split: Split, scaling: Scaling) -> tuple[Array, float]:
    """Return the mean of x over the examples of `split`, and how far x is from it.

    Of pixels that are drawn x is their probability here, so that nothing is drawn.

    Returns
    -------
    mean : (n_x,) float64 array
    var : the mean over all numbers of the squared distance from their mean
    """
    if isinstance(scaling, Pixels) and scaling.binarize == "dynamic":
        scaling = Pixels("none")
    rng, total, squares = np.random.default_rng(0), np.zeros(split.x.shape[1]), 0.0
    step = max(1, CHUNK_BYTES // (8 * split.x.shape[1]))
    for start in range(0, len(split), step):
        rows = split.take(slice(start, start + step))
        x = scaling.encode(rows, rng, np.float64)
        total += x.sum(axis=0)
        squares += float(np.vdot(x, x))
    n, n_x = len(split), len(total)
    mean = total / n
    return mean, max(0.0, (squares / n - float(np.vdot(mean, mean))) / n_x)
