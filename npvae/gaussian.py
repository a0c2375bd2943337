"""Gaussians with diagonal covariance: each value beside its gradient.

The reparameterized draw, the KL divergence from N(0, I), and log densities.
"""

from math import log, pi

import numpy as np

from npvae.parameters import Array

LOG_2PI = log(2 * pi)


def reparameterize(mu: Array, logvar: Array, eps: Array) -> Array:
    """Draw z from N(mu, exp(logvar)) by transforming a draw eps of N(0, I).

    z = mu + sigma eps,  sigma = exp(logvar / 2)

    Parameters
    ----------
    mu, logvar : (B, n_z) float arrays
        Mean and log variance.
    eps : (B, n_z) float array
        Standard normal noise.

    Returns
    -------
    z : (B, n_z) float array

    References
    ----------
    Kingma & Welling 2013, arXiv:1312.6114, section 2.4.

    >>> reparameterize(np.array([[1.0]]), np.log([[4.0]]), eps=np.array([[3.0]]))
    array([[7.]])
    """
    return mu + np.exp(logvar / 2) * eps


def reparameterize_backward(dz: Array, logvar: Array, eps: Array) -> tuple[Array, Array]:
    """Return the gradients with respect to mu and logvar, given the gradient with respect to z.

    dz/dmu = 1,  dz/dlogvar = sigma eps / 2

    Parameters
    ----------
    dz : (B, n_z) float array
        Gradient of the loss with respect to z.
    logvar, eps : (B, n_z) float arrays
        The arguments of the forward pass.

    Returns
    -------
    dmu, dlogvar : (B, n_z) float arrays

    >>> _, dlogvar = reparameterize_backward(np.ones((1, 1)), np.log([[4.0]]), np.array([[3.0]]))
    >>> dlogvar
    array([[3.]])
    """
    return dz, dz * np.exp(logvar / 2) * eps / 2


def kl_per_latent(mu: Array, logvar: Array) -> Array:
    """Return KL(N(mu, exp(logvar)) ‖ N(0, 1)) of each latent, in nats.

    KL = 1/2 (exp(logvar) - 1 - logvar + mu²)

    Parameters
    ----------
    mu, logvar : (B, n_z) float arrays

    Returns
    -------
    kl : (B, n_z) float array
        Never negative.

    Notes
    -----
    `expm1` keeps the digits that exp(logvar) - 1 loses for logvar near 0. Rounding can still leave
    a value just below zero, which is replaced by 0.

    References
    ----------
    Kingma & Welling 2013, arXiv:1312.6114, appendix B.
    """
    return (np.maximum(np.expm1(logvar) - logvar, 0) + mu * mu) / 2


def kl_standard_normal(mu: Array, logvar: Array) -> Array:
    """Return KL(N(mu, exp(logvar)) ‖ N(0, I)) in nats, summed over the latents.

    KL = 1/2 sum(exp(logvar) - 1 - logvar + mu²)

    Parameters
    ----------
    mu, logvar : (B, n_z) float arrays

    Returns
    -------
    kl : (B,) float array
        Never negative.

    References
    ----------
    Kingma & Welling 2013, arXiv:1312.6114, appendix B.

    >>> kl_standard_normal(np.ones((1, 2)), np.zeros((1, 2)))
    array([1.])
    """
    return kl_per_latent(mu, logvar).sum(axis=1)


def kl_and_grad(mu: Array, logvar: Array) -> tuple[Array, Array, Array]:
    """Return the KL divergence from N(0, I), in nats per example, and its gradients.

    KL = 1/(2B) sum(exp(logvar) - 1 - logvar + mu²)

    dKL/dmu = mu / B,  dKL/dlogvar = (exp(logvar) - 1) / 2B

    Parameters
    ----------
    mu, logvar : (B, n_z) float arrays

    Returns
    -------
    kl : 0-d float
        Summed over the latents, mean over the batch.
    dmu, dlogvar : (B, n_z) float arrays

    >>> kl, dmu, dlogvar = kl_and_grad(np.ones((4, 1)), np.zeros((4, 1)))
    >>> float(kl), float(dmu[0, 0]), float(dlogvar[0, 0])
    (0.5, 0.25, 0.0)
    """
    n = len(mu)
    grown = np.expm1(logvar)  # slow, so computed once, for the value and for its gradient
    kl = (np.maximum(grown - logvar, 0) + mu * mu).sum() / (2 * n)  # as in `kl_per_latent`
    return kl, mu / n, grown / (2 * n)


def log_density(x: Array, mu: Array, logvar: Array) -> Array:
    """Return the log density of N(mu, exp(logvar)) at x, in nats, summed over the columns.

    log N(x) = -1/2 sum(log 2 pi + logvar + (x - mu)² exp(-logvar))

    Parameters
    ----------
    x, mu, logvar : float arrays that broadcast to (B, n)

    Returns
    -------
    log_density : (B,) float array

    >>> log_density(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 1)))
    array([-0.91893853])
    """
    return log_density_and_grad(x, mu, logvar)[0]


def log_density_and_grad(x: Array, mu: Array, logvar: Array) -> tuple[Array, Array, Array, Array]:
    """Return the log density of N(mu, exp(logvar)) at x for each example, and its gradients.

    With r = (x - mu) exp(-logvar): d/dx = -r, d/dmu = r, d/dlogvar = (r (x - mu) - 1) / 2

    Parameters
    ----------
    x, mu, logvar : float arrays that broadcast to (B, n)

    Returns
    -------
    log_density : (B,) float array
        In nats, summed over the columns.
    dx, dmu, dlogvar : (B, n) float arrays
        Derivatives with respect to each element, before any sum over broadcast axes.

    >>> _, dx, _, _ = log_density_and_grad(*np.array([[[3.0]], [[1.0]], [[0.0]]]))
    >>> dx
    array([[-2.]])
    """
    away = x - mu
    r = away * np.exp(-logvar)
    square = r * away
    value = -0.5 * (square + logvar + LOG_2PI).sum(axis=1)
    return value, -r, r, 0.5 * (square - 1)


def log_prior_over_posterior(z: Array, logvar: Array, eps: Array) -> Array:
    """Return log p(z) - log q(z | x) at z = mu + sigma eps, in nats, summed over the latents.

    log N(z; 0, I) - log N(z; mu, sigma²) = 1/2 sum(eps² + logvar - z²)

    Its partial derivatives are -z with respect to z and 1/2 with respect to logvar; mu and logvar
    also act through z (see `reparameterize_backward`). Its expectation under q is -KL(q ‖ p).

    Parameters
    ----------
    z, eps : (..., n_z) float arrays
        The draw, and the standard normal noise it was made from.
    logvar : float array that broadcasts to (..., n_z)
        Log variance of q(z | x).

    Returns
    -------
    log_ratio : (...) float array

    >>> log_prior_over_posterior(np.ones((1, 2)), np.zeros((1, 2)), np.zeros((1, 2)))
    array([-1.])
    """
    return 0.5 * (eps * eps + logvar - z * z).sum(axis=-1)
