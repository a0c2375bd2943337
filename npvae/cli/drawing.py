"""What the pictures of a run show: test examples and what becomes of them, and samples."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from npvae import figures
from npvae.arrays import Array, Seed
from npvae.autoencoder import DenoisingAutoencoder
from npvae.datasets.dataset import Split
from npvae.datasets.scaling import Scaling
from npvae.evaluation import condition, require_examples
from npvae.model_file import Model
from npvae.vae import VAE

SAMPLES = 64
MOST_COLUMNS = 16  # of a picture in which each label has its own


def reconstructed(
    model: Model, scaling: Scaling, split: Split, chosen: Any, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return examples as the model is given them (spoiled, if it denoises), and what it returns."""
    require_examples(model, split)
    x = scaling.encode(split.take(chosen), rng, model.params.dtype)
    (y,) = condition(model, split, chosen) or (None,)
    if isinstance(model, DenoisingAutoencoder):
        x = model.corrupt(x, model.draw_noise(rng, len(x)))
    return x, model.reconstruct(x, y=y)


def draw_samples(
    model: VAE,
    rng: Seed,
    n: int | None = None,
    label: int | None = None,
    *,
    draw: bool = False,
    names: Sequence[str] = (),
) -> tuple[Array, str]:
    """Return n samples, and a title for them; a conditional model goes through its labels.

    Parameters
    ----------
    n : how many; None for as many as make a good picture
    label : the one that a conditional model is given, or None for each in turn
    draw : whether x is drawn as well
    names : of the labels, for the title
    """
    if not model.n_y:
        n = n or SAMPLES
        return model.sample(n, rng, draw=draw), f"{n} samples from the prior"
    if n is None:
        side = model.n_y * -(-8 // model.n_y)  # columns, a multiple of the labels
        n = side * side if side <= MOST_COLUMNS and label is None else SAMPLES
    labels = np.arange(n) % model.n_y if label is None else np.full(n, label)
    told = "each label in turn"
    if label is not None:
        told = f"label {names[label] if label < len(names) else label}"
    x = model.sample(n, rng, draw=draw, y=model.one_hot(labels))
    return x, f"{n} samples from the prior, given {told}"


def sampled(model: VAE, rng: Seed, shape: tuple[int, ...], columns: list[str]) -> Any:
    """Return a picture of samples."""
    x, title = draw_samples(model, rng)
    return figures.samples(x, shape, columns, title=title)
