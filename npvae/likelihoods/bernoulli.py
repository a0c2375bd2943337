"""Binary pixels: the Bernoulli likelihood, computed from logits."""

from typing import Any, ClassVar

import numpy as np

from npvae.layers import sigmoid
from npvae.likelihoods.likelihood import Likelihood, each
from npvae.parameters import Array


class Bernoulli(Likelihood):
    """Independent binary pixels, each 1 with probability p = sigmoid(logit).

    log p(x | z) = sum(x log p + (1 - x) log(1 - p)) = sum(x a - softplus(a)),  a = logits

    The form with logits never evaluates log(0). For greyscale x in (0, 1) the same formula is the
    usual cross-entropy, which is not the log of a probability.

    >>> coin = Bernoulli()
    >>> coin.log_prob(np.zeros((1, 1)), np.ones((1, 1))).round(4)  # log 1/2
    array([-0.6931])
    """

    in_unit_interval = True
    binary = True
    grey_pixels: ClassVar[str] = (
        "greyscale pixels, v / 255: the cross-entropy is not a likelihood there, so compare this "
        "result only with others computed in the same way"
    )

    def loss_and_grad(self, logits: Array, x: Array) -> tuple[Array, Array]:
        """Return -log p(x | z) in nats per example (batch mean), and its gradient (p - x) / B.

        Parameters
        ----------
        logits : (B, n_x) float array
        x : (B, n_x) float array
            Pixels in [0, 1].

        Returns
        -------
        loss : 0-d float
        dlogits : (B, n_x) float array
        """
        return bernoulli_loss_and_grad(logits, x)

    def log_prob(self, logits: Array, x: Array) -> Array:
        """Return log p(x | z) in nats, summed over the pixels.

        Parameters
        ----------
        logits : (B, n_x) or (B, k, n_x) float array
            Outputs of the decoder, for one or for k draws of z per example.
        x : (B, n_x) float array
            Pixels in [0, 1].

        Returns
        -------
        log_px : (B,) or (B, k) float array
        """
        self.logits, self.x = logits, x
        log_px, self.e = bernoulli_log_prob(logits, each(x, logits))
        return log_px

    def backward(self, dlog_px: Array) -> Array:
        """Return dlogits = dlog_px (x - p), for dlog_px (B,) or (B, k)."""
        x = each(self.x, self.logits)
        return bernoulli_backward(dlog_px[..., None], self.logits, x, self.e)

    def mean(self, logits: Array) -> Array:
        """Return p = sigmoid(logits), (B, n_x)."""
        return sigmoid(logits)

    def link(self, mean: Array) -> Array:
        """Return logit(mean), with the mean clipped to [0.001, 0.999], so that |logit| < 7."""
        p = np.minimum(np.maximum(mean, 0.001), 0.999)
        return np.log(p / (1 - p))

    def draw(self, logits: Array, rng: np.random.Generator) -> Array:
        """Return zeros and ones, (B, n_x), drawn with probability p."""
        p = sigmoid(logits)
        return (rng.random(size=p.shape, dtype=p.dtype) < p).astype(p.dtype)


def bernoulli_loss_and_grad(logits: Array, x: Array) -> tuple[Array, Array]:
    """Return -log p(x | z) in nats per example (batch mean), and its gradient.

    Both are made from a single expensive function, e = exp(-|a|):

        softplus(a) = max(a, 0) + log(1 + e),  sigmoid(a) = (e if a < 0 else 1) / (1 + e)

    Neither overflows, and a small p keeps all its digits. That matters since Adam divides each
    gradient by its typical size, so that even a gradient of 1e-12 moves a weight. Since 1 <= 1 + e
    <= 2, 64 factors are multiplied before one log is taken.

    Parameters
    ----------
    logits, x : (B, n_x) float arrays

    Returns
    -------
    loss : 0-d float
    dlogits : (B, n_x) float array
        (p - x) / B
    """
    n = len(x)
    on = (logits > 0).astype(logits.dtype)
    away = np.subtract(on, x, dtype=logits.dtype)
    nats = np.vdot(away, logits)  # sum(max(a, 0) - x a) in one pass; every term is 0 or above
    e = np.abs(logits, out=away)  # reuses memory that is still in the cache
    np.negative(e, out=e)
    np.exp(e, out=e)
    factors = e + 1
    loss = (nats + _sum_of_logs(factors)) / n
    p = np.maximum(e, on, out=e)
    p /= factors
    p -= x
    p *= 1 / n
    return loss, p


def bernoulli_log_prob(logits: Array, x: Array) -> tuple[Array, Any]:
    """Return log p(x | z) for each row, and e = exp(-|a|), which the backward pass reuses.

    With max(a, 0) = (a + |a|) / 2:

        sum(x a - softplus(a)) = sum((2x - 1) a - |a|) / 2 - sum(log(1 + e))

    Where the model is confident and right, the first two terms cancel pixel by pixel.

    Parameters
    ----------
    logits : (B, n_x) or (B, k, n_x) float array
    x : (B, n_x) or (B, 1, n_x) float array

    Returns
    -------
    log_px : (B,) or (B, k) float array
    e : float array in the shape of the logits
        None on a GPU, which computes it again.
    """
    magnitude = np.abs(logits)
    nats = logits * (2 * x - 1)
    nats -= magnitude
    log_px = nats @ np.full_like(nats[(0,) * (nats.ndim - 1)], 0.5)  # sum(nats) / 2, but faster
    e = np.exp(np.negative(magnitude, out=magnitude), out=magnitude)
    log_px -= _sum_of_logs_by_row(np.add(e, 1, out=nats))
    return log_px, e


def bernoulli_backward(dlog_px: Array, logits: Array, x: Array, e: Any) -> Array:
    """Return dlog_px (x - p), with x and e as in `bernoulli_log_prob` and dlog_px (..., 1)."""
    p = np.maximum(e, logits > 0)
    p /= e + 1
    dlogits = x - p
    dlogits *= dlog_px
    return dlogits


def _sum_of_logs(factors: Array) -> Array:
    """Return sum(log(factors)) for factors in [1, 2], with one log for the product of 64 rows.

    2^64 is far below float32's overflow at 2^128. Multiplying down the rows instead of along them
    keeps the inner loop on contiguous memory.
    """
    groups = [factors[start : start + 64] for start in range(0, len(factors), 64)]
    return sum(np.log(np.multiply.reduce(rows, axis=0)).sum() for rows in groups)


def _sum_of_logs_by_row(factors: Array) -> Array:
    """Return sum(log(factors)) over the last axis, for factors in [1, 2]. Overwrites `factors`.

    Each row is folded in half four times, one half multiplied by the other, so that a sixteenth of
    the logs remains. At most 3^4 = 81 factors end up in one product, and 2^81 is below float32's
    overflow at 2^128.
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
