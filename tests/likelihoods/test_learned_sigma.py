"""One sigma for all pixels that is learned: by gradient, or in closed form from each batch."""

import numpy as np
import pytest

from npvae.autoencoder import Autoencoder
from npvae.errors import InputError
from npvae.likelihoods import Bernoulli, Gaussian, LearnedGaussian, OptimalGaussian, make_likelihood
from npvae.optimizers import Adam
from npvae.vae import VAE

RNG = np.random.default_rng(0)
MEAN, X = RNG.standard_normal((2, 6, 4))
MSE = ((X - MEAN) ** 2).mean()


def test_learned_sigma_by_hand():
    """Squares of 4 and 1 at sigma = 2: 5/8 + log(2 pi 4) nats, and 1/2 (2 - 5/4) by log sigma²."""
    learned = LearnedGaussian(2)
    loss, dmean = learned.loss_and_grad(np.array([[1.0, 1.0]]), np.array([[3.0, 0.0]]))
    assert loss == pytest.approx(5 / 8 + np.log(8 * np.pi))
    np.testing.assert_allclose(dmean, [[-2 / 4, 1 / 4]])
    np.testing.assert_allclose(learned.dlogvar, [0.5 * (2 - 5 / 4)])
    np.testing.assert_allclose(learned.sigma, [2])


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_learned_sigma_is_a_given_sigma_of_that_size(sigma):
    loss, dmean = LearnedGaussian(sigma).loss_and_grad(MEAN, X)
    expected, dexpected = Gaussian(sigma).loss_and_grad(MEAN, X)
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(dmean, dexpected, rtol=1e-12)


def test_the_gradient_by_logvar_vanishes_at_the_mean_squared_error():
    learned = LearnedGaussian(np.sqrt(MSE))
    learned.loss_and_grad(MEAN, X)
    assert abs(learned.dlogvar[0]) < 1e-14
    learned.log_prob(MEAN, X)
    learned.backward(np.full(6, -1 / 6))
    assert abs(learned.dlogvar[0]) < 1e-14


@pytest.mark.parametrize(("sigma", "sign"), [(0.9, -1), (1.1, 1)])
def test_learned_sigma_moves_towards_the_mean_squared_error(sigma, sign):
    learned = LearnedGaussian(sigma * np.sqrt(MSE))
    learned.loss_and_grad(MEAN, X)
    assert np.sign(learned.dlogvar[0]) == sign


def test_the_gradient_by_logvar_is_overwritten_not_added():
    learned = LearnedGaussian(0.5)
    learned.loss_and_grad(MEAN, X)
    once, held = learned.dlogvar.copy(), learned.dlogvar
    learned.loss_and_grad(MEAN, X)
    learned.log_prob(MEAN, X)
    learned.backward(np.full(6, -1 / 6))
    assert learned.dlogvar is held
    np.testing.assert_allclose(held, once, rtol=1e-12)


def test_half_batches_of_a_learned_sigma_average_to_the_whole():
    learned, found = LearnedGaussian(0.5), []
    for part in (slice(6), slice(3), slice(3, 6)):
        loss, dmean = learned.loss_and_grad(MEAN[part], X[part])
        found.append((loss, learned.dlogvar[0], dmean))
    whole, first, second = found
    np.testing.assert_allclose(whole[:2], np.add(first[:2], second[:2]) / 2, rtol=1e-12)
    np.testing.assert_allclose(whole[2], np.vstack([first[2], second[2]]) / 2, rtol=1e-12)


@pytest.mark.parametrize("cls", [LearnedGaussian, OptimalGaussian])
def test_draws_have_their_moments(cls):
    n = 100_000
    draws = cls(0.5).draw(np.full((n, 1), 3.0), np.random.default_rng(0))
    assert abs(draws.mean() - 3) < 4 * 0.5 / np.sqrt(n)
    assert draws.std() == pytest.approx(0.5, rel=4 / np.sqrt(2 * n))


