"""Likelihoods p(x | z): what the decoder's numbers say about the data.

Each has a loss beside its gradient (for training: one number a batch), `log_prob` (for evaluation:
one number an example), the mean, and a draw.
"""

from collections.abc import Callable
from math import log, pi
from typing import Protocol

import numpy as np

from npvae.arrays import Array
from npvae.errors import InputError
from npvae.layers import sigmoid, softplus


class Likelihood(Protocol):
    """p(x | z), given what the decoder puts out."""

    def loss_and_grad(self, outputs: Array, x: Array, /) -> tuple[Array, Array]:
        """Return -log p(x | z) in nats an example (batch mean), and its gradient by `outputs`."""

    def log_prob(self, outputs: Array, x: Array, /) -> Array:
        """Return log p(x | z) of each example, (B,), in nats."""

    def mean(self, outputs: Array, /) -> Array:
        """Return E[x | z], (B, n_x)."""

    def draw(self, outputs: Array, rng: np.random.Generator, /) -> Array:
        """Return a draw of x, (B, n_x)."""


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
        per_pixel = x * logits
        per_pixel -= softplus(logits)
        return per_pixel.sum(axis=1)

    def mean(self, logits: Array) -> Array:
        return sigmoid(logits)

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
        if not 1e-15 < sigma < 1e15:  # so that float32 can hold its square
            raise InputError(
                f"sigma is {sigma}; a standard deviation is a positive number, not below 1e-15 or "
                "above 1e15"
            )
        self.sigma = float(sigma)
        self.precision = 1 / self.sigma**2
        self.log_normalizer = 0.5 * log(2 * pi * self.sigma**2)

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
        away = mean - x
        away *= away
        return away.sum(axis=1) * (-0.5 * self.precision) - self.log_normalizer * x.shape[1]

    def mean(self, mean: Array) -> Array:
        return mean

    def draw(self, mean: Array, rng: np.random.Generator) -> Array:
        return mean + self.sigma * rng.standard_normal(size=mean.shape, dtype=mean.dtype)


def make_likelihood(name: str, sigma: float = 1.0) -> Likelihood:
    """Return the likelihood of that name: "bernoulli", or "gaussian" with the given sigma."""
    makers: dict[str, Callable[[], Likelihood]] = {
        "bernoulli": Bernoulli,
        "gaussian": lambda: Gaussian(sigma),
    }
    if name not in makers:
        raise InputError(f"likelihood is {name!r}; choose from {', '.join(makers)}")
    return makers[name]()
