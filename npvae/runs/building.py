"""From what was asked to what trains: settings completed by the data, then all that they name."""

import os
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.datasets import NAMES, load_dataset
from npvae.datasets.dataset import Dataset, chunks
from npvae.datasets.preprocessing import Pixels, Scaling, moments_of, scaling_for
from npvae.errors import InputError
from npvae.iwae import IWAE
from npvae.likelihoods import LIKELIHOODS, Likelihood
from npvae.optimizers import OPTIMIZERS, Optimizer
from npvae.runs.model_file import Model
from npvae.runs.settings import NOISE, OPTIMIZER_NAMES, Settings, declared, flag
from npvae.schedules import Cosine, EarlyStopping, Stages, WarmUp
from npvae.vae import VAE

LEAST_UPDATES, LEAST_BATCH = 1000, 8  # unless something else is asked for
MOST_PARAMETERS = 1 << 30  # with gradient and Adam's averages they would take 16 GiB


def load_data(settings: Settings, *, progress: bool = True) -> Dataset:
    """Load the dataset that the settings name."""
    return load_dataset(
        settings.data,
        seed=settings.seed,
        validation=settings.validation,
        label_column=settings.label_column,
        progress=progress,
    )


# ---- settings, completed and checked -------------------------------------------------------------


def resolve(settings: Settings, dataset: Dataset) -> Settings:
    """Fill in what follows from the data and from other settings: the likelihood, for instance.

    A grey pixel can be read as the probability of being on; a colour or a real number cannot. The
    path of one's own data becomes absolute, so that the run is understood from any folder.

    Raises
    ------
    InputError : if the settings do not fit the data, or each other
    """
    settings = _resolve_sizes(_resolve_likelihood(settings, dataset), dataset)
    settings = replace(settings, lr=settings.rate)
    _require_meaningful(settings)
    _require_epochs(settings)
    if settings.conditional and dataset.train.labels is None:
        raise InputError(
            f"--conditional needs labels, and {dataset.name} has none; give data with labels (.npz "
            "with y, --label-column for a .csv, sub-folders of images), or leave it out"
        )
    if settings.patience is not None and len(dataset.validation) == 0:
        raise InputError(
            f"--patience {settings.patience} needs a validation part, and there is none; hold some "
            "examples out with --validation"
        )
    if settings.model == "denoising":
        corruption = settings.corruption or "mask"
        noise = NOISE[corruption] if settings.noise is None else settings.noise
        if corruption == "mask" and noise >= 1:
            raise InputError(
                f"--noise {noise:g} is the share of the numbers that are masked; give one below 1"
            )
        settings = replace(settings, corruption=corruption, noise=noise)
    data = settings.data
    if data not in NAMES:
        data = str(Path(os.path.expanduser(data)).resolve())
    return replace(settings, data=data)


