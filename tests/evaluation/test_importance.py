"""The estimate of log p(x), held against models whose log p(x) is known otherwise.

A linear decoder makes p(x) = N(b, W W^T + sigma² I); where the rows of W are orthogonal, the exact
posterior is a diagonal Gaussian as well, and an encoder can have it. One or two latents of a
Bernoulli model can be summed over a fine grid.
"""

import tracemalloc

import numpy as np
import pytest

from npvae import VAE, Autoencoder, DenoisingAutoencoder, InputError, Pixels, Split, Standardized
from npvae.evaluation import elbo as evaluation
from npvae.evaluation.elbo import WEIGHTS, evaluate, generator_of
from npvae.evaluation.importance import log_likelihood, rows_within
from npvae.gaussian import LOG_2PI
from npvae.iwae import IWAE, log_mean_exp_and_grad

GREY, DYNAMIC = Pixels("none"), Pixels("dynamic")
SIGMA = 0.7
MEGABYTE = 1 << 20


def split(x, labels=None):
    return Split(x, np.arange(len(x)), None if labels is None else np.asarray(labels))


def some(n, n_x=6):
    return np.random.default_rng(0).random((n, n_x))


def linear_gaussian(away=0.0, n_y=0):
    """A model of 5 numbers and 2 latents whose encoder is so far from the exact posterior.

    With a label, b is another one for each of them.
    """
    rng = np.random.default_rng(1)
    W = np.linalg.qr(rng.normal(size=(5, 2)))[0].T * [[1.5], [0.6]]
    b = rng.normal(size=(max(n_y, 1), 5))
    var = 1 / (1 + (W * W).sum(axis=1) / SIGMA**2)  # of the posterior
    mean = (W.T / SIGMA**2) * var  # x to its mean, (5, 2)
    likely = {"likelihood": "gaussian", "sigma": SIGMA, "dtype": np.float64}
    model = VAE.dense(5, (), 2, n_y=n_y, **likely)
    at_b = b[0] if n_y == 0 else np.zeros(5)
    values = model.params.values
    values["encoder.0.W"][...] = 0
    values["encoder.0.W"][:5, :2] = mean * (1 - away)
    values["encoder.0.b"][...] = [*(-at_b @ mean * (1 - away)), *(np.log(var) + away)]
    values["decoder.0.W"][:2], values["decoder.0.b"][...] = W, at_b
    if n_y:
        values["encoder.0.W"][5:, :2] = -b @ mean * (1 - away)
        values["decoder.0.W"][2:] = b
    return model, W, b


def exact_log_px(x, W, b):
    """Log N(x; b, W W^T + sigma² I), (n,)."""
    covariance = W.T @ W + SIGMA**2 * np.eye(5)
    square = np.einsum("ij,jk,ik->i", x - b, np.linalg.inv(covariance), x - b)
    return -0.5 * (square + np.linalg.slogdet(covariance)[1] + 5 * LOG_2PI)


def draws_from(W, b, n):
    rng = np.random.default_rng(2)
    return rng.standard_normal((n, 2)) @ W + b + SIGMA * rng.standard_normal((n, 5))


def on_a_grid(model, x, side):
    """Log of the sum of p(x | z) p(z) over a grid of z from -8 to 8, (n,)."""
    line, step = np.linspace(-8, 8, side, retstep=True)
    z = np.stack(np.meshgrid(*[line] * model.n_z), axis=-1).reshape(-1, model.n_z)
    outputs = model.decoder.forward(z)
    log_px = np.stack([model.likelihood.log_prob(outputs, 0 * outputs + row) for row in x])
    log_pz = -0.5 * (z * z + LOG_2PI).sum(axis=1)
    return log_mean_exp_and_grad(log_px + log_pz)[0] + np.log(len(z)) + model.n_z * np.log(step)


def assert_within_four_errors(estimates, exact):
    """Estimates with different seeds have a mean, and a standard error of it."""
    error = np.std(estimates, ddof=1) / np.sqrt(len(estimates))
    assert error > 0
    assert abs(np.mean(estimates) - exact) < 4 * error


