"""What the pictures of a run show: test examples and what becomes of them, and samples."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npvae import figures
from npvae.arrays import Array, Seed
from npvae.autoencoder import DenoisingAutoencoder
from npvae.datasets.dataset import Dataset
from npvae.datasets.scaling import Scaling
from npvae.evaluation import condition, require_examples
from npvae.model_file import Model
from npvae.vae import VAE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLES = 64
MOST_COLUMNS = 16  # of a picture in which each label has its own


class Samples(NamedTuple):
    """Samples in rows, the label that each was given (or None), a title, and columns to show."""

    x: Array
    labels: Array | None
    title: str
    across: int | None


def show_reconstructions(
    model: Model, scaling: Scaling, dataset: Dataset, chosen: Any, rng: np.random.Generator
) -> "Figure":
    """Return a picture of test examples, spoiled as well if the model denoises, and its answers."""
    split, spoiled = dataset.test, None
    require_examples(model, split)
    x = scaling.encode(split.take(chosen), rng, model.params.dtype)
    (y,) = condition(model, split, chosen) or (None,)
    if isinstance(model, DenoisingAutoencoder):
        spoiled = model.corrupt(x, model.draw_noise(rng, len(x)))
    x_hat = model.reconstruct(x if spoiled is None else spoiled, y=y)
    how = "reconstructed from mu" if isinstance(model, VAE) else "reconstructed"
    return figures.reconstructions(
        x, x_hat, dataset.shape, list(dataset.columns), spoiled=spoiled, how=how
    )


def draw_samples(
    model: VAE,
    rng: Seed,
    n: int | None = None,
    label: int | None = None,
    *,
    draw: bool = False,
    names: Sequence[str] = (),
) -> Samples:
    """Return n samples; a conditional model goes through its labels.

    Parameters
    ----------
    n : how many; None for as many as make a good picture
    label : the one that a conditional model is given, or None for each in turn
    draw : whether x is drawn as well
    names : of the labels, for the title
    """
    what = "draws of x" if draw else "samples"
    if not model.n_y:
        n = n or SAMPLES
        title = f"{n} {what} from the prior"
        return Samples(model.sample(n, rng, draw=draw), None, title, None)
    n_y = model.n_y
    across: int | None = n_y * -(-8 // n_y)  # columns, a multiple of the labels
    if label is not None or n_y > MOST_COLUMNS:
        across = None
    if n is None:
        n = SAMPLES if across is None else across * across
    labels = np.arange(n) % n_y if label is None else np.full(n, label)
    named = list(names) if len(names) == n_y else [str(i) for i in range(n_y)]
    told = f"label {named[label]}" if label is not None else "each label in turn"
    if label is None and len(", ".join(named)) <= 40:
        told = f"{', '.join(named)} in turn"
    x = model.sample(n, rng, draw=draw, y=model.one_hot(labels))
    return Samples(x, labels, f"{n} {what} from the prior, given {told}", across)


def show_samples(samples: Samples, shape: tuple[int, ...], columns: list[str]) -> "Figure":
    """Return a picture of samples."""
    return figures.samples(samples.x, shape, columns, title=samples.title, across=samples.across)
