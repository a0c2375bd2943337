"""How good is a model? Estimated on examples it was not trained on, with sampled z."""

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
CHUNK = 1000  # examples at a time, fewer where they are large
CHUNK_BYTES = 1 << 24
EVALUATION_SEED = 0  # examples that are held out always meet the same noise
NOISE = 1 << 32  # added to a seed: the stream of the noise, where the seed's own is the pixels'


class Measurable(Protocol):
    """What evaluation asks of a model; a conditional one has `n_y` and `one_hot`, too."""

    params: Parameters

    def draw_noise(self, rng: np.random.Generator, n: int, /) -> Any:
        """Return the noise that `terms` needs for n examples."""

    def terms(self, *args: Any, **kwargs: Any) -> Terms:
        """For x, eps and perhaps y, return the terms of each example."""


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Averages over n examples, in nats an example.

    Attributes
    ----------
    elbo : E_q[log p(x | z)] - KL, estimated with the draws that training makes; higher is better
    reconstruction : -E_q[log p(x | z)], estimated
    kl : KL divergence of q(z | x) from the prior, exact, summed over the latents
    kl_per_latent : the same, latent by latent
    active_units : latents whose posterior mean varies over the data by more than 0.01 (variance)
    n : examples
    bound : what the model maximises, but for weights of the KL: the ELBO of a VAE, L_k of several
        draws, log p(x | z) of an autoencoder
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
        """The reconstruction term, as rate-distortion theory calls it (Alemi et al. 2018)."""
        return self.reconstruction

    @property
    def rate(self) -> float:
        """The KL: nats that z carries about x, at most (Alemi et al. 2018, arXiv:1711.00464)."""
        return self.kl


def evaluate(model: Measurable, split: Split, scaling: Scaling, seed: int = 0) -> Evaluation:
    """Estimate the ELBO of `split`, drawing z from q(z | x): with z = mu it would be no ELBO.

    Parameters
    ----------
    model : a VAE or an autoencoder
    split : the examples
    scaling : how they become x; dynamic binarisation draws its pixels here, too
    seed : of the pixels and of the noise, two streams: every model meets the same pixels

    Returns
    -------
    Evaluation
    """
    require_fitting(model, scaling)
    n, device = require_examples(model, split), model.params.device
    noise = device.generator(seed + NOISE)
    log_px: Any = 0.0
    bound: Any = 0.0
    kl: Any = 0.0
    mu_sum: Any = 0.0
    mu_squares: Any = 0.0
    step = max(1, CHUNK // getattr(model, "k", 1))  # where z is drawn k times, fewer at a time
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
    """Yield x, (B, n_x), and y, (B, n_y), where the model is conditional, on the model's device.

    The pixels that are drawn depend on the seed and on the place of the example, and neither on
    the step, B at most, nor on the model: every model meets the same, in float32 and in float64.
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
    """Refuse standardised data under a likelihood that takes x in [0, 1]."""
    likelihood = getattr(model, "likelihood", None)
    if getattr(likelihood, "in_unit_interval", False) and isinstance(scaling, Standardized):
        raise InputError(
            f"the {type(likelihood).__name__} likelihood takes x in [0, 1], and these data are "
            "real-valued and standardised; build the model with likelihood='gaussian'"
        )
