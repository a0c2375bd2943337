"""What decides a training: the settings, and what follows from them once the data are known."""

from dataclasses import dataclass, replace

import numpy as np

from npvae.datasets import load_dataset
from npvae.datasets.dataset import Dataset, Split, chunks
from npvae.datasets.scaling import Binarize, Pixels, Scaling, scaling_for
from npvae.errors import InputError
from npvae.vae import VAE

SIGMA = {"pixels": 0.1, "real": 0.5}


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

    A grey pixel can be read as the probability of being on; a colour or a real number cannot.

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
    return replace(settings, likelihood=likelihood, binarize=binarize, sigma=sigma)


def scaling_of(settings: Settings, dataset: Dataset) -> Scaling:
    """Return how the examples become x under settings that `resolve` has completed."""
    if settings.likelihood == "bernoulli":
        return Pixels(settings.binarize or "dynamic")
    return scaling_for(dataset, settings.binarize or "none")


def build_model(settings: Settings, n_x: int, rng: np.random.Generator) -> VAE:
    """Return the untrained VAE of settings that `resolve` has completed."""
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
