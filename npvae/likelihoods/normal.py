"""Real numbers: the Gaussian likelihood with one sigma, given, learned, or in closed form."""

from collections.abc import Mapping
from math import exp, log, pi
from typing import Any, ClassVar

import numpy as np

from npvae.gaussian import LOG_2PI
from npvae.likelihoods.likelihood import DENSITY, Likelihood, each, require_sigma
from npvae.parameters import Array


class Gaussian(Likelihood):
    """Each number is normal around the decoder's output with one given standard deviation.

    log p(x | z) = -1/2 sum((x - mean)² / sigma² + log(2 pi sigma²))

    Parameters
    ----------
    sigma : standard deviation, positive, in the units of x; the smaller, the more the
        reconstruction weighs against the KL

    >>> Gaussian(sigma=1).log_prob(np.zeros((1, 1)), np.zeros((1, 1))).round(4)
    array([-0.9189])
    """

    default_sigma: ClassVar[Mapping[str, float]] = {"pixels": 0.1, "real": 0.5}
    sigmas = ("learned", "optimal")

    @classmethod
    def with_sigma(cls, sigma: float | str) -> "Gaussian":
        """Return one with a given sigma, or one that finds its sigma."""
        if isinstance(sigma, str):
            return {"learned": LearnedGaussian, "optimal": OptimalGaussian}[sigma]()
        return Gaussian(sigma)

    def __init__(self, sigma: float = 1.0) -> None:
        self._sigma = require_sigma(sigma)
        self.precision = 1 / self._sigma**2
        self.log_normalizer = 0.5 * log(2 * pi * self._sigma**2)

    @property
    def sigma(self) -> Any:
        """The standard deviation: a number or, where it is learned, a (1,) array."""
        return self._sigma

    def loss_and_grad(self, mean: Array, x: Array) -> tuple[Array, Array]:
        """-log p(x | z), in nats an example (batch mean), and its gradient dloss/dmean.

        Parameters
        ----------
        mean, x : (B, n_x) float arrays

        Returns
        -------
        loss : 0-d float
        dmean : (B, n_x) float array, (mean - x) / (sigma² B)
        """
        n = len(x)
        away = mean - x
        loss = np.vdot(away, away) * (0.5 * self.precision / n)
        away *= self.precision / n
        return loss + self.log_normalizer * x.shape[1], away

    def log_prob(self, mean: Array, x: Array) -> Array:
        self.away = each(x, mean) - mean
        square = (self.away * self.away).sum(axis=-1)
        return square * (-0.5 * self.precision) - self.log_normalizer * x.shape[1]

    def backward(self, dlog_px: Array) -> Array:
        """Return dmean = dlog_px (x - mean) / sigma², with dlog_px (B,) or (B, k)."""
        return self.away * (dlog_px[..., None] * self.precision)

    def mean(self, mean: Array) -> Array:
        return mean

    def link(self, mean: Array) -> Array:
        return mean

    def draw(self, mean: Array, rng: np.random.Generator) -> Array:
        return mean + self.sigma * rng.standard_normal(size=mean.shape, dtype=mean.dtype)

    def fine_print(self) -> dict[str, str]:
        return {"sigma": f"{self._sigma:.4g}, given; {DENSITY}"}


class LearnedGaussian(Gaussian):
    """The same with one sigma that is learned with the rest, by gradient.

    With s = sum((x - mean)²) and var = exp(logvar) = sigma²:

        -log p(x | z) = 1/2 (s / var + n_x (logvar + log 2 pi))
        d/dlogvar = 1/2 (n_x - s / var)

    which is zero where var is the mean squared error of a pixel, s / n_x.

    Parameters
    ----------
    sigma : standard deviation at the start, in the units of x

    References
    ----------
    Rybkin, Daniilidis & Levine 2021, arXiv:2006.13202.
    """

    LEAST = 1e-8  # of var, where it is set: data that are met exactly would have none

    def __init__(self, sigma: float = 1.0) -> None:
        self.logvar = np.full(1, 2 * log(require_sigma(sigma)))
        self.dlogvar = np.zeros(1)

    def start_at(self, var: float) -> None:
        """Begin with the sigma of a decoder that knows only the mean of the data.

        A far larger one takes Adam at the defaults an epoch for each factor of 1.2, in which the
        reconstruction weighs little, so that latents close down.
        """
        self.logvar[...] = log(max(var, self.LEAST))

    @property
    def sigma(self) -> Any:
        """The standard deviation, (1,), on the model's device."""
        return np.exp(self.logvar * 0.5)

    def fine_print(self) -> dict[str, str]:
        sigma = exp(float(self.logvar.sum()) / 2)
        return {"sigma": f"{sigma:.4g}, found in training; {DENSITY}"}

    def loss_and_grad(self, mean: Array, x: Array) -> tuple[Array, Array]:
        """-log p(x | z), in nats an example (batch mean), and its gradient dloss/dmean."""
        n, n_x = x.shape
        logvar = self.logvar.sum()  # 0-d
        precision = np.exp(-logvar)
        away = mean - x
        squares = np.vdot(away, away) * (precision * (1 / n))
        self.dlogvar[...] = (n_x - squares) * 0.5
        away *= precision * (1 / n)
        return (squares + n_x * (logvar + LOG_2PI)) * 0.5, away

    def log_prob(self, mean: Array, x: Array) -> Array:
        logvar = self.logvar.sum()
        self.precision = np.exp(-logvar)
        self.away = each(x, mean) - mean
        self.squares = (self.away * self.away).sum(axis=-1) * self.precision
        return (self.squares + x.shape[1] * (logvar + LOG_2PI)) * -0.5

    def backward(self, dlog_px: Array) -> Array:
        n_x = self.away.shape[-1]
        self.dlogvar[...] = (dlog_px * (self.squares - n_x)).sum() * 0.5
        return self.away * (dlog_px[..., None] * self.precision)


class OptimalGaussian(LearnedGaussian):
    """The same with the best sigma of each batch, in closed form.

    var = mean squared error of a pixel over the batch

        loss = n_x / 2 (log(2 pi var) + 1),  dloss/dmean = (mean - x) / (B var)

    var is a statistic of the batch, so that half-batches do not average to the whole. What is kept
    for evaluation is a moving average of log var over some twenty batches; no gradient moves it.

    References
    ----------
    Rybkin, Daniilidis & Levine 2021, arXiv:2006.13202, section 4.2.
    """

    RATE = 0.05  # of the moving average
    closed_form = True

    def loss_and_grad(self, mean: Array, x: Array) -> tuple[Array, Array]:
        """-log p(x | z) at the best sigma, in nats an example, and its gradient dloss/dmean."""
        n, n_x = x.shape
        away = mean - x
        error = np.vdot(away, away) * (1 / (n * n_x))
        var = np.maximum(error, self.LEAST)
        logvar = np.log(var)
        self.logvar += self.RATE * (logvar - self.logvar)
        self.dlogvar[...] = 0
        away *= 1 / (n * var)
        return 0.5 * n_x * (logvar + LOG_2PI + error / var), away
