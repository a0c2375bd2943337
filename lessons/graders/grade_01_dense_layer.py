"""Lesson 01: a dense layer forward and backward, and the numeric gradient."""

import numpy as np
from grading import differences, normal, sizes


def test_forward(lesson, rng):
    for _ in range(3):
        B, n_in, n_out = sizes(rng, 3)
        x, W, b = normal(rng, (B, n_in), (n_in, n_out), n_out)
        y = np.einsum("ni,ij->nj", x, W) + b
        lesson.compare("forward", (x, W, b), {"y": y}, {"the bias is missing.": {"y": y - b}})


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
        hints = {
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


def test_numeric_gradient(lesson, rng):
    for shape in ((3,), (2, 4)):
        array, factor = normal(rng, shape, shape)

        def f(array=array, factor=factor):
            return (factor * np.sin(array)).sum()

        gradient = factor * np.cos(array)
        hints = {
            "h is missing from the denominator: both steps together are 2 h long.": {
                "gradient": 2 * gradient
            },
            "the difference is not divided by 2 h.": {"gradient": 2e-5 * gradient},
        }
        expected, given = {"gradient": gradient}, (f, array)
        lesson.compare("numeric_gradient", given, expected, hints, by="the derivative by hand")


def test_numeric_gradient_looks_to_both_sides(lesson, rng):
    """With a step of 0.1, one side would be wrong by 0.05 times the second derivative."""
    array = normal(rng, 5)
    hint = "this is a difference to one side only: use f at +h and at -h."
    hints = {hint: {"gradient": 2 * array + 0.1}}
    given = (lambda: (array**2).sum(), array, 0.1)
    lesson.compare("numeric_gradient", given, {"gradient": 2 * array}, hints)
