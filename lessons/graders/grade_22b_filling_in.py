"""Lesson 22b: both halves of an image, the best of several completions, and their diversity."""

import numpy as np
from grading import normal


def test_halves(lesson, rng):
    images = rng.random((3, 784))
    lower, upper = images[:, 392:], images[:, :392]
    by_columns = images.reshape(3, 28, 28)
    hints = {
        "this cuts at a column. The rows of an image follow each other: its first 392 pixels are "
        "the upper half.": {
            "x": by_columns[:, :, 14:].reshape(3, 392),
            "y": by_columns[:, :, :14].reshape(3, 392),
        },
    }
    lesson.compare("halves", (images,), {"x": lower, "y": upper}, hints)


def test_best_of(lesson, rng):
    completions, x = normal(rng, (4, 3, 5)), normal(rng, (4, 5))
    distance = ((completions - x[:, None]) ** 2).sum(axis=2)
    hints = {
        "this is the mean over the completions; take the nearest of each example.": {
            "distance": distance.mean()
        },
        "this is the nearest of all; choose one for each example, and take the mean.": {
            "distance": distance.min()
        },
        "this is the farthest.": {"distance": distance.max(axis=1).mean()},
        "a distance is summed over the pixels, not averaged.": {
            "distance": distance.min(axis=1).mean() / 5
        },
        "choose a whole completion: sum over the pixels before you take the minimum.": {
            "distance": ((completions - x[:, None]) ** 2).min(axis=1).sum(axis=1).mean()
        },
        "the distance is squared, without a root.": {
            "distance": np.sqrt(distance).min(axis=1).mean()
        },
        "the mean over the examples comes last, not first: the completions of an example belong "
        "together.": {"distance": distance.mean(axis=0).min()},
    }
    right = {"distance": distance.min(axis=1).mean()}
    lesson.compare("best_of", (completions, x), right, hints)


def test_diversity(lesson, rng):
    completions = normal(rng, (4, 3, 5))
    pairs = [
        ((completions[:, i] - completions[:, j]) ** 2).sum(axis=1).mean()
        for i in range(3)
        for j in range(i)
    ]
    right = float(np.mean(pairs))
    spread = ((completions - completions.reshape(-1, 5).mean(axis=0)) ** 2).sum(axis=2).mean()
    hints = {
        "this counts each completion beside itself, too: multiply by n / (n - 1).": {
            "diversity": right * 2 / 3
        },
        "this is the variance; two draws differ by twice that.": {"diversity": right / 3},
        "two draws differ by twice the variance.": {"diversity": right / 2},
        "a distance is summed over the pixels, not averaged.": {"diversity": right / 5},
        "compare the completions of one example with each other, not with those of others.": {
            "diversity": 2 * spread * 3 / 2
        },
        "the examples are compared with each other here; the completions are axis 1.": {
            "diversity": 2 * completions.var(axis=0).sum(axis=1).mean() * 3 / 2
        },
    }
    lesson.compare("diversity", (completions,), {"diversity": right}, hints)
