"""The likelihood of parts, up the ladder: sums, gradients, moments, float32, halves; and trained.

The features are those of a table: numbers and groups of one-hot columns, in a mixed order.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae import VAE, Adam, InputError, Standardized, check, load_model, save_model
from npvae.likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    Laplace,
    LearnedGaussian,
    Mixed,
    OptimalGaussian,
    make_likelihood,
)

GROUPS = (0, 3, 0, 0, 2, 4)
NUMBERS, TEXTS = [0, 4, 5], [1, 2, 3, 6, 7, 8, 9, 10, 11]
N_X, SIZES = 12, (3, 2, 4)


def rows(rng, n, groups=GROUPS):
    """Random rows of a table with these groups."""
    columns = [
        np.eye(size)[rng.integers(0, size, n)] if size else rng.normal(size=(n, 1))
        for size in groups
    ]
    return np.concatenate(columns, axis=1)


def mixed(sigma=0.7):
    return make_likelihood("mixed", sigma, GROUPS)


# ---- the sum of its parts ------------------------------------------------------------------------


@given(groups=st.lists(st.integers(0, 4), min_size=1, max_size=8), seed=st.integers(0, 1000))
def test_it_is_the_sum_of_its_parts(groups, seed):
    """Column by column, in any order, with the classes for one kind of feature alone."""
    rng = np.random.default_rng(seed)
    x = rows(rng, 5, groups)
    outputs, v = rng.normal(0, 2, x.shape), rng.normal(size=5)
    likelihood = make_likelihood("mixed", 0.3, groups)
    log_px, gradient = likelihood.log_prob(outputs, x), likelihood.backward(v)
    expected, start = np.zeros(5), 0
    for size in groups:
        place = slice(start, start := start + max(1, size))
        part = Categorical() if size else Gaussian(0.3)
        expected += part.log_prob(outputs[:, place], x[:, place])
        np.testing.assert_allclose(gradient[:, place], part.backward(v), rtol=1e-12)
    assert likelihood.n_x == start
    np.testing.assert_allclose(log_px, expected, rtol=1e-12)


def test_by_hand():
    """A coin and a die: log 1/2 + log 1/6, and p - x for both."""
    both = Mixed([(Bernoulli(), [slice(0, 1)]), (Categorical(), [slice(1, 7)])])
    x = np.array([[1.0, 0, 0, 0, 1, 0, 0]])
    loss, gradient = both.loss_and_grad(np.zeros((1, 7)), x)
    assert loss == pytest.approx(np.log(12))
    p = np.array([[1 / 2, *[1 / 6] * 6]])
    np.testing.assert_allclose(gradient, p - x)
    np.testing.assert_allclose(both.mean(np.zeros((1, 7))), p)


def test_one_part_is_that_part(rng):
    """A table of numbers alone, or of text alone."""
    outputs, x = rng.normal(size=(2, 4, 3))
    found = make_likelihood("mixed", 0.4, (0, 0, 0)).log_prob(outputs, x)
    np.testing.assert_allclose(found, Gaussian(0.4).log_prob(outputs, x), rtol=1e-12)
    x = np.eye(3)[[0, 2, 1, 1]]
    found = make_likelihood("mixed", 0.4, (3,)).log_prob(outputs, x)
    np.testing.assert_allclose(found, Categorical().log_prob(outputs, x), rtol=1e-12)


@pytest.mark.parametrize("sigma", [0.7, "learned", "optimal"])
def test_loss_and_gradient_are_those_of_log_prob_and_backward(rng, sigma):
    likelihood, outputs, x = mixed(sigma), rng.normal(size=(7, N_X)), rows(rng, 7)
    loss, gradient = likelihood.loss_and_grad(outputs, x)
    if sigma == "optimal":  # log_prob takes the moving average
        likelihood.parts[0].logvar[...] = np.log(((outputs - x)[:, NUMBERS] ** 2).mean())
    log_px = likelihood.log_prob(outputs, x)
    assert log_px.shape == (7,)
    assert loss == pytest.approx(-log_px.mean(), rel=1e-12)
    np.testing.assert_allclose(likelihood.backward(np.full(7, -1 / 7)), gradient, rtol=1e-9)


def test_each_draw_is_compared_with_its_own_example_and_has_its_own_weight(rng):
    likelihood, x, v = mixed(), rows(rng, 3), rng.normal(size=(3, 4))
    outputs = rng.normal(size=(3, 4, N_X))
    log_px, gradient = likelihood.log_prob(outputs, x), likelihood.backward(v)
    assert (log_px.shape, gradient.shape) == ((3, 4), (3, 4, N_X))
    for draw in range(4):
        one = likelihood.log_prob(outputs[:, draw], x)
        np.testing.assert_allclose(one, log_px[:, draw], rtol=1e-12)
        np.testing.assert_allclose(likelihood.backward(v[:, draw]), gradient[:, draw], rtol=1e-12)


def test_the_nats_of_the_features_add_up(rng):
    likelihood, outputs, x = mixed(), rng.normal(size=(6, N_X)), rows(rng, 6)
    nats = likelihood.nats_by_feature(outputs, x)
    np.testing.assert_allclose(nats.sum(axis=1), -likelihood.log_prob(outputs, x), rtol=1e-12)
    assert (nats[:, TEXTS][x[:, TEXTS] == 0] == 0).all()


# ---- gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.7, "learned", "optimal"])
def test_the_gradient_agrees_with_finite_differences(rng, sigma):
    assert check(mixed(sigma), rng.normal(size=(5, N_X)), rows(rng, 5))


def test_the_kinks_of_a_part_are_known(rng):
    """The Laplace part has no derivative where an output equals x; the checker skips it."""
    both = Mixed([(Laplace(0.5), [slice(2, 4)]), (Bernoulli(), [slice(0, 2)])])
    x = rng.random((40, 4))
    outputs = rng.normal(size=(40, 4))
    outputs[0, 2] = x[0, 2]
    report = check(both, outputs, x)
    assert report
    assert sum(row.skipped for row in report.rows) > 0


@pytest.mark.parametrize("sigma", ["learned", "optimal"])
def test_sigma_is_that_of_the_numbers(rng, sigma):
    """It is a parameter of the model, and moves to the error of the numbers alone."""
    model = VAE.dense(N_X, 5, 2, likelihood="mixed", sigma=sigma, groups=GROUPS, dtype=np.float64)
    (name,) = (name for name in model.params.values if "likelihood" in name)
    x, outputs = rows(rng, 50), rng.normal(size=(50, N_X))
    logvar, error = model.params.values[name], ((outputs - x)[:, NUMBERS] ** 2).mean()
    for _ in range(2000):
        model.likelihood.loss_and_grad(outputs, x)
        logvar -= 0.05 * model.params.gradients[name]
    assert np.exp(logvar[0]) == pytest.approx(error, rel=1e-3)


def test_sigma_starts_at_the_variance_of_the_numbers(rng):
    likelihood, var = mixed("learned"), rng.random(N_X)
    likelihood.start_at_variance(var)
    (numbers, _) = likelihood.parts
    assert float(numbers.sigma[0]) == pytest.approx(np.sqrt(var[NUMBERS].mean()))


def test_a_learned_sigma_is_saved_and_loaded(rng, tmp_path):
    options = {"likelihood": "mixed", "sigma": "learned", "groups": GROUPS, "seed": 3}
    model = VAE.dense(N_X, 5, 2, **options)
    model.likelihood.parts[0].logvar[...] = -1.25
    save_model(tmp_path / "m.npz", model, Standardized(np.zeros(N_X), np.ones(N_X)), (N_X,))
    again = load_model(tmp_path / "m.npz").model
    assert isinstance(again.likelihood, Mixed)
    assert again.likelihood.places == model.likelihood.places
    assert again.likelihood.parts[0].logvar[0] == -1.25
    z = rng.normal(size=(3, 2)).astype(np.float32)
    np.testing.assert_array_equal(again.decode(z), model.decode(z))


def test_the_parts_follow_the_name_of_sigma():
    kinds = [type(mixed(sigma).parts[0]) for sigma in (0.3, "learned", "optimal")]
    assert kinds == [Gaussian, LearnedGaussian, OptimalGaussian]
    assert [mixed(sigma).closed_form for sigma in (0.3, "learned", "optimal")] == [0, 0, 1]


# ---- moments, extremes, halves -------------------------------------------------------------------


def test_draws_have_their_moments(rng):
    """Numbers with mean and sigma, categories with p, and both independent of each other."""
    n, p = 100_000, np.array([0.2, 0.7, 0.1])
    likelihood = make_likelihood("mixed", 0.5, (0, 3, 0))
    draws = likelihood.draw(np.tile([2.0, *np.log(p), -1.0], (n, 1)), rng)
    numbers, words = draws[:, [0, 4]], draws[:, 1:4]
    assert (words.sum(axis=1) == 1).all()
    np.testing.assert_allclose(words.mean(axis=0), p, atol=4 * np.sqrt(0.25 / n))
    np.testing.assert_allclose(numbers.mean(axis=0), [2, -1], atol=4 * 0.5 / np.sqrt(n))
    np.testing.assert_allclose(numbers.std(axis=0), 0.5, rtol=0.02)
    assert abs(np.corrcoef(draws[:, [0, 2, 4]].T)[np.triu_indices(3, 1)]).max() < 4 / np.sqrt(n)


def test_outputs_of_a_mean_have_that_mean(rng):
    mean = mixed().mean(rng.normal(size=(1, N_X)))
    np.testing.assert_allclose(mixed().mean(mixed().link(mean[0])[None]), mean, rtol=1e-12)
    np.testing.assert_allclose(mean[:, 1:4].sum(), 1)


def test_half_batches_equal_the_whole(rng):
    outputs, x, likelihood = rng.normal(size=(10, N_X)), rows(rng, 10), mixed("learned")
    whole = likelihood.loss_and_grad(outputs, x)
    halves = [likelihood.loss_and_grad(outputs[p], x[p]) for p in (slice(5), slice(5, 10))]
    assert whole[0] == pytest.approx((halves[0][0] + halves[1][0]) / 2)
    np.testing.assert_allclose(whole[1], np.concatenate([half[1] for half in halves]) / 2)


@pytest.mark.parametrize("sigma", [0.7, "learned", "optimal"])
def test_float32_stays_float32_and_agrees(rng, sigma):
    outputs, x = 100 * rng.normal(size=(6, N_X)), rows(rng, 6)
    loss, gradient = mixed(sigma).loss_and_grad(outputs, x)
    narrow = outputs.astype(np.float32), x.astype(np.float32)
    likelihood = mixed(sigma)
    for part in likelihood.parts[: sigma != 0.7]:
        part.logvar, part.dlogvar = part.logvar.astype(np.float32), np.zeros(1, np.float32)
    loss32, gradient32 = likelihood.loss_and_grad(*narrow)
    log_px = likelihood.log_prob(*narrow)
    made = loss32, gradient32, log_px, likelihood.mean(narrow[0]), likelihood.draw(narrow[0], rng)
    assert {a.dtype for a in made} == {np.dtype("f4")}
    assert loss32 == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(gradient32, gradient, rtol=1e-4, atol=1e-5)


def test_inputs_are_left_alone(rng):
    likelihood, outputs, x = mixed(), rng.normal(size=(4, N_X)), rows(rng, 4)
    before = outputs.copy(), x.copy()
    likelihood.loss_and_grad(outputs, x), likelihood.draw(outputs, rng), likelihood.mean(outputs)
    likelihood.log_prob(outputs, x), likelihood.backward(np.ones(4))
    np.testing.assert_array_equal(outputs, before[0])
    np.testing.assert_array_equal(x, before[1])


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [(), (0, -1), (2.0, 0), "ab"])
def test_bad_groups(groups):
    with pytest.raises(InputError, match="groups"):
        make_likelihood("mixed", groups=groups)


def test_the_groups_make_up_an_example():
    with pytest.raises(InputError, match=r"\b4\b.*\b6\b"):
        VAE.dense(6, 4, 2, likelihood="mixed", groups=(0, 3))


@pytest.mark.parametrize(
    "places",
    [
        ([slice(0, 2)], [slice(1, 4)]),
        ([slice(0, 2)], [slice(3, 4)]),
        ([slice(1, 2)], [slice(2, 4)]),
        ([slice(0, 2), slice(0, 2)], [slice(2, 4)]),
    ],
)
def test_the_places_are_all_features_once(places):
    with pytest.raises(InputError, match=r"slice\("):
        Mixed(list(zip((Gaussian(), Bernoulli()), places, strict=True)))


# ---- in a model ----------------------------------------------------------------------------------


def test_a_vae_learns_how_often_a_word_occurs_and_what_it_depends_on(rng):
    """Three words; a number around -1 for two of them and around 2 for the third."""
    n, often = 1000, np.array([0.5, 0.2, 0.3])
    words = rng.choice(3, n, p=often)
    number = np.array([-1, -1, 2.0])[words] + 0.3 * rng.normal(size=n)
    x = np.column_stack([number, np.eye(3)[words]])
    options = {"likelihood": "mixed", "sigma": "learned", "groups": (0, 3), "seed": 1}
    vae, adam = VAE.dense(4, 30, 2, dtype=np.float64, **options), Adam(0.01)
    for _ in range(600):
        batch = x[rng.integers(0, n, 100)]
        vae.loss_and_grad(batch, vae.draw_noise(rng, 100))
        adam.step(vae.params)
    drawn = vae.sample(10_000, rng, draw=True)
    np.testing.assert_allclose(drawn[:, 1:].mean(axis=0), often, atol=0.1)
    high = drawn[:, 0] > 0.5  # of these, all have the third word
    assert drawn[high, 3].mean() > 0.9
    assert drawn[~high, 3].mean() < 0.1
