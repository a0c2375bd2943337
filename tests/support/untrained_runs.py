"""What the tests of pictures share: runs put together by hand, and pictures that are not drawn."""

import numpy as np

from npvae import VAE, Dataset, Split, figures, scaling_for
from npvae.runs.model_file import SavedModel
from npvae.runs.pictures import Trained

BYTES = {"grey": (4, 5), "colour": (4, 5, 3), "one channel": (4, 5, 1), "bytes": (6,)}
REAL = {"heights": (4, 5), "real colour": (2, 3, 3), "table": (4,), "arrays": (2, 3, 4)}
SHAPES = BYTES | REAL
NAMES = ("cat", "dog", "emu")
HISTORY = {
    "epoch": [1.0, 2.0, 3.0],
    "train_loss": [9.0, 8.0, 7.0],
    "train_elbo": [-9.0, -8.0, -7.0],
    "train_reconstruction": [8.0, 6.5, 5.0],
    "train_kl": [1.0, 1.5, 2.0],
}
VALIDATION = {
    "validation_elbo": [-9.5, -8.5, -8.6],
    "validation_bound": [-9.5, -8.5, -8.6],
    "validation_reconstruction": [8.5, 7.0, 6.6],
    "validation_kl": [1.0, 1.5, 2.0],
    "validation_active_units": [1.0, 2.0, 2.0],
}


def save_form(form, n, rng):
    """Return n examples as they are stored: bytes, or columns about 100 of several widths."""
    n_x = int(np.prod(SHAPES[form]))
    if form in BYTES:
        return rng.integers(0, 256, (n, n_x), dtype=np.uint8)
    return rng.normal(100, 1 + np.arange(n_x), (n, n_x))


def make_run(
    model=VAE,
    form="grey",
    n_z=2,
    *,
    n=12,
    labels=None,
    classes=NAMES,
    binarize="threshold",
    history=HISTORY | VALIDATION,
    best=None,
    seed=0,
    **options,
):
    """Return a model that was not trained, with test examples of its own.

    Parameters
    ----------
    form : a key of SHAPES
    labels : of the test examples; "in turn" for 0, 1, 2, 0 ...
    options : of the model
    """
    x = save_form(form, n, np.random.default_rng(1))
    if isinstance(labels, str):
        labels = np.arange(n) % 3
    part = Split(x, np.arange(n), labels)
    kind = "pixels" if form in BYTES else "real"
    names = () if labels is None else classes
    dataset = Dataset("own", part, part, part, SHAPES[form], kind, "here", names)
    options = {"likelihood": "bernoulli" if form in BYTES else "gaussian"} | options
    made = model.dense(x.shape[1], 5, n_z, activation="tanh", **options)
    saved = SavedModel(made, scaling_for(dataset, binarize), dataset.shape)
    return Trained(saved, dataset, history, best=best, seed=seed)


def x_of(run, chosen):
    """Return test examples as the model takes them; nothing is drawn."""
    rows = run.dataset.test.take(chosen)
    return run.scaling.encode(rows, np.random.default_rng(0), np.float32)


def greys(run):
    """Return what a title says of real images: two standard deviations beyond the means."""
    stored = run.dataset.train.x
    mean, std = stored.mean(axis=0), stored.std(axis=0)
    return f"; black is {min(mean - 2 * std):.3g}, white {max(mean + 2 * std):.3g}"


def by_the_seed(run, n):
    """Return the numbers of the test examples that pictures show: the first of a permutation."""
    return np.random.default_rng(run.seed).permutation(len(run.dataset.test))[:n]


def catch(patch):
    """Return where the arguments of every picture will be, (given, named), by its function."""
    seen = {}
    for name in (
        *("samples", "reconstructions", "history", "latent_scatter", "manifold"),
        *("interpolation", "traversals", "kl_per_latent", "rate_distortion", "comparison"),
    ):

        def note(*given, name=name, **named):
            seen[name] = given, named

        patch.setattr(figures, name, note)
    return seen


def conditional(**options):
    return make_run(labels="in turn", n_y=3, **options)


def mu_of(run, chosen):
    """The codes of test examples, by the model itself, each told its label."""
    y = () if not run.model.n_y else (run.model.one_hot(run.dataset.test.labels[chosen]),)
    code = run.model.encode(x_of(run, chosen), *y)
    return code[0] if run.has_prior else code


def decoded(run, z, y=None):
    """What the model makes of codes (..., n_z), given y (..., n_y)."""
    z = z.astype(np.float32)
    told = None if y is None else y.astype(np.float32).reshape(-1, 3)
    return run.model.decode(z.reshape(-1, z.shape[-1]), told).reshape(*z.shape[:-1], -1)


def assert_decodes_to(picture, expected):
    np.testing.assert_allclose(picture[0][0], expected, rtol=1e-5, atol=1e-6)
