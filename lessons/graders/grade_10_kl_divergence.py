"""Lesson 10: the log density of a Gaussian, the KL divergence and its gradient."""

import numpy as np
from grading import differences, normal

from npvae.gaussian import kl_per_latent, log_density


def test_log_gaussian(lesson, rng):
    for sigma in (0.5, 2.0):
        z, mu = normal(rng, (6, 1), (6, 1))
        right = log_density(z, mu, np.full((6, 1), 2 * np.log(sigma)))[:, None]
        hints = {
            "log(sigma) is missing.": {"log density": right + np.log(sigma)},
            "half of log(2 pi) is missing.": {"log density": right + 0.5 * np.log(2 * np.pi)},
            "this is the density; its logarithm is asked for.": {"log density": np.exp(right)},
            "this is a loss: the sign is wrong.": {"log density": -right},
            "sigma is not squared.": {
                "log density": right + (z - mu) ** 2 * (1 / (2 * sigma**2) - 1 / (2 * sigma))
            },
        }
        given = z, mu, sigma
        lesson.compare("log_gaussian", given, {"log density": right}, hints, by="npvae")


def by_integration(mu, logvar):
    """KL of N(mu, exp(logvar)) from N(0, 1), by a sum over a grid."""
    z = np.linspace(-30, 30, 60_001)
    log_q = -0.5 * (z - mu) ** 2 / np.exp(logvar) - 0.5 * logvar
    log_p = -0.5 * z**2
    q = np.exp(log_q) / np.exp(log_q).sum()
    return (q * (log_q - log_p)).sum()


def test_kl(lesson, rng):
    mu, logvar = normal(rng, (3, 2), (3, 2))
    right = np.vectorize(by_integration)(mu, logvar)
    hints = {
        "logvar is taken for log(sigma): sigma² is exp(logvar), without a 2.": {
            "KL": 0.5 * (mu**2 + np.exp(2 * logvar) - 1 - 2 * logvar)
        },
        "sigma stands where sigma² should be: that is exp(logvar).": {
            "KL": 0.5 * (mu**2 + np.exp(logvar / 2) - 1 - logvar)
        },
        "mu is not squared.": {"KL": right + 0.5 * (mu - mu**2)},
        "the sign of log sigma² is wrong.": {"KL": right + logvar},
        "this is the sum over the latents; a number for each is asked for.": {
            "KL": right.sum(axis=1)
        },
        "this is the KL in the other direction: the draws come from q.": {
            "KL": 0.5 * ((1 + mu**2) / np.exp(logvar) - 1 + logvar)
        },
    }
    lesson.compare("kl", (mu, logvar), {"KL": right}, hints, by="a sum over a grid of z")


def test_kl_gradient(lesson, rng):
    mu, logvar = normal(rng, (3, 2), (3, 2))
    var = np.exp(logvar)
    expected = {
        "dmu": differences(lambda mu: kl_per_latent(mu, logvar).sum(), mu),
        "dlogvar": differences(lambda logvar: kl_per_latent(mu, logvar).sum(), logvar),
    }
    hints = {
        "the derivative of -logvar is missing.": {"dlogvar": 0.5 * var},
        "this is the derivative with respect to sigma²; logvar is its logarithm.": {
            "dlogvar": 0.5 * (1 - 1 / var)
        },
        "this is the derivative with respect to sigma.": {
            "dlogvar": np.sqrt(var) - 1 / np.sqrt(var)
        },
    }
    lesson.compare("kl_gradient", (mu, logvar), expected, hints, by="finite differences")


def test_kl_takes_single_numbers_too(lesson):
    lesson.compare("kl", (1.0, np.log(0.25)), {"KL": by_integration(1.0, np.log(0.25))})
