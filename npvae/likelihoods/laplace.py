"""Real values with heavy tails: the Laplace likelihood, whose loss is the absolute error."""

from collections.abc import Mapping, Sequence
from math import log, sqrt
from typing import ClassVar

import numpy as np

from npvae.likelihoods.likelihood import DENSITY, Likelihood, each, require_sigma
from npvae.parameters import Array


class Laplace(Likelihood):
    """Independent Laplace distributions centred on the decoder's outputs, with one fixed sigma.

    log p(x | z) = -sum(|x - mean| / b + log(2 b)),  b = sigma / sqrt(2)

    An error costs its absolute value rather than its square, so that outliers have less influence
    than under a Gaussian. The best constant mean is the median.

    Parameters
    ----------
    sigma : float
        Standard deviation, positive, in the units of x. The scale is b, and the variance 2 b².

    Raises
    ------
    InputError
        If `sigma` is not a positive number of reasonable size.

    Notes
    -----
    At x = mean the loss has a kink and no derivative. The gradient there is taken to be 0, which
    lies between the one-sided derivatives -1/b and 1/b.

    >>> Laplace(sigma=2**0.5).log_prob(np.zeros((1, 1)), np.zeros((1, 1))).round(4)  # log 1/2
    array([-0.6931])
    """

    default_sigma: ClassVar[Mapping[str, float]] = {"pixels": 0.1, "real": 0.5}

    def __init__(self, sigma: float = 1.0) -> None:
        self.sigma = require_sigma(sigma)
        self.b = self.sigma / sqrt(2)

    @classmethod
    def with_options(cls, sigma: float | str, groups: Sequence[int] = ()) -> "Laplace":
        return cls(float(sigma))

    def loss_and_grad(self, mean: Array, x: Array) -> tuple[Array, Array]:
        """Return -log p(x | z) in nats per example (batch mean), and its gradient dloss/dmean.

        Parameters
        ----------
        mean, x : (B, n_x) float arrays

        Returns
        -------
        loss : 0-d float
        dmean : (B, n_x) float array
            sign(mean - x) / (b B)
        """
        n, n_x = x.shape
        self.away = mean - x
        loss = np.abs(self.away).sum() * (1 / (self.b * n)) + n_x * log(2 * self.b)
        return loss, np.sign(self.away) * (1 / (self.b * n))

    def log_prob(self, mean: Array, x: Array) -> Array:
        """Return log p(x | z) in nats, (B,) or (B, k), for mean (B, n_x) or (B, k, n_x)."""
        self.away = mean - each(x, mean)
        return np.abs(self.away).sum(axis=-1) * (-1 / self.b) - x.shape[1] * log(2 * self.b)

    def backward(self, dlog_px: Array) -> Array:
        """Return dmean = dlog_px sign(x - mean) / b, for dlog_px (B,) or (B, k)."""
        return np.sign(self.away) * (dlog_px[..., None] * (-1 / self.b))

    @property
    def pattern(self) -> Array:
        """The sign of mean - x, in which a change marks a point without a derivative."""
        return np.sign(self.away)

    def mean(self, mean: Array) -> Array:
        return mean

    def link(self, mean: Array) -> Array:
        return mean

    def draw(self, mean: Array, rng: np.random.Generator) -> Array:
        """Return mean + b (E1 - E2), (B, n_x), with two exponential draws E = -log(1 - u)."""
        u = rng.random(size=(2, *mean.shape), dtype=mean.dtype)
        return mean + self.b * (np.log1p(-u[0]) - np.log1p(-u[1]))

    def fine_print(self) -> dict[str, str]:
        return {"sigma": f"{self.sigma:.4g}, fixed; {DENSITY}"}
