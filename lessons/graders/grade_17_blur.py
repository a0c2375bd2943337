"""Lesson 17: the weights of a mean image, a measure of sharpness, and the nats of an error."""

import numpy as np
from grading import fail, normal

from npvae.gaussian import log_density


def test_weights(lesson, rng):
    log_q = normal(rng, (3, 6))
    q = np.exp(log_q)
    right, scaled = q / q.sum(axis=1)[:, None], q / q.max(axis=1)[:, None]
    hints = {
        "the weights of each *code* add up to 1: sum over the images, which are the columns.": {
            "w": scaled / scaled.sum(axis=0)
        },
        "all weights together add up to 1; each row should.": {"w": scaled / scaled.sum()},
        "they do not add up to 1: divide by the sum of each row.": {"w": scaled},
        "these are logarithms in proportion; take the exponential first.": {
            "w": log_q / log_q.sum(axis=1, keepdims=True)
        },
    }
    lesson.compare("weights", (log_q,), {"w": right}, hints)


def test_weights_of_tiny_densities(lesson, rng):
    log_q = normal(rng, (3, 6))
    right = np.exp(log_q) / np.exp(log_q).sum(axis=1)[:, None]
    hint = "every q is rounded to zero. Subtract the largest log q of each row first."
    hints = {hint: {"w": np.full((3, 6), np.nan)}}
    lesson.compare("weights", (log_q - 3000,), {"w": right}, hints)


def test_edges(lesson, rng):
    x = rng.random((4, 784))
    total = np.zeros(4)
    beside = np.zeros(4)
    for i in range(784):
        if i % 28 < 27:
            beside += (x[:, i + 1] - x[:, i]) ** 2
        if i < 756:
            total += (x[:, i + 28] - x[:, i]) ** 2
    right = (beside + total).mean()
    hints = {
        "only neighbours beside each other are counted.": {"edges": beside.mean()},
        "only neighbours one below the other are counted.": {"edges": total.mean()},
        "this is the sum over all images; the mean over images is asked for.": {"edges": 4 * right},
    }
    lesson.compare("edges", (x,), {"edges": right}, hints, by="one pair of pixels at a time")


def test_an_image_of_one_grey_has_no_edges(lesson):
    if abs(lesson.call("edges", np.full((2, 784), 0.7))) > 1e-12:
        fail("edges of an image that has one grey everywhere should be 0")


def test_gaussian_nats(lesson, rng):
    residual, one, each = normal(rng, (5, 7)), 0.3, rng.uniform(0.1, 2, 7)
    for var in (one, each):
        logvar = np.broadcast_to(np.log(var), (5, 7))
        right = -log_density(residual, np.zeros((5, 7)), logvar)
        square = (residual**2 / var).sum(axis=1)
        hints = {
            "log(var) is missing: without it a smaller variance would always be worse.": {
                "nats": right - 0.5 * logvar.sum(axis=1)
            },
            "var is a variance already; it is squared once more.": {
                "nats": right - 0.5 * square + 0.5 * (residual**2 / np.square(var)).sum(axis=1)
            },
            "these are means over the pixels; nats of pixels are added.": {"nats": right / 7},
            "this is log p(x | z); its negative is asked for.": {"nats": -right},
            "the half of the squared error is missing.": {"nats": right + 0.5 * square},
        }
        lesson.compare("gaussian_nats", (residual, var), {"nats": right}, hints, by="npvae")
