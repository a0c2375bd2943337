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
    reached : the same figure as npvae has measured it after training with this recipe, or ""
    remark : where npvae differs from the source, or ""
    start : the recipe of a run that must be given to start from, or ""
    """

    what: str
    settings: Mapping[str, Any]
    source: str
    published: str
    reached: str = ""
    remark: str = ""
    start: str = ""


PROTOCOL = "-log p(x), 5,000 draws, dynamically binarised"
IWAE_PAPER = "Burda, Grosse & Salakhutdinov 2015, arXiv:1509.00519, table 1"
PUBLISHED_IWAE = {5: 85.54, 50: 84.78}  # -log p(x) in nats, by the number of draws
TANH = {"latent": 50, "hidden": (200, 200), "activation": "tanh", "validation": 400}
GATED = {
    "latent": 40,
    "hidden": (300, 300),
    "activation": "gated",
    "init": "he",
    "logvar_range": (-6.0, 2.0),
    "validation": 10_000,
}
OUR_SCHEDULE = {"batch_size": 100, "lr": 1e-3, "lr_schedule": "cosine"}
AFTER_ANOTHER = (
    "starts from the weights of another run instead of random ones, as an experiment of the IWAE "
    "paper does, and has another schedule"
)


def _of_iwae_paper(
    objective: str, k: int, epochs: int, start: str, reached: float, **settings: Any
) -> Recipe:
    """Return a recipe with the network of the paper and several draws, in our schedule."""
    iwae = objective == "iwae"
    name = "IWAE" if iwae else "DReG"
    bound = "" if iwae else "; of IWAE, which has the same bound and another gradient"
    return Recipe(
        f"tanh 200-200, 50 latents, {name} with k = {k}, for {epochs} epochs",
        {**TANH, **OUR_SCHEDULE, "objective": objective, "k": k, "epochs": epochs, **settings},
        IWAE_PAPER if iwae else f"Tucker et al. 2018, arXiv:1810.04152; figure: {IWAE_PAPER}",
        f"{PUBLISHED_IWAE[k]} ({PROTOCOL}{bound})",
        reached=f"{reached:.2f} with one seed; standard error over the test images 0.22",
        remark=AFTER_ANOTHER,
        start=start,
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
            remark="Glorot initialisation instead of N(0, 0.01); no weight decay; learning rate "
            "0.02 of the paper's 0.01, 0.02 and 0.1; the paper does not say how pixels "
            "were binarised",
        ),
        "iwae-paper": Recipe(
            "tanh 200-200, 50 latents, IWAE with k = 50, as in the paper",
            {
                **TANH,
                "objective": "iwae",
                "k": 50,
                "mean_bias": True,
                "batch_size": 20,
                "epochs": 3280,
                "lr": 1e-3,
                "lr_schedule": "stages",
                "adam_beta1": 0.99,
                "adam_eps": 1e-4 / 20,
            },
            f"{IWAE_PAPER} and its code",
            f"84.78 ({PROTOCOL}); 85.54 with --k 5, 86.76 with --objective elbo --k 1",
            remark="Adam's second moments start at zero instead of one; its eps of 1e-4 for the "
            "sum over a batch of 20 becomes 5e-6 for the mean; learning rates are not rounded",
        ),
        "tanh-vae": Recipe(
            "tanh 200-200, 50 latents, VAE",
            {**TANH, **OUR_SCHEDULE, "mean_bias": True, "warm_up": 50, "epochs": 1000},
            IWAE_PAPER,
            f"86.76 ({PROTOCOL})",
            reached="86.88 with one seed; standard error over the test images 0.23",
            remark="another schedule: batches of 100, Adam's usual beta1 and eps, a learning rate "
            "that falls as a cosine, a warm-up of beta; the KL is computed in closed form",
        ),
        "tanh-vae-longer": Recipe(
            "tanh 200-200, 50 latents, VAE, for another thousand epochs",
            {**TANH, **OUR_SCHEDULE, "epochs": 1000},
            IWAE_PAPER,
            f"86.76 ({PROTOCOL})",
            reached="86.28 with one seed; standard error over the test images 0.23",
            remark="as for tanh-vae, without a warm-up; the learning rate begins at its highest "
            "again",
            start="tanh-vae",
        ),
        "tanh-iwae-5": _of_iwae_paper("iwae", 5, 150, "tanh-vae-longer", 85.60),
        "tanh-iwae-5-longer": _of_iwae_paper("iwae", 5, 300, "tanh-iwae-5", 85.45),
        "tanh-dreg-5": _of_iwae_paper("dreg", 5, 150, "tanh-vae-longer", 85.51),
        "tanh-iwae-50": _of_iwae_paper(
            "iwae", 50, 70, "tanh-iwae-5-longer", 84.96, batch_size=20, lr=3e-4
        ),
        "tanh-iwae-50-longer": _of_iwae_paper(
            "iwae", 50, 150, "tanh-iwae-50", 84.92, batch_size=20, lr=5e-4
        ),
        "tanh-iwae-50-longest": _of_iwae_paper(
            "iwae", 50, 70, "tanh-iwae-50-longer", 84.85, batch_size=20, lr=2e-4
        ),
        "tanh-dreg-50": _of_iwae_paper(
            "dreg", 50, 150, "tanh-iwae-50", 84.78, batch_size=20, lr=5e-4
        ),
        "tanh-dreg-50-longer": _of_iwae_paper(
            "dreg", 50, 70, "tanh-dreg-50", 84.69, batch_size=20, lr=2e-4
        ),
        "gated": Recipe(
            "gated dense 300-300, 40 latents, KL warm-up",
            {**GATED, **OUR_SCHEDULE, "warm_up": 50, "epochs": 600, "patience": 600},
            "Norouzi, Fleet & Norouzi 2020, arXiv:2004.04795, the VAE baseline",
            f"84.45 +- 0.12 ({PROTOCOL})",
            reached="84.48 +- 0.13 over three seeds; standard error over the test images 0.22",
            remark="another schedule: Adam with a learning rate of 1e-3 that falls as a cosine, "
            "where the code of the source divides the gradient of each parameter by its norm first "
            "(AdamNormGrad); a warm-up of 50 instead of 100 epochs; 600 epochs, of which the best "
            "on the validation part is kept",
        ),
        "gated-longer": Recipe(
            "gated dense 300-300, 40 latents, for another 250 epochs",
            {**GATED, **OUR_SCHEDULE, "epochs": 250, "patience": 250},
            "Norouzi, Fleet & Norouzi 2020, arXiv:2004.04795, the VAE baseline",
            f"84.45 +- 0.12 ({PROTOCOL})",
            reached="84.26 +- 0.07 over three seeds; standard error over the test images 0.22",
            remark="as for gated, without a warm-up; the learning rate begins at its highest again",
            start="gated",
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


def settings_with_recipe(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given settings, completed by those of the recipe that they name.

    Raises
    ------
    InputError : there is no such recipe, or it needs a run to start from, and none is given
    """
    recipe = find_recipe(name := given["recipe"])
    if recipe.start and "start" not in given:
        raise InputError(
            f"--recipe {name} starts from the weights of another run; first run npvae train "
            f"--recipe {recipe.start} --out runs/{recipe.start}, then add --start "
            f"runs/{recipe.start}"
        )
    return {**recipe.settings, **given}
