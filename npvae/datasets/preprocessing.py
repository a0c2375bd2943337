"""Convert stored numbers to the input x of a model, and back; applied when a batch is drawn."""

from copy import copy
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import DTypeLike

from npvae.datasets.dataset import CHUNK_BYTES, Dataset, Split, chunks, require_dataset
from npvae.devices import Device
from npvae.errors import DataError, InputError
from npvae.parameters import Array

Binarize = Literal["dynamic", "threshold", "none"]
OneHot = Literal["keep", "standardize"]
MOST_SIGMAS = 10.0  # the largest distance of a training number from its column mean
FAR = 3 * MOST_SIGMAS  # the distance from which held-out numbers are worth a remark
SMALLEST, LARGEST = 1e-150, 1e150  # their squares are neither zero nor infinite


class Scaling(Protocol):
    """A conversion between the rows of a dataset and the x of a model, in both directions."""

    def encode(
        self, rows: Array, rng: np.random.Generator | None = None, dtype: DTypeLike = np.float32
    ) -> Array:
        """Return (B, n_x) floats for the model from stored rows, (B, n_x).

        Parameters
        ----------
        rows : (B, n_x) array, as stored
        rng : generator on the device of the rows; needed only if pixels are drawn
        dtype : precision of the result

        Raises
        ------
        InputError : rows has another shape, or contains NaN or infinity (not checked on a GPU)
        """

    def decode(self, x: Array) -> Array:
        """Return model outputs as pixels or probabilities, or as columns in the data's units."""

    def to(self, device: Device) -> "Scaling":
        """Return this scaling with its arrays on `device`."""


