"""Lesson 14: nearest neighbours, draws from posteriors, and distances in standard deviations."""

import numpy as np
from grading import difference, fail, normal, sizes


def test_nearest_other(lesson, rng):
    for _ in range(3):
        N, n = 9, sizes(rng, 1)[0]
        z = normal(rng, (N, n))
        pairs = ((z[:, None] - z) ** 2).sum(axis=2)
        away = pairs + np.diag(np.full(N, np.inf))
        hints = {
            "each row is its own nearest row. The *other* rows are asked for.": {
                "number": np.arange(N)
            },
            "this is the farthest row.": {"number": pairs.argmax(axis=1)},
            "this is the distance; the number of the row is asked for.": {
                "number": away.min(axis=1)
            },
        }
        lesson.compare("nearest_other", (z,), {"number": away.argmin(axis=1)}, hints)


def test_one_from_each(lesson, rng):
    n, mu, sigma = 200_000, np.array([0.5, -1.0]), np.array([2.0, 0.3])
    given = np.tile(mu, (n, 1)), np.tile(2 * np.log(sigma), (n, 1)), rng
    z = np.asarray(lesson.call("one_from_each", *given))
    if z.shape != (n, 2):
        fail(f"one_from_each returns an array {z.shape}; expected one draw a row, {(n, 2)}")
    hints = {
        "that is sigma²: the half in exp(logvar / 2) is missing.": sigma**2,
        "the noise is not used.": np.zeros(2),
    }
    problem = difference("mean", z.mean(axis=0), mu, {}, tolerance=0.02)
    problem = problem or difference(
        "standard deviation", z.std(axis=0), sigma, hints, tolerance=0.02
    )
    correlation = np.corrcoef(z.T)[0, 1] if z.std(axis=0).min() > 0 else 0
    if not problem and abs(correlation) > 0.02:
        problem = f"  the two latents have a correlation of {correlation:.2f}\n"
        problem += "  Hint: each number needs noise of its own."
    if problem:
        fail(f"200,000 draws of one_from_each have the wrong moments\n{problem}")


def test_apart(lesson, rng):
    N, n_z = sizes(rng, 2)
    mu, sigma = normal(rng, (N, n_z)), rng.uniform(0.3, 2, (N, n_z))
    pairs = [[(mu[i] - mu[j]) / sigma[j] for j in range(N)] for i in range(N)]
    right = np.array([[np.sqrt(np.mean(d**2)) for d in row] for row in pairs])
    hints = {
        "the differences are divided by sigma of i; posterior j is meant.": {"distance": right.T},
        "this is the sum over the latents; the mean square is asked for.": {
            "distance": right * np.sqrt(n_z)
        },
        "the root is missing.": {"distance": right**2},
        "the differences are not divided by sigma.": {
            "distance": np.sqrt(((mu[:, None] - mu) ** 2).mean(axis=2))
        },
    }
    lesson.compare("apart", (mu, sigma), {"distance": right}, hints, by="one pair at a time")
