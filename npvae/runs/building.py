"""From complete settings to what trains: the scaling, the model, the optimiser, the schedules."""

from itertools import pairwise
from typing import Any

import numpy as np

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.datasets.dataset import Dataset
from npvae.datasets.preprocessing import Pixels, Scaling, moments_of, scaling_for
from npvae.errors import InputError
from npvae.iwae import IWAE
from npvae.likelihoods import SIGMAS, LearnedGaussian
from npvae.optimizers import OPTIMIZERS, Optimizer
from npvae.runs.model_file import Model
from npvae.runs.settings import Settings
from npvae.schedules import Cosine, EarlyStopping, Stages, WarmUp
from npvae.vae import VAE

MOST_PARAMETERS = 1 << 30  # with gradient and Adam's averages they would take 16 GiB


def build_scaling(settings: Settings, dataset: Dataset) -> Scaling:
    """Return how the examples become x under settings that `resolve` has completed."""
    if settings.likelihood == "bernoulli":
        return Pixels(settings.binarize or "dynamic")
    return scaling_for(dataset, settings.binarize or "none")


def build_model(settings: Settings, dataset: Dataset, rng: np.random.Generator) -> Model:
    """Return the untrained model of settings that `resolve` has completed.

    Raises
    ------
    InputError : if it would not fit into any usual memory
    """
    n_y = condition_size(settings, dataset)
    sizes = [dataset.n_x + n_y, *settings.hidden, 2 * settings.latent]
    if (least := 2 * sum(a * b for a, b in pairwise(sizes))) > MOST_PARAMETERS:
        raise InputError(
            f"a model of these sizes, {sizes!s:.60}, has about {least:.1e} parameters; choose "
            "smaller --hidden or --latent"
        )
    kind, options = model_kind(settings)
    model = kind.dense(
        n_x=dataset.n_x,
        n_h=settings.hidden,
        n_z=settings.latent,
        n_y=n_y,
        activation=settings.activation,
        likelihood=settings.likelihood or "bernoulli",
        sigma=1.0 if settings.sigma is None else settings.sigma,
        init=settings.init,
        logvar_range=settings.logvar_range,
        seed=rng,
        device=settings.device,
        **options,
    )
    if settings.mean_bias or settings.sigma in SIGMAS:
        mean, var = moments_of(dataset.train, build_scaling(settings, dataset))
        if settings.mean_bias:
            model.start_at(mean)
        if isinstance(model.likelihood, LearnedGaussian):
            model.likelihood.start_at(var)
    return model


def condition_size(settings: Settings, dataset: Dataset) -> int:
    """Return how many numbers the model is told beside x: one for each label, or none."""
    return len(dataset.classes) if settings.conditional else 0


def model_kind(settings: Settings) -> tuple[type[Autoencoder] | type[VAE], dict[str, Any]]:
    """Return the class, and what it takes beside the networks."""
    if settings.model == "autoencoder":
        return Autoencoder, {}
    if settings.model == "denoising":
        return DenoisingAutoencoder, {
            "corruption": settings.corruption,
            "amount": settings.noise,
        }
    if settings.draws_several:
        return IWAE, {"k": settings.k, "objective": settings.objective}
    return VAE, {"beta": settings.beta, "free_bits": settings.free_bits}


def build_optimizer(settings: Settings) -> Optimizer:
    """Return the optimiser before its first step."""
    kind = {name.lower(): kind for name, kind in OPTIMIZERS.items()}[settings.optimizer]
    options = {}
    if settings.optimizer == "adam":
        options = {"beta1": settings.adam_beta1, "eps": settings.adam_eps}
    return kind(settings.lr, **options)


def build_schedules(settings: Settings) -> dict[str, Any]:
    """Return what `fit` takes beside the model and the data: lr, beta and early_stopping."""
    lr = {
        "constant": None,
        "stages": Stages(settings.lr),
        "cosine": Cosine(settings.lr, settings.epochs),
    }[settings.lr_schedule]
    patience = settings.patience
    return {
        "lr": lr,
        "beta": WarmUp(settings.warm_up, settings.beta) if settings.warm_up else None,
        "early_stopping": EarlyStopping(patience, settings.warm_up) if patience else None,
    }
