"""How good is a model? Estimated on examples it was not trained on, with sampled z."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from npvae.arrays import Array, Parameters, Seed
from npvae.autoencoder import Terms
from npvae.datasets.dataset import Split
from npvae.datasets.scaling import Pixels, Scaling, Standardized
from npvae.errors import InputError
from npvae.likelihoods import Bernoulli, Likelihood

ACTIVE_VARIANCE = 0.01  # Burda et al. 2015, section 5.2
CHUNK = 1000  # examples at a time
EVALUATION_SEED = 0  # examples that are held out always meet the same noise


class Measurable(Protocol):
    """What evaluation asks of a model."""

    params: Parameters

    def draw_noise(self, rng: np.random.Generator, n: int, /) -> Any:
        """Return the noise that `terms` needs for n examples."""

    def terms(self, x: Array, eps: Any, /) -> Terms:
        """Return log p(x | z), KL for each latent, and mu, of each example."""


@dataclass(frozen=True)
class Evaluation:
    """Averages over n examples, in nats an example, from one draw of z for each.

    Attributes
    ----------
    elbo : E_q[log p(x | z)] - KL, estimated; higher is better
    reconstruction : -E_q[log p(x | z)], estimated
    kl : KL divergence of q(z | x) from the prior, exact, summed over the latents
    kl_per_latent : the same, latent by latent
    active_units : latents whose posterior mean varies over the data by more than 0.01 (variance)
    n : examples
    """

    elbo: float
    reconstruction: float
    kl: float
    kl_per_latent: tuple[float, ...]
    active_units: int
    n: int


def evaluate(model: Measurable, split: Split, scaling: Scaling, rng: Seed = 0) -> Evaluation:
    """Estimate the ELBO of `split`, drawing z from q(z | x): with z = mu it would be no ELBO.

    Parameters
    ----------
    model : a VAE or an autoencoder
    split : the examples
    scaling : how they become x; dynamic binarisation draws its pixels here, too
    rng : generator or seed of the noise; the same seed gives the same figures

    Returns
    -------
    Evaluation
    """
    require_fitting(model, scaling)
    n = len(split)
    if n == 0:
        raise InputError("there is no example to evaluate on; hold some out (--validation)")
    device, dtype = model.params.device, model.params.dtype
    rng = device.generator(rng)
    split, scaling = split.to(device), scaling.to(device)
    log_px: Any = 0.0
    kl: Any = 0.0
    mu_sum: Any = 0.0
    mu_squares: Any = 0.0
    for start in range(0, n, CHUNK):
        x = scaling.encode(split.take(slice(start, start + CHUNK)), rng, dtype)
        terms = model.terms(x, model.draw_noise(rng, len(x)))
        log_px = log_px + terms.log_px.sum(dtype=np.float64)
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
    )


def require_fitting(model: Any, scaling: Scaling) -> None:
    """Refuse standardised data under the Bernoulli likelihood, which takes x in [0, 1]."""
    if isinstance(getattr(model, "likelihood", None), Bernoulli) and isinstance(
        scaling, Standardized
    ):
        raise InputError(
            "the Bernoulli likelihood takes x in [0, 1], and these data are real-valued and "
            "standardised; build the model with likelihood='gaussian'"
        )


def protocol(likelihood: Likelihood, scaling: Scaling, n: int, seed: int) -> dict[str, str]:
    """Say in words what a test figure is: the formula, the split, the draws, the binarisation."""
    told = {
        "formula": "ELBO = E_q[log p(x | z)] - KL(q(z | x), N(0, I)), in nats, summed over pixels "
        "and latents, mean over examples",
        "split": f"the test part, {n} examples",
        "draws": f"one draw of z for each example, seed {seed}",
    }
    if isinstance(scaling, Standardized):
        nats = float(np.log(scaling.std).sum())
        told["data"] = (
            "real values, standardised by the training part; in the units of the data the ELBO is "
            f"{abs(nats):.2f} nats {'lower' if nats > 0 else 'higher'}"
        )
    elif isinstance(scaling, Pixels) and scaling.binarize == "dynamic":
        told["data"] = f"binary pixels, each drawn with probability v / 255, seed {seed}"
    elif isinstance(scaling, Pixels) and scaling.binarize == "threshold":
        told["data"] = "binary pixels, on where v >= 128"
    elif isinstance(likelihood, Bernoulli):
        told["data"] = (
            "grey pixels, v / 255: with them the Bernoulli loss is no likelihood, and the figure "
            "compares only with others made in the same way"
        )
    else:
        told["data"] = "pixels in [0, 1] as real numbers"
    return told
