"""From the numbers in a file to the numbers a model sees, and back: when a batch is drawn."""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import DTypeLike

from npvae.datasets.dataset import CHUNK_BYTES, Dataset, Split, chunks
from npvae.devices import Device
from npvae.errors import InputError
from npvae.parameters import Array

Binarize = Literal["dynamic", "threshold", "none"]


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

    >>> inches = Standardized(mean=np.array([70.0]), std=np.array([4.0]))
    >>> inches.encode(np.array([[74.0]]), np.random.default_rng(0), np.float64)
    array([[1.]])
    """

    def __init__(self, mean: Array, std: Array) -> None:
        self.mean, self.std = mean, std

    def encode(self, rows: Array, rng: np.random.Generator, dtype: DTypeLike) -> Array:
        standard = (rows - self.mean) / self.std
        return standard.astype(dtype)

    def decode(self, x: Array) -> Array:
        return x * self.std + self.mean

    def to(self, device: Device) -> "Standardized":
        return Standardized(device.asarray(self.mean), device.asarray(self.std))


def scaling_for(dataset: Dataset, binarize: Binarize = "dynamic") -> Scaling:
    """Return what turns the rows of `dataset` into a model's x.

    Pixels are binarised as asked; real-valued columns are standardised by the training part, one
    chunk of rows at a time. A column that never varies there, but for rounding, keeps its unit: its
    std is taken as 1.
    """
    if dataset.kind == "pixels":
        return Pixels(binarize)
    train, n = dataset.train, len(dataset.train)
    total, squares = np.zeros(dataset.n_x), np.zeros(dataset.n_x)
    for chunk in chunks(n, train.x):
        total += train.take(chunk).sum(axis=0, dtype=np.float64)
    mean = total / n
    for chunk in chunks(n, train.x):
        away = train.take(chunk) - mean
        squares += (away * away).sum(axis=0)
    std = np.sqrt(squares / n)
    return Standardized(mean, np.where(std > 1e-12 * np.abs(mean), std, 1.0))


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