@pytest.mark.parametrize("cls", [LearnedGaussian, OptimalGaussian])
def test_float32_agrees_with_float64(cls):
    mean, x = RNG.standard_normal((2, 128, 784))
    wide, narrow = cls(0.3), cls(0.3)
    narrow.logvar, narrow.dlogvar = np.asarray([narrow.logvar, [0]], np.float32)
    loss, dmean = wide.loss_and_grad(mean, x)
    loss32, dmean32 = narrow.loss_and_grad(mean.astype(np.float32), x.astype(np.float32))
    assert loss32.dtype == dmean32.dtype == narrow.draw(dmean32, RNG).dtype == np.float32
    np.testing.assert_allclose(loss32, loss, rtol=1e-6)
    np.testing.assert_allclose(dmean32, dmean, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(narrow.logvar, wide.logvar, rtol=1e-5)
    np.testing.assert_allclose(narrow.dlogvar, wide.dlogvar, rtol=1e-5)


# ---- in closed form ------------------------------------------------------------------------------


def test_optimal_sigma_is_the_root_of_the_mean_squared_error():
    loss, dmean = OptimalGaussian().loss_and_grad(MEAN, X)
    expected, dexpected = Gaussian(np.sqrt(MSE)).loss_and_grad(MEAN, X)
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(dmean, dexpected, rtol=1e-12)
    for other in (0.9, 1.1):
        assert Gaussian(other * np.sqrt(MSE)).loss_and_grad(MEAN, X)[0] > loss


def test_optimal_sigma_by_hand():
    """Squares of 4 and 0 have mean 2: the loss is log(2 pi 2) + 1."""
    loss, dmean = OptimalGaussian().loss_and_grad(np.array([[1.0, 1.0]]), np.array([[3.0, 1.0]]))
    assert loss == pytest.approx(np.log(4 * np.pi) + 1)
    np.testing.assert_allclose(dmean, [[-2 / 2, 0]])


def test_the_kept_sigma_moves_a_twentieth_of_the_way_and_arrives():
    optimal = OptimalGaussian(1.0)
    optimal.loss_and_grad(MEAN, X)
    np.testing.assert_allclose(optimal.logvar, [0.05 * np.log(MSE)])
    for _ in range(500):
        optimal.loss_and_grad(MEAN, X)
    np.testing.assert_allclose(optimal.sigma**2, [MSE], rtol=1e-9)


def test_no_gradient_moves_the_optimal_sigma():
    optimal = OptimalGaussian()
    optimal.dlogvar[...] = 3
    optimal.loss_and_grad(MEAN, X)
    np.testing.assert_array_equal(optimal.dlogvar, [0])


def test_half_batches_of_an_optimal_sigma_need_not_average_to_the_whole():
    """Var is a statistic of the batch: one half is met well, the other badly."""
    mean, x = np.zeros((2, 1)), np.array([[0.1], [10.0]])
    whole, *halves = (
        OptimalGaussian().loss_and_grad(mean[part], x[part])[0]
        for part in (slice(2), slice(1), slice(1, 2))
    )
    assert whole > np.mean(halves) + 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_data_that_are_met_exactly_do_not_divide_by_zero(dtype):
    x = np.ones((2, 3), dtype)
    loss, dmean = OptimalGaussian().loss_and_grad(x.copy(), x)
    assert loss == pytest.approx(1.5 * np.log(2 * np.pi * 1e-8), rel=1e-6)
    np.testing.assert_array_equal(dmean, np.zeros((2, 3)))


# ---- in a model ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", ["learned", "optimal"])
@pytest.mark.parametrize("cls", [Autoencoder, VAE])
def test_trained_sigma_reaches_the_mean_squared_error_of_a_pixel(cls, sigma):
    """A line in five dimensions with noise of 0.3; sigma starts at 1."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 1)) @ rng.normal(0, 1, (1, 5)) + rng.normal(0, 0.3, (200, 5))
    model = cls.dense(5, (), 1, likelihood="gaussian", sigma=sigma, dtype=np.float64, seed=0)
    adam, updates = Adam(0.03), 1500
    for update in range(updates):
        adam.lr = 0.03 * 0.01 ** (update / updates)
        model.loss_and_grad(x, model.draw_noise(rng, 200))
        adam.step(model.params)
    errors = []
    for _ in range(50):  # of what is decoded from draws of z
        noise = {} if cls is Autoencoder else {"eps": model.draw_noise(rng, 200)}
        errors.append(((model.reconstruct(x, **noise) - x) ** 2).mean())
    np.testing.assert_allclose(model.likelihood.sigma**2, [np.mean(errors)], rtol=0.02)
    assert 0.2 < model.likelihood.sigma[0] < 0.4


def test_sigma_is_one_of_the_models_parameters():
    vae = VAE.dense(5, 4, 2, likelihood="gaussian", sigma="learned", dtype=np.float64)
    assert vae.params.values["likelihood.logvar"] is vae.likelihood.logvar
    vae.params.flat[-1] = np.log(9)
    np.testing.assert_allclose(vae.likelihood.sigma, [3])
    assert vae.config["sigma"] == "learned"


@pytest.mark.parametrize(
    ("name", "sigma", "cls"),
    [
        ("bernoulli", 1.0, Bernoulli),
        ("gaussian", 0.5, Gaussian),
        ("gaussian", "learned", LearnedGaussian),
        ("gaussian", "optimal", OptimalGaussian),
    ],
)
def test_likelihoods_by_name(name, sigma, cls):
    made = make_likelihood(name, sigma)
    assert type(made) is cls
    if sigma == 0.5:
        assert made.sigma == 0.5


@pytest.mark.parametrize("name", ["gaussian", "bernoulli"])
def test_unknown_way_to_sigma(name):
    with pytest.raises(InputError, match=r"'best' .* gaussian .*learned, optimal"):
        make_likelihood(name, "best")


def test_a_bernoulli_has_no_sigma_to_find():
    with pytest.raises(InputError, match=r"'learned' .* bernoulli"):
        make_likelihood("bernoulli", "learned")


@pytest.mark.parametrize("sigma", [0, -1, float("nan"), float("inf"), 1e-20])
def test_bad_sigma_at_the_start(sigma):
    with pytest.raises(InputError, match="positive number"):
        LearnedGaussian(sigma)