def _resolve_sizes(settings: Settings, dataset: Dataset) -> Settings:
    """Fill in latents, batch size and epochs, so that a small table is trained, too."""
    n = len(dataset.train)
    batch_size = settings.batch_size or min(128, max(LEAST_BATCH, n // 10))
    return replace(
        settings,
        latent=settings.latent or min(20, max(2, dataset.n_x // 2)),
        batch_size=batch_size,
        epochs=settings.epochs or max(10, -(-LEAST_UPDATES // -(-n // batch_size))),
    )


def likelihood_class(settings: Settings) -> type[Likelihood]:
    """Return the likelihood that is named; before the data are known, the Bernoulli one."""
    return LIKELIHOODS[settings.likelihood or "bernoulli"]


def _resolve_likelihood(settings: Settings, dataset: Dataset) -> Settings:
    """Fill in likelihood, binarisation and sigma, where they fit the data."""
    grey = dataset.kind == "pixels" and len(dataset.shape) < 3
    settings = replace(
        settings, likelihood=settings.likelihood or ("bernoulli" if grey else "gaussian")
    )
    cls, name = likelihood_class(settings), settings.likelihood
    if cls.in_unit_interval and dataset.kind == "real":
        low, high = _range(dataset)
        if low < 0 or high > 1:
            raise InputError(
                f"--likelihood {name} takes data in [0, 1], and {dataset.name} goes from "
                f"{low:g} to {high:g}; use {_others('in_unit_interval', False)}"
            )
    if not cls.binary and settings.binarize in ("dynamic", "threshold"):
        is_real = "is real-valued" if dataset.kind == "real" else "would be zeros and ones"
        raise InputError(
            f"--binarize {settings.binarize} is for pixels under {_others('binary', True)}; with "
            f"--likelihood {name} {dataset.name} {is_real}: leave it out"
        )
    sigma = settings.sigma
    if sigma is not None and not cls.default_sigma:
        raise InputError(
            f"{flag('sigma', sigma)} is for a likelihood with a sigma, and {name} has none; leave "
            f"it out, or use {_others('default_sigma', True)}"
        )
    if isinstance(sigma, str) and sigma not in cls.sigmas:
        raise InputError(
            f"--sigma {sigma} is not a way that --likelihood {name} has; give a number, or use "
            f"{_others('sigmas', True)}"
        )
    if sigma is None and cls.default_sigma:
        sigma = cls.default_sigma[dataset.kind]
    binarize = settings.binarize or ("dynamic" if cls.binary else "none")
    return replace(settings, binarize=binarize, sigma=sigma)


def _others(attribute: str, has: bool) -> str:
    """Return "--likelihood a or b", those for which an attribute is set, or is not."""
    names = [name for name, cls in LIKELIHOODS.items() if bool(getattr(cls, attribute)) == has]
    return f"--likelihood {' or '.join(names)}"


def _range(dataset: Dataset) -> tuple[float, float]:
    """Return the least and the largest number of a dataset."""

    def extremes() -> Iterator[tuple[float, float]]:
        for part in (dataset.train, dataset.validation, dataset.test):
            for x in map(part.take, chunks(len(part), part.x)):
                yield float(x.min()), float(x.max())

    lows, highs = zip(*extremes(), strict=True)
    return min(lows), max(highs)


def _require_meaningful(settings: Settings) -> None:
    """Refuse a setting that is not for this model, or not for a loss of several draws."""
    changed = [one for one in fields(settings) if getattr(settings, one.name) != one.default]
    for one in changed:
        given = flag(one.name, getattr(settings, one.name))
        models = declared(one).models
        if settings.model not in models:
            raise InputError(
                f"{given} is for --model {' or '.join(models)}, and this is --model "
                f"{settings.model}; leave it out"
            )
    if not settings.draws_several:
        return
    names = {"objective", "k"}
    several = " ".join(
        flag(one.name, getattr(settings, one.name)) for one in changed if one.name in names
    )
    for one in changed:
        if declared(one).one_draw:
            raise InputError(
                f"{flag(one.name, getattr(settings, one.name))} needs the KL as a term of its own, "
                f"as only the ELBO of one draw has it; with {several} it is part of each draw's "
                "weight: leave one of them out"
            )
    cls = likelihood_class(settings)
    if settings.sigma is not None and cls.with_sigma(settings.sigma).closed_form:
        raise InputError(
            f"--sigma {settings.sigma} is that of a batch with one draw for each example; with "
            f"{several} give a number or another way to find sigma: {', '.join(cls.sigmas)}"
        )


def _require_epochs(settings: Settings) -> None:
    """Refuse a warm-up that leaves no epoch to what comes after it."""
    if settings.patience is not None and 0 < settings.epochs <= settings.warm_up:
        raise InputError(
            f"--patience {settings.patience} counts the epochs after the warm-up, and of "
            f"--epochs {settings.epochs} none is left after --warm-up {settings.warm_up}; train "
            "for longer, or leave --patience out"
        )
    if settings.warm_up > settings.epochs:
        raise InputError(
            f"--warm-up {settings.warm_up} is longer than the training, --epochs "
            f"{settings.epochs}, so that beta would never be reached; make the one shorter or the "
            "other longer"
        )


# ---- what trains ---------------------------------------------------------------------------------


def build_scaling(settings: Settings, dataset: Dataset) -> Scaling:
    """Return how the examples become x under settings that `resolve` has completed."""
    if likelihood_class(settings).in_unit_interval:
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
    if settings.mean_bias or isinstance(settings.sigma, str):
        mean, var = moments_of(dataset.train, build_scaling(settings, dataset))
        if settings.mean_bias:
            model.start_at(mean)
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
    kind = OPTIMIZERS[OPTIMIZER_NAMES[settings.optimizer]]
    options = {}
    if settings.optimizer == "adam":
        options = {"beta1": settings.adam_beta1, "eps": settings.adam_eps}
    return kind(settings.rate, **options)


def build_schedules(settings: Settings) -> dict[str, Any]:
    """Return what `fit` takes beside the model and the data: lr, beta and early_stopping."""
    lr = {
        "constant": None,
        "stages": Stages(settings.rate),
        "cosine": Cosine(settings.rate, settings.epochs),
    }[settings.lr_schedule]
    patience = settings.patience
    return {
        "lr": lr,
        "beta": WarmUp(settings.warm_up, settings.beta) if settings.warm_up else None,
        "early_stopping": EarlyStopping(patience, settings.warm_up) if patience else None,
    }
