"""Lesson 24: the loss of a category and its gradient, the softmax, and draws of a category."""

import numpy as np
from grading import differences, normal

from npvae import Categorical


def one_hot(rng, *shape):
    """Random categories of 5, one-hot."""
    return np.eye(5)[rng.integers(0, 5, shape)]


def nats(a, x):
    """The loss of each step, by npvae's likelihood."""
    return -Categorical().log_prob(a.reshape(-1, 5), x.reshape(-1, 5)).reshape(a.shape[:-1])


def test_categorical_loss(lesson, rng):
    a, x = normal(rng, (2, 3, 5)), one_hot(rng, 2, 3)
    right, shifted = nats(a, x), a - a.max(axis=-1, keepdims=True)
    hints = {
        "the sign is wrong: a loss is minus log p.": {"loss": -right},
        "this is p, not minus its logarithm.": {"loss": np.exp(-right)},
        "log sum(exp(a)) is missing.": {"loss": -(x * a).sum(axis=-1)},
        "the log of the sum is missing.": {"loss": -(x * shifted).sum(axis=-1)},
        "this is the mean; a loss for each step is asked for.": {"loss": right.mean()},
    }
    lesson.compare("categorical_loss", (a, x), {"loss": right}, hints, by="npvae")


def test_categorical_loss_of_large_logits(lesson):
    a, x = np.array([[0.0, 1000.0], [1000.0, 1000.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    with np.errstate(all="ignore"):
        naive = np.log(np.exp(a).sum(axis=-1)) - (x * a).sum(axis=-1)
    hint = "exp overflows. Subtract the largest logit of each step first."
    expected = {"loss": np.array([1000.0, np.log(2)])}
    lesson.compare("categorical_loss", (a, x), expected, {hint: {"loss": naive}})


def test_softmax(lesson, rng):
    a = normal(rng, (2, 3, 5))
    right = Categorical((5,) * 3).mean(a.reshape(2, 15)).reshape(2, 3, 5)
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    hints = {
        "the sum is over all steps; each step has probabilities of its own.": {"p": e / e.sum()},
        "the sum is over the wrong axis: categories are the last one.": {
            "p": e / e.sum(axis=0, keepdims=True)
        },
        "this is the logarithm of p.": {"p": np.log(right)},
    }
    lesson.compare("softmax", (a,), {"p": right}, hints, by="npvae")


def test_softmax_of_large_logits(lesson):
    a = np.array([[1000.0, 1000.0]])
    hint = "exp overflows. Subtract the largest logit of each step first."
    hints = {hint: {"p": np.full((1, 2), np.nan)}}
    lesson.compare("softmax", (a,), {"p": np.array([[0.5, 0.5]])}, hints)


def test_categorical_gradient(lesson, rng):
    a, x = normal(rng, (2, 3, 5)), one_hot(rng, 2, 3)
    da = differences(lambda a: nats(a, x).sum(), a)
    hints = {
        "the sign is wrong: p - x, not x - p.": {"dL/da": -da},
        "this is p; the derivative of -sum(x a) is missing.": {"dL/da": da + x},
        "the logits stand where p should be.": {"dL/da": a - x},
    }
    given = a, x
    lesson.compare("categorical_gradient", given, {"dL/da": da}, hints, by="finite differences")


def test_draw_category(lesson):
    p = np.tile([0.1, 0.6, 0.3], (6, 1))
    u = np.array([0.0, 0.05, 0.15, 0.65, 0.75, 0.99])
    right = np.array([0, 0, 1, 1, 2, 2])
    hints = {
        "the first category that exceeds u: count those that do not.": {"index": 3 - right},
        "the category is one too large.": {"index": right + 1},
        "this is the most probable category, without a draw.": {"index": np.ones(6, int)},
    }
    lesson.compare("draw_category", (p, u), {"index": right}, hints)


def test_draw_category_at_several_steps(lesson):
    p = np.array([[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.25, 0.75]]])
    u = np.array([[0.75, 0.75], [0.25, 0.125]])
    lesson.compare("draw_category", (p, u), {"index": np.array([[1, 0], [1, 0]])})
