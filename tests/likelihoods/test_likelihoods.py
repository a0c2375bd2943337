"""Likelihoods: the fast forms against plain ones, values by hand, moments of draws, extremes."""

import numpy as np
import pytest

from npvae.errors import InputError
from npvae.likelihoods import Bernoulli, Gaussian, make_likelihood

RNG = np.random.default_rng(0)
LIKELIHOODS = [Bernoulli(), Gaussian(0.7)]
EXTREME = np.array([[-1e4, -100, -20, 0, 20, 100, 1e4]])


def plain_bernoulli(logits, x):
    """Cross-entropy as it is usually written from logits: loss and gradient of the batch mean."""
    loss = np.logaddexp(0, logits) - x * logits
    return loss.sum() / len(x), (1 / (1 + np.exp(-logits)) - x) / len(x)


def test_bernoulli_by_hand():
    """-log 0.8 where the pixel is on with p = 0.8, -log(1 - 0.2) where it is off with p = 0.2."""
    logits = np.log([[0.8 / 0.2, 0.2 / 0.8]])
    loss, dlogits = Bernoulli().loss_and_grad(logits, np.array([[1.0, 0.0]]))
    assert loss == pytest.approx(-2 * np.log(0.8))
    np.testing.assert_allclose(dlogits, [[0.8 - 1, 0.2]])


def test_gaussian_by_hand():
    """-log N(3; 1, 2²) = 4 / 8 + log(2 pi 4) / 2: the half of the squared error is there."""
    loss, dmean = Gaussian(2).loss_and_grad(np.array([[1.0]]), np.array([[3.0]]))
    assert loss == pytest.approx(0.5 + 0.5 * np.log(8 * np.pi))
    np.testing.assert_allclose(dmean, [[-2 / 4]])


@pytest.mark.parametrize("shape", [(1, 1), (63, 5), (64, 5), (65, 3), (128, 784), (200, 7)])
def test_bernoulli_equals_its_plain_form(shape):
    """Rows are multiplied in groups of 64: below, at, and above that."""
    logits, x = 5 * RNG.standard_normal(shape), RNG.random(shape)
    loss, dlogits = Bernoulli().loss_and_grad(logits, x)
    plain_loss, plain_dlogits = plain_bernoulli(logits, x)
    assert loss == pytest.approx(plain_loss, rel=1e-12)
    np.testing.assert_allclose(dlogits, plain_dlogits, rtol=1e-9, atol=1e-16)


def test_confident_pixels_cost_exactly_what_they_should_in_float32():
    """A thousand confident, right pixels cancel one by one; a sum of x a would leave 1e-3 nats."""
    logits, x = np.float32([[200, -200] * 500 + [0]]), np.float32([[1, 0] * 500 + [1]])
    loss, _ = Bernoulli().loss_and_grad(logits, x)
    assert loss == pytest.approx(np.log(2), rel=1e-6)


@pytest.mark.parametrize(("of_logits", "of_x"), [("f4", "f8"), ("f8", "f4")])
def test_bernoulli_has_the_dtype_of_the_logits(of_logits, of_x):
    logits, x = RNG.standard_normal((3, 4)).astype(of_logits), RNG.random((3, 4)).astype(of_x)
    loss, dlogits = Bernoulli().loss_and_grad(logits, x)
    assert loss.dtype == dlogits.dtype == of_logits


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda one: type(one).__name__)
def test_loss_is_the_mean_of_log_prob(likelihood):
    outputs, x = RNG.standard_normal((70, 9)), RNG.random((70, 9))
    loss, _ = likelihood.loss_and_grad(outputs, x)
    log_prob = likelihood.log_prob(outputs, x)
    assert log_prob.shape == (70,)
    assert loss == pytest.approx(-log_prob.mean(), rel=1e-12)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda one: type(one).__name__)
def test_half_batches_equal_the_whole(likelihood):
    outputs, x = RNG.standard_normal((10, 4)), RNG.random((10, 4))
    loss, gradient = likelihood.loss_and_grad(outputs, x)
    first, second = (
        likelihood.loss_and_grad(outputs[part], x[part]) for part in (slice(5), slice(5, 10))
    )
    assert loss == pytest.approx((first[0] + second[0]) / 2)
    np.testing.assert_allclose(gradient, np.concatenate([first[1], second[1]]) / 2)


