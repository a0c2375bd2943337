"""Lesson 21a: -log p(x) from the weights of draws, and the AUROC."""

import numpy as np
from grading import fail, normal


def test_minus_log_px(lesson, rng):
    for n, k in ((4, 3), (2, 50)):
        log_w = normal(rng, (n, k))
        right = -np.log(np.exp(log_w).mean(axis=1))
        hints = {
            "this is the mean of the logarithms; take the logarithm of the mean.": {
                "-log p(x)": -log_w.mean(axis=1)
            },
            "the minus is missing.": {"-log p(x)": -right},
            "the weights are added up; take their mean.": {"-log p(x)": right - np.log(k)},
            "this is one number for all images; average over the draws only.": {
                "-log p(x)": -np.log(np.exp(log_w).mean())
            },
        }
        lesson.compare("minus_log_px", (log_w,), {"-log p(x)": right}, hints)


def test_minus_log_px_of_tiny_weights(lesson, rng):
    log_w = normal(rng, (4, 3))
    log_w[1:] -= np.array([[100.0], [1000.0], [3000.0]])
    largest = log_w.max(axis=1)
    right = -largest - np.log(np.exp(log_w - largest[:, None]).mean(axis=1))
    found = np.asarray(lesson.call("minus_log_px", log_w))
    if not np.allclose(found, right):
        fail(
            f"minus_log_px fails for weights of exp(-1000): expected {right}, found {found}\n"
            "  Hint: such a weight is zero in a computer. Subtract the largest logarithm of each "
            "image first, and add it again afterwards."
        )


def test_area_under_roc(lesson, rng):
    for n, m in ((3, 5), (7, 2)):
        odd, ordinary = rng.integers(0, 5, n) / 2, rng.integers(0, 5, m) / 2
        odd[0] = ordinary[0]  # at least one pair is equal
        pairs = [(a > b) + 0.5 * (a == b) for a in odd for b in ordinary]
        right = float(np.mean(pairs))
        equal = float(np.mean([a == b for a in odd for b in ordinary]))
        hints = {
            "equal scores count half.": {"area": right - equal / 2},
            "equal scores count half, and not as a whole pair.": {"area": right + equal / 2},
            "odd and ordinary are exchanged.": {"area": 1 - right},
            "this is the number of pairs; divide by how many there are.": {"area": right * n * m},
        }
        lesson.compare("area_under_roc", (odd, ordinary), {"area": right}, hints)
