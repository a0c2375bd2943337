"""Complete the settings from the data, then build the model, optimiser and schedules from them."""

import os
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.datasets import NAMES, load_dataset
from npvae.datasets.dataset import Dataset, chunks
from npvae.datasets.preprocessing import OneHot, Pixels, Scaling, moments_of, scaling_for
from npvae.devices import CPU
from npvae.errors import InputError
from npvae.iwae import IWAE
from npvae.likelihoods import LIKELIHOODS, Likelihood
from npvae.optimizers import OPTIMIZERS, Optimizer
from npvae.parallel.processes import available_cores
from npvae.runs.model_file import Model
from npvae.runs.settings import NOISE, OPTIMIZER_NAMES, Settings, declared, flag
from npvae.schedules import Cosine, EarlyStopping, Stages, WarmUp
from npvae.vae import VAE

LEAST_UPDATES, LEAST_BATCH = 1000, 8  # of the default epochs and batch size
LEAST_WORK = 10_000_000  # weights times draws of a batch for which a process is worth its while
MOST_PARAMETERS = 1 << 30  # 16 GiB in float32, with the gradient and Adam's two averages


def load_data(settings: Settings, *, progress: bool = True) -> Dataset:
    """Load the dataset that the settings name."""
    return load_dataset(
        settings.data,
        seed=settings.seed,
        validation=settings.validation,
        label_column=settings.label_column,
        drop=settings.drop,
        missing=settings.missing,
        progress=progress,
    )


# ---- settings, completed and checked -------------------------------------------------------------


def resolve(settings: Settings, dataset: Dataset) -> Settings:
    """Return the settings with every default that depends on the data filled in.

    The default likelihood is Bernoulli for greyscale pixels, which can be read as the probability
    of being on, categorical for tunes and for tables of text alone, mixed for tables of numbers and
    text, and Gaussian for colours and real numbers. The path of your own data becomes absolute, so
    that the run can be used from any working directory.

    Raises
    ------
    InputError : if the settings do not fit the data or each other
    """
    settings = _resolve_sizes(_resolve_likelihood(settings, dataset), dataset)
    settings = replace(settings, lr=settings.rate, workers=_workers(settings, dataset))
    _require_meaningful(settings, dataset)
    _require_epochs(settings)
    if settings.conditional and dataset.train.labels is None:
        raise InputError(
            f"--conditional needs labels, but {dataset.name} has none; use data with labels (an "
            ".npz file with an array y, a table and --label-column, or sub-folders of images), "
            "or leave --conditional out"
        )
    if settings.patience is not None and len(dataset.validation) == 0:
        raise InputError(
            f"--patience {settings.patience} needs a validation part, but there is none; hold "
            "some examples out with --validation N"
        )
    if settings.model == "denoising":
        corruption = settings.corruption or "mask"
        noise = NOISE[corruption] if settings.noise is None else settings.noise
        if corruption == "mask" and noise >= 1:
            raise InputError(
                f"--noise is {noise:g}, but it is the share of the input that is masked; choose a "
                "number below 1"
            )
        settings = replace(settings, corruption=corruption, noise=noise)
    data = settings.data
    if data not in NAMES:
        data = str(Path(os.path.expanduser(data)).resolve())
    return replace(settings, data=data)