@pytest.mark.parametrize("on", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bernoulli_at_extreme_logits(on, dtype):
    """Where log(0) or a division by p (1 - p) would give NaN: the loss is linear in the logit."""
    logits, x = EXTREME.astype(dtype), np.full(EXTREME.shape, on, dtype)
    loss, dlogits = Bernoulli().loss_and_grad(logits, x)
    expected = np.maximum(EXTREME, 0) + np.log1p(np.exp(-np.abs(EXTREME))) - on * EXTREME
    assert loss == pytest.approx(expected.sum(), rel=1e-6)
    assert dlogits.dtype == dtype
    p = np.array([[0, 0, 0, 0.5, 1, 1, 1]])
    np.testing.assert_allclose(dlogits, p - on, atol=3e-9 if dtype is np.float64 else 1e-7)
    assert Bernoulli().log_prob(logits, x)[0] == pytest.approx(-expected.sum(), rel=1e-6)


def test_products_of_many_rows_do_not_overflow_in_float32():
    """At logit 0 every factor is 2: 200 of them in one product would be infinite."""
    zeros = np.zeros((200, 3), np.float32)
    loss, _ = Bernoulli().loss_and_grad(zeros, zeros)
    assert loss == pytest.approx(3 * np.log(2), rel=1e-6)


def test_a_tiny_probability_keeps_its_digits_in_float32():
    """Adam divides a gradient by its own size, so that a tiny one must not be rounded to zero."""
    logits = np.array([[-10, -20, -40, -80]], np.float32)
    _, dlogits = Bernoulli().loss_and_grad(logits, np.zeros_like(logits))
    np.testing.assert_allclose(dlogits, 1 / (1 + np.exp(-logits.astype(float))), rtol=1e-6)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda one: type(one).__name__)
def test_float32_agrees_with_float64(likelihood):
    """Within a thousandth of a nat on a whole MNIST batch with confident logits."""
    outputs, x = 8 * RNG.standard_normal((128, 784)), RNG.integers(0, 2, (128, 784)).astype(float)
    loss, gradient = likelihood.loss_and_grad(outputs, x)
    narrow, narrow_gradient = likelihood.loss_and_grad(
        outputs.astype(np.float32), x.astype(np.float32)
    )
    assert narrow.dtype == narrow_gradient.dtype == np.float32
    assert narrow == pytest.approx(loss, abs=1e-3, rel=1e-6)
    np.testing.assert_allclose(narrow_gradient, gradient, atol=1e-6)


def test_bernoulli_mean_is_a_probability():
    """Neither the logit nor its softplus: at logit 0 the mean is 1/2."""
    np.testing.assert_allclose(Bernoulli().mean(np.array([[0.0]])), [[0.5]])
    mean = Bernoulli().mean(EXTREME)
    assert (mean >= 0).all()
    assert (mean <= 1).all()


def test_bernoulli_draws_have_their_mean():
    p = np.array([0.1, 0.5, 0.9])
    draws = Bernoulli().draw(np.tile(np.log(p / (1 - p)), (100_000, 1)), np.random.default_rng(0))
    assert set(np.unique(draws)) == {0, 1}
    assert (np.abs(draws.mean(axis=0) - p) < 4 * np.sqrt(p * (1 - p) / 100_000)).all()


def test_gaussian_draws_have_their_moments():
    n = 100_000
    draws = Gaussian(0.5).draw(np.full((n, 1), 3.0), np.random.default_rng(0))
    assert abs(draws.mean() - 3) < 4 * 0.5 / np.sqrt(n)
    assert draws.std() == pytest.approx(0.5, rel=4 / np.sqrt(2 * n))


@pytest.mark.parametrize("sigma", [0, -1, float("nan"), float("inf")])
def test_bad_sigma(sigma):
    with pytest.raises(InputError, match="positive number"):
        Gaussian(sigma)


def test_unknown_likelihood():
    with pytest.raises(InputError, match="choose from bernoulli, gaussian"):
        make_likelihood("poisson")
