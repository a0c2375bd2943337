"""From what was asked to settings that are complete and make sense, once the data are known."""

import os
from dataclasses import replace
from pathlib import Path

from npvae.datasets import NAMES, load_dataset
from npvae.datasets.dataset import Dataset, Split, chunks
from npvae.errors import InputError
from npvae.runs.settings import Settings

SIGMA = {"pixels": 0.1, "real": 0.5}
NOISE = {"mask": 0.3, "gaussian": 0.5}


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
    InputError : if the settings do not fit the data, or each other
    """
    settings = _resolve_likelihood(settings, dataset)
    _require_objective(settings)
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


def _resolve_likelihood(settings: Settings, dataset: Dataset) -> Settings:
    """Fill in likelihood, binarisation and sigma, where they fit the data."""
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
    if likelihood == "gaussian" and settings.binarize in ("dynamic", "threshold"):
        what = "is real-valued" if dataset.kind == "real" else "would be zeros and ones"
        raise InputError(
            f"--binarize {settings.binarize} is for pixels under the Bernoulli likelihood, and "
            f"with the Gaussian one {dataset.name} {what}; leave it out"
        )
    if likelihood == "bernoulli" and settings.sigma is not None:
        raise InputError(
            f"--sigma {settings.sigma} is for the Gaussian likelihood, and this one is Bernoulli; "
            "leave it out, or add --likelihood gaussian"
        )
    binarize = settings.binarize or ("dynamic" if likelihood == "bernoulli" else "none")
    sigma = settings.sigma
    if likelihood == "gaussian" and sigma is None:
        sigma = SIGMA[dataset.kind]
    return replace(settings, likelihood=likelihood, binarize=binarize, sigma=sigma)


def _require_objective(settings: Settings) -> None:
    """Refuse what the loss that was asked for does not have."""
    weighs = {
        f"--beta {settings.beta:g}": settings.beta != 1,
        f"--warm-up {settings.warm_up}": settings.warm_up > 0,
        f"--free-bits {settings.free_bits:g}": settings.free_bits > 0,
    }
    draws = {
        f"--objective {settings.objective}": settings.objective != "elbo",
        f"--k {settings.k}": settings.k > 1,
    }
    if settings.model != "vae":
        asked = {**weighs, **draws, "--logvar-range": settings.logvar_range is not None}
        for flag in (flag for flag, given in asked.items() if given):
            raise InputError(f"{flag} is for a VAE; a model {settings.model} has no q(z | x)")
    if settings.model != "denoising":
        noise = {"--corruption": settings.corruption, "--noise": settings.noise}
        for flag in (flag for flag, given in noise.items() if given is not None):
            raise InputError(f"{flag} is for --model denoising; leave it out, or add that")
    if settings.draws_several:
        several = " ".join(flag for flag, given in draws.items() if given)
        for flag in (flag for flag, given in weighs.items() if given):
            raise InputError(
                f"{flag} needs the KL as a term of its own, as only the ELBO of one draw has it; "
                f"with {several} it is part of each draw's weight: leave one of them out"
            )
        if settings.sigma == "optimal":
            raise InputError(
                "--sigma optimal is that of a batch with one draw for each example; with "
                f"{several} use --sigma learned"
            )
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


def _range(split: Split) -> tuple[float, float]:
    extremes = [(x.min(), x.max()) for x in map(split.take, chunks(len(split), split.x))]
    return float(min(low for low, _ in extremes)), float(max(high for _, high in extremes))