class Pixels:
    """Pixels as floats in [0, 1], or as zeros and ones.

    Parameters
    ----------
    binarize : "dynamic" draws each pixel again for every batch, on with probability v / 255
        (Salakhutdinov & Murray 2008; Burda et al. 2015); "threshold" turns on pixels with v >= 128;
        "none" keeps grey values v / 255. Cross-entropy is not a likelihood for grey values

    Notes
    -----
    A byte v is turned on if r < v, where r is uniform over 0..254. This happens with probability
    exactly v / 255 (on a GPU within 2^-32 of it). Stored floats in [0, 1] are used as
    probabilities directly.

    >>> rows = np.array([[0, 127, 128, 255]], np.uint8)
    >>> Pixels("threshold").encode(rows)
    array([[0., 0., 1., 1.]], dtype=float32)
    """

    def __init__(self, binarize: Binarize = "dynamic") -> None:
        if binarize not in ("dynamic", "threshold", "none"):
            raise InputError(f"binarize is {binarize!r}; choose dynamic, threshold or none")
        self.binarize = binarize

    def encode(
        self, rows: Array, rng: np.random.Generator | None = None, dtype: DTypeLike = np.float32
    ) -> Array:
        require_rows(rows)
        bytes_ = rows.dtype == np.uint8
        if self.binarize == "dynamic":
            if rng is None:
                raise InputError(
                    'Pixels("dynamic") draws each pixel, so encode needs rng; pass '
                    'np.random.default_rng(seed), or use Pixels("threshold") or Pixels("none")'
                )
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
    constant : (n_x,) bool array, or None if no column is constant in the training part. `decode`
        returns the mean of a constant column, whatever x is; its std is only the divisor for
        new data, which may differ

    Raises
    ------
    InputError : a mean or a standard deviation is out of range, such as a std of 0 or NaN

    Notes
    -----
    The zeros and ones of a text column have the mean 0 and the std 1 here, which keep them as they
    are; see `scaling_for`.

    >>> inches = Standardized(mean=np.array([70.0]), std=np.array([4.0]))
    >>> inches.encode(np.array([[74.0]]))
    array([[1.]], dtype=float32)
    """

    def __init__(self, mean: Array, std: Array, constant: Array | None = None) -> None:
        if mean.ndim != 1 or mean.shape != std.shape:
            raise InputError(
                f"mean and std have the shapes {mean.shape} and {std.shape}; expected the same "
                "shape (n_x,), with one number for each column"
            )
        right = (np.abs(mean) <= LARGEST) & (std >= SMALLEST) & (std <= LARGEST)
        for column in np.flatnonzero(~right)[:1]:
            raise InputError(
                f"column {column} (counted from 0) has the mean {mean[column]:g} and the standard "
                f"deviation {std[column]:g}; expected a standard deviation from {SMALLEST:g} to "
                f"{LARGEST:g}, and a mean of at most {LARGEST:g} in size"
            )
        self.mean, self.std = mean, std
        self.kept = (mean == 0) & (std == 1)  # as they are
        self.constant = np.zeros(mean.shape, bool) if constant is None else constant

    def encode(
        self, rows: Array, rng: np.random.Generator | None = None, dtype: DTypeLike = np.float32
    ) -> Array:
        require_rows(rows, len(self.mean))
        standard = (rows - self.mean) / self.std
        return standard.astype(dtype)

    def decode(self, x: Array) -> Array:
        if getattr(x, "shape", ())[-1:] != self.mean.shape:
            given = f"shape {x.shape}" if hasattr(x, "shape") else f"type {type(x).__name__}"
            raise InputError(
                f"x has {given}; expected an array of shape (B, {len(self.mean)}), the outputs of "
                "the model"
            )
        return x * (self.std * (self.constant == 0)) + self.mean

    def to(self, device: Device) -> "Standardized":
        there = copy(self)
        there.mean, there.std = device.asarray(self.mean), device.asarray(self.std)
        there.constant = device.asarray(self.constant)
        return there


class Notes:
    """The notes, rests and holds of tunes: one-hot groups, as floats.

    >>> Notes().encode(np.array([[0, 1]], np.uint8))
    array([[0., 1.]], dtype=float32)
    """

    def encode(
        self, rows: Array, rng: np.random.Generator | None = None, dtype: DTypeLike = np.float32
    ) -> Array:
        require_rows(rows)
        return rows.astype(dtype)

    def decode(self, x: Array) -> Array:
        return x

    def to(self, device: Device) -> "Notes":
        return self


def require_rows(rows: Array, n_x: int | None = None) -> None:
    """Raise `InputError` unless rows is a (B, n_x) array of finite numbers.

    On a GPU only the shape is checked, because looking at the numbers would stall it.
    """
    if getattr(rows, "ndim", None) != 2 or n_x not in (None, rows.shape[1]):
        given = f"shape {rows.shape}" if hasattr(rows, "shape") else f"type {type(rows).__name__}"
        raise InputError(
            f"rows has {given}; expected an array of shape (B, {n_x or 'n_x'}), one row per "
            "example with the columns of the training data"
        )
    if isinstance(rows, np.ndarray) and rows.dtype.kind == "f" and not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise InputError(
            f"row {row}, column {column} of rows (both counted from 0) is {rows[row, column]}; "
            "expected a finite number. Fill it in or drop the row"
        )


class ColumnStatistics(NamedTuple):
    """Statistics of each column over the training part, in the units of the data.

    Attributes
    ----------
    mean, std : (n_x,) mean and standard deviation; the mean of a constant column is its number
    furthest : (n_x,) largest distance of a number from the mean
    """

    mean: Array
    std: Array
    furthest: Array

    @property
    def varies(self) -> Array:
        """(n_x,) bool: whether the numbers differ by more than rounding errors."""
        return self.std > 1e-12 * np.abs(self.mean)

    @property
    def hardly_varies(self) -> Array:
        """(n_x,) bool: whether a number is over 10 std from the mean, so most are nearly equal."""
        return self.varies & (self.furthest > MOST_SIGMAS * self.std)

    @property
    def spread(self) -> Array:
        """(n_x,) the divisor of each column: its std, with a lower limit.

        If nearly all numbers of a column are equal, its std is small and a poor guide to new data:
        in scikit-learn's digits, a pixel that is on in a single training image puts test images 91
        std from the mean, which costs thousands of nats. The divisor is therefore at least a tenth
        of the largest distance from the mean. A constant column is divided by 1, or by a millionth
        of its size if that is larger, so that rounding errors stay small.
        """
        floored = np.maximum(self.std, self.furthest / MOST_SIGMAS)
        return np.where(self.varies, floored, np.maximum(1.0, 1e-6 * np.abs(self.mean)))


def column_statistics(dataset: Dataset) -> ColumnStatistics:
    """Return the statistics of each column, computed one chunk of rows at a time.

    Raises
    ------
    DataError : a column contains NaN, or numbers whose squares are infinite or zero; the message
        names the column
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
                f"{dataset.name}, column {name_of(dataset, int(column))}: the largest absolute "
                f"value is {largest[column]:g}; expected {SMALLEST:g} to {LARGEST:g}. Convert the "
                "column to another unit, or drop it"
            )
        mean = total / n
        for chunk in chunks(n, train.x):
            away = train.take(chunk) - mean
            squares += (away * away).sum(axis=0)
            furthest = np.maximum(furthest, np.abs(away).max(axis=0))
    found = ColumnStatistics(mean, np.sqrt(squares / n), furthest)
    # the mean of equal numbers can differ from them by a rounding error
    return found._replace(mean=np.where(found.varies, mean, train.take(slice(1))[0]))


