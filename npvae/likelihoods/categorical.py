"""Categories: the categorical likelihood of one-hot groups, computed from logits."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, ClassVar

import numpy as np

from npvae.errors import InputError
from npvae.likelihoods.likelihood import Likelihood, each
from npvae.parameters import Array


class Categorical(Likelihood):
    """Independent categories, each a group of one-hot features with p = softmax(logits).

    log p(x | z) = sum over the groups of sum(x log p) = sum(x a) - log sum(exp(a)),  a = logits

    In every group one feature of x is 1 and the others are 0: a text column of a table, or a step
    of a tune that is one of several notes.

    Parameters
    ----------
    groups : sequence of int, optional
        The number of categories of each group, at least 1. The features of a group stand side by
        side. By default all features are one group.

    Raises
    ------
    InputError
        If a size is not a whole number of at least 1.

    Notes
    -----
    The formula with logits never evaluates log(0). Groups of the same size that follow each other
    are computed together, so that a hundred equal groups take no more calls than one.

    >>> die = Categorical()
    >>> die.log_prob(np.zeros((1, 6)), np.eye(6)[:1]).round(4)  # log 1/6
    array([-1.7918])
    """

    in_unit_interval = True
    grouped = True
    grey_pixels: ClassVar[str] = "categories, one-hot; log p is the log of their probability"

    @classmethod
    def with_options(cls, sigma: float | str, groups: Sequence[int] = ()) -> "Categorical":
        return cls(groups)

    def __init__(self, groups: Sequence[int] = ()) -> None:
        require_groups(groups)
        self.groups = tuple(groups)
        self.n_x = sum(groups) or None

    def loss_and_grad(self, logits: Array, x: Array) -> tuple[Array, Array]:
        """Return -log p(x | z) in nats per example (batch mean), and its gradient (p - x) / B.

        Parameters
        ----------
        logits, x : (B, n_x) float arrays

        Returns
        -------
        loss : 0-d float
        dlogits : (B, n_x) float array
        """
        n = len(x)
        loss = self.log_prob(logits, x).sum() * (-1 / n)
        self.p -= x
        self.p *= 1 / n
        return loss, self.p

    def log_prob(self, logits: Array, x: Array) -> Array:
        """Return log p(x | z) in nats, (B,) or (B, k), for logits (B, n_x) or (B, k, n_x)."""
        self.x, self.p = each(x, logits), np.zeros_like(logits)
        log_px: Any = 0
        for a, x_of, p in self._tables(logits, self.x, self.p):
            log_sum, p[...] = log_sum_exp_and_softmax(a)
            log_px = log_px + ((x_of * a).sum(axis=-1) - log_sum).sum(axis=-1)
        return log_px

    def backward(self, dlog_px: Array) -> Array:
        """Return dlogits = dlog_px (x - p), for dlog_px (B,) or (B, k)."""
        return (self.x - self.p) * dlog_px[..., None]

    def nats_by_feature(self, logits: Array, x: Array) -> Array:
        """Return -x log p, (B, n_x), which is 0 wherever x is 0."""
        nats = np.zeros_like(logits)
        for a, x_of, nats_of in self._tables(logits, x, nats):
            log_sum, _ = log_sum_exp_and_softmax(a)
            nats_of[...] = x_of * (log_sum[..., None] - a)
        return nats

    def mean(self, logits: Array) -> Array:
        """Return p, (B, n_x), which sums to 1 in every group."""
        p = np.zeros_like(logits)
        for a, p_of in self._tables(logits, p):
            p_of[...] = log_sum_exp_and_softmax(a)[1]
        return p

    def link(self, mean: Array) -> Array:
        """Return log(mean), with the mean clipped to at least 0.001."""
        return np.log(np.maximum(mean, 0.001))

    def draw(self, logits: Array, rng: np.random.Generator) -> Array:
        """Return one-hot groups, (B, n_x), each category drawn with probability p.

        The category is the first whose cumulated probability exceeds a uniform random number.
        """
        p = self.mean(logits)
        x = np.zeros_like(p)
        for p_of, x_of in self._tables(p, x):
            below = np.cumsum(p_of, axis=-1)
            u = rng.random(size=(*p_of.shape[:-1], 1), dtype=p.dtype)
            reached = (below > u * below[..., -1:]).astype(p.dtype)  # 0 0 1 1 1
            x_of[...] = reached
            x_of[..., 1:] -= reached[..., :-1]  # 0 0 1 0 0
        return x

    def _tables(self, *arrays: Array) -> Iterator[list[Array]]:
        """Yield views (..., groups, categories) of (..., n_x) arrays, for each run of equal groups.

        A change of a view changes its array.
        """
        start = 0
        for size, run in groupby(self.groups or arrays[0].shape[-1:]):
            n = len(list(run))
            stop = start + n * size
            yield [a[..., start:stop].reshape(*a.shape[:-1], n, size) for a in arrays]
            start = stop


def require_groups(groups: Sequence[int], least: int = 1) -> None:
    """Raise `InputError` unless the sizes of groups are whole numbers of at least `least`."""
    if not all(type(size) is int and size >= least for size in groups):
        raise InputError(
            f"groups is {groups!r:.60}; expected the number of categories of each group, whole "
            f"numbers of at least {least}"
        )


def log_sum_exp_and_softmax(a: Array) -> tuple[Array, Array]:
    """Return log sum(exp(a)) and softmax(a) = exp(a) / sum(exp(a)) over the last axis.

    Both use exp(a - max(a)), which never overflows.

    Parameters
    ----------
    a : (..., C) float array

    Returns
    -------
    log_sum : (...) float array
    p : (..., C) float array

    >>> log_sum, p = log_sum_exp_and_softmax(np.log([[1.0, 3.0]]))
    >>> np.exp(log_sum).round(4), p.round(4)
    (array([4.]), array([[0.25, 0.75]]))
    """
    largest = np.max(a, axis=-1, keepdims=True)
    e = np.exp(a - largest)
    total = np.sum(e, axis=-1, keepdims=True)
    return (largest + np.log(total))[..., 0], e / total
