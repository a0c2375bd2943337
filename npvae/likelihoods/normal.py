"""Real values: the Gaussian likelihood, with one sigma that is fixed, learned or optimal."""

from collections.abc import Mapping, Sequence
from math import exp, log, pi
from typing import Any, ClassVar

import numpy as np

from npvae.gaussian import LOG_2PI
from npvae.likelihoods.likelihood import DENSITY, Likelihood, each, require_sigma
from npvae.parallel import ALONE
from npvae.parameters import Array


class Gaussian(Likelihood):
    """Independent Gaussians centred on the decoder's outputs, with one fixed standard deviation.

    log p(x | z) = -1/2 sum((x - mean)² / sigma² + log(2 pi sigma²))

    Parameters
    ----------
    sigma : float
        Standard deviation, positive, in the units of x. The smaller it is, the more the
        reconstruction weighs against the KL divergence.

    Raises
    ------
    InputError
        If `sigma` is not a positive number of reasonable size.

    >>> Gaussian(sigma=1).log_prob(np.zeros((1, 1)), np.zeros((1, 1))).round(4)
    array([-0.9189])
    """

    default_sigma: ClassVar[Mapping[str, float]] = {"pixels": 0.1, "real": 0.5}
    sigmas = ("learned", "optimal")

    @classmethod
    def with_options(cls, sigma: float | str, groups: Sequence[int] = ()) -> "Gaussian":
        """Return a `Gaussian` for a number, else a `LearnedGaussian` or `OptimalGaussian`."""
        if isinstance(sigma, str):
            return {"learned": LearnedGaussian, "optimal": OptimalGaussian}[sigma]()
        return Gaussian(sigma)

    def __init__(self, sigma: float = 1.0) -> None:
        self._sigma = require_sigma(sigma)
        self.precision = 1 / self._sigma**2
        self.log_normalizer = 0.5 * log(2 * pi * self._sigma**2)

    @property
    def sigma(self) -> Any:
        """The standard deviation: a float, or a (1,) array where it is learned."""
        return self._sigma

    def loss_and_grad(self, mean: Array, x: Array) -> tuple[Array, Array]:
        """Return -log p(x | z) in nats per example (batch mean), and its gradient dloss/dmean.

        Parameters
        ----------
        mean, x : (B, n_x) float arrays

        Returns
        -------
        loss : 0-d float
        dmean : (B, n_x) float array
            (mean - x) / (sigma² B)
        """
        n = len(x)
        away = mean - x
        loss = np.vdot(away, away) * (0.5 * self.precision / n)
        away *= self.precision / n
        return loss + self.log_normalizer * x.shape[1], away

    def log_prob(self, mean: Array, x: Array) -> Array:
        """Return log p(x | z) in nats, (B,) or (B, k), for mean (B, n_x) or (B, k, n_x)."""
        self.away = mean - each(x, mean)
        square = (self.away * self.away).sum(axis=-1)
        return square * (-0.5 * self.precision) - self.log_normalizer * x.shape[1]

    def backward(self, dlog_px: Array) -> Array:
        """Return dmean = dlog_px (x - mean) / sigma², for dlog_px (B,) or (B, k)."""
        return self.away * (dlog_px[..., None] * -self.precision)

    def mean(self, mean: Array) -> Array:
        return mean

    def link(self, mean: Array) -> Array:
        return mean

    def draw(self, mean: Array, rng: np.random.Generator) -> Array:
        """Return mean + sigma eps, (B, n_x), with standard normal eps."""
        return mean + self.sigma * rng.standard_normal(size=mean.shape, dtype=mean.dtype)

    def fine_print(self) -> dict[str, str]:
        return {"sigma": f"{self._sigma:.4g}, fixed; {DENSITY}"}


