"""Recipes: named settings, many of them from publications, with source and published figure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from npvae.errors import InputError
from npvae.runs.settings import flag


@dataclass(frozen=True)
class Recipe:
    """Settings that belong together; they can be used with any data.

    Attributes
    ----------
    what : a short description
    settings : the settings that differ from the defaults of `Settings`
    source : where the settings come from
    published : the published figure, in nats per example on the MNIST test part, and what it
        measures; or why there is none
    remark : where npvae differs from the source, or ""
    """

    what: str
    settings: Mapping[str, Any]
    source: str
    published: str
    remark: str = ""


IWAE_PAPER = "Burda, Grosse & Salakhutdinov 2015, arXiv:1509.00519, table 1 and its code"
IWAE_REMARK = (
    "Adam's second moments start at zero instead of one; its eps of 1e-4 for the sum over a batch "
    "of 20 becomes 5e-6 for the mean; learning rates are not rounded"
)
IWAE_SETTINGS = {
    "latent": 50,
    "hidden": (200, 200),
    "activation": "tanh",
    "mean_bias": True,
    "batch_size": 20,
    "epochs": 3280,
    "lr": 1e-3,
    "lr_schedule": "stages",
    "adam_beta1": 0.99,
    "adam_eps": 1e-4 / 20,
    "validation": 400,
}


def _of_iwae_paper(objective: str, k: int, nll: float) -> Recipe:
    kind = "VAE" if objective == "elbo" else "IWAE"
    return Recipe(
        f"tanh 200-200, 50 latents, {kind} with k = {k}",
        {**IWAE_SETTINGS, "objective": objective, "k": k},
        IWAE_PAPER,
        f"{nll} (-log p(x), 5,000 draws, dynamically binarised)",
        IWAE_REMARK
        + ("; the KL is computed in closed form" if (objective, k) == ("elbo", 1) else ""),
    )


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "default": Recipe(
            "small and fast: ReLU 400, 20 latents, ten epochs",
            {},
            "the defaults of npvae",
            "none",
        ),
        "pytorch-example": Recipe(
            "VAE of the PyTorch examples, on greyscale pixels",
            {
                "latent": 20,
                "binarize": "none",
                "init": "fan-in",
                "batch_size": 128,
                "epochs": 10,
                "validation": 0,
            },
            "github.com/pytorch/examples, vae, logged runs",
            "105.6 (-ELBO of greyscale pixels, where cross-entropy is not a likelihood)",
        ),
        "aevb": Recipe(
            "the first VAE: tanh 500, 20 latents, Adagrad",
            {
                "latent": 20,
                "hidden": (500,),
                "activation": "tanh",
                "batch_size": 100,
                "optimizer": "adagrad",
                "lr": 0.02,
                "epochs": 200,
            },
            "Kingma & Welling 2013, arXiv:1312.6114, section 5",
            "none: the paper shows curves only (figure 2)",
            "Glorot initialisation instead of N(0, 0.01); no weight decay; learning rate 0.02 of "
            "the paper's 0.01, 0.02 and 0.1; the paper does not say how pixels were binarised",
        ),
        "iwae-paper-vae-1": _of_iwae_paper("elbo", 1, 86.76),
        "iwae-paper-vae-5": _of_iwae_paper("elbo", 5, 86.47),
        "iwae-paper-vae-50": _of_iwae_paper("elbo", 50, 86.35),
        "iwae-paper-iwae-1": _of_iwae_paper("iwae", 1, 86.76),
        "iwae-paper-iwae-5": _of_iwae_paper("iwae", 5, 85.54),
        "iwae-paper-iwae-50": _of_iwae_paper("iwae", 50, 84.78),
        "dreg-50": Recipe(
            "IWAE with k = 50 and DReG gradients, 100 latents",
            {**IWAE_SETTINGS, "latent": 100, "objective": "dreg", "k": 50},
            "github.com/nbip/IWAE, README; Tucker et al. 2018, arXiv:1810.04152",
            "84.32 (-log p(x), 5,000 draws, dynamically binarised)",
            "the settings of iwae-paper-iwae-50 with the number of latents of the source, whose "
            "other settings differ in part (Adam's defaults, learning rates not rounded); it does "
            "not say which of them gave the figure",
        ),
        "gated": Recipe(
            "gated dense 300-300, 40 latents, KL warm-up, early stopping",
            {
                "latent": 40,
                "hidden": (300, 300),
                "activation": "gated",
                "init": "he",
                "logvar_range": (-6.0, 2.0),
                "warm_up": 100,
                "patience": 50,
                "epochs": 1000,
                "batch_size": 100,
                "lr": 5e-4,
                "validation": 10_000,
            },
            "Norouzi, Fleet & Norouzi 2020, arXiv:2004.04795, the VAE baseline",
            "84.45 +- 0.12 (-log p(x), 5,000 draws, dynamically binarised)",
        ),
        "conditional": Recipe(
            "conditional VAE: the label is an input, so you can ask for a digit",
            {"conditional": True, "latent": 10, "hidden": (400, 400), "epochs": 20},
            "Sohn, Lee & Yan 2015, with a dense network of another size",
            "none of this size; 82.32 (-log p(x | y), 5,000 draws) for 100 latents, 3,280 epochs "
            "and a prior that depends on the label, too: github.com/nbip/IWAE, README",
        ),
        "denoising": Recipe(
            "denoising autoencoder: 30 % of the input pixels are masked",
            {
                "model": "denoising",
                "corruption": "mask",
                "noise": 0.3,
                "latent": 30,
                "hidden": (500,),
                "binarize": "none",
                "epochs": 20,
            },
            "Vincent et al. 2008, doi:10.1145/1390156.1390294, with another bottleneck",
            "none: an autoencoder has no p(x)",
        ),
        "learned-sigma": Recipe(
            "Gaussian decoder with one learned sigma, on greyscale pixels",
            {"likelihood": "gaussian", "sigma": "learned", "epochs": 20},
            "Rybkin, Daniilidis & Levine 2021, arXiv:2006.13202, with a dense network",
            "none for a dense network on MNIST",
        ),
        "optimal-sigma": Recipe(
            "Gaussian decoder with sigma in closed form, the RMSE of a pixel",
            {"likelihood": "gaussian", "sigma": "optimal", "epochs": 20},
            "Rybkin, Daniilidis & Levine 2021, arXiv:2006.13202, with a dense network",
            "none for a dense network on MNIST",
        ),
    }
)


def recipe_flags(recipe: Recipe) -> str:
    """Return the flags of `npvae train` that are equivalent to a recipe."""
    return " ".join(flag(*setting) for setting in recipe.settings.items())


def find_recipe(name: str) -> Recipe:
    """Return the recipe with this name.

    Raises
    ------
    InputError : there is none; the message lists all names
    """
    if name not in RECIPES:
        raise InputError(f"unknown recipe {name!r:.60}; choose one of {', '.join(RECIPES)}")
    return RECIPES[name]
