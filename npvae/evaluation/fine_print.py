"""What stands beside a figure: the formula, the part, the draws, the data, in words."""

from typing import Any

import numpy as np

from npvae.autoencoder import DenoisingAutoencoder
from npvae.datasets.preprocessing import Pixels, Scaling, Standardized
from npvae.devices import CPU
from npvae.evaluation.importance import LogLikelihood
from npvae.iwae import IWAE
from npvae.likelihoods import Likelihood
from npvae.vae import VAE

WEIGHTS = "w = p(x | z) p(z) / q(z | x)"
GIVEN = {  # the label, too
    "| x)": "| x, y)",
    "| z)": "| z, y)",
    "p(x)": "p(x | y)",
    "encoder(x)": "encoder(x, y)",
    "encoder(spoiled x)": "encoder(spoiled x, y)",
}


def protocol(model: Any, scaling: Scaling, n: int, seed: int, part: str = "test") -> dict[str, str]:
    """Say in words what the figures of `evaluate` are.

    Returns
    -------
    sentences by their subject: formula, split, draws, data
    """
    if isinstance(model, VAE):
        elbo = "ELBO = E_q[log p(x | z)] - KL(q(z | x), N(0, I))"
        k = model.k if isinstance(model, IWAE) else 1
        draws = f"{counted(k, 'draw')} of z for each example, seed {seed}"
        if model.bound_name != "ELBO":
            elbo += f"; {model.bound_name} = E[log 1/{k} sum(w)], {WEIGHTS}"
    else:
        elbo = "log p(x | z) at z = encoder(x): no ELBO, since an autoencoder has no prior"
        draws = "none: z is the code of x"
        if isinstance(model, DenoisingAutoencoder):
            elbo = elbo.replace("encoder(x)", "encoder(spoiled x)")
            draws = (
                f"{model.corruption} noise, {model.amount:g}, once for each example, seed {seed}"
            )
    return {
        "formula": f"{_given_label(model, elbo)}, in nats, summed over pixels and latents, mean "
        "over examples",
        "split": f"the {part} part, {counted(n, 'example')}",
        "draws": draws,
        "data": _data(model, scaling, seed),
        **_density(model),
        **_device(model),
    }


def likelihood_protocol(
    model: VAE, scaling: Scaling, found: LogLikelihood, seed: int, part: str = "test"
) -> dict[str, str]:
    """Say in words what the figures of `log_likelihood` are."""
    formula = f"log p(x) >= E[log 1/k sum(w)], {WEIGHTS}"
    return {
        "formula": f"{_given_label(model, formula)}, in nats, mean over examples and its standard "
        "error",
        "split": f"the {part} part, {counted(found.n, 'example')}",
        "draws": f"k = {counted(found.k, 'draw')} of z for each example, seed {seed}",
        "data": _data(model, scaling, seed),
        **_density(model),
        **_device(model),
    }


def _device(model: Any) -> dict[str, str]:
    """Say, of another device than the host, what that changes."""
    device = model.params.device
    if device.name == CPU.name:
        return {}
    return {"device": f"{device.about}; the same seed gives other random numbers than on the host"}


def counted(n: int, what: str) -> str:
    """Return "1 draw", "2 draws"."""
    return f"{n} {what}{'s' * (n != 1)}"


def _given_label(model: Any, formula: str) -> str:
    if not getattr(model, "n_y", 0):
        return formula
    for alone, given in GIVEN.items():
        formula = formula.replace(alone, given)
    return f"{formula}, y the label of x"


def _data(model: Any, scaling: Scaling, seed: int) -> str:
    """Say how the examples became x."""
    if isinstance(scaling, Standardized):
        nats = float(np.log(scaling.std).sum())
        return (
            "real values, standardised by the training part; in the units of the data log p, like "
            f"any bound on it, is {abs(nats):.2f} nats {'lower' if nats > 0 else 'higher'}"
        )
    if isinstance(scaling, Pixels) and scaling.binarize == "dynamic":
        return (
            "binary pixels, each drawn with probability v / 255 (v itself, where they are floats), "
            f"seed {seed}"
        )
    if isinstance(scaling, Pixels) and scaling.binarize == "threshold":
        return "binary pixels, on where v >= 128 (0.5, where they are floats)"
    return getattr(model.likelihood, "grey_pixels", Likelihood.grey_pixels)


def _density(model: Any) -> dict[str, str]:
    """Say what the likelihood has to say of its figures; one of your own may say nothing."""
    told = getattr(model.likelihood, "fine_print", dict)
    return dict(told())
