"""Lesson 12b: the weights of importance sampling, and the logarithm of their mean."""

import numpy as np
from grading import fail, normal, within


def log_normal(x, mean, sd):
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)


def test_log_weights(lesson, rng):
    sigma_x, n = lesson["SIGMA_X"], 6
    x, a, eps = normal(rng, 2, 2, (n, 1))
    mu, logvar = np.full((1, 1), 0.3), np.full((1, 1), -0.8)
    sd = np.exp(logvar[0, 0] / 2)
    z = mu[0, 0] + sd * eps[:, 0]
    likelihood = log_normal(x, z[:, None] * a, sigma_x).sum(axis=1)
    prior, q = log_normal(z, 0, 1), log_normal(z, 0.3, sd)
    hints = {
        "this is log p(x | z) only. Prior and q belong to the weight.": {"log w": likelihood},
        "q is missing: it is in the denominator.": {"log w": likelihood + prior},
        "prior and q are exchanged: the weight is p(x | z) p(z) / q(z).": {
            "log w": likelihood + q - prior
        },
        "these are the weights; their logarithms are asked for.": {
            "log w": np.exp(likelihood + prior - q)
        },
    }
    given = x, mu, logvar, eps, a
    lesson.compare("log_weights", given, {"log w": likelihood + prior - q}, hints)


def test_log_mean(lesson, rng):
    log_w = normal(rng, (4, 7))
    right = np.log(np.mean(np.exp(log_w), axis=1))
    hints = {
        "this is the logarithm of the sum; take the mean.": {"log mean": right + np.log(7)},
        "this is the mean of the logarithms, the ELBO. Take the logarithm last.": {
            "log mean": log_w.mean(axis=1)
        },
        "the largest is not added again after the logarithm.": {
            "log mean": right - log_w.max(axis=1)
        },
        "the mean is over everything. Each row has a mean of its own.": {
            "log mean": np.log(np.mean(np.exp(log_w)))
        },
    }
    lesson.compare("log_mean", (log_w,), {"log mean": right}, hints)


def test_log_mean_of_tiny_and_of_huge_weights(lesson, rng):
    log_w = normal(rng, (3, 5)) + np.array([[-2000.0], [0.0], [2000.0]])
    shift = log_w.max(axis=1, keepdims=True)
    right = shift[:, 0] + np.log(np.mean(np.exp(log_w - shift), axis=1))
    with np.errstate(all="ignore"):
        naive = np.log(np.mean(np.exp(log_w), axis=1))
    hint = "exp of such a number is 0 or infinite. Subtract the largest of each row first."
    lesson.compare("log_mean", (log_w,), {"log mean": right}, {hint: {"log mean": naive}})


def test_the_mean_weight_is_the_evidence(lesson, rng):
    """Whatever q is: this is what importance sampling promises."""
    sigma_x, n = lesson["SIGMA_X"], 200_000
    x, a = np.array([1.0, 0.5]), np.array([1.5, 0.8])
    covariance = np.outer(a, a) + sigma_x**2 * np.eye(2)
    evidence = np.exp(-0.5 * x @ np.linalg.inv(covariance) @ x)
    evidence /= 2 * np.pi * np.sqrt(np.linalg.det(covariance))
    given = x, np.full((1, 1), 0.5), np.full((1, 1), np.log(0.5)), normal(rng, (n, 1)), a
    w = np.exp(np.asarray(lesson.call("log_weights", *given)))
    error = w.std() / np.sqrt(n)
    if not within(w.mean(), evidence, error):
        fail(
            f"the mean of w over {n:,} draws is {w.mean():.4f} with a standard error of "
            f"{error:.4f}, but p(x) is {evidence:.4f}"
        )
