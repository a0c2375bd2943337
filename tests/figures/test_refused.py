"""What pictures refuse in one line: examples of another shape, and numbers that do not fit."""

from functools import partial

import numpy as np
import pytest
from matplotlib import pyplot as plt

from npvae import figures
from npvae.errors import InputError
from npvae.figures import Form

HISTORY = {
    name: [1.0] for name in ("epoch", *(f"train_{q}" for q in ("loss", "elbo", "kl")))
}  # but for train_reconstruction
ROWS, PATHS, TICK = np.zeros((4, 6)), np.zeros((2, 3, 6)), np.arange(2.0)
ENDING = "; pass one row per example, and the shape of one example, such as (28, 28)"
OF_EXAMPLES = {
    "samples": figures.samples,
    "reconstructions": lambda x, form: figures.reconstructions(x, x, form),
    "manifold": lambda x, form: figures.manifold(x, form, [TICK, TICK]),
}
OF_PATHS = {
    "interpolation": figures.interpolation,
    "traversals": lambda x, form: figures.traversals(x, form, [0.0, 1.0, 2.0], ["z 1", "z 2"]),
}


@pytest.fixture(autouse=True)
def pyplot_forgets():
    """No test leaves a figure to the next one."""
    yield
    plt.close("all")


def refusal(draw):
    """Return what is said; no figure is begun."""
    with pytest.raises(InputError) as error:
        draw()
    assert plt.get_fignums() == []
    return str(error.value)


# ---- examples ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0, 6), (4, 5), (6,), (4, 2, 3), (4, 0), ()], ids=str)
@pytest.mark.parametrize("draw", OF_EXAMPLES.values(), ids=OF_EXAMPLES.keys())
@pytest.mark.parametrize("form", [(2, 3), Form((2, 3)), [6]], ids=["images", "form", "rows"])
def test_examples_of_another_shape(draw, shape, form):
    of = (6,) if form == [6] else (2, 3)
    assert refusal(partial(draw, np.zeros(shape), form)) == (
        f"x has shape {shape}, expected (N, 6) for examples of shape {of}{ENDING}"
    )


@pytest.mark.parametrize("shape", [(0, 3, 6), (2, 0, 6), (2, 3, 5), (3, 6)], ids=str)
@pytest.mark.parametrize("draw", OF_PATHS.values(), ids=OF_PATHS.keys())
def test_paths_of_another_shape(draw, shape):
    assert refusal(partial(draw, np.zeros(shape), (2, 3))) == (
        f"x has shape {shape}, expected (..., 6) for examples of shape (2, 3){ENDING}"
    )


@pytest.mark.parametrize("shape", [28, None, {2, 3}], ids=str)
@pytest.mark.parametrize("draw", OF_EXAMPLES.values(), ids=OF_EXAMPLES.keys())
def test_a_shape_that_is_none(draw, shape):
    assert refusal(partial(draw, ROWS, shape)) == (
        f"shape is {shape!r}; pass that of one example, such as (28, 28)"
    )


@pytest.mark.parametrize("limits", [(1, 0), (2, 2), (0, np.nan)], ids=str)
def test_limits_that_do_not_ascend(limits):
    assert refusal(lambda: Form((2, 3), limits=limits)) == (
        f"limits are {limits}; pass two different numbers, the lower one first"
    )


@pytest.mark.parametrize("shape", [(3, 6), (4, 5), (6,)], ids=str)
def test_reconstructions_of_other_examples(shape):
    other, ending = np.zeros(shape), f"has shape {shape}, expected (4, 6), the shape of x"
    assert refusal(lambda: figures.reconstructions(ROWS, other, (2, 3))) == f"x_hat {ending}"
    corrupted = partial(figures.reconstructions, ROWS, ROWS, (2, 3), corrupted=other)
    assert refusal(corrupted) == f"corrupted {ending}"


# ---- latent space --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 3), (4,), (0, 2), (4, 0), (2, 2, 2)], ids=str)
def test_coordinates_in_no_plane(shape):
    assert refusal(lambda: figures.latent_scatter(np.zeros(shape))) == (
        f"u has shape {shape}, expected (N, 2) or (N, 1): coordinates in a plane, such as "
        "plane_of(codes).project(codes.mu)"
    )


@pytest.mark.parametrize("latents", [1, 2])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_codes_that_are_not_finite(number, latents):
    u = np.zeros((4, latents))
    u[2, -1] = number
    said = refusal(lambda: figures.latent_scatter(u))
    assert said.startswith("u has numbers that are not finite; ")


@pytest.mark.parametrize(
    "labels",
    [np.zeros(3, int), np.zeros((4, 1), int), np.zeros(4), np.array(list("abcd")), np.eye(4)],
    ids=["fewer", "a column", "float", "names", "one-hot"],
)
def test_labels_of_another_length_or_kind(labels):
    assert refusal(lambda: figures.latent_scatter(np.zeros((4, 2)), labels)) == (
        f"labels have shape {labels.shape}, expected (4,): a whole number for each row of u"
    )


@pytest.mark.parametrize(
    ("ticks", "places"), [([TICK], 2), ([TICK, np.arange(3.0)], 6), ([TICK] * 3, 8), ([], 1)]
)
@pytest.mark.parametrize("form", [(2, 3), (6,)], ids=["images", "rows"])
def test_ticks_of_another_grid(form, ticks, places):
    n = 8 if places == 8 else 1 if places == 1 else 4  # a grid of no or of three directions
    assert refusal(lambda: figures.manifold(np.zeros((n, 6)), form, ticks)) == (
        f"the ticks are for {places} places, but x has {n} rows; pass the ticks of the grid that "
        "was decoded: plane.ticks(n) for plane.grid(n)"
    )


@pytest.mark.parametrize(("values", "names"), [(2, 2), (4, 2), (3, 1), (3, 3)])
@pytest.mark.parametrize("form", [(2, 3), (6,)], ids=["images", "rows"])
def test_traversals_of_other_values_or_names(form, values, names):
    draw = partial(figures.traversals, PATHS, form, np.arange(values), ["z"] * names)
    assert refusal(draw) == (
        f"{values} values and {names} names for x of shape (2, 3, 6); pass a value for each step "
        "and a name for each latent"
    )


# ---- curves --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "missing", ["epoch", "train_loss", "train_elbo", "train_reconstruction", "train_kl"]
)
def test_a_history_without_a_column(missing):
    columns = HISTORY | {"train_reconstruction": [1.0]}
    del columns[missing]
    said = refusal(lambda: figures.history(columns))
    assert said.startswith(f"the history has no column {missing}; ")


@pytest.mark.parametrize(
    "kl",
    [np.zeros(0), np.zeros((2, 3)), np.array([1.0, np.nan]), np.array([1.0, np.inf])],
    ids=["none", "table", "NaN", "infinite"],
)
def test_a_kl_of_no_latents(kl):
    said = refusal(lambda: figures.kl_per_latent(kl))
    assert said == f"kl has shape {kl.shape}, expected (n_z,): one finite number for each latent"


@pytest.mark.parametrize(
    ("rates", "distortions", "names"), [(2, 1, 0), (1, 2, 0), (0, 0, 0), (1, 1, 2)]
)
def test_rates_of_other_models_than_distortions(rates, distortions, names):
    draw = partial(figures.rate_distortion, [1.0] * rates, [2.0] * distortions, ["a"] * names)
    assert refusal(draw) == (
        f"{rates} rates, {distortions} distortions, {names} names and 0 looks; pass as many of "
        "each, at least one"
    )