class LearnedGaussian(Gaussian):
    """A Gaussian likelihood with one sigma, learned by gradient together with the weights.

    With s = sum((x - mean)²) and var = exp(logvar) = sigma²:

        -log p(x | z) = 1/2 (s / var + n_x (logvar + log 2 pi))
        d/dlogvar = 1/2 (n_x - s / var)

    The gradient is zero where var is the mean squared error per feature, s / n_x.

    Parameters
    ----------
    sigma : float
        Initial standard deviation, in the units of x.

    Attributes
    ----------
    logvar, dlogvar : (1,) float arrays
        log sigma², and its gradient.

    References
    ----------
    Rybkin, Daniilidis & Levine 2021, arXiv:2006.13202.
    """

    LEAST = 1e-8  # floor of var where it is computed: perfectly fitted data would make it 0

    def __init__(self, sigma: float = 1.0) -> None:
        self.logvar = np.full(1, 2 * log(require_sigma(sigma)))
        self.dlogvar = np.zeros(1)

    def start_at_variance(self, var: Array) -> None:
        """Set sigma to that of a decoder which always outputs the mean of the data.

        Parameters
        ----------
        var : (n_x,) float array
            Mean squared distance of each feature from its mean.

        Notes
        -----
        Starting from a sigma that is far too large would cost Adam, at its defaults, about an epoch
        for each factor of 1.2. Meanwhile the reconstruction weighs little, so that latents
        collapse.
        """
        self.logvar[...] = log(max(float(np.mean(var)), self.LEAST))

    @property
    def sigma(self) -> Any:
        """The standard deviation, (1,), on the model's device."""
        return np.exp(self.logvar * 0.5)

    def fine_print(self) -> dict[str, str]:
        sigma = exp(float(self.logvar.sum()) / 2)
        return {"sigma": f"{sigma:.4g}, estimated in training; {DENSITY}"}

    def loss_and_grad(self, mean: Array, x: Array) -> tuple[Array, Array]:
        """Return -log p(x | z) in nats per example and dloss/dmean; write dlogvar."""
        n, n_x = x.shape
        logvar = self.logvar.sum()  # 0-d
        precision = np.exp(-logvar)
        away = mean - x
        squares = np.vdot(away, away) * (precision * (1 / n))
        self.dlogvar[...] = (n_x - squares) * 0.5
        away *= precision * (1 / n)
        return (squares + n_x * (logvar + LOG_2PI)) * 0.5, away

    def log_prob(self, mean: Array, x: Array) -> Array:
        """Return log p(x | z) in nats, (B,) or (B, k), for mean (B, n_x) or (B, k, n_x)."""
        logvar = self.logvar.sum()
        self.precision = np.exp(-logvar)
        self.away = mean - each(x, mean)
        self.squares = (self.away * self.away).sum(axis=-1) * self.precision
        return (self.squares + x.shape[1] * (logvar + LOG_2PI)) * -0.5

    def backward(self, dlog_px: Array) -> Array:
        """Return dmean = dlog_px (x - mean) / var, and write dlogvar."""
        n_x = self.away.shape[-1]
        self.dlogvar[...] = (dlog_px * (self.squares - n_x)).sum() * 0.5
        return self.away * (dlog_px[..., None] * -self.precision)


class OptimalGaussian(LearnedGaussian):
    """A Gaussian likelihood that uses the best sigma for each batch, in closed form.

    var = mean squared error per feature over the batch

        loss = n_x / 2 (log(2 pi var) + 1),  dloss/dmean = (mean - x) / (B var)

    Since var is a statistic of the batch, the losses of two half-batches do not average to that of
    the whole batch. Evaluation uses a moving average of log var over about twenty batches, which no
    gradient moves.

    References
    ----------
    Rybkin, Daniilidis & Levine 2021, arXiv:2006.13202, section 4.2.
    """

    RATE = 0.05  # weight of the newest batch in the moving average
    closed_form = True
    comm = ALONE  # connects the processes that share a batch

    def loss_and_grad(self, mean: Array, x: Array) -> tuple[Array, Array]:
        """Return -log p(x | z) at the batch's best sigma, in nats per example, and dloss/dmean."""
        n, n_x = x.shape
        away = mean - x
        before = self.logvar.copy()  # which all processes read before any of them changes it
        error = self.comm.mean(np.vdot(away, away) * (1 / (n * n_x)))
        var = np.maximum(error, self.LEAST)
        logvar = np.log(var)
        self.logvar[...] = before + self.RATE * (logvar - before)
        self.dlogvar[...] = 0
        away *= 1 / (n * var)
        return 0.5 * n_x * (logvar + LOG_2PI + error / var), away
