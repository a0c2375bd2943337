"""Pixels that are on or off: the Bernoulli likelihood, from logits."""

from typing import Any, ClassVar

import numpy as np

from npvae.layers import sigmoid
from npvae.likelihoods.likelihood import Likelihood, each
from npvae.parameters import Array


class Bernoulli(Likelihood):
    """Each pixel is on with probability p = sigmoid(logit), independently given z.

    log p(x | z) = sum(x log p + (1 - x) log(1 - p)) = sum(x a - softplus(a)),  a the logits

    Written in the logits it never meets log(0). For grey x in (0, 1) the same formula is the usual
    cross-entropy, but no longer the log of a probability.

    >>> coin = Bernoulli()
    >>> coin.log_prob(np.zeros((1, 1)), np.ones((1, 1))).round(4)  # log 1/2
    array([-0.6931])
    """

    in_unit_interval = True
    binary = True
    grey_pixels: ClassVar[str] = (
        "grey pixels, v / 255: with them the Bernoulli loss is no likelihood, and the figure "
        "compares only with others made in the same way"
    )

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
        """
        return bernoulli_loss_and_grad(logits, x)

    def log_prob(self, logits: Array, x: Array) -> Array:
        """Log p(x | z) of each row of logits, in nats.

        Parameters
        ----------
        logits : (B, n_x), or (B, k, n_x) for k draws of z an example
        x : (B, n_x) float array, in [0, 1]

        Returns
        -------
        (B,) or (B, k) float array
        """
        self.logits, self.x = logits, x
        log_px, self.e = bernoulli_log_prob(logits, each(x, logits))
        return log_px

    def backward(self, dlog_px: Array) -> Array:
        """Gradient by the logits, dlog_px (x - p), with dlog_px (B,) or (B, k)."""
        x = each(self.x, self.logits)
        return bernoulli_backward(dlog_px[..., None], self.logits, x, self.e)

    def mean(self, logits: Array) -> Array:
        return sigmoid(logits)

    def link(self, mean: Array) -> Array:
        """The logit of a mean, kept within 0.001 and 0.999, which is within 7 of zero."""
        p = np.minimum(np.maximum(mean, 0.001), 0.999)
        return np.log(p / (1 - p))

    def draw(self, logits: Array, rng: np.random.Generator) -> Array:
        p = sigmoid(logits)
        return (rng.random(size=p.shape, dtype=p.dtype) < p).astype(p.dtype)


def bernoulli_loss_and_grad(logits: Array, x: Array) -> tuple[Array, Array]:
    """-log p(x | z), in nats an example (batch mean), and its gradient, for (B, n_x) arrays.

    The one expensive function is e = exp(-|a|); loss and gradient are both made of it:

        softplus(a) = max(a, 0) + log(1 + e),  sigmoid(a) = (e if a < 0 else 1) / (1 + e)

    Neither overflows, and a small p keeps all its digits: Adam divides a gradient by its own size,
    so that even one of 1e-12 counts. Every factor 1 + e lies in [1, 2], so 64 of them are
    multiplied before one log is taken.
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


def bernoulli_log_prob(logits: Array, x: Array) -> tuple[Array, Any]:
    """Log p(x | z) of each row, and what the backward needs beside logits and x: e = exp(-|a|).

    logits are (B, n_x) or (B, k, n_x), x (B, n_x) or (B, 1, n_x). Here the logs are summed row by
    row. With max(a, 0) = (a + |a|) / 2:

        sum(x a - softplus(a)) = sum((2x - 1) a - |a|) / 2 - sum(log(1 + e))

    whose first terms cancel pixel by pixel where the model is sure and right.
    """
    magnitude = np.abs(logits)
    nats = logits * (2 * x - 1)
    nats -= magnitude
    log_px = nats @ np.full_like(nats[(0,) * (nats.ndim - 1)], 0.5)  # faster than a sum
    e = np.exp(np.negative(magnitude, out=magnitude), out=magnitude)
    log_px -= _sum_of_logs_by_row(np.add(e, 1, out=nats))
    return log_px, e


def bernoulli_backward(dlog_px: Array, logits: Array, x: Array, e: Any) -> Array:
    """dlog_px (x - p), with x beside the logits, and e as `bernoulli_log_prob` returned it."""
    p = np.maximum(e, logits > 0)
    p /= e + 1
    dlogits = x - p
    dlogits *= dlog_px
    return dlogits


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
