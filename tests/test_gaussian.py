"""Gaussians: values by hand, moments of draws, extremes."""

import numpy as np
import pytest

from npvae.gaussian import (
    kl_and_grad,
    kl_per_latent,
    kl_standard_normal,
    log_density,
    log_density_and_grad,
    log_prior_over_posterior,
    reparameterize,
    reparameterize_backward,
)


def test_reparameterized_draws_have_the_stated_moments():
    """The half in exp(logvar / 2): wrong in both passes, it would pass every gradient check."""
    n = 200_000
    mu, logvar = np.full((n, 2), [0.5, -2.0]), np.full((n, 2), np.log([0.25, 9.0]))
    z = reparameterize(mu, logvar, np.random.default_rng(0).standard_normal((n, 2)))
    standard_error = np.sqrt([0.25 / n, 9 / n])
    assert (np.abs(z.mean(axis=0) - [0.5, -2.0]) < 4 * standard_error).all()
    np.testing.assert_allclose(z.std(axis=0), [0.5, 3.0], rtol=4 / np.sqrt(2 * n))


def test_reparameterize_backward_by_hand():
    dmu, dlogvar = reparameterize_backward(
        dz=np.array([[5.0]]), logvar=np.log([[4.0]]), eps=np.array([[3.0]])
    )
    np.testing.assert_allclose(dmu, [[5.0]])
    np.testing.assert_allclose(dlogvar, [[5 * 3 * 2 / 2]])


def test_kl_by_hand():
    """KL(N(1, 4), N(0, 1)) = (4 - 1 - log 4 + 1) / 2"""
    kl = kl_standard_normal(np.array([[1.0, 0.0]]), np.log([[4.0, 1.0]]))
    np.testing.assert_allclose(kl, [(4 - np.log(4)) / 2])


def test_kl_against_a_monte_carlo_estimate():
    mu, logvar, n = np.array([[0.7, -0.3]]), np.array([[0.5, -1.0]]), 200_000
    z = reparameterize(mu, logvar, np.random.default_rng(1).standard_normal((n, 2)))
    log_ratio = log_density(z, mu, logvar) - log_density(z, np.zeros((1, 2)), np.zeros((1, 2)))
    error = abs(log_ratio.mean() - kl_standard_normal(mu, logvar)[0])
    assert error < 4 * log_ratio.std() / np.sqrt(n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kl_is_never_negative(dtype):
    tiny = np.logspace(-20, 1, 20_001)
    logvar = np.concatenate([-tiny, [0], tiny]).astype(dtype)[:, None]
    kl = kl_standard_normal(np.zeros_like(logvar), logvar)
    assert kl.dtype == dtype
    assert (kl >= 0).all()


def test_kl_keeps_its_digits_near_zero():
    """At logvar = 1e-4 it is 1e-8 / 4; exp(logvar) - 1 - logvar in float32 would give 0 or 6e-8."""
    kl = kl_standard_normal(np.zeros((1, 1), np.float32), np.full((1, 1), 1e-4, np.float32))
    np.testing.assert_allclose(kl, 2.5e-9, rtol=2e-3)


def test_kl_and_grad_is_the_batch_mean(rng):
    mu, logvar = rng.standard_normal((6, 3)), rng.standard_normal((6, 3))
    kl, dmu, dlogvar = kl_and_grad(mu, logvar)
    np.testing.assert_allclose(kl, kl_standard_normal(mu, logvar).mean())
    np.testing.assert_allclose(kl, kl_per_latent(mu, logvar).sum() / 6)
    np.testing.assert_allclose(dmu, mu / 6)
    np.testing.assert_allclose(dlogvar, (np.exp(logvar) - 1) / 12)
    halves = [kl_and_grad(mu[part], logvar[part]) for part in (slice(0, 3), slice(3, 6))]
    np.testing.assert_allclose(kl, np.mean([half[0] for half in halves]))
    np.testing.assert_allclose(dmu, np.concatenate([half[1] for half in halves]) / 2)
    np.testing.assert_allclose(dlogvar, np.concatenate([half[2] for half in halves]) / 2)


def test_log_density_by_hand():
    value = log_density(np.array([[3.0, 0.0]]), np.array([[1.0, 0.0]]), np.log([[4.0, 1.0]]))
    expected = -0.5 * (np.log(2 * np.pi * 4) + 4 / 4) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(value, [expected])


def test_log_density_integrates_to_one():
    x = np.linspace(-20, 20, 4001)[:, None]
    density = np.exp(log_density(x, np.array([[0.3]]), np.array([[0.8]])))
    assert density.sum() * 0.01 == pytest.approx(1, abs=1e-9)


def test_half_batches_equal_the_whole(rng):
    x, mu, logvar = rng.standard_normal((3, 4, 2))
    whole = log_density_and_grad(x, mu, logvar)
    first, second = (
        log_density_and_grad(x[part], mu[part], logvar[part]) for part in (slice(2), slice(2, 4))
    )
    for together, *halves in zip(whole, first, second, strict=True):
        np.testing.assert_allclose(together, np.concatenate(halves))


@pytest.mark.parametrize("function", [kl_standard_normal, kl_per_latent])
def test_float32_agrees_with_float64(function, rng):
    mu, logvar = rng.standard_normal((50, 4)), 3 * rng.standard_normal((50, 4))
    narrow = function(mu.astype(np.float32), logvar.astype(np.float32))
    np.testing.assert_allclose(narrow, function(mu, logvar), rtol=1e-5)


# ---- importance weights --------------------------------------------------------------------------


def test_log_prior_over_posterior_by_hand():
    """At mu = 1, sigma = 2, eps = 3: z = 7, and log N(7; 0, 1) - log N(7; 1, 4)."""
    value = log_prior_over_posterior(np.array([[7.0]]), np.log([[4.0]]), np.array([[3.0]]))
    np.testing.assert_allclose(value, [(9 + np.log(4) - 49) / 2])


def test_log_prior_over_posterior_is_the_difference_of_two_densities(rng):
    """Of each of five draws an example; mu and logvar belong to the example."""
    mu, logvar = rng.standard_normal((2, 4, 1, 3))
    eps = rng.standard_normal((4, 5, 3))
    z = reparameterize(mu, logvar, eps)
    value = log_prior_over_posterior(z, logvar, eps)
    assert value.shape == (4, 5)
    for i in range(5):
        prior = log_density(z[:, i], np.zeros((4, 3)), np.zeros((4, 3)))
        posterior = log_density(z[:, i], mu[:, 0], logvar[:, 0])
        np.testing.assert_allclose(value[:, i], prior - posterior, rtol=1e-12)


def test_the_mean_of_log_prior_over_posterior_is_minus_the_kl():
    mu, logvar, n = np.array([[0.7, -0.3]]), np.array([[0.5, -1.0]]), 200_000
    eps = np.random.default_rng(1).standard_normal((n, 2))
    value = log_prior_over_posterior(reparameterize(mu, logvar, eps), logvar, eps)
    error = abs(value.mean() + kl_standard_normal(mu, logvar)[0])
    assert error < 4 * value.std() / np.sqrt(n)
