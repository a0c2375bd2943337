"""Likelihoods p(x | z): what the decoder's numbers say about the data.

Each has two ways to its gradient. `loss_and_grad` gives the mean over a batch, which is what an
ELBO needs. `log_prob` gives one number an example, or one for each of k draws of z for it, and
`backward` takes whatever weight each of them has in a loss: evaluation needs the first half of
that, importance weighting both. The mean of p(x | z) and a draw of it complete a likelihood.
"""

from collections.abc import Callable
from math import log, pi
from typing import Any, Protocol

import numpy as np

from npvae.arrays import Array
from npvae.errors import InputError
from npvae.gaussian import LOG_2PI
from npvae.layers import sigmoid


class Likelihood(Protocol):
    """p(x | z), given what the decoder puts out."""

    def loss_and_grad(self, outputs: Array, x: Array, /) -> tuple[Array, Array]:
        """Return -log p(x | z) in nats an example (batch mean), and its gradient by `outputs`."""

    def log_prob(self, outputs: Array, x: Array, /) -> Array:
        """Return log p(x | z) in nats, (B,) or (B, k), for outputs (B, n_x) or (B, k, n_x)."""

    def backward(self, dlog_px: Array, /) -> Array:
        """Return the gradient by the outputs of `log_prob`, from that by what it returned."""

    def mean(self, outputs: Array, /) -> Array:
        """Return E[x | z], (B, n_x)."""

    def link(self, mean: Array, /) -> Array:
        """Return the outputs of which `mean` is the mean: its inverse."""

    def draw(self, outputs: Array, rng: np.random.Generator, /) -> Array:
        """Return a draw of x, (B, n_x)."""


def _each(x: Array, outputs: Array) -> Array:
    """Return x beside outputs: (B, n_x), or (B, 1, n_x) where each example has k draws of z."""
    return x if outputs.ndim == 2 else x[:, None]


def _dot(rows: Array, x: Array) -> Array:
    """Return the inner product of each row, (B, n_x) or (B, k, n_x), with its x, (B, n_x)."""
    if rows.ndim == 2:
        return np.matmul(rows[:, None], x[..., None])[:, 0, 0]
    return np.matmul(rows, x[..., None])[..., 0]


