"""log p(x | z) example by example, for one draw of z or k, and its backward."""

import copy
from itertools import product

import numpy as np
import pytest

from npvae.likelihoods import Bernoulli, Gaussian, LearnedGaussian, OptimalGaussian

RNG = np.random.default_rng(0)
ALL = [Bernoulli(), Gaussian(0.7), LearnedGaussian(0.7)]
EXTREME = np.array([-1e4, -100, -20, 0, 20, 100, 1e4])
WIDTHS = [1, 2, 3, 5, 17, 784, 785]


def every_likelihood(but=()):
    chosen = [one for one in ALL if not isinstance(one, but)]
    return pytest.mark.parametrize("likelihood", chosen, ids=lambda one: type(one).__name__)


def copied(likelihood, dtype):
    """The same likelihood with parameters of its own of that dtype."""
    likelihood = copy.deepcopy(likelihood)
    if hasattr(likelihood, "logvar"):
        likelihood.logvar, likelihood.dlogvar = np.asarray([likelihood.logvar, [0]], dtype)
    return likelihood


@pytest.mark.parametrize("n_x", WIDTHS)
@pytest.mark.parametrize("k", [None, 3])
def test_bernoulli_equals_the_naive_sum(n_x, k):
    """Rows are folded in half: odd ones have a number left over."""
    shape = (4, n_x) if k is None else (4, k, n_x)
    logits, x = 3 * RNG.standard_normal(shape), RNG.random((4, n_x))
    p, target = 1 / (1 + np.exp(-logits)), x if k is None else x[:, None]
    naive = (target * np.log(p) + (1 - target) * np.log(1 - p)).sum(axis=-1)
    np.testing.assert_allclose(Bernoulli().log_prob(logits, x), naive, rtol=1e-11)


def test_products_of_many_pixels_do_not_overflow_in_float32():
    """At logit 0 every factor is 2, and how many meet in one product depends on the width."""
    for n_x in [*range(1, 130), 784, 1023, 16 * 255 + 15]:
        zeros = np.zeros((1, n_x), np.float32)
        np.testing.assert_allclose(
            Bernoulli().log_prob(zeros, zeros), [-n_x * np.log(2)], rtol=1e-6
        )


def test_bernoulli_sums_to_one_over_every_image():
    logits = np.tile(RNG.standard_normal((1, 4)), (16, 1))
    images = np.array(list(product([0.0, 1.0], repeat=4)))
    assert np.exp(Bernoulli().log_prob(logits, images)).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("likelihood", [Gaussian(0.3), LearnedGaussian(0.3)])
def test_gaussians_integrate_to_one(likelihood):
    x = np.linspace(-5, 5, 2001)[:, None]
    density = np.exp(likelihood.log_prob(np.full_like(x, 0.4), x))
    assert density.sum() * 0.005 == pytest.approx(1, abs=1e-9)


@every_likelihood()
def test_each_draw_is_compared_with_its_own_example(likelihood):
    outputs, x = RNG.standard_normal((5, 4, 6)), RNG.random((5, 6))
    log_px = likelihood.log_prob(outputs, x)
    assert log_px.shape == (5, 4)
    for example, draw in product(range(5), range(4)):
        one = slice(example, example + 1)
        alone = likelihood.log_prob(outputs[one, draw], x[one])
        np.testing.assert_allclose(log_px[example, draw], alone[0], rtol=1e-12)


@every_likelihood()
def test_backward_is_the_gradient_of_loss_and_grad(likelihood):
    outputs, x = RNG.standard_normal((5, 6)), RNG.random((5, 6))
    loss, gradient = likelihood.loss_and_grad(outputs, x)
    dlogvar = getattr(likelihood, "dlogvar", np.zeros(1)).copy()
    assert likelihood.log_prob(outputs, x).mean() == pytest.approx(-loss, rel=1e-12)
    np.testing.assert_allclose(likelihood.backward(np.full(5, -1 / 5)), gradient, rtol=1e-11)
    np.testing.assert_allclose(getattr(likelihood, "dlogvar", np.zeros(1)), dlogvar, rtol=1e-11)


@every_likelihood()
def test_backward_weighs_every_draw_by_itself(likelihood):
    outputs, x, v = RNG.standard_normal((3, 4, 6)), RNG.random((3, 6)), RNG.normal(0, 1, (3, 4))
    likelihood.log_prob(outputs, x)
    gradient = likelihood.backward(v)
    assert gradient.shape == (3, 4, 6)
    dlogvar, summed = getattr(likelihood, "dlogvar", np.zeros(1)).copy(), 0
    for draw in range(4):
        likelihood.log_prob(outputs[:, draw], x)
        np.testing.assert_allclose(gradient[:, draw], likelihood.backward(v[:, draw]), rtol=1e-12)
        summed = summed + getattr(likelihood, "dlogvar", np.zeros(1))
    np.testing.assert_allclose(dlogvar, summed, rtol=1e-11)


