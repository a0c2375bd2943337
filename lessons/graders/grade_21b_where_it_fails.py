"""Lesson 21b: a straight line, and a restored reconstruction."""

import numpy as np
from grading import fail, normal


def test_line_through(lesson, rng):
    length, noise = normal(rng, 12, 12)
    length = 300 + 50 * length
    score = 20 + 0.4 * length + 10 * noise
    b, a = np.polyfit(length, score, 1)
    hints = {
        "the two are exchanged: a comes first.": {"a": b, "b": a},
        "the slope is that of length as a function of score.": {
            "b": np.cov(length, score)[0, 1] / score.var(ddof=1)
        },
        "the mean length is not subtracted.": {
            "b": (length * score).sum() / (length**2).sum(),
        },
        "a is the mean score minus b times the mean length.": {"a": score.mean()},
    }
    expected = {"a": a, "b": b}
    lesson.compare("line_through", (length, score), expected, hints, by="np.polyfit")


class Copier:
    """In place of a VAE: a reconstruction that copies part of what it sees."""

    def __init__(self, rng):
        self.weights = normal(rng, (784, 784)) / 10
        self.seen = []

    def reconstruct(self, x):
        self.seen.append(np.array(x))
        return 1 / (1 + np.exp(-(x - 0.5) @ self.weights))


def by_passes(lesson, model, x, passes, bright, of_original=True, rounded=True):
    """The reconstructions after some passes, and two ways to do it wrong."""
    mended = x
    for _ in range(passes):
        x_hat = model.reconstruct(mended)
        cost = lesson["nats"](x if of_original else mended, x_hat)
        is_bright = lesson["smooth"](cost) > bright
        mended = np.where(is_bright, x_hat > 0.5 if rounded else x_hat, x)
    return x_hat, mended


def test_restored(lesson, rng):
    model, x = Copier(rng), (rng.random((3, 784)) < 0.2).astype(float)
    for passes, bright in ((1, 0.7), (2, 1.0), (4, 1.5)):
        right, mended = by_passes(lesson, model, x, passes, bright)
        hints = {
            "there is one pass too many.": {
                "x_hat": by_passes(lesson, model, x, passes + 1, bright)[0]
            },
            "this is the mended image; the last x_hat is asked for.": {"x_hat": mended},
        }
        if passes > 1:
            hints |= {
                "the mended image is not encoded: each pass sees x again.": {
                    "x_hat": model.reconstruct(x)
                },
                "the map is that of the mended image; take that of the original x.": {
                    "x_hat": by_passes(lesson, model, x, passes, bright, of_original=False)[0]
                },
                "mended has x_hat itself in bright places; take the more probable value.": {
                    "x_hat": by_passes(lesson, model, x, passes, bright, rounded=False)[0]
                },
            }
        lesson.compare("restored", (model, x, passes, bright), {"x_hat": right}, hints)
    model.seen.clear()
    lesson.call("restored", model, x, 3, 0.7)
    if len(model.seen) != 3 or not np.array_equal(model.seen[0], x):
        fail("restored has to reconstruct once in each pass, and x itself in the first")