# ---- against exact values ------------------------------------------------------------------------


def test_with_the_exact_posterior_every_weight_is_p_of_x():
    model, W, b = linear_gaussian()
    x = draws_from(W, b, 7)
    eps = np.random.default_rng(0).standard_normal((7, 50, 2))
    log_w = model.log_weights(x, *model.encode(x), eps)
    np.testing.assert_allclose(log_w, np.repeat(exact_log_px(x, W, b)[:, None], 50, 1), rtol=1e-12)


def test_with_the_exact_posterior_one_draw_is_enough():
    model, W, b = linear_gaussian()
    x = draws_from(W, b, 30)
    found = log_likelihood(model, split(x), GREY, 1)
    assert found.log_px == pytest.approx(exact_log_px(x, W, b).mean(), abs=1e-10)
    assert (found.k, found.n) == (1, 30)


@pytest.mark.parametrize("away", [0.3, -0.3])
def test_with_another_posterior_many_draws_make_up_for_it(away):
    model, W, b = linear_gaussian(away)
    x = draws_from(W, b, 20)
    exact = exact_log_px(x, W, b).mean()
    found = [log_likelihood(model, split(x), GREY, 4000, seed=s).log_px for s in range(8)]
    assert_within_four_errors(found, exact)
    one = log_likelihood(model, split(x), GREY, 1).log_px
    assert exact - one > 0.05  # which is what the draws have to make up for


def test_its_standard_error_is_that_of_a_mean_over_examples():
    """Examples drawn from the model itself: E[log p(x)] is minus the entropy of p(x)."""
    model, W, b = linear_gaussian(0.3)
    x = draws_from(W, b, 1500)
    found = log_likelihood(model, split(x), GREY, 200)
    log_det = np.linalg.slogdet(W.T @ W + SIGMA**2 * np.eye(5))[1]
    entropy = 0.5 * (log_det + 5 * (LOG_2PI + 1))
    assert abs(found.log_px + entropy) < 4 * found.standard_error
    assert found.standard_error == pytest.approx(np.sqrt(5 / 2 / 1500), rel=0.1)  # of a chi²


@pytest.mark.parametrize(("n_z", "side"), [(1, 2001), (2, 201)])
@pytest.mark.parametrize("kind", [VAE, IWAE])
def test_a_bernoulli_model_against_a_sum_over_a_grid(kind, n_z, side):
    model = kind.dense(6, 4, n_z, activation="tanh", dtype=np.float64, seed=3)
    for name, value in model.params.values.items():  # z matters much, and q is wide
        value *= 2 if name.startswith("decoder") else 0.3
    x = (some(5) < 0.5).astype(float)
    exact = on_a_grid(model, x, side)
    found = [log_likelihood(model, split(x), GREY, 2000, seed=s).log_px for s in range(8)]
    assert_within_four_errors(found, exact.mean())


def test_a_conditional_model_gives_log_p_of_x_given_its_label():
    model, W, b = linear_gaussian(n_y=3)
    labels = np.array([2, 0, 1, 1, 2, 0, 0])
    x = draws_from(W, b[labels], 7)
    found = log_likelihood(model, split(x, labels), GREY, 3)
    assert found.log_px == pytest.approx(exact_log_px(x, W, b[labels]).mean(), abs=1e-10)
    others = log_likelihood(model, split(x, labels[::-1]), GREY, 3)
    assert others.log_px < found.log_px - 1


# ---- bounds --------------------------------------------------------------------------------------


def test_on_the_same_draws_the_mean_log_weight_is_the_lower(monkeypatch):
    """Each example four times, once drawn: the draws of each example four times drawn."""
    monkeypatch.setattr("npvae.evaluation.importance.GROUP", 40)
    model, x = VAE.dense(6, 5, 3, dtype=np.float64), some(9)
    four_times = Split(x, np.repeat(np.arange(9), 4))
    eps = generator_of(model, 0, WEIGHTS, 0).standard_normal((9, 4, 3))
    log_w = model.log_weights(x, *model.encode(x), eps)
    lower = log_likelihood(model, four_times, GREY, 1).log_px
    upper = log_likelihood(model, split(x), GREY, 4).log_px
    assert lower == pytest.approx(log_w.mean(), rel=1e-12)
    assert upper == pytest.approx(np.log(np.exp(log_w).mean(axis=1)).mean(), rel=1e-12)
    assert lower < upper


