"""End to end: a linear VAE reaches the closed-form maximum likelihood of probabilistic PCA.

Its exact ELBO needs no noise, since the decoder is linear: E_q|x - W z - b|² is the square at the
posterior mean plus sum(sigma_j² |w_j|²). Tipping & Bishop 1999 give the optimum.
"""

import numpy as np
import pytest

from npvae.gaussian import kl_standard_normal
from npvae.layers import Dense
from npvae.likelihoods import Gaussian, LearnedGaussian
from npvae.optimizers import Adam
from npvae.vae import VAE

N, N_X = 400, 5


class LinearPosterior:
    """mu = x W + b beside a logvar that is the same for every x: the exact posterior's form."""

    def __init__(self, n_x, n_z):
        self.mean = Dense(n_x, n_z, rng=0)
        self.logvar, self.dlogvar = np.zeros(n_z), np.zeros(n_z)

    def forward(self, x):
        mu = self.mean.forward(x)
        return np.concatenate([mu, np.broadcast_to(self.logvar, mu.shape)], axis=1)

    def backward(self, dy):
        n_z = len(self.logvar)
        self.dlogvar[...] = dy[:, n_z:].sum(axis=0)
        return self.mean.backward(dy[:, :n_z])


def linear_gaussian_data():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((N, 2))
    return z @ rng.normal(0, 1, (2, N_X)) + 0.5 * rng.standard_normal((N, N_X)) + [3, 0, -2, 1, 0]


def best_log_likelihood(x, n_z, sigma=None):
    """Log p(x) an example under probabilistic PCA, maximised over W and b, and sigma if not given.

    The best sigma² is the mean of the eigenvalues that no latent explains.
    """
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(x.T, bias=True)))[::-1]
    var = eigenvalues[n_z:].mean() if sigma is None else sigma**2
    kept = np.maximum(eigenvalues[:n_z], var)
    log_det = np.log(kept).sum() + (N_X - n_z) * np.log(var)
    trace = (eigenvalues[:n_z] / kept).sum() + eigenvalues[n_z:].sum() / var
    return -0.5 * (N_X * np.log(2 * np.pi) + log_det + trace), np.sqrt(var)


def exact_elbo(vae, x):
    mu, logvar = vae.encode(x)
    W, b, sigma = vae.decoder.W, vae.decoder.b, vae.likelihood.sigma
    square = ((x - mu @ W - b) ** 2).sum(axis=1) + (np.exp(logvar) * (W**2).sum(axis=1)).sum(axis=1)
    log_px = -0.5 * square / sigma**2 - 0.5 * N_X * np.log(2 * np.pi * sigma**2)
    return (log_px - kl_standard_normal(mu, logvar)).mean()


@pytest.mark.parametrize(
    ("n_z", "sigma"),
    [(2, 0.5), (1, 0.8), (3, 1.0), (2, None)],
    ids=lambda value: value or "learned",
)
def test_a_linear_vae_reaches_probabilistic_pca(n_z, sigma):
    x = linear_gaussian_data()
    vae = VAE(
        LinearPosterior(N_X, n_z),
        Dense(n_z, N_X, rng=1),
        n_x=N_X,
        n_z=n_z,
        likelihood=Gaussian(sigma) if sigma else LearnedGaussian(1.5),
        dtype=np.float64,
    )
    adam, rng, updates = Adam(0.1), np.random.default_rng(1), 2000
    best, best_sigma = best_log_likelihood(x, n_z, sigma)
    for update in range(updates):
        adam.lr = 0.1 * (1 - update / updates) ** 4
        vae.loss_and_grad(x, vae.draw_noise(rng, N))
        adam.step(vae.params)
        if update % 100 == 0:
            assert exact_elbo(vae, x) <= best
    gap = best - exact_elbo(vae, x)
    assert 0 <= gap < 1e-3
    np.testing.assert_allclose(vae.likelihood.sigma, best_sigma, rtol=1e-2)
