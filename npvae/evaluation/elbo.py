"""Estimate the ELBO and its terms on a split, with z drawn from q(z | x)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from npvae.datasets.dataset import Split
from npvae.datasets.preprocessing import Scaling, Standardized
from npvae.encoder_decoder import Terms, condition, require_examples
from npvae.errors import InputError
from npvae.parameters import Array, Parameters

ACTIVE_VARIANCE = 0.01  # Burda et al. 2015, section 5.2
CHUNK = 1000  # most examples evaluated at once
CHUNK_BYTES = 1 << 24  # most bytes of x, in float64, at once
EVALUATION_SEED = 0  # held-out examples always get the same noise
NOISE = 1 << 32  # seed + NOISE seeds the noise, and seed itself the binarisation


class Measurable(Protocol):
    """What evaluation needs of a model; a conditional model also has `n_y` and `one_hot`."""

    params: Parameters

    def draw_noise(self, rng: np.random.Generator, n: int, /) -> Any:
        """Return the noise that `terms` needs for n examples, or None."""

    def terms(self, *args: Any, **kwargs: Any) -> Terms:
        """Return the terms of each example of a batch (x, eps) or (x, eps, y)."""


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The terms of the ELBO, in nats per example, averaged over n examples.

    Attributes
    ----------
    elbo : float
        E_q[log p(x | z)] - KL, estimated with as many draws of z as in training; higher is better.
    reconstruction : float
        -E_q[log p(x | z)], estimated with the same draws.
    kl : float
        KL divergence of q(z | x) from the prior, in closed form, summed over the latents.
    kl_per_latent : tuple of float
        KL divergence of each latent.
    active_units : int
        Number of latents for which the variance of mu over the examples is above 0.01.
    n : int
        Number of examples.
    bound : float
        What the model maximises, but without any weight of the KL divergence: the ELBO of a VAE,
        L_k of an IWAE, log p(x | z) of an autoencoder.

    References
    ----------
    Active units: Burda, Grosse & Salakhutdinov 2015, arXiv:1509.00519, section 5.2.
    """

    elbo: float
    reconstruction: float
    kl: float
    kl_per_latent: tuple[float, ...]
    active_units: int
    n: int
    bound: float

    def __repr__(self) -> str:
        terms = f"reconstruction {self.reconstruction:.2f}, KL {self.kl:.2f}"
        active = f"{self.active_units} of {len(self.kl_per_latent)} latents active"
        return f"Evaluation(ELBO {self.elbo:.2f}: {terms}, {active}, {self.n:,} examples)"

    @property
    def distortion(self) -> float:
        """The reconstruction term; the distortion in rate-distortion theory.

        References
        ----------
        Alemi et al. 2018, arXiv:1711.00464.
        """
        return self.reconstruction

    @property
    def rate(self) -> float:
        """The KL divergence; the rate in rate-distortion theory.

        On average over the data, it is an upper bound on the information that z carries about x, in
        nats.

        References
        ----------
        Alemi et al. 2018, arXiv:1711.00464.
        """
        return self.kl


def evaluate(model: Measurable, split: Split, scaling: Scaling, seed: int = 0) -> Evaluation:
    """Estimate the ELBO of a split, with z drawn from q(z | x).

    Plugging in z = mu instead of a draw would not give an ELBO.

    Parameters
    ----------
    model : Measurable
        A VAE or an autoencoder.
    split : Split
        The examples.
    scaling : Scaling
        How stored examples become x. Dynamic binarisation draws pixels here as well.
    seed : int
        Seeds the binarisation and, as a separate stream, the noise. For the same seed, every model
        is evaluated on the same pixels.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If there are no examples, or they do not fit the model.

    >>> from npvae import VAE
    >>> from npvae.datasets import load_dataset, scaling_for
    >>> data = load_dataset("glyphs", n_train=100, n_test=5)
    >>> evaluate(VAE.dense(784, 8, 3), data.test, scaling_for(data)).n
    5
    """
    require_fitting(model, scaling)
    n, device = require_examples(model, split), model.params.device
    noise = device.generator(seed + NOISE)
    log_px: Any = 0.0
    bound: Any = 0.0
    kl: Any = 0.0
    mu_sum: Any = 0.0
    mu_squares: Any = 0.0
    step = max(1, CHUNK // getattr(model, "k", 1))  # k draws of z per example
    for x, *y in chunks_of(model, split, scaling, seed, step):
        terms = model.terms(x, model.draw_noise(noise, len(x)), *y)
        log_px = log_px + terms.log_px.sum(dtype=np.float64)
        bound = bound + terms.bound.sum(dtype=np.float64)
        kl = kl + terms.kl.sum(axis=0, dtype=np.float64)
        mu = terms.mu.astype(np.float64)
        mu_sum = mu_sum + mu.sum(axis=0)
        mu_squares = mu_squares + (mu * mu).sum(axis=0)
    variance = mu_squares / n - (mu_sum / n) ** 2
    reconstruction = -float(log_px) / n
    kl_per_latent = device.to_host(kl / n)
    total = float(kl_per_latent.sum())
    return Evaluation(
        elbo=-reconstruction - total,
        reconstruction=reconstruction,
        kl=total,
        kl_per_latent=tuple(float(value) for value in kl_per_latent),
        active_units=int((device.to_host(variance) > ACTIVE_VARIANCE).sum()),
        n=n,
        bound=float(bound) / n,
    )


def chunks_of(
    model: Measurable, split: Split, scaling: Scaling, seed: int, step: int
) -> Iterator[tuple[Array, ...]]:
    """Yield (x,) or, for a conditional model, (x, y) for some examples at a time, on the device.

    Drawn pixels depend only on the seed and on the position of the example in the split. They do
    not depend on `step` or on the model, so that all models see the same pixels, in float32 and in
    float64.

    Parameters
    ----------
    model : Measurable
    split : Split
    scaling : Scaling
    seed : int
        Seeds the binarisation.
    step : int
        Largest number of examples in a chunk.

    Yields
    ------
    x : (B, n_x) float array
    y : (B, n_y) float array
        Only for a conditional model.
    """
    device, dtype = model.params.device, model.params.dtype
    pixels = device.generator(seed)
    scaling = scaling.to(device)
    rows = max(1, min(CHUNK, CHUNK_BYTES // (8 * split.x.shape[1])))
    for start in range(0, len(split), rows):
        chosen = slice(start, start + rows)
        x = scaling.encode(device.asarray(split.take(chosen)), pixels, dtype)
        whole = x, *condition(model, split, chosen)
        for begin in range(0, len(whole[0]), step):
            yield tuple(array[begin : begin + step] for array in whole)


def require_fitting(model: Any, scaling: Scaling) -> None:
    """Raise `InputError` for standardised data under a likelihood that needs x in [0, 1]."""
    likelihood = getattr(model, "likelihood", None)
    if getattr(likelihood, "in_unit_interval", False) and isinstance(scaling, Standardized):
        raise InputError(
            f"the {type(likelihood).__name__} likelihood needs x in [0, 1], but these data are "
            "standardised real values; build the model with likelihood='gaussian'"
        )
