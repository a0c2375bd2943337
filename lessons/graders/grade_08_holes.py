"""Lesson 08: draws from a fitted Gaussian, and distances to the nearest row."""

import numpy as np
from grading import difference, fail, normal, sizes


def test_drawn_has_the_mean_and_the_covariance_of_the_codes(lesson, rng):
    n = 200_000
    codes = normal(rng, (500, 3)) @ np.array([[2.0, 0.3, 0.0], [0.0, 0.7, 0.5], [0.0, 0.0, 1.2]])
    codes += np.array([3.0, -1.0, 0.0])
    draws = np.asarray(lesson.call("drawn", codes, n, rng))
    if draws.shape != (n, 3):
        fail(f"drawn returns an array {draws.shape}; expected one row for each draw, {(n, 3)}")
    C = np.cov(codes.T)
    A = np.linalg.cholesky(C)
    hints = {
        "the mean of the codes is not added.": np.zeros(3),
    }
    problem = difference("mean", draws.mean(axis=0), codes.mean(axis=0), hints, tolerance=0.02)
    hints = {
        "A is not transposed: each row is a draw, so multiply by A.T.": A.T @ A,
        "the latents are drawn independently: only the variances are right.": np.diag(np.diag(C)),
        "the draws are multiplied by the covariance matrix; use a square root of it.": C @ C,
        "the draws are standard normal: the covariance is not used.": np.eye(3),
    }
    problem = problem or difference("covariance", np.cov(draws.T), C, hints, tolerance=0.02)
    if problem:
        fail(f"the draws of drawn have the wrong moments (200,000 draws)\n{problem}")


def test_drawn_uses_fresh_noise_from_the_generator(lesson, rng):
    codes = normal(rng, (50, 2))
    again = [lesson.call("drawn", codes, 4, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    if not np.array_equal(again[0], again[1]) or np.array_equal(again[0], again[2]):
        fail("drawn should take all of its noise from rng, so that a seed gives the same draws")


def test_nearest(lesson, rng):
    for _ in range(3):
        N, K, n = sizes(rng, 3)
        x, known = normal(rng, (N, n), (K, n))
        all_pairs = ((x[:, None] - known) ** 2).sum(axis=2)  # (N, K)
        right = all_pairs.min(axis=1)
        hints = {
            "these are distances; the squared distance is asked for.": {"distance": right**0.5},
            "this is the nearest row of x for each row of known.": {
                "distance": all_pairs.min(axis=0)
            },
            "this is the number of the nearest row; its squared distance is asked for.": {
                "distance": all_pairs.argmin(axis=1)
            },
            "this is the farthest row.": {"distance": all_pairs.max(axis=1)},
            "in |a - b|² = |a|² + |b|² - 2 a·b the factor 2 is missing.": {
                "distance": (all_pairs + x @ known.T).min(axis=1)
            },
            "|x|² is missing in |a|² + |b|² - 2 a·b.": {"distance": right - (x * x).sum(axis=1)},
        }
        lesson.compare("nearest", (x, known), {"distance": right}, hints, by="all differences")


def test_nearest_is_never_negative(lesson, rng):
    x = 1000 + normal(rng, (20, 5)).astype(np.float32)
    found = np.asarray(lesson.call("nearest", x, x))
    if (found < 0).any():
        fail(
            f"nearest returns {found.min():.3g}, but a squared distance cannot be negative\n"
            "  Hint: rounding can leave a number just below zero; replace it by zero."
        )
