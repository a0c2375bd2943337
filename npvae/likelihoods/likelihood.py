"""What a likelihood p(x | z) is, whatever its form."""

from typing import Protocol

import numpy as np

from npvae.parameters import Array


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


def each(x: Array, outputs: Array) -> Array:
    """Return x beside outputs: (B, n_x), or (B, 1, n_x) where each example has k draws of z."""
    return x if outputs.ndim == 2 else x[:, None]