def _resolve_sizes(settings: Settings, dataset: Dataset) -> Settings:
    """Fill in latents, batch size and epochs so that small tables train well, too."""
    n = len(dataset.train)
    batch_size = settings.batch_size or min(128, max(LEAST_BATCH, n // 10))
    return replace(
        settings,
        latent=settings.latent or min(20, max(2, dataset.n_x // 2)),
        batch_size=batch_size,
        epochs=settings.epochs or max(10, -(-LEAST_UPDATES // -(-n // batch_size))),
    )


def _workers(settings: Settings, dataset: Dataset) -> int:
    """Return the number of processes: as many as there are cores, if a step has work for them."""
    if settings.workers is not None:
        if settings.workers > 1 and settings.device != CPU.name:
            raise InputError(
                f"{flag('workers', settings.workers)} needs --device {CPU.name}, because several "
                "processes cannot share a GPU here; leave one of them out"
            )
        return settings.workers
    sizes = [dataset.n_x, *settings.hidden, settings.latent]
    weights = 2 * sum(a * b for a, b in pairwise(sizes))  # of encoder and decoder
    work = weights * settings.batch_size * settings.k
    return max(1, min(available_cores() if settings.device == CPU.name else 1, work // LEAST_WORK))


def likelihood_class(settings: Settings) -> type[Likelihood]:
    """Return the class of the likelihood; Bernoulli as long as the settings name none."""
    return LIKELIHOODS[settings.likelihood or "bernoulli"]


def _resolve_likelihood(settings: Settings, dataset: Dataset) -> Settings:
    """Fill in likelihood, binarisation and sigma, and refuse those that do not fit the data."""
    settings = replace(settings, likelihood=settings.likelihood or _usual_likelihood(dataset))
    cls, name = likelihood_class(settings), settings.likelihood
    if cls.grouped:
        _require_groups(str(name), dataset)
    if cls.in_unit_interval and dataset.kind == "real":
        low, high = _range(dataset)
        if low < 0 or high > 1:
            raise InputError(
                f"--likelihood {name} needs data in [0, 1], but {dataset.name} has numbers from "
                f"{low:g} to {high:g}; use {_others('in_unit_interval', False)}"
            )
    if not cls.binary and settings.binarize in ("dynamic", "threshold"):
        raise InputError(
            f"--binarize {settings.binarize} makes pixels binary, which needs "
            f"{_others('binary', True)}, but {dataset.name} is trained with --likelihood {name}; "
            "leave --binarize out"
        )
    sigma = settings.sigma
    if sigma is not None and not cls.default_sigma:
        raise InputError(
            f"{flag('sigma', sigma)} needs a likelihood with a standard deviation, but {name} has "
            f"none; leave --sigma out, or use {_others('default_sigma', True)}"
        )
    if isinstance(sigma, str) and sigma not in cls.sigmas:
        raise InputError(
            f"--sigma {sigma} is not available with --likelihood {name}; give a number, or use "
            f"{_others('sigmas', True)}"
        )
    if sigma is None and cls.default_sigma:
        sigma = cls.default_sigma["pixels" if dataset.kind == "pixels" else "real"]
    binarize = settings.binarize or ("dynamic" if cls.binary else "none")
    return replace(settings, binarize=binarize, sigma=sigma)


def _usual_likelihood(dataset: Dataset) -> str:
    """Return the name of the likelihood that fits the data."""
    if dataset.groups:
        return "categorical" if all(dataset.groups) else "mixed"
    grey = dataset.kind == "pixels" and len(dataset.shape) < 3
    return "bernoulli" if grey else "gaussian"


def _require_groups(name: str, dataset: Dataset) -> None:
    """Refuse a likelihood of one-hot groups for data that have none, or have other ones."""
    usual = _usual_likelihood(dataset)
    if name == usual:
        return
    needs, found = {
        "categorical": ("data that consist of categories", "numbers"),
        "mixed": ("a table of numbers and text", "no numbers" if dataset.groups else "no text"),
    }[name]
    advice = ", or leave the numbers out with --drop COLUMN,..." if usual == "mixed" else ""
    raise InputError(
        f"--likelihood {name} needs {needs}, but {dataset.name} has {found}; use --likelihood "
        f"{usual}{advice}"
    )


def _others(attribute: str, has: bool) -> str:
    """Return "--likelihood a or b": the likelihoods that have an attribute, or do not have it."""
    names = [name for name, cls in LIKELIHOODS.items() if bool(getattr(cls, attribute)) == has]
    return f"--likelihood {' or '.join(names)}"


def _range(dataset: Dataset) -> tuple[float, float]:
    """Return the smallest and the largest number of a dataset."""

    def extremes() -> Iterator[tuple[float, float]]:
        for part in (dataset.train, dataset.validation, dataset.test):
            for x in map(part.take, chunks(len(part), part.x)):
                yield float(x.min()), float(x.max())

    lows, highs = zip(*extremes(), strict=True)
    return min(lows), max(highs)


def _require_meaningful(settings: Settings, dataset: Dataset) -> None:
    """Refuse settings that have no effect on this model, or on a loss of several draws."""
    changed = [one for one in fields(settings) if getattr(settings, one.name) != one.default]
    for one in changed:
        given = flag(one.name, getattr(settings, one.name))
        models = declared(one).models
        if settings.model not in models:
            raise InputError(
                f"{given} has no effect with --model {settings.model}; leave it out, or use "
                f"--model {' or '.join(models)}"
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
                f"{flag(one.name, getattr(settings, one.name))} and {several} exclude each other, "
                "because only the ELBO with one draw has the KL as a separate term; leave one of "
                "them out"
            )
    if settings.sigma is None:
        return
    cls, groups = likelihood_class(settings), _groups(settings, dataset)
    if cls.with_options(settings.sigma, groups).closed_form:
        others = [how for how in cls.sigmas if not cls.with_options(how, groups).closed_form]
        raise InputError(
            f"--sigma {settings.sigma} is computed from one draw for each example, so it cannot be "
            f"combined with {several}; give {' or '.join(['a number', *others])}"
        )


def _require_epochs(settings: Settings) -> None:
    """Refuse a warm-up that takes all of the epochs."""
    if settings.patience is not None and 0 < settings.epochs <= settings.warm_up:
        raise InputError(
            f"--patience {settings.patience} counts the epochs after the warm-up, but --warm-up "
            f"{settings.warm_up} leaves none of the {settings.epochs} epochs (--epochs "
            f"{settings.epochs}); increase --epochs, or leave --patience out"
        )
    if settings.warm_up > settings.epochs:
        raise InputError(
            f"--warm-up {settings.warm_up} is longer than the training (--epochs "
            f"{settings.epochs}), so beta would never reach its value; decrease --warm-up or "
            "increase --epochs"
        )


# ---- what trains ---------------------------------------------------------------------------------


def build_scaling(settings: Settings, dataset: Dataset) -> Scaling:
    """Return the scaling of the examples, for settings that `resolve` has completed."""
    cls = likelihood_class(settings)
    if cls.in_unit_interval and dataset.kind != "notes":
        return Pixels(settings.binarize or "dynamic")
    one_hot: OneHot = "keep" if cls.grouped else "standardize"
    return scaling_for(dataset, settings.binarize or "none", one_hot=one_hot)


def build_model(
    settings: Settings,
    dataset: Dataset,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> Model:
    """Return the untrained model, for settings that `resolve` has completed.

    Raises
    ------
    InputError : if it would have more than about a billion parameters
    """
    n_y = condition_size(settings, dataset)
    sizes = [dataset.n_x + n_y, *settings.hidden, 2 * settings.latent]
    if (least := 2 * sum(a * b for a, b in pairwise(sizes))) > MOST_PARAMETERS:
        raise InputError(
            f"a model with layers of the sizes {sizes!s:.60} would have about {least:.1e} "
            "parameters; choose smaller --hidden or --latent"
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
        groups=_groups(settings, dataset),
        init=settings.init,
        logvar_range=settings.logvar_range,
        seed=rng,
        dtype=dtype,
        device=settings.device,
        **options,
    )
    if settings.mean_bias or isinstance(settings.sigma, str):
        mean, var = moments_of(dataset.train, build_scaling(settings, dataset))
        if settings.mean_bias:
            model.start_at(mean)
        model.likelihood.start_at_variance(var)
    return model


def _groups(settings: Settings, dataset: Dataset) -> tuple[int, ...]:
    """Return the groups of the data, if the likelihood needs them."""
    return dataset.groups if likelihood_class(settings).grouped else ()


def condition_size(settings: Settings, dataset: Dataset) -> int:
    """Return the length of the one-hot label of a conditional model; 0 for every other model."""
    return len(dataset.classes) if settings.conditional else 0


def model_kind(settings: Settings) -> tuple[type[Autoencoder] | type[VAE], dict[str, Any]]:
    """Return the class of the model, and the arguments it takes in addition to the networks."""
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
    """Return a new optimiser."""
    kind = OPTIMIZERS[OPTIMIZER_NAMES[settings.optimizer]]
    options = {}
    if settings.optimizer == "adam":
        options = {"beta1": settings.adam_beta1, "eps": settings.adam_eps}
    return kind(settings.rate, **options)


def build_schedules(settings: Settings) -> dict[str, Any]:
    """Return the schedules as keyword arguments of `fit`: lr, beta and early_stopping."""
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
