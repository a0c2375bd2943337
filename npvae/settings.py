"""What decides a training: the settings, and what follows from them once the data are known."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from npvae.datasets import NAMES, load_dataset
from npvae.datasets.dataset import Dataset, Split, chunks
from npvae.datasets.scaling import Binarize, Pixels, Scaling, scaling_for
from npvae.errors import InputError
from npvae.layers import ACTIVATIONS, INITIALIZERS
from npvae.vae import VAE

SIGMA = {"pixels": 0.1, "real": 0.5}
MOST = (1 << 63) - 1  # of a whole number
MOST_LAYERS = 100
MOST_PARAMETERS = 1 << 30  # with gradient and Adam's averages they would take 16 GiB


def _whole(value: Any, least: int) -> bool:
    return type(value) is int and least <= value <= MOST


def _real(value: Any) -> bool:
    return (type(value) is float and isfinite(value)) or _whole(value, -MOST)


def _one_of(names: Any) -> tuple[Callable[[Any], bool], str]:
    return lambda value: isinstance(value, str) and value in names, f"one of {', '.join(names)}"


AT_LEAST_1 = (lambda value: _whole(value, 1), "a whole number, at least 1")
AT_LEAST_0 = (lambda value: _whole(value, 0), "a whole number, at least 0")
POSITIVE = (lambda value: _real(value) and value > 0, "a number above 0")
TEXT = (lambda value: isinstance(value, str), "text")
EXPECTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "data": TEXT,
    "label_column": TEXT,
    "validation": AT_LEAST_0,
    "latent": AT_LEAST_1,
    "hidden": (
        lambda value: (
            isinstance(value, tuple)
            and len(value) <= MOST_LAYERS
            and all(_whole(size, 1) for size in value)
        ),
        f"sizes such as (400,) or (500, 300), {MOST_LAYERS} at most",
    ),
    "activation": _one_of(ACTIVATIONS),
    "init": _one_of(INITIALIZERS),
    "likelihood": _one_of(("bernoulli", "gaussian")),
    "binarize": _one_of(("dynamic", "threshold", "none")),
    "sigma": POSITIVE,
    "beta": (lambda value: _real(value) and value >= 0, "a number, at least 0"),
    "epochs": AT_LEAST_1,
    "batch_size": AT_LEAST_1,
    "lr": POSITIVE,
    "seed": AT_LEAST_0,
}


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a training does, as `npvae train` takes it.

    Attributes
    ----------
    data : a name or a path, as for `load_dataset`
    label_column : of a .csv
    validation : training examples held out; None leaves it to the dataset
    latent, hidden : latents; sizes of the hidden layers
    activation, init : names in `layers.ACTIVATIONS` and `layers.INITIALIZERS`
    likelihood, binarize, sigma : None until `resolve` has seen the data
    beta : weight of the KL
    epochs, batch_size, lr : of the training, with Adam
    seed : of everything random
    """

    data: str
    label_column: str | None = None
    validation: int | None = None
    latent: int = 20
    hidden: tuple[int, ...] = (400,)
    activation: str = "relu"
    init: str = "glorot"
    likelihood: str | None = None
    binarize: Binarize | None = None
    sigma: float | None = None
    beta: float = 1.0
    epochs: int = 10
    batch_size: int = 128
    lr: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, (fits, expected) = getattr(self, field.name), EXPECTED[field.name]
            if not (fits(value) or (value is None and field.default is None)):
                raise InputError(f"{field.name} is {value!r:.60}, expected {expected}")

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON knows them; `from_json` is the way back."""
        return asdict(self) | {"hidden": list(self.hidden)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Settings":
        """Return settings that were stored whole.

        Raises
        ------
        InputError : a setting is missing, unknown, or of another kind
        """
        names = {field.name for field in fields(cls)}
        if set(stored) != names:
            odd = ", ".join(sorted(set(stored) ^ names))
            raise InputError(f"these settings are missing or unknown: {odd:.200}")
        hidden = stored["hidden"]
        return cls(**{**stored, "hidden": tuple(hidden) if isinstance(hidden, list) else hidden})


def load_data(settings: Settings) -> Dataset:
    """Load the dataset that the settings name."""
    return load_dataset(
        settings.data,
        seed=settings.seed,
        validation=settings.validation,
        label_column=settings.label_column,
    )


def resolve(settings: Settings, dataset: Dataset) -> Settings:
    """Fill in what follows from the data: Bernoulli for grey pixels, Gaussian for all else.

    The path of one's own data becomes absolute, so that the run is understood from any folder. A
    grey pixel can be read as the probability of being on; a colour or a real number cannot.

    Raises
    ------
    InputError : if the likelihood or the binarisation that was asked for does not fit the data
    """
    grey = dataset.kind == "pixels" and len(dataset.shape) < 3
    likelihood = settings.likelihood or ("bernoulli" if grey else "gaussian")
    if likelihood == "bernoulli" and dataset.kind == "real":
        parts = [part for part in (dataset.train, dataset.validation, dataset.test) if len(part)]
        low = min(_range(part)[0] for part in parts)
        high = max(_range(part)[1] for part in parts)
        if low < 0 or high > 1:
            raise InputError(
                f"the Bernoulli likelihood takes data in [0, 1], and {dataset.name} goes from "
                f"{low:g} to {high:g}; use --likelihood gaussian"
            )
    binarizes = settings.binarize in ("dynamic", "threshold")
    if likelihood == "gaussian" and dataset.kind == "real" and binarizes:
        raise InputError(
            f"--binarize {settings.binarize} is for pixels, and {dataset.name} is real-valued; "
            "leave it away"
        )
    if likelihood == "bernoulli" and settings.sigma is not None:
        raise InputError(
            f"--sigma {settings.sigma:g} is for the Gaussian likelihood, and this one is "
            "Bernoulli; leave it away, or add --likelihood gaussian"
        )
    binarize = settings.binarize or ("dynamic" if likelihood == "bernoulli" else "none")
    sigma = settings.sigma
    if likelihood == "gaussian" and sigma is None:
        sigma = SIGMA[dataset.kind]
    data = settings.data
    if data not in NAMES:
        data = str(Path(os.path.expanduser(data)).resolve())
    return replace(settings, data=data, likelihood=likelihood, binarize=binarize, sigma=sigma)


def scaling_of(settings: Settings, dataset: Dataset) -> Scaling:
    """Return how the examples become x under settings that `resolve` has completed."""
    if settings.likelihood == "bernoulli":
        return Pixels(settings.binarize or "dynamic")
    return scaling_for(dataset, settings.binarize or "none")


def build_model(settings: Settings, n_x: int, rng: np.random.Generator) -> VAE:
    """Return the untrained VAE of settings that `resolve` has completed.

    Raises
    ------
    InputError : if it would not fit into any usual memory
    """
    sizes = [n_x, *settings.hidden, 2 * settings.latent]
    if (least := 2 * sum(a * b for a, b in pairwise(sizes))) > MOST_PARAMETERS:
        raise InputError(
            f"a model of these sizes, {sizes!s:.60}, has about {least:.1e} parameters; choose "
            "smaller --hidden or --latent"
        )
    return VAE.dense(
        n_x=n_x,
        n_h=settings.hidden,
        n_z=settings.latent,
        activation=settings.activation,
        likelihood=settings.likelihood or "bernoulli",
        sigma=1.0 if settings.sigma is None else settings.sigma,
        beta=settings.beta,
        init=settings.init,
        seed=rng,
    )


def _range(split: Split) -> tuple[float, float]:
    extremes = [(x.min(), x.max()) for x in map(split.take, chunks(len(split), split.x))]
    return float(min(low for low, _ in extremes)), float(max(high for _, high in extremes))