def test_backward_by_hand():
    """Twice x - p; twice (x - mean) / sigma² and, by log sigma², twice (4 / 4 - 1) / 2 = 0."""
    coin, log_4, on = Bernoulli(), np.log([[4.0]]), np.ones((1, 1))
    coin.log_prob(log_4, on)
    np.testing.assert_allclose(coin.backward(np.array([2.0])), [[2 * (1 - 0.8)]])
    for normal in (Gaussian(2), LearnedGaussian(2)):
        normal.log_prob(np.array([[1.0]]), np.array([[3.0]]))
        np.testing.assert_allclose(normal.backward(np.array([2.0])), [[2 * 2 / 4]])
    np.testing.assert_allclose(normal.dlogvar, [0], atol=1e-15)


@pytest.mark.parametrize("on", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [None, 2])
def test_bernoulli_at_extreme_logits(on, dtype, k):
    """Where log(0) would be, the log-probability is linear in the logit and its gradient x - p."""
    each = np.maximum(EXTREME, 0) + np.log1p(np.exp(-np.abs(EXTREME))) - on * EXTREME
    for logit, nats in zip(EXTREME, each, strict=True):
        logits = np.full((1, 1) if k is None else (1, k, 1), logit, dtype)
        coin = Bernoulli()
        log_px = coin.log_prob(logits, np.full((1, 1), on, dtype))
        dlogits = coin.backward(np.ones_like(log_px))
        assert log_px.dtype == dlogits.dtype == dtype
        np.testing.assert_allclose(log_px, np.full_like(log_px, -nats), rtol=1e-6, atol=1e-8)
        p = 0.5 + 0.5 * np.tanh(logit / 2)
        np.testing.assert_allclose(dlogits, np.full_like(dlogits, on - p), atol=1e-8)


def test_a_tiny_probability_keeps_its_digits_in_float32():
    logits = np.array([[-10, -20, -40, -80]], np.float32)
    coin = Bernoulli()
    coin.log_prob(logits, np.zeros_like(logits))
    dlogits = coin.backward(np.ones(1, np.float32))
    np.testing.assert_allclose(dlogits, -1 / (1 + np.exp(-logits.astype(float))), rtol=1e-6)


@every_likelihood()
@pytest.mark.parametrize("shape", [(128, 784), (20, 5, 784)])
def test_float32_agrees_with_float64(likelihood, shape):
    outputs = 8 * RNG.standard_normal(shape)
    x, v = RNG.integers(0, 2, (shape[0], 784)).astype(float), RNG.random(shape[:-1])
    wide, narrow = copied(likelihood, np.float64), copied(likelihood, np.float32)
    log_px = wide.log_prob(outputs, x)
    log_px32 = narrow.log_prob(outputs.astype(np.float32), x.astype(np.float32))
    np.testing.assert_allclose(log_px32, log_px, rtol=2e-6)
    gradient = narrow.backward(v.astype(np.float32))
    assert log_px32.dtype == gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, wide.backward(v), rtol=1e-5, atol=1e-5)


@every_likelihood()
def test_an_example_does_not_depend_on_the_others(likelihood):
    outputs, x = RNG.standard_normal((10, 3, 4)), RNG.random((10, 4))
    whole = likelihood.log_prob(outputs, x)
    halves = [likelihood.log_prob(outputs[p], x[p]) for p in (slice(5), slice(5, 10))]
    np.testing.assert_array_equal(whole, np.vstack(halves))


@every_likelihood()
def test_inputs_are_left_alone(likelihood):
    inputs = RNG.standard_normal((3, 2, 4)), RNG.random((3, 4)), RNG.standard_normal((3, 2))
    before = [array.copy() for array in inputs]
    likelihood.log_prob(*inputs[:2])
    first = likelihood.backward(inputs[2])
    np.testing.assert_array_equal(likelihood.backward(inputs[2]), first)
    for array, copied_before in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, copied_before)


@every_likelihood()
def test_outputs_of_a_mean_have_that_mean(likelihood):
    mean = np.array([[0.02, 0.5, 0.97]])
    np.testing.assert_allclose(likelihood.mean(likelihood.link(mean)), mean, rtol=1e-12)


def test_bernoulli_outputs_of_a_mean_are_finite():
    """Pixels that are always off, or always on, start at 0.001 and 0.999."""
    outputs = Bernoulli().link(np.array([0.0, 1.0]))
    np.testing.assert_allclose(outputs, [np.log(1 / 999), np.log(999)])


def test_optimal_sigma_tells_probabilities_at_the_sigma_it_keeps():
    """Evaluation must not choose sigma by the examples it is to judge."""
    optimal, given = OptimalGaussian(0.7), Gaussian(0.7)
    mean, x = RNG.standard_normal((2, 5, 6))
    np.testing.assert_allclose(optimal.log_prob(mean, x), given.log_prob(mean, x), rtol=1e-12)
    np.testing.assert_allclose(optimal.sigma, [0.7])