def test_over_nested_groups_of_the_same_draws_the_bound_rises_with_k():
    model, x = VAE.dense(6, 5, 3, dtype=np.float64), some(9)
    eps = np.random.default_rng(0).standard_normal((9, 64, 3))
    log_w = model.log_weights(x, *model.encode(x), eps)
    bounds = [
        log_mean_exp_and_grad(log_w.reshape(9, -1, k))[0].mean() for k in (1, 2, 4, 8, 16, 32, 64)
    ]
    assert (np.diff(bounds) > 0).all()


def test_with_one_draw_it_is_an_estimate_of_the_elbo():
    model, x = VAE.dense(6, 5, 3, dtype=np.float64), split(some(9))
    exact = np.mean([evaluate(model, x, GREY, seed).elbo for seed in range(400)])
    found = [log_likelihood(model, x, GREY, 1, seed=seed).log_px for seed in range(400)]
    assert_within_four_errors(found, exact)


def test_unless_told_it_draws_as_often_as_the_published_tables():
    assert log_likelihood(VAE.dense(6, 5, 3), split(some(2)), GREY).k == 5000


# ---- in log space --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_far_below_the_smallest_number_are_no_zero(dtype):
    """All parameters zero: log p(x) = log N(x; 0, sigma² I), here some -400,000."""
    sigma = 1e-3
    model = VAE.dense(4, (), 2, likelihood="gaussian", sigma=sigma, dtype=dtype)
    model.params.flat[:] = 0
    found = log_likelihood(model, split(np.full((3, 4), 0.5)), GREY, 10)
    exact = -4 * (0.5**2 / sigma**2 + LOG_2PI + 2 * np.log(sigma)) / 2
    assert exact < -400_000
    assert found.log_px == pytest.approx(exact, rel=1e-6 if dtype == np.float32 else 1e-12)


def test_one_weight_far_above_the_others_counts_alone():
    model, x = VAE.dense(4, (), 2), split(some(3, 4))
    log_w = np.array([[-1e5, -1e4, -1e5, -1e5, -1e5]])
    model.log_weights = lambda x, mu, logvar, eps: np.repeat(log_w, len(x), axis=0)
    found = log_likelihood(model, x, GREY, 5)
    assert found.log_px == pytest.approx(-1e4 - np.log(5), rel=1e-14)


# ---- chunks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_memory_changes_nothing_but_the_last_digits(monkeypatch, dtype):
    monkeypatch.setattr(evaluation, "BLOCK", 10)
    model, x = VAE.dense(6, 5, 3, dtype=dtype, seed=1), split(some(17))
    whole = log_likelihood(model, x, DYNAMIC, 10, memory=MEGABYTE)
    for memory in (1, 900, 2_000, 7_000, 20_000):  # from one draw at a time to several examples
        found = log_likelihood(model, x, DYNAMIC, 10, memory=memory)
        assert found.log_px == pytest.approx(
            whole.log_px, rel=1e-6 if dtype == np.float32 else 1e-12
        )
        assert (found.k, found.n) == (10, 17)