class Bernoulli:
    """Each pixel is on with probability p = sigmoid(logit), independently given z.

    log p(x | z) = sum(x log p + (1 - x) log(1 - p)) = sum(x a - softplus(a)),  a the logits

    Written in the logits it never meets log(0). For grey x in (0, 1) the same formula is the usual
    cross-entropy, but no longer the log of a probability.

    >>> coin = Bernoulli()
    >>> coin.log_prob(np.zeros((1, 1)), np.ones((1, 1))).round(4)  # log 1/2
    array([-0.6931])
    """

    def loss_and_grad(self, logits: Array, x: Array) -> tuple[Array, Array]:
        """-log p(x | z), in nats an example (batch mean), and its gradient (p - x) / B.

        Parameters
        ----------
        logits : (B, n_x) float array
        x : (B, n_x) float array, in [0, 1]

        Returns
        -------
        loss : 0-d float
        dlogits : (B, n_x) float array

        Notes
        -----
        The one expensive function is e = exp(-|a|); loss and gradient are both made of it:

            softplus(a) = max(a, 0) + log(1 + e),  sigmoid(a) = (e if a < 0 else 1) / (1 + e)

        Neither overflows, and a small p keeps all its digits: Adam divides a gradient by its own
        size, so that even one of 1e-12 counts. Every factor 1 + e lies in [1, 2], so 64 of them
        are multiplied before one log is taken.
        """
        n = len(x)
        e = np.abs(logits)
        nats = e + logits
        nats *= 0.5  # max(a, 0)
        nats -= x * logits
        np.negative(e, out=e)
        np.exp(e, out=e)
        factors = e + 1
        loss = (nats.sum() + _sum_of_logs(factors)) / n
        p = np.maximum(e, logits > 0)
        p /= factors
        p -= x
        p *= 1 / n
        return loss, p

    def log_prob(self, logits: Array, x: Array) -> Array:
        """Log p(x | z) of each row of logits, in nats.

        Parameters
        ----------
        logits : (B, n_x), or (B, k, n_x) for k draws of z an example
        x : (B, n_x) float array, in [0, 1]

        Returns
        -------
        (B,) or (B, k) float array

        Notes
        -----
        Here the logs are summed row by row. With max(a, 0) = (a + |a|) / 2:

            sum(x a - softplus(a)) = sum((2x - 1) a - |a|) / 2 - sum(log(1 + e))

        whose first terms cancel pixel by pixel where the model is sure and right.
        """
        magnitude = np.abs(logits)
        nats = logits * _each(2 * x - 1, logits)
        nats -= magnitude
        log_px = _dot(nats, x * 0 + 0.5)
        e = np.exp(np.negative(magnitude, out=magnitude), out=magnitude)
        log_px -= _sum_of_logs_by_row(np.add(e, 1, out=nats))
        self.logits, self.x, self.e = logits, x, e
        return log_px

    def backward(self, dlog_px: Array) -> Array:
        """Gradient by the logits, dlog_px (x - p), with dlog_px (B,) or (B, k)."""
        p = np.maximum(self.e, self.logits > 0)
        p /= self.e + 1
        dlogits = _each(self.x, p) - p
        dlogits *= dlog_px[..., None]
        return dlogits

    def mean(self, logits: Array) -> Array:
        return sigmoid(logits)

    def link(self, mean: Array) -> Array:
        """The logit of a mean, kept within 0.001 and 0.999, which is within 7 of zero."""
        p = np.minimum(np.maximum(mean, 0.001), 0.999)
        return np.log(p / (1 - p))

    def draw(self, logits: Array, rng: np.random.Generator) -> Array:
        p = sigmoid(logits)
        return (rng.random(size=p.shape, dtype=p.dtype) < p).astype(p.dtype)


def _sum_of_logs(factors: Array) -> Array:
    """sum(log(factors)) for factors in [1, 2]: a log of products of 64 rows, not 64 logs.

    2^64 is far from float32's overflow at 2^128. Multiplying down the rows, not along them, keeps
    the inner loop over contiguous memory.
    """
    whole = len(factors) // 64 * 64
    products = np.multiply.reduce(factors[:whole].reshape(-1, 64, factors.shape[1]), axis=1)
    rest = np.multiply.reduce(factors[whole:], axis=0)
    return np.log(products).sum() + np.log(rest).sum()


def _sum_of_logs_by_row(factors: Array) -> Array:
    """sum(log(factors)) over the last axis, for factors in [1, 2], which are overwritten.

    Each row is folded in half four times, product upon product, so that at most 3^4 = 81 factors
    meet in one number (2^81 is below float32's 2^128), and a sixteenth of the logs is left.
    """
    for _ in range(4):
        n = factors.shape[-1]
        half = n // 2
        if half == 0:
            break
        factors[..., :half] *= factors[..., half : 2 * half]
        if n % 2:
            factors[..., :1] *= factors[..., n - 1 :]
        factors = factors[..., :half]
    return np.log(factors).sum(axis=-1)