def name_of(dataset: Dataset, column: int) -> str:
    """Return the name of a column or, if it has none, its number."""
    return repr(dataset.columns[column]) if dataset.columns else f"{column} (counted from 0)"


def remark_on_columns(dataset: Dataset) -> str:
    """Return sentences about columns that hardly vary or are constant, and about outliers.

    An outlier is a number of the validation or test part that lies more than 30 spreads from the
    mean of its column: at sigma = 1 it costs 450 nats, so a few of them decide the figures. Of text
    columns only those are named that are constant.
    """
    found, numbers = column_statistics(dataset), ~dataset.one_hot
    remarks = []
    for which, one, many in (
        (
            found.hardly_varies & numbers,
            "hardly varies in the training part ({}); it is divided by a tenth of its largest "
            "distance from the mean, not by its standard deviation",
            "hardly vary in the training part ({}); each is divided by a tenth of its largest "
            "distance from the mean, not by its standard deviation",
        ),
        (
            ~found.varies & (numbers | (found.mean == 1)),  # a text that every row has
            "is constant in the training part ({}); it carries no information, so consider "
            "leaving it out",
            "are constant in the training part ({}); they carry no information, so consider "
            "leaving them out",
        ),
    ):
        if n := int(which.sum()):
            names = [
                repr(dataset.columns[column]) if dataset.columns else str(column)
                for column in np.flatnonzero(which)[:5]
            ]
            names += ["..."] * (n > 5) + ["counted from 0"] * (not dataset.columns)
            sentence = (one if n == 1 else many).format(", ".join(names))
            remarks.append(f"{n} of {len(dataset.groups) or dataset.n_x} columns {sentence}.")
    for name, part in (("validation", dataset.validation), ("test", dataset.test)):
        far = np.zeros(dataset.n_x)
        with np.errstate(all="ignore"):
            for chunk in chunks(len(part), part.x):
                away = np.abs(part.take(chunk) - found.mean) / found.spread
                far = np.maximum(far, away.max(axis=0) * numbers)
        if (largest := far.max()) > FAR:
            remarks.append(
                f"The {name} part has numbers far from those of the training part, up to "
                f"{largest:.3g} spreads from the mean of column "
                f"{name_of(dataset, int(far.argmax()))}, which decide its figures."
            )
    return " ".join(remarks)


def scaling_for(
    dataset: Dataset, binarize: Binarize = "dynamic", *, one_hot: OneHot = "keep"
) -> Scaling:
    """Return the scaling that converts the rows of `dataset` to the x of a model.

    Pixels are binarised as `binarize` says. Real-valued columns are standardised with the
    statistics of the training part; `ColumnStatistics.spread` gives the divisors.

    Parameters
    ----------
    dataset : the data
    binarize : as for `Pixels`
    one_hot : "keep" leaves the zeros and ones of text columns as they are, which the categorical
        and the mixed likelihood expect. "standardize" treats them like other columns, for a
        Gaussian or a Laplace likelihood of all columns

    Raises
    ------
    InputError : the data are not a `Dataset`, or `one_hot` is another word
    DataError : a column cannot be standardised; the message names it
    """
    require_dataset(dataset)
    if one_hot not in ("keep", "standardize"):
        raise InputError(f"one_hot is {one_hot!r}; choose keep or standardize")
    if dataset.kind == "pixels":
        return Pixels(binarize)
    if dataset.kind == "notes":
        return Notes()
    kept = dataset.one_hot & (one_hot == "keep")
    if kept.all():
        return Pixels("none")
    found = column_statistics(dataset)
    mean, std = np.where(kept, 0.0, found.mean), np.where(kept, 1.0, found.spread)
    return Standardized(mean, std, ~found.varies & ~kept)


def moments_of(split: Split, scaling: Scaling) -> tuple[Array, Array]:
    """Return the mean and the variance of each feature of x over the examples of `split`.

    Dynamically binarised pixels count with their probability, so nothing is drawn.

    Returns
    -------
    mean, var : (n_x,) float64 arrays
    """
    if isinstance(scaling, Pixels) and scaling.binarize == "dynamic":
        scaling = Pixels("none")
    rng = np.random.default_rng(0)
    total, squares = np.zeros((2, split.x.shape[1]))
    step = max(1, CHUNK_BYTES // (8 * split.x.shape[1]))
    for start in range(0, len(split), step):
        rows = split.take(slice(start, start + step))
        x = scaling.encode(rows, rng, np.float64)
        total += x.sum(axis=0)
        squares += (x * x).sum(axis=0)
    mean = total / len(split)
    return mean, np.maximum(0.0, squares / len(split) - mean * mean)