@pytest.mark.parametrize("k", [1, 3, 10, 11, 29])
def test_no_more_draws_are_at_hand_than_the_memory_has_room_for(k):
    model, sizes = VAE.dense(6, 5, 3), []
    real, memory = model.log_weights, 2_600
    rows = rows_within(model, memory)

    def log_weights(x, mu, logvar, eps):
        sizes.append(eps.shape[0] * eps.shape[1])
        return real(x, mu, logvar, eps)

    model.log_weights = log_weights
    log_likelihood(model, split(some(17)), GREY, k, memory=memory)
    assert rows == 10
    assert max(sizes) == (rows if k > rows else rows // k * k)
    assert sum(sizes) == 17 * k


def test_how_many_draws_the_memory_has_room_for():
    """Of each draw: 3 (5 + 6) numbers of two layers, 2 of each pixel, 6 of each latent."""
    model = VAE.dense(6, 5, 3, dtype=np.float64)
    one = 8 * (3 * (5 + 6) + 2 * 6 + 6 * 3)
    assert [rows_within(model, memory) for memory in (10 * one, 10 * one - 1)] == [10, 9]
    assert rows_within(VAE.dense(6, 5, 3), 10 * one) == 20  # of float32
    assert [rows_within(model, memory) for memory in (0, 1, one, one + 1)] == [1, 1, 1, 1]


def peak(model, k, memory, n=2):
    """The most memory that an estimate takes, in bytes."""
    x = split(some(n, model.n_x))
    log_likelihood(model, x, GREY, 2, memory=memory)  # its parameters are there, and all imports
    tracemalloc.start()
    try:
        log_likelihood(model, x, GREY, k, memory=memory)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "options",
    [
        {"n_x": 100, "n_h": (50, 40), "n_z": 8},
        {"n_x": 100, "n_h": 50, "n_z": 8, "activation": "gated"},
        {"n_x": 100, "n_h": 50, "n_z": 8, "likelihood": "gaussian", "dtype": np.float64},
        {"n_x": 100, "n_h": (), "n_z": 8},
        {"n_x": 10, "n_h": 300, "n_z": 3},
        {"n_x": 20, "n_h": (), "n_z": 100},
    ],
)
def test_the_memory_is_what_a_chunk_takes(options):
    taken = peak(VAE.dense(**options), 4000, 2 * MEGABYTE)
    assert 0.4 < taken / (2 * MEGABYTE) < 1.2


