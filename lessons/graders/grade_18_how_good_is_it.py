"""Lesson 18: the bound from k draws, and log p(x) of a memory."""

import numpy as np
from grading import fail, normal


def test_bounds(lesson, rng):
    log_w = normal(rng, (3, 12))
    for k in (1, 3, 4, 12):
        w = np.exp(log_w)
        rows = [[np.log(w[i, j : j + k].mean()) for j in range(0, 12, k)] for i in range(3)]
        right = np.array(rows).mean(axis=1)
        every = np.array(
            [[np.log(w[i, j :: 12 // k].mean()) for j in range(12 // k)] for i in range(3)]
        ).mean(axis=1)
        hints = {
            "this is the mean over all images; a number for each is asked for.": {
                "L_k": right.mean()
            }
        }
        if k > 1:
            hints |= {
                "this is the mean of the logarithms, L_1. Average the weights of a block first.": {
                    "L_k": log_w.mean(axis=1)
                },
                "this is the logarithm of the sum of k weights; take their mean.": {
                    "L_k": right + np.log(k)
                },
            }
        if 1 < k < 12:
            hints["all draws are in one block; blocks of k are asked for."] = {
                "L_k": np.log(w.mean(axis=1))
            }
            hints["the blocks are not consecutive draws: reshape to (images, -1, k)."] = {
                "L_k": every
            }
        lesson.compare("bounds", (log_w, k), {"L_k": right}, hints)


def test_bounds_of_tiny_weights(lesson, rng):
    log_w = normal(rng, (3, 8))
    right = np.log(np.exp(log_w).reshape(3, 2, 4).mean(axis=2)).mean(axis=1) - 1000
    hint = "every weight is rounded to zero. Subtract the largest of each block first."
    lesson.compare("bounds", (log_w - 1000, 4), {"L_k": right}, {hint: {"L_k": [-np.inf] * 3}})


def test_bounds_rise_with_k(lesson, rng):
    log_w = 3 * normal(rng, (5, 64))
    found = [np.mean(lesson.call("bounds", log_w, k)) for k in (1, 2, 4, 8, 16, 32, 64)]
    if (np.diff(found) < 0).any():
        fail("bounds falls as k grows; on nested draws it never does (Jensen's inequality)")


def test_log_px_of_memory(lesson, rng):
    for f, most in ((0.1, 100), (0.02, 300)):  # the second is too small for a float
        differ = rng.integers(most - 60, most, (3, 6)).astype(float)
        log_each = differ * np.log(f) + (784 - differ) * np.log(1 - f)
        right = np.logaddexp.reduce(log_each, axis=1) - np.log(6)
        hints = {
            "this is the sum over the stored images; each of them has the probability 1 / N.": {
                "log p(x)": right + np.log(6)
            },
            "the flips are exchanged: f belongs to the pixels that differ.": {
                "log p(x)": np.logaddexp.reduce(
                    differ * np.log(1 - f) + (784 - differ) * np.log(f), axis=1
                )
                - np.log(6)
            },
            "the pixels that do not differ are forgotten: each has the factor 1 - f.": {
                "log p(x)": np.logaddexp.reduce(differ * np.log(f), axis=1) - np.log(6)
            },
            "only the nearest stored image is counted.": {"log p(x)": log_each.max(axis=1)},
            "this is the mean of the logarithms; the mean of p(x) comes first.": {
                "log p(x)": log_each.mean(axis=1)
            },
        }
        with np.errstate(all="ignore"):
            naive = np.log(np.exp(log_each).mean(axis=1))
        if not np.isfinite(naive).all():
            hints["exp of such a number is zero. Take the largest out of the sum, as a factor."] = {
                "log p(x)": naive
            }
        lesson.compare("log_px_of_memory", (differ, f), {"log p(x)": right}, hints)
