"""Free bits: a KL that costs nothing below a threshold, latent by latent."""

import numpy as np
import pytest

from npvae.errors import InputError
from npvae.layers import Dense
from npvae.likelihoods import Gaussian
from npvae.vae import VAE


def linear(beta=1.0, free_bits=0.0):
    """Two numbers, two latents; a decoder that says zero whatever z, so that only the KL pulls.

    mu is x itself and logvar zero: the KL of latent j is x_j² / 2.
    """
    encoder, decoder = Dense(2, 4, 0), Dense(2, 2, 0)
    options = {"likelihood": Gaussian(1), "dtype": np.float64}
    vae = VAE(encoder, decoder, n_x=2, n_z=2, beta=beta, free_bits=free_bits, **options)
    encoder.W[...], decoder.W[...] = np.eye(2, 4), 0
    return vae


def test_by_hand():
    """KLs of 2 and 1/8 with a quarter of a nat free: 2 + 1/4 are paid, twice each with beta = 2."""
    vae, x = linear(beta=2.0, free_bits=0.25), np.array([[2.0, 0.5]])
    loss = vae.loss_and_grad(x, np.zeros((1, 2)))
    reconstruction = 4.25 / 2 + np.log(2 * np.pi)
    assert loss.reconstruction == pytest.approx(reconstruction)
    assert loss.kl == pytest.approx(2.125), "the KL is reported as it is"
    assert loss.loss == pytest.approx(reconstruction + 2 * 2.25)


def test_a_latent_below_the_threshold_feels_no_kl():
    vae, x = linear(beta=3.0, free_bits=0.25), np.array([[2.0, 0.5]])
    vae.encoder.b[2:] = np.log([2.0, 1.2])
    vae.loss_and_grad(x, np.ones((1, 2)))
    np.testing.assert_allclose(vae.encoder.db, [3 * 2, 0, 3 * 0.5, 0], atol=1e-15)
    vae = linear(beta=3.0, free_bits=0.01)
    vae.encoder.b[2:] = np.log([2.0, 1.2])
    vae.loss_and_grad(x, np.ones((1, 2)))
    np.testing.assert_allclose(vae.encoder.db, [3 * 2, 3 * 0.5, 3 * 0.5, 3 * 0.1], rtol=1e-12)


def test_the_threshold_is_for_the_mean_over_the_batch():
    """KLs of 1/2 and 0 with 0.2 free: their mean of 1/4 is paid, for the second example, too."""
    vae, x = linear(free_bits=0.2), np.array([[1.0, 0.0], [0.0, 0.0]])
    loss = vae.loss_and_grad(x, np.zeros((2, 2)))
    assert loss.loss - loss.reconstruction == pytest.approx(0.25 + 0.2)
    np.testing.assert_allclose(vae.encoder.db[:2], [0.5, 0])


def test_half_batches_need_not_average_to_the_whole():
    vae, x, eps = linear(free_bits=0.2), np.array([[1.0, 0.0], [0.0, 0.0]]), np.zeros((2, 2))
    whole, *halves = (
        vae.loss_and_grad(x[part], eps[part]).loss for part in (slice(2), slice(1), slice(1, 2))
    )
    assert np.mean(halves) - whole == pytest.approx((0.5 + 0.2) / 2 - 0.25)
    vae = linear(free_bits=0.0)
    whole, *halves = (
        vae.loss_and_grad(x[part], eps[part]).loss for part in (slice(2), slice(1), slice(1, 2))
    )
    assert np.mean(halves) == pytest.approx(whole)


def dense(**options):
    return VAE.dense(6, 5, 3, activation="tanh", dtype=np.float64, seed=0, **options)


def test_a_threshold_that_every_latent_passes_changes_no_gradient(rng):
    x, eps = rng.random((4, 6)), rng.standard_normal((4, 3))
    plain, free = dense(), dense(free_bits=1e-9)
    loss = plain.loss_and_grad(x, eps)
    np.testing.assert_allclose(free.loss_and_grad(x, eps), loss, rtol=1e-12)
    np.testing.assert_array_equal(free.params.grad, plain.params.grad)


def test_a_threshold_that_none_passes_leaves_the_reconstruction_alone(rng):
    x, eps = rng.random((4, 6)), rng.standard_normal((4, 3))
    unpaid, free = dense(beta=0), dense(beta=2, free_bits=50)
    loss, free_loss = unpaid.loss_and_grad(x, eps), free.loss_and_grad(x, eps)
    assert free_loss.loss == pytest.approx(loss.reconstruction + 2 * 3 * 50)
    assert free_loss.kl == loss.kl > 0
    np.testing.assert_array_equal(free.params.grad, unpaid.params.grad)


def test_evaluation_knows_neither_free_bits_nor_beta(rng):
    x, eps = rng.random((4, 6)), rng.standard_normal((4, 3))
    plain, weighted = dense().terms(x, eps), dense(beta=4, free_bits=0.5).terms(x, eps)
    for here, there in zip(plain, weighted, strict=True):
        np.testing.assert_array_equal(there, here)
    np.testing.assert_allclose(plain.bound, plain.log_px - plain.kl.sum(axis=1))


def test_gradient_checks_are_told_which_latents_paid():
    vae = linear(free_bits=0.25)
    vae.loss_and_grad(np.array([[2.0, 0.5]]), np.zeros((1, 2)))
    np.testing.assert_array_equal(vae.pattern, [True, False])
    assert linear().pattern.size == 0


def test_its_config_keeps_them():
    assert dense(free_bits=np.float32(0.5)).config["free_bits"] == 0.5
    assert dense().config["free_bits"] == 0


@pytest.mark.parametrize("free_bits", [-0.1, float("inf"), float("nan")])
def test_bad_free_bits(free_bits):
    with pytest.raises(InputError, match="free_bits is"):
        linear(free_bits=free_bits)
