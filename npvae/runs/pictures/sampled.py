"""Samples from the prior of a run: as a picture, an array or a table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from npvae import figures
from npvae.datasets.preprocessing import Scaling
from npvae.encoder_decoder import condition
from npvae.errors import InputError
from npvae.evaluation.fine_print import counted
from npvae.evaluation.latent_space import encode_split
from npvae.figures import Form
from npvae.gaussian import reparameterize
from npvae.parameters import Array, Seed
from npvae.runs.model_file import SavedModel
from npvae.runs.pictures.trained_run import Trained, as_shown
from npvae.runs.selection import Selection
from npvae.vae import VAE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SAMPLES = 64
MOST_COLUMNS = 16  # of more labels, each has no column of its own in the picture


def samples(run: Trained, *, ax: "Axes | None" = None) -> "Axes":
    """Draw samples from the prior."""
    if not isinstance(run.model, VAE):
        raise InputError("an autoencoder has no prior to sample from")
    classes = run.classes if run.model.n_y else ()
    made = draw_samples(run.model, run.seed, names=classes)
    made = made._replace(told=made.told + run.told_greys)
    return show_samples(made, run.scaling, run.form, classes, ax=ax)


class Samples(NamedTuple):
    """What a model has made.

    Attributes
    ----------
    x : (N, n_x) array, on the host
    labels : (N,) the numbers of their labels, or None
    told : a title
    across : the number of images in a row, or None
    rows : (N,) where the example that each was made of is in its data, or None
    """

    x: Array
    labels: Array | None
    told: str
    across: int | None
    rows: Array | None = None


def draw_samples(
    model: VAE,
    rng: Seed,
    n: int | None = None,
    label: int | None = None,
    *,
    draw: bool = False,
    names: Sequence[str] = (),
) -> Samples:
    """Return n samples; a conditional model is given each of its labels in turn.

    Parameters
    ----------
    n : how many, or None for as many as fit the picture
    label : the label that a conditional model is given, or None for each in turn
    draw : whether x is drawn from p(x | z), or is its mean
    names : of the labels, for the title
    """
    to_host = model.params.device.to_host
    if not model.n_y:
        n = n or SAMPLES
        return Samples(to_host(model.sample(n, rng, draw=draw)), None, _told(n, draw), None)
    n_y = model.n_y
    across: int | None = n_y * -(-8 // n_y)  # columns, a multiple of the labels
    if label is not None or n_y > MOST_COLUMNS:
        across = None
    if n is None:
        n = SAMPLES if across is None else across * across
    labels = np.arange(n) % n_y if label is None else np.full(n, label)
    named = list(names) if len(names) == n_y else [str(i) for i in range(n_y)]
    given = "each label in turn" if n >= n_y else f"the first {n} of {n_y} labels"
    if label is not None:
        given = f"label {named[label]}"
    x = model.sample(n, rng, draw=draw, y=model.one_hot(labels))
    return Samples(to_host(x), labels, _told(n, draw, f", given {given}"), across)


def draw_variations(
    saved: SavedModel,
    examples: Selection,
    seed: int,
    n: int | None = None,
    *,
    draw: bool = False,
) -> Samples:
    """Return n variations of examples, each in turn: z is drawn from q(z | x), not from the prior.

    Parameters
    ----------
    saved : a VAE; a conditional one is given the label of the example
    examples : to vary; the first n are used
    seed : seeds the draws, and the pixels of the examples
    n : how many, or None for as many as fit the picture
    draw : whether x is drawn from p(x | z), or is its mean
    """
    model, device = saved.model, saved.model.params.device
    n = n or SAMPLES
    some = examples.split.only(slice(0, n))
    codes = encode_split(model, some, saved.scaling, seed=seed)
    if codes.logvar is None:
        raise InputError("an autoencoder has no q(z | x) to draw from")
    turn = np.arange(n) % len(some)
    mu, logvar = device.asarray(codes.mu[turn]), device.asarray(codes.logvar[turn])
    rng = device.generator(seed)
    eps = rng.standard_normal(size=mu.shape, dtype=model.params.dtype.type)
    y = condition(model, some, turn)
    outputs = model.decoder.forward(
        model.beside(reparameterize(mu, logvar, eps), y[0] if y else None)
    )
    x = model.likelihood.draw(outputs, rng) if draw else model.likelihood.mean(outputs)
    how = "x drawn from" if draw else "means of"
    told = f"{counted(n, 'variation')} of examples of {examples.words}: z drawn from q(z | x)"
    labels = None if codes.labels is None else codes.labels[turn]
    told = f"{told}, decoded ({how} p(x | z))"
    return Samples(device.to_host(x), labels, told, None, some.rows[turn])


def _told(n: int, draw: bool, given: str = "") -> str:
    """Return the title of n samples."""
    codes = "a random code" if n == 1 else "random codes"
    how = "x drawn from" if draw else "means of"
    return f"{counted(n, 'new example')}: {codes} from the prior, decoded{given} ({how} p(x | z))"


def show_samples(
    made: Samples,
    scaling: Scaling,
    form: Form,
    classes: Sequence[str] = (),
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw samples that `draw_samples` returned.

    Parameters
    ----------
    scaling : of the model
    form : of one example
    classes : names of the labels
    ax : where to draw; by default a new figure
    """
    return figures.samples(
        as_shown(made.x, scaling, form),
        form,
        labels=made.labels,
        classes=classes,
        across=made.across,
        told=made.told,
        ax=ax,
    )
