"""Lesson 09: Bayes' rule on a grid, a posterior with a formula, and the mean of tiny weights."""

import numpy as np
from grading import normal


def test_bayes(lesson, rng):
    for n in (201, 400):
        grid = np.linspace(-6, 6, n)
        dz = grid[1] - grid[0]
        a, b, c = normal(rng, 3)
        log_joint = -0.5 * (grid - a) ** 2 + np.sin(b * grid) + c
        evidence = np.trapezoid(np.exp(log_joint), grid)
        posterior = np.exp(log_joint) / evidence
        hints = {
            "the width dz of the intervals is missing.": {
                "posterior": posterior * dz,
                "evidence": evidence / dz,
            },
            "the exponential is missing: log_joint is a logarithm.": {
                "evidence": log_joint.sum() * dz
            },
            "the joint probability is not divided by the evidence.": {
                "posterior": np.exp(log_joint)
            },
            "this is the logarithm of the evidence.": {"evidence": np.log(evidence)},
        }
        expected = {"posterior": posterior, "evidence": evidence}
        lesson.compare("bayes", (log_joint, dz), expected, hints, tolerance=1e-5)


def test_exact_posterior(lesson, rng):
    z = np.linspace(-12, 12, 20_001)
    for _ in range(3):
        x, a = normal(rng, 2)
        sigma = rng.uniform(0.4, 2)
        joint = np.exp(-0.5 * z**2 - 0.5 * ((x - a * z) / sigma) ** 2)
        p = joint / joint.sum()
        m = (p * z).sum()
        s2 = (p * (z - m) ** 2).sum()
        hints = {
            "this is the standard deviation; its square is asked for.": {"s²": np.sqrt(s2)},
            "sigma is not squared.": {
                "m": a * x / (a**2 + sigma),
                "s²": sigma / (a**2 + sigma),
            },
            "this ignores the prior.": {"m": x / a, "s²": sigma**2 / a**2},
            "sigma² belongs in the numerator: with little noise z is nearly certain.": {
                "s²": 1 / (a**2 + sigma**2)
            },
        }
        expected = {"m": m, "s²": s2}
        lesson.compare("exact_posterior", (x, a, sigma), expected, hints, by="a sum over a grid")


def test_log_mean_exp(lesson, rng):
    for n in (3, 1000):
        log_w = normal(rng, n)
        right = np.log(np.mean(np.exp(log_w)))
        hints = {
            "this is the logarithm of the sum; divide by the number of weights.": {
                "log mean": right + np.log(n)
            },
            "this is the mean of the logarithms, which is smaller.": {"log mean": log_w.mean()},
            "this is the mean; its logarithm is asked for.": {"log mean": np.exp(right)},
            "the largest is not added again after the logarithm.": {
                "log mean": right - log_w.max()
            },
        }
        lesson.compare("log_mean_exp", (log_w,), {"log mean": right}, hints)


def test_log_mean_exp_of_tiny_weights(lesson, rng):
    log_w = normal(rng, 50)
    right = np.log(np.mean(np.exp(log_w))) - 2000
    hint = "exp(-2000) is zero in a computer. Subtract the largest first, and add it at the end."
    hints = {hint: {"log mean": -np.inf}}
    lesson.compare("log_mean_exp", (log_w - 2000,), {"log mean": right}, hints)
