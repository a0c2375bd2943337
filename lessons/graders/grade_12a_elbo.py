"""Lesson 12a: an exact log p(x) and posterior, the two terms of the ELBO, and its gradient."""

import numpy as np
from grading import differences, normal

from npvae.gaussian import kl_standard_normal


def on_grid(x, a, sigma):
    """Log p(x), and the mean and the standard deviation of p(z | x), of one x by a sum over z."""
    z = np.linspace(-15, 15, 30_001)
    log_joint = -0.5 * z**2 - 0.5 * ((x - z[:, None] * a) ** 2).sum(axis=1) / sigma**2
    log_joint -= 1.5 * np.log(2 * np.pi) + 2 * np.log(sigma)
    joint = np.exp(log_joint)
    mean = (z * joint).sum() / joint.sum()
    variance = ((z - mean) ** 2 * joint).sum() / joint.sum()
    return np.log(joint.sum() * (z[1] - z[0])), mean, np.sqrt(variance)


def test_log_evidence(lesson, rng):
    sigma, a, x = lesson["SIGMA_X"], normal(rng, 2), normal(rng, (4, 2))
    right = np.array([on_grid(row, a, sigma)[0] for row in x])
    half_log_det = 0.5 * np.linalg.slogdet(np.outer(a, a) + sigma**2 * np.eye(2))[1]
    hints = {
        "the logarithm of the determinant is missing.": {"log p(x)": right + half_log_det},
        "log(2 pi) counts once for each of the two numbers of x.": {
            "log p(x)": right + 0.5 * np.log(2 * np.pi)
        },
        "the half is missing.": {"log p(x)": 2 * right},
    }
    lesson.compare("log_evidence", (x, a), {"log p(x)": right}, hints, by="a sum over a grid of z")


def test_posterior(lesson, rng):
    sigma, a, x = lesson["SIGMA_X"], normal(rng, 2), normal(rng, (4, 2))
    means = np.array([on_grid(row, a, sigma)[1] for row in x])
    sd = on_grid(x[0], a, sigma)[2]
    hints = {
        "this is the variance; its root is asked for.": {"standard deviation": sd**2},
        "this ignores the prior: |a|² + sigma_x² is the denominator.": {
            "mean": x @ a / (a @ a),
            "standard deviation": sigma / np.sqrt(a @ a),
        },
    }
    expected = {"mean": means, "standard deviation": sd}
    lesson.compare("posterior", (x, a), expected, hints, by="a sum over a grid of z")


def test_terms_of_elbo(lesson, rng):
    x, a = normal(rng, 2, 2)
    mu, sigma, sigma_x = normal(rng, 5), rng.uniform(0.3, 1.5, 5), lesson["SIGMA_X"]
    at, weight = np.polynomial.hermite_e.hermegauss(20)  # exact for a square
    z = mu[:, None] + sigma[:, None] * at  # (5, 20)
    square = ((x - z[..., None] * a) ** 2).sum(axis=2)
    log_px = -0.5 * square / sigma_x**2 - np.log(2 * np.pi * sigma_x**2)
    reconstruction = log_px @ weight / weight.sum()
    kl = kl_standard_normal(mu[:, None], 2 * np.log(sigma)[:, None])
    at_mu = -0.5 * ((x - mu[:, None] * a) ** 2).sum(axis=1) / sigma_x**2
    at_mu -= np.log(2 * np.pi * sigma_x**2)
    hints = {
        "this is the term at z = mu. The variance of q costs |a|² sigma² / (2 sigma_x²).": {
            "reconstruction": at_mu
        },
        "the variance of q lowers the term; its sign is wrong.": {
            "reconstruction": 2 * at_mu - reconstruction
        },
        "npvae's KL takes the log variance, 2 log(sigma).": {
            "KL": kl_standard_normal(mu[:, None], np.log(sigma)[:, None])
        },
        "npvae's KL takes the log variance; sigma itself is passed.": {
            "KL": kl_standard_normal(mu[:, None], sigma[:, None])
        },
        "the KL divergence itself is asked for; it is subtracted later.": {"KL": -kl},
    }
    expected = {"reconstruction": reconstruction, "KL": kl}
    lesson.compare("terms_of_elbo", (x, mu, sigma, a), expected, hints, by="exact quadrature")


def test_loss_and_grad(lesson, rng):
    x, a = normal(rng, 2, 2)
    eps, sigma_x = normal(rng, 6), lesson["SIGMA_X"]
    mu, logvar = 0.4, -0.7

    def reconstruction(mu, logvar):
        z = mu + np.exp(logvar / 2) * eps
        square = ((x - z[:, None] * a) ** 2).sum(axis=1)
        return (0.5 * square / sigma_x**2).mean() + np.log(2 * np.pi * sigma_x**2)

    def kl(mu, logvar):
        return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)

    def gradients(f):
        at = np.array([mu, logvar])
        dmu, dlogvar = differences(lambda at: f(*at), at)
        return {"loss": f(mu, logvar), "dmu": dmu, "dlogvar": dlogvar}

    of_reconstruction, of_kl = gradients(reconstruction), gradients(kl)
    expected = {name: of_reconstruction[name] + of_kl[name] for name in of_kl}
    n = len(eps)
    hints = {
        "the KL divergence is forgotten.": of_reconstruction,
        "the KL divergence is subtracted. The loss is minus the ELBO, so it is added.": {
            name: of_reconstruction[name] - of_kl[name] for name in of_kl
        },
        "the gradient of the draws is summed, but the loss is their mean.": {
            name: n * of_reconstruction[name] + of_kl[name] for name in ("dmu", "dlogvar")
        },
        "only the gradient of the KL divergence has arrived.": {
            name: of_kl[name] for name in ("dmu", "dlogvar")
        },
    }
    given = x, mu, logvar, eps, a
    lesson.compare("loss_and_grad", given, expected, hints, by="finite differences, eps frozen")