class Gaussian:
    """Each number is normal around the decoder's output with one given standard deviation.

    log p(x | z) = -1/2 sum((x - mean)² / sigma² + log(2 pi sigma²))

    Parameters
    ----------
    sigma : standard deviation, positive, in the units of x; the smaller, the more the
        reconstruction weighs against the KL

    >>> Gaussian(sigma=1).log_prob(np.zeros((1, 1)), np.zeros((1, 1))).round(4)
    array([-0.9189])
    """

    def __init__(self, sigma: float = 1.0) -> None:
        self._sigma = _require_sigma(sigma)
        self.precision = 1 / self._sigma**2
        self.log_normalizer = 0.5 * log(2 * pi * self._sigma**2)

    @property
    def sigma(self) -> Any:
        """The standard deviation: a number or, where it is learned, a (1,) array."""
        return self._sigma

    def loss_and_grad(self, mean: Array, x: Array) -> tuple[Array, Array]:
        """-log p(x | z), in nats an example (batch mean), and its gradient by the mean.

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
        self.away = _each(x, mean) - mean
        square = (self.away * self.away).sum(axis=-1)
        return square * (-0.5 * self.precision) - self.log_normalizer * x.shape[1]

    def backward(self, dlog_px: Array) -> Array:
        """Gradient by the mean, dlog_px (x - mean) / sigma², with dlog_px (B,) or (B, k)."""
        return self.away * (dlog_px[..., None] * self.precision)

    def mean(self, mean: Array) -> Array:
        return mean

    def link(self, mean: Array) -> Array:
        return mean

    def draw(self, mean: Array, rng: np.random.Generator) -> Array:
        return mean + self.sigma * rng.standard_normal(size=mean.shape, dtype=mean.dtype)


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
        self.logvar = np.full(1, 2 * log(_require_sigma(sigma)))
        self.dlogvar = np.zeros(1)

    def start_at(self, var: float) -> None:
        """Begin with the sigma of a decoder that knows no more than the mean of the data.

        A far larger one takes Adam at the defaults an epoch for each factor of 1.2, in which the
        reconstruction weighs little, so that latents close down.
        """
        self.logvar[...] = log(max(var, self.LEAST))

    @property
    def sigma(self) -> Any:
        """The standard deviation, (1,), on the model's device."""
        return np.exp(self.logvar * 0.5)

    def loss_and_grad(self, mean: Array, x: Array) -> tuple[Array, Array]:
        """-log p(x | z), in nats an example (batch mean), and its gradient by the mean."""
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
        self.away = _each(x, mean) - mean
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

    def loss_and_grad(self, mean: Array, x: Array) -> tuple[Array, Array]:
        """-log p(x | z) at the best sigma, in nats an example, and its gradient by the mean."""
        n, n_x = x.shape
        away = mean - x
        error = np.vdot(away, away) * (1 / (n * n_x))
        var = np.maximum(error, self.LEAST)
        logvar = np.log(var)
        self.logvar += self.RATE * (logvar - self.logvar)
        self.dlogvar[...] = 0
        away *= 1 / (n * var)
        return 0.5 * n_x * (logvar + LOG_2PI + error / var), away


LEARNED, OPTIMAL = "learned", "optimal"  # in place of a number: how sigma is found
SIGMAS: dict[str, type[LearnedGaussian]] = {LEARNED: LearnedGaussian, OPTIMAL: OptimalGaussian}


def make_likelihood(name: str, sigma: float | str = 1.0) -> Likelihood:
    """Return the likelihood of that name.

    Parameters
    ----------
    name : "bernoulli" or "gaussian"
    sigma : of the gaussian: a number, "learned" (by gradient) or "optimal" (in closed form)
    """
    makers: dict[str, Callable[[], Likelihood]] = {
        "bernoulli": Bernoulli,
        "gaussian": lambda: SIGMAS[sigma]() if isinstance(sigma, str) else Gaussian(sigma),
    }
    if name not in makers:
        raise InputError(f"likelihood is {name!r}; choose from {', '.join(makers)}")
    if isinstance(sigma, str) and (sigma not in SIGMAS or name == "bernoulli"):
        raise InputError(
            f"sigma is {sigma!r}; give a number or, for the gaussian likelihood, one of "
            f"{', '.join(SIGMAS)}"
        )
    return makers[name]()


def _require_sigma(sigma: float) -> float:
    """Refuse what is no standard deviation, or whose square float32 cannot hold."""
    if not 1e-15 < sigma < 1e15:
        raise InputError(
            f"sigma is {sigma}; a standard deviation is a positive number, not below 1e-15 or "
            "above 1e15"
        )
    return float(sigma)
