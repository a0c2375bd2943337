"""What a likelihood p(x | z) is, whatever its form."""

from collections.abc import Mapping
from typing import ClassVar, Protocol

import numpy as np

from npvae.errors import InputError
from npvae.parameters import Array

LEAST_SIGMA, MOST_SIGMA = 1e-15, 1e15  # whose squares float32 holds

DENSITY = (
    "log p is the log of a density, which may be above 0, and compares only with others of the "
    "same x, never with a Bernoulli's"
)


class Likelihood(Protocol):
    """p(x | z), given what the decoder puts out.

    A model needs the six methods without a body, from `loss_and_grad` to `draw`. The rest is what
    settings, data and reports ask of a likelihood. A subclass says only where it differs.

    Attributes
    ----------
    in_unit_interval : whether every number of x has to lie in [0, 1]
    binary : whether pixels are made zeros and ones for it, unless something else is asked for
    grey_pixels : the remark beside results on pixels that are left grey
    default_sigma : its sigma for each kind of data, "pixels" and "real" (columns with mean 0 and
        standard deviation 1); empty if it has no sigma
    sigmas : the ways to find sigma that may be asked for in place of a number
    closed_form : whether sigma is computed from each batch, so that no gradient moves it, and z is
        drawn once for each example
    """

    in_unit_interval: ClassVar[bool] = False
    binary: ClassVar[bool] = False
    grey_pixels: ClassVar[str] = "pixels in [0, 1] as real numbers"
    default_sigma: ClassVar[Mapping[str, float]] = {}
    sigmas: ClassVar[tuple[str, ...]] = ()
    closed_form: ClassVar[bool] = False

    def loss_and_grad(self, outputs: Array, x: Array, /) -> tuple[Array, Array]:
        """Return -log p(x | z) in nats an example (batch mean), and its gradient dloss/doutputs."""

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

    @classmethod
    def with_sigma(cls, sigma: float | str) -> "Likelihood":
        """Return one with this sigma: a number, or one of `sigmas`; without a sigma, just one."""
        return cls()

    def start_at(self, var: float) -> None:
        """Begin with the sigma of a decoder that knows only the mean of the data.

        Parameters
        ----------
        var : mean squared distance of x from its mean; ignored unless sigma is found in training
        """
        return None

    def fine_print(self) -> dict[str, str]:
        """Return the sentences that stand beside each figure, by their subject."""
        return {}


def each(x: Array, outputs: Array) -> Array:
    """Return x beside outputs: (B, n_x), or (B, 1, n_x) where each example has k draws of z."""
    return x if outputs.ndim == 2 else x[:, None]


def require_sigma(sigma: float) -> float:
    """Refuse what is not a standard deviation, or whose square float32 cannot hold."""
    if not LEAST_SIGMA < sigma < MOST_SIGMA:
        raise InputError(
            f"sigma is {sigma}; a standard deviation is a positive number, above {LEAST_SIGMA:g} "
            f"and below {MOST_SIGMA:g}"
        )
    return float(sigma)
