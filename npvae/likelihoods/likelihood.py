"""The interface that every likelihood p(x | z) implements."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from npvae.errors import InputError
from npvae.parameters import Array

LEAST_SIGMA, MOST_SIGMA = 1e-15, 1e15  # their squares fit into float32

DENSITY = (
    "log p is the log of a density, so it may be above 0; compare it only with densities of the "
    "same x, not with Bernoulli values"
)


class Likelihood(ABC):
    """A distribution p(x | z), parameterized by the decoder's outputs.

    A model needs the six methods without a body, from `loss_and_grad` to `draw`. The attributes and
    the methods with a body describe the likelihood to settings, data and reports; a subclass
    overrides those in which it differs.

    Attributes
    ----------
    in_unit_interval : bool
        Whether every value of x must lie in [0, 1].
    binary : bool
        Whether pixels are binarised for this likelihood by default.
    grey_pixels : str
        The note beside results on greyscale pixels.
    default_sigma : mapping of str to float
        Default sigma for each kind of data: "pixels", and "real" for columns standardised to mean 0
        and standard deviation 1. Empty if the likelihood has no sigma.
    sigmas : tuple of str
        What `sigma` may be instead of a number, such as "learned".
    grouped : bool
        Whether features may form one-hot groups, so that it needs their sizes.
    n_x : int or None
        The number of features, if it has a certain one, such as that of its groups.
    closed_form : bool
        Whether sigma is computed from each batch instead of learned by gradient. It then requires a
        single draw of z per example.
    """

    in_unit_interval: ClassVar[bool] = False
    binary: ClassVar[bool] = False
    grey_pixels: ClassVar[str] = "greyscale pixels in [0, 1], treated as real numbers"
    default_sigma: ClassVar[Mapping[str, float]] = {}
    sigmas: ClassVar[tuple[str, ...]] = ()
    grouped: ClassVar[bool] = False
    n_x: int | None = None
    closed_form: bool = False

    @abstractmethod
    def loss_and_grad(self, outputs: Array, x: Array, /) -> tuple[Array, Array]:
        """Return -log p(x | z), in nats per example (batch mean), and dloss/doutputs."""

    @abstractmethod
    def log_prob(self, outputs: Array, x: Array, /) -> Array:
        """Return log p(x | z) in nats, (B,) or (B, k), for outputs (B, n_x) or (B, k, n_x)."""

    @abstractmethod
    def backward(self, dlog_px: Array, /) -> Array:
        """Return the gradient with respect to the outputs last given to `log_prob`.

        dlog_px, (B,) or (B, k), is the gradient of the loss with respect to the result of
        `log_prob`.
        """

    @abstractmethod
    def mean(self, outputs: Array, /) -> Array:
        """Return E[x | z], (B, n_x)."""

    @abstractmethod
    def link(self, mean: Array, /) -> Array:
        """Return the outputs for which E[x | z] is `mean`: the inverse of the method `mean`."""

    @abstractmethod
    def draw(self, outputs: Array, rng: np.random.Generator, /) -> Array:
        """Return a sample of x, (B, n_x)."""

    def nats_by_feature(self, outputs: Array, x: Array, /) -> Array:
        """Return -log p(x_i | z) of each feature, in nats, (B, n_x).

        Given z, the features are independent, so that each can be taken for an example of its own.
        A likelihood in which several outputs describe one feature overrides this.
        """
        return -self.log_prob(outputs.reshape(-1, 1), x.reshape(-1, 1)).reshape(x.shape)

    @classmethod
    def with_options(cls, sigma: float | str, groups: Sequence[int] = ()) -> "Likelihood":
        """Return an instance with those of the options of `make_likelihood` that it has."""
        return cls()

    def start_at_variance(self, var: Array) -> None:
        """Set a learned sigma to that of a decoder which always outputs the mean of the data.

        Parameters
        ----------
        var : (n_x,) float array
            Mean squared distance of each feature from its mean. A likelihood with a fixed sigma
            ignores it.
        """
        return None

    def fine_print(self) -> dict[str, str]:
        """Return notes to print beside each result, by subject."""
        return {}


def each(x: Array, outputs: Array) -> Array:
    """Return x so that it broadcasts with the outputs: (B, n_x), or (B, 1, n_x) for k draws."""
    return x if outputs.ndim == 2 else x[:, None]


def require_sigma(sigma: float) -> float:
    """Return sigma as a float, if it is positive and its square fits into float32.

    Raises
    ------
    InputError
        If it is not.
    """
    if not LEAST_SIGMA < sigma < MOST_SIGMA:
        raise InputError(
            f"sigma is {sigma}; choose a positive number between {LEAST_SIGMA:g} and {MOST_SIGMA:g}"
        )
    return float(sigma)
