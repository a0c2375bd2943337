"""Lesson 03: two losses and their gradients, and the cross-entropy at large logits."""

import numpy as np
from grading import differences, normal

from npvae.gaussian import log_density

SQRT_2PI = np.sqrt(2 * np.pi)


def nats(mu, x, sigma):
    """-log N(x; mu, sigma²) of each number, by npvae's log density."""
    logvar = np.full((x.size, 1), 2 * np.log(sigma))
    return -log_density(x.reshape(-1, 1), mu.reshape(-1, 1), logvar).reshape(x.shape)


def bernoulli(a, x):
    """-log of the probability of each pixel, as it is defined; accurate for small logits."""
    p = 1 / (1 + np.exp(-a))
    return -np.log(np.where(x == 1, p, 1 - p))


def test_gaussian_loss(lesson, rng):
    for sigma in (1.0, 0.5, 2.0):
        mu, x = normal(rng, (3, 4), (3, 4))
        right, square = nats(mu, x, sigma), (x - mu) ** 2
        hints = {
            "the half of the squared error is missing.": {"loss": right + square / (2 * sigma**2)},
            "sigma is not squared.": {
                "loss": right + square / (2 * sigma) - square / (2 * sigma**2)
            },
            "this is the density, not minus its logarithm.": {"loss": np.exp(-right)},
            "the sign is wrong: a loss is minus log p(x).": {"loss": -right},
        }
        if sigma != 1:
            hints["log(sigma) is missing."] = {"loss": right - np.log(sigma)}
        lesson.compare("gaussian_loss", (mu, x, sigma), {"loss": right}, hints, by="npvae")


def test_gaussian_gradient(lesson, rng):
    for sigma in (0.5, 2.0):
        mu, x = normal(rng, (3, 4), (3, 4))
        dmu = differences(lambda mu, x=x, sigma=sigma: nats(mu, x, sigma).sum(), mu)
        hints = {
            "sigma is not squared.": {"dL/dmu": dmu * sigma},
            "this is the derivative with respect to x.": {"dL/dmu": -dmu},
        }
        lesson.compare(
            "gaussian_gradient", (mu, x, sigma), {"dL/dmu": dmu}, hints, by="finite differences"
        )


def test_cross_entropy(lesson, rng):
    a, x = 2 * normal(rng, (3, 4)), rng.integers(0, 2, (3, 4)).astype(float)
    right = bernoulli(a, x)
    hints = {
        "black and white are exchanged: x = 1 means that the pixel is on.": {
            "loss": bernoulli(a, 1 - x)
        },
        "the sigmoid stands where a softplus should be.": {"loss": 1 / (1 + np.exp(-a)) - x * a},
        "this is the mean; a loss for each pixel is asked for.": {"loss": right.mean()},
    }
    lesson.compare("cross_entropy", (a, x), {"loss": right}, hints)


def test_cross_entropy_of_large_logits(lesson):
    a, x = np.array([1000.0, 1000.0, -1000.0, -1000.0]), np.array([0.0, 1.0, 0.0, 1.0])
    with np.errstate(all="ignore"):
        p = 1 / (1 + np.exp(-a))
        naive = -x * np.log(p) - (1 - x) * np.log(1 - p)
    hint = "p is rounded to 0 or 1, and log(0) is infinite. Use the form in a, with softplus."
    expected = {"loss": np.array([1000.0, 0.0, 0.0, 1000.0])}
    lesson.compare("cross_entropy", (a, x), expected, {hint: {"loss": naive}})


def test_cross_entropy_gradient(lesson, rng):
    a, x = 2 * normal(rng, (3, 4)), rng.integers(0, 2, (3, 4)).astype(float)
    da, p = differences(lambda a: bernoulli(a, x).sum(), a), 1 / (1 + np.exp(-a))
    hints = {
        "this is the derivative with respect to p. Go on through the sigmoid.": {
            "dL/da": (p - x) / (p * (1 - p))
        },
        "p is the sigmoid of the logit; the logit itself is used.": {"dL/da": a - x},
        "the derivative of the sigmoid is not needed: it cancels.": {
            "dL/da": (p - x) * p * (1 - p)
        },
    }
    lesson.compare("cross_entropy_gradient", (a, x), {"dL/da": da}, hints, by="finite differences")
