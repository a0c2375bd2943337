"""The notes beside a result: its formula, the split, the draws of z, and the data."""

from typing import Any

import numpy as np

from npvae.autoencoder import DenoisingAutoencoder
from npvae.datasets.preprocessing import Notes, Pixels, Scaling, Standardized
from npvae.devices import CPU
from npvae.evaluation.importance import LogLikelihood
from npvae.iwae import IWAE
from npvae.likelihoods import Likelihood, Mixed
from npvae.vae import VAE

WEIGHTS = "w = p(x | z) p(z) / q(z | x)"
GIVEN = {  # how a formula of a conditional model names the label
    "| x)": "| x, y)",
    "| z)": "| z, y)",
    "p(x)": "p(x | y)",
    "encoder(x)": "encoder(x, y)",
    "encoder(corrupted x)": "encoder(corrupted x, y)",
}


def protocol(
    model: Any, scaling: Scaling, n: int, seed: int, words: str = "the test part"
) -> dict[str, str]:
    """Return notes that explain the results of `evaluate`.

    Parameters
    ----------
    model : EncoderDecoder
    scaling : Scaling
    n : int
        Number of examples.
    seed : int
        The seed given to `evaluate`.
    words : str
        What the examples are.

    Returns
    -------
    dict of str to str
        Notes by subject: "formula", "split", "draws", "data" and, if they apply, "sigma" and
        "device".
    """
    formula = _formula(model)
    if isinstance(model, IWAE) and model.bound_name != "ELBO":
        formula += f"; {model.bound_name} = E[log 1/{model.k} sum(w)], {WEIGHTS}"
    return {
        "formula": f"{_given_label(model, formula)}, in nats, summed over features and latents, "
        "averaged over examples",
        "split": f"{words}, {counted(n, 'example')}",
        "draws": _draws(model, seed),
        **_common(model, scaling, seed),
    }


def likelihood_protocol(
    model: VAE, scaling: Scaling, found: LogLikelihood, seed: int, words: str = "the test part"
) -> dict[str, str]:
    """Return notes that explain the results of `log_likelihood`, by subject as for `protocol`."""
    formula = f"log p(x) >= E[log 1/k sum(w)], {WEIGHTS}"
    return {
        "formula": f"{_given_label(model, formula)}, in nats, averaged over examples, with the "
        "standard error of that average",
        "split": f"{words}, {counted(found.n, 'example')}",
        "draws": f"k = {counted(found.k, 'draw')} of z per example, seed {seed}",
        **_common(model, scaling, seed),
    }


def score_protocol(
    model: Any, scaling: Scaling, n: int, seed: int, words: str, k: int | None = None
) -> dict[str, str]:
    """Return notes that explain the results of `score_examples`, by subject as for `protocol`."""
    minus = "-ELBO, where " if isinstance(model, VAE) else "-"
    formula, draws = minus + _formula(model), _draws(model, seed)
    if k is not None:
        formula = f"-log p(x), estimated by -log 1/k sum(w), {WEIGHTS}"
        draws = f"k = {counted(k, 'draw')} of z per example, seed {seed}"
    return {
        "score": f"{_given_label(model, formula)}, in nats; the higher, the less likely",
        "examples": f"{words}, {counted(n, 'example')}",
        "draws": draws,
        **_common(model, scaling, seed),
    }


def _formula(model: Any) -> str:
    """Return the definition of what `evaluate` estimates."""
    if isinstance(model, VAE):
        return "ELBO = E_q[log p(x | z)] - KL(q(z | x), N(0, I))"
    code = "encoder(corrupted x)" if isinstance(model, DenoisingAutoencoder) else "encoder(x)"
    return f"log p(x | z) at z = {code}, which is not an ELBO: an autoencoder has no prior"


def _draws(model: Any, seed: int) -> str:
    """Return a note on the noise that `evaluate` draws."""
    if isinstance(model, VAE):
        k = model.k if isinstance(model, IWAE) else 1
        return f"{counted(k, 'draw')} of z per example, seed {seed}"
    if isinstance(model, DenoisingAutoencoder):
        noise = f"{model.corruption} noise of amount {model.amount:g}"
        return f"{noise}, drawn once per example, seed {seed}"
    return "none: z is the code of x"


def _common(model: Any, scaling: Scaling, seed: int) -> dict[str, str]:
    """Return the notes on the data, on the likelihood and, unless it is the host, the device."""
    return {"data": data_note(model, scaling, seed), **_density(model), **_device(model)}


def _device(model: Any) -> dict[str, str]:
    """Return a note on the device, unless it is the host."""
    device = model.params.device
    if device.name == CPU.name:
        return {}
    return {"device": f"{device.about}; the same seed gives different numbers on the host"}


def counted(n: int, what: str) -> str:
    """Return a number with its noun, in the singular or plural: "1 draw", "2 draws"."""
    return f"{n} {what}{'s' * (n != 1)}"


def _given_label(model: Any, formula: str) -> str:
    """Return the formula with the label y added to its conditions, if the model is conditional."""
    if not getattr(model, "n_y", 0):
        return formula
    for alone, given in GIVEN.items():
        formula = formula.replace(alone, given)
    return f"{formula}, where y is the label of x"


def data_note(model: Any, scaling: Scaling, seed: int) -> str:
    """Return a note on how the examples became x."""
    if isinstance(scaling, Standardized):
        nats = float((np.log(scaling.std) * (scaling.constant == 0)).sum())
        texts = ", beside one-hot text columns" if isinstance(model.likelihood, Mixed) else ""
        return (
            f"real values, standardised with the mean and spread of the training data{texts}; in "
            f"the original units, log p and its bounds are {abs(nats):.2f} nats "
            f"{'lower' if nats > 0 else 'higher'}"
        )
    if isinstance(scaling, Notes):
        return "at each step of a tune a note, a rest or a hold, one-hot"
    grey = getattr(model.likelihood, "grey_pixels", Likelihood.grey_pixels)
    return binary_note(scaling, seed) or str(grey)


def binary_note(scaling: Scaling, seed: int) -> str:
    """Return a note on how pixels became zeros and ones; "" if they did not."""
    if isinstance(scaling, Pixels) and scaling.binarize == "dynamic":
        return (
            "binary pixels, each 1 with probability v / 255 (v for floating-point pixels), "
            f"seed {seed}"
        )
    if isinstance(scaling, Pixels) and scaling.binarize == "threshold":
        return "binary pixels, 1 where v >= 128 (0.5 for floating-point pixels)"
    return ""


def _density(model: Any) -> dict[str, str]:
    """Return the notes of the likelihood; a likelihood of the user's own may have none."""
    told = getattr(model.likelihood, "fine_print", dict)
    return dict(told())
