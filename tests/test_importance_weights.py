"""Importance weights where log p(x) is known: linear encoder and decoder, all Gaussian."""

import numpy as np
import pytest

from npvae.iwae import IWAE
from npvae.layers import Dense
from npvae.likelihoods import Gaussian


def linear_gaussian(logvar, k, **options):
    """p(x | z) = N(2 z, 1), so that p(x) = N(0, 5) and the posterior is N(0.4 x, 0.2)."""
    encoder, decoder = Dense(1, 2, 0), Dense(1, 1, 0)
    model = IWAE(
        encoder, decoder, n_x=1, n_z=1, k=k, likelihood=Gaussian(1), dtype=np.float64, **options
    )
    encoder.W[...], encoder.b[...], decoder.W[...] = [[0.4, 0]], [0, logvar], 2
    x = np.array([[0.0], [3.0]])
    return model, x, -0.5 * (x[:, 0] ** 2 / 5 + np.log(2 * np.pi * 5))


def test_every_weight_is_the_likelihood_where_q_is_the_posterior(rng):
    model, x, log_px = linear_gaussian(np.log(0.2), 4)
    log_w = model.log_weights(x, *model.encode(x), rng.standard_normal((2, 4, 1)))
    np.testing.assert_allclose(log_w, np.repeat(log_px[:, None], 4, axis=1), rtol=1e-12)


def test_the_mean_weight_is_the_likelihood_whatever_q_is():
    n = 100_000
    model, x, log_px = linear_gaussian(np.log(0.5), n)
    eps = np.random.default_rng(0).standard_normal((2, n, 1))
    w = np.exp(model.log_weights(x, *model.encode(x), eps))
    error = np.abs(w.mean(axis=1) - np.exp(log_px))
    assert (error < 4 * w.std(axis=1) / np.sqrt(n)).all()
    assert (w.std(axis=1) > 0.1 * w.mean(axis=1)).all()


def test_bounds_of_more_draws_come_closer(rng):
    """E[L_k] <= E[L_10 k] <= log p(x), on the same draws; the gap shrinks about tenfold with k."""
    model, x, log_px = linear_gaussian(np.log(0.5), 1000)
    log_w = model.log_weights(x, *model.encode(x), rng.standard_normal((2, 100_000, 1)))
    gaps = []
    for k in (1, 10, 100):
        bounds = np.log(np.exp(log_w.reshape(2, -1, k)).mean(axis=-1)).mean(axis=1)
        gaps.append((log_px - bounds).mean())
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2] > 0


@pytest.mark.parametrize("objective", ["dreg", "iwae"])
def test_where_q_is_the_posterior_nothing_is_left_of_the_doubly_reparameterized_gradient(
    objective, rng
):
    """Every weight is p(x) then, whatever was drawn; the plain gradient is noise around zero."""
    model, x, _ = linear_gaussian(np.log(0.2), 8, objective=objective)
    model.loss_and_grad(x, rng.standard_normal((2, 8, 1)))
    largest = np.abs(model.encoder.dW).max()
    assert largest < 1e-13 if objective == "dreg" else largest > 0.01