def test_fifty_thousand_draws_of_an_example_do_not_fill_the_memory():
    """Decoded at once they would take 150 MB; the weights themselves take 0.4."""
    assert peak(VAE.dense(100, 50, 8), 50_000, MEGABYTE // 2) < 2 * MEGABYTE


def test_many_examples_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(evaluation, "BLOCK", 10)
    assert peak(VAE.dense(100, 50, 8), 100, MEGABYTE // 2, n=300) < MEGABYTE


# ---- pixels, noise and seeds ---------------------------------------------------------------------


def pixels_seen(model, x, k, seed, memory=MEGABYTE):
    """Return all x, each once, that an estimate gives to the encoder."""
    real, seen = model.encode, []
    model.encode = lambda x, *y: seen.append(x) or real(x, *y)
    log_likelihood(model, x, DYNAMIC, k, seed=seed, memory=memory)
    return np.concatenate(seen)


def test_every_model_and_every_k_meets_the_pixels_that_the_elbo_has_met(monkeypatch):
    monkeypatch.setattr(evaluation, "BLOCK", 10)
    x, seen = split(some(23)), []
    model = VAE.dense(6, 5, 3)
    real = model.terms
    model.terms = lambda x, eps: seen.append(x) or real(x, eps)
    evaluate(model, x, DYNAMIC, 3)
    expected = np.concatenate(seen)
    assert set(np.unique(expected)) == {0, 1}
    for k, memory in ((1, MEGABYTE), (7, 3_000), (20, 1_000)):
        for other in (VAE.dense(6, 5, 3), VAE.dense(6, (), 1), IWAE.dense(6, 4, 2)):
            np.testing.assert_array_equal(pixels_seen(other, x, k, 3, memory), expected)
    assert (pixels_seen(VAE.dense(6, 5, 3), x, 7, 4) != expected).any()


def test_the_noise_has_a_stream_of_its_own():
    model, noise = VAE.dense(6, 5, 3, dtype=np.float64), []
    real = model.log_weights
    model.log_weights = lambda x, mu, logvar, eps: noise.append(eps) or real(x, mu, logvar, eps)
    log_likelihood(model, split(some(4)), DYNAMIC, 9, seed=3)
    stream = generator_of(model, 3, WEIGHTS, 0).standard_normal((4, 9, 3))
    np.testing.assert_array_equal(np.concatenate(noise), stream)


def test_the_noise_belongs_to_the_group_of_the_example(monkeypatch):
    """The second group has the same noise, whoever computes it and whatever is before it."""
    monkeypatch.setattr(evaluation, "BLOCK", 20)
    model, noise = VAE.dense(6, 5, 3, dtype=np.float64), []
    real = model.log_weights
    model.log_weights = lambda x, mu, logvar, eps: noise.append(eps) or real(x, mu, logvar, eps)
    log_likelihood(model, split(some(25)), DYNAMIC, 4, seed=3)
    stream = generator_of(model, 3, WEIGHTS, 1).standard_normal((10, 4, 3))
    np.testing.assert_array_equal(np.concatenate(noise)[10:20], stream)


def test_same_seed_same_figures():
    model, x = VAE.dense(6, 5, 3), split(some(23))
    one, same, other = (log_likelihood(model, x, DYNAMIC, 4, seed=s) for s in (1, 1, 2))
    assert one == same
    assert one != other


def test_estimating_changes_no_parameter():
    model = VAE.dense(6, 5, 3)
    before = model.params.flat.copy()
    log_likelihood(model, split(some(5)), GREY, 3)
    np.testing.assert_array_equal(model.params.flat, before)


# ---- the standard error ---------------------------------------------------------


def with_estimates(estimates):
    """A model whose estimate for example i is estimates[i], and its examples."""
    model, given = VAE.dense(1, (), 1), iter(estimates)
    model.log_weights = lambda x, *_: np.array([[next(given)] for _ in x])
    return model, split(np.zeros((len(estimates), 1)))


def test_the_standard_error_by_hand():
    """1, 2, 3, 6: mean 3, squares 4 + 1 + 0 + 9 = 14, s² = 14 / 3, and s² / 4 of the mean."""
    model, x = with_estimates([1, 2, 3, 6])
    found = log_likelihood(model, x, GREY, 1)
    assert found.log_px == 3
    assert found.standard_error == pytest.approx((14 / 3 / 4) ** 0.5, rel=1e-15)


def test_one_example_has_no_spread():
    model, x = with_estimates([2.0])
    found = log_likelihood(model, x, GREY, 1)
    assert found.log_px == 2
    assert np.isnan(found.standard_error)


# ---- bad input -----------------------------------------------------------------------------------


def test_more_draws_than_anybody_can_wait_for_are_refused_at_once():
    with pytest.raises(InputError, match="10000000"):
        log_likelihood(VAE.dense(6, 5, 3), split(some(4)), GREY, 10**18)


@pytest.mark.parametrize("k", [0, -3, 2.5, None, "5"])
def test_k_is_a_number_of_draws(k):
    with pytest.raises(InputError, match=f"k is {k!r}, "):
        log_likelihood(VAE.dense(6, 5, 3), split(some(4)), GREY, k)


@pytest.mark.parametrize("kind", [Autoencoder, DenoisingAutoencoder])
def test_an_autoencoder_has_no_p_of_x(kind):
    words = f"{kind.__name__} .*no p"
    with pytest.raises(InputError, match=words):
        log_likelihood(kind.dense(6, 5, 3), split(some(4)), GREY, 10)


def test_nothing_to_estimate_on():
    with pytest.raises(InputError, match="no examples"):
        log_likelihood(VAE.dense(6, 5, 3), split(some(0)), GREY, 10)


def test_standardised_numbers_are_no_probabilities():
    scaling = Standardized(np.zeros(6), np.ones(6))
    with pytest.raises(InputError, match="the Bernoulli likelihood needs x in"):
        log_likelihood(VAE.dense(6, 5, 3), split(some(4)), scaling, 10)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, "a conditional model needs labels"),
        ([0, 1, 2, 3], "labels .* 0 to 3, expected 0 to 2"),
        ([0, -1, 2, 1], "labels .* -1 to 2, expected 0 to 2"),
        ([0.0, 1.0, 2.0, 1.0], "labels are float64, expected"),
    ],
)
def test_labels_that_a_conditional_model_cannot_use(labels, words):
    with pytest.raises(InputError, match=words):
        log_likelihood(VAE.dense(6, 5, 3, n_y=3), split(some(4), labels), GREY, 10)
