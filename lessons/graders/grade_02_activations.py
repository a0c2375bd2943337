"""Lesson 02: two derivatives, and two functions that never overflow."""

import numpy as np
from grading import difference, fail, normal

H = 1e-5


def slope(f, x):
    """The derivative of f at each number of x, by central differences."""
    return (f(x + H) - f(x - H)) / (2 * H)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_tanh_derivative(lesson, rng):
    x = normal(rng, (4, 3))
    y = np.tanh(x)
    hints = {
        "y is tanh(x) already; tanh is applied a second time.": {"f'(x)": 1 - np.tanh(y) ** 2},
        "the square is missing.": {"f'(x)": 1 - y},
        "this is the derivative of the sigmoid.": {"f'(x)": y * (1 - y)},
    }
    expected = {"f'(x)": slope(np.tanh, x)}
    lesson.compare("tanh_derivative", (y,), expected, hints, by="finite differences")


def test_sigmoid_derivative(lesson, rng):
    x = normal(rng, (4, 3))
    y = sigmoid(x)
    twice = sigmoid(y)
    hints = {
        "y is sigmoid(x) already; the sigmoid is applied a second time.": {
            "f'(x)": twice * (1 - twice)
        },
        "this is the derivative of tanh.": {"f'(x)": 1 - y * y},
    }
    expected = {"f'(x)": slope(sigmoid, x)}
    lesson.compare("sigmoid_derivative", (y,), expected, hints, by="finite differences")


def test_stable_sigmoid(lesson, rng):
    x = 3 * normal(rng, (2, 5))
    half = {"the half inside tanh(x / 2) is missing.": {"y": 0.5 * (1 + np.tanh(x))}}
    lesson.compare("stable_sigmoid", (x,), {"y": sigmoid(x)}, half)


def test_stable_softplus(lesson, rng):
    x = 3 * normal(rng, (2, 5))
    hints = {
        "use -|x| in the exponential, for negative x too.": {
            "y": np.maximum(x, 0) + np.log1p(np.exp(-x))
        },
        "max(x, 0) is missing.": {"y": np.log1p(np.exp(-np.abs(x)))},
    }
    lesson.compare("stable_softplus", (x,), {"y": np.log1p(np.exp(x))}, hints)


def test_neither_overflows(lesson):
    x = np.array([-1000.0, 0.0, 1000.0])
    right = {"stable_sigmoid": [0, 0.5, 1], "stable_softplus": [0, np.log(2), 1000]}
    for name, expected in right.items():
        found = lesson.call(name, x, strict=True)
        if problem := difference("y", found, np.array(expected), {}):
            fail(f"{name} is not right at -1000, 0 and 1000\n{problem}")
