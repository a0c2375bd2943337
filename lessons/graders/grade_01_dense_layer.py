"""Lesson 01: a dense layer forward and backward, and the numeric gradient."""

import numpy as np
from grading import differences, normal, sizes


def test_forward(lesson, rng):
    for _ in range(3):
        B, n_in, n_out = sizes(rng, 3)
        x, W, b = normal(rng, (B, n_in), (n_in, n_out), n_out)
        y = np.einsum("ni,ij->nj", x, W) + b
        hints = {
            "the bias is missing.": {"y": y - b},
            "the bias is subtracted, and should be added.": {"y": y - 2 * b},
        }
        lesson.compare("forward", (x, W, b), {"y": y}, hints)


def test_backward(lesson, rng):
    for _ in range(3):
        B, n_in, n_out = sizes(rng, 3)
        x, W, b, dy = normal(rng, (B, n_in), (n_in, n_out), n_out, (B, n_out))
        expected = {  # the loss sum(y dy) has the gradient dy
            "dW": differences(lambda W, x=x, b=b, dy=dy: ((x @ W + b) * dy).sum(), W),
            "db": differences(lambda b, x=x, W=W, dy=dy: ((x @ W + b) * dy).sum(), b),
            "dx": differences(lambda x, W=W, b=b, dy=dy: ((x @ W + b) * dy).sum(), x),
        }
        mean = "this is the mean over the examples. All examples use the same numbers: add them up."
        one = "the gradient of one example is kept in place of the sum over all of them."
        outputs = "this is a sum over the outputs of each example; sum over the examples (axis 0)."
        hints = {
            outputs: {"db": dy.sum(axis=1)},
            mean: {"dW": expected["dW"] / B, "db": expected["db"] / B},
            one: {"dW": np.outer(x[-1], dy[-1]), "db": dy[-1]},
        }
        lesson.compare("backward", (x, W, dy), expected, hints, by="finite differences")


def test_backward_of_a_square_layer(lesson, rng):
    x, W, dy = normal(rng, (3, 4), (4, 4), (3, 4))
    dx = differences(lambda x: ((x @ W) * dy).sum(), x)
    hint = "W is not transposed. Input i reaches output j through W[i, j], and we sum over j."
    expected = {"dW": x.T @ dy, "db": dy.sum(axis=0), "dx": dx}
    lesson.compare("backward", (x, W, dy), expected, {hint: {"dx": dy @ W}})


def sines(array, factor):
    """Return a function of no argument, which looks at what the array holds when it is called."""
    return lambda: (factor * np.sin(array)).sum()


def test_numeric_gradient(lesson, rng):
    for shape in ((3,), (2, 4)):
        array, factor = normal(rng, shape, shape)
        f, gradient = sines(array, factor), factor * np.cos(array)
        hints = {
            "f looks at `array` itself, so a change of a copy does not reach it.": {
                "gradient": 0 * gradient
            },
            "h is missing from the denominator: both steps together are 2 h long.": {
                "gradient": 2 * gradient
            },
            "the difference is not divided by 2 h.": {"gradient": 2e-5 * gradient},
        }
        expected, given = {"gradient": gradient}, (f, array)
        lesson.compare("numeric_gradient", given, expected, hints, by="the derivative by hand")


def test_numeric_gradient_looks_to_both_sides_by_h(lesson, rng):
    """With a cubic function and a step of 0.1, every formula gives another number."""
    array, h = normal(rng, 5), 0.1
    expected = {"gradient": 3 * array**2 + h**2}
    hints = {
        "this is a difference to one side only: use f at +h and at -h.": {
            "gradient": 3 * array**2 + 3 * array * h + h**2
        },
        "the argument h is not used; it is 0.1 here.": {"gradient": 3 * array**2},
    }
    by = "((a + h)³ - (a - h)³) / 2h"
    given = (lambda: (array**3).sum(), array, h)
    lesson.compare("numeric_gradient", given, expected, hints, by=by)
