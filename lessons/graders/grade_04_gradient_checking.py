"""Lesson 04, the other way round: your four tests are graded by the bugs that they catch.

Each test is tried on implementations that are right, which it must pass, and on the exhibits of the
museum, of which it must find those that it can see.
"""

import numpy as np
import pytest
from grading import fail, fault, report_bugs

from npvae.layers import sigmoid, softplus


def right_slope(x):
    y = sigmoid(x)
    return y.sum() / len(x), y * (1 - y) / len(x)


def right_gaussian(mu):
    return (mu**2).sum() / (2 * len(mu)), mu / len(mu)


def right_cross_entropy(a):
    return softplus(a).sum() / len(a), sigmoid(a) / len(a)


def right_binarise(v, rng):
    return rng.integers(0, 255, v.shape) < v


RIGHT = {
    "the sigmoid": (right_slope, 0, 0.5),
    "the Gaussian loss": (right_gaussian, 2, 2),
    "the cross-entropy": (right_cross_entropy, 0, np.log(2)),
}
EXHIBITS = {  # argument and value for the test `value`, which test sees it, the symptom
    "slope": (0, 0.5, "gradient", "the slope at -3 is -12 in place of 0.05"),
    "decoder": (0, 0.5, "value", 'at logit 0 the "probability" is 0.69 in place of 0.5'),
    "gaussian": (2, 2, "value", "at mu = 2 it costs 4 in place of 2; nothing else shows it"),
    "cross_entropy": (0, np.log(2), "extremes", "at logit 1000 the gradient is NaN"),
    "stable_cross_entropy": (0, np.log(2), "halves", "twice the batch, twice the loss"),
    "binarise": (None, None, "moments", "the brightest pixel is off once in 256 draws"),
}
TESTS = ("value", "gradient", "moments", "extremes", "halves")


BATCH = np.random.default_rng(0).standard_normal((6, 4))


def verdict(lesson, test, f, at=None, expected=None):
    """Whether a test of the student's passes an implementation."""
    columns = {"value": (1, 1), "extremes": (2, 1)}.get(test)

    def watched(x):
        if columns and (np.ndim(x) != 2 or np.shape(x)[1] != 1):
            fail(f"{test} calls f with an array {np.shape(x)}; the docstring asks for {columns}")
        return f(x)

    given = {"value": (watched, at, expected), "moments": (f,), "extremes": (watched,)}
    return lesson.verdict(test, *given.get(test, (f, BATCH)))


@pytest.mark.parametrize("test", ["value", "extremes", "halves"])
def test_right_functions_pass(lesson, test):
    for kind, given in RIGHT.items():
        if not verdict(lesson, test, *given):
            fail(f"{test} says that {kind} is wrong, but it is right\n  Hint: {FALSE_ALARM[test]}")


def test_a_right_draw_passes(lesson):
    off_by_chance = [
        lambda v, rng, off=off: even(v) < v / 255 + off * (v < 255) for off in (-0.001, 0.001)
    ]
    for draw in (right_binarise, *off_by_chance):
        if not verdict(lesson, "moments", draw):
            fail(
                "moments says that a right draw is wrong\n"
                "  Hint: a byte v is on with probability v / 255. The mean of a million draws may\n"
                "  be wrong by chance, by four standard errors of 0.0005."
            )


def even(v):
    """Numbers that are spread over [0, 1] more evenly than random ones, as many as v has."""
    return (np.arange(np.size(v)) * 0.6180339887 % 1).reshape(np.shape(v))


def test_value_notices_a_wrong_value(lesson):
    """A value that is right at one place only, and others that are too small or too large."""
    wrong = {"5": 5, "0.505": 0.505, "0.495": 0.495, "-0.5": -0.5}
    for what, number in wrong.items():
        if verdict(lesson, "value", lambda x, number=number: (number, x), 1, 0.5):
            fail(f"value accepts {what} where 0.5 is expected")
    if verdict(lesson, "value", lambda x: (x.sum() / 2, x), 3, 0.5):
        fail("value does not call f at the number `at`")


def test_halves_looks_at_its_batch_and_to_both_sides(lesson):
    def mean(x):
        return (x**2).sum() / len(x)

    wrong = {
        "a sum over the batch, which is too large": lambda x: (mean(x) * len(x), x),
        "a mean that is divided by the batch size again": lambda x: (mean(x) / len(x), x),
        "that f is wrong for the batch x": lambda x: (mean(x) * (1 + np.array_equal(x, BATCH)), x),
    }
    for what, f in wrong.items():
        if verdict(lesson, "halves", f):
            fail(f"halves does not notice {what}")


def test_extremes_looks_to_both_sides_and_at_the_gradient(lesson):
    wrong = {
        "a value that is infinite at 1000": lambda x: (np.exp(x).sum(), np.zeros_like(x)),
        "a value that is infinite at -1000": lambda x: (np.exp(-x).sum(), np.zeros_like(x)),
        "a gradient that is NaN at 1000": lambda x: (0.0, np.where(x > 900, np.nan, 0)),
        "a gradient that is NaN at -1000": lambda x: (0.0, np.where(x < -900, np.nan, 0)),
    }
    for what, f in wrong.items():
        if verdict(lesson, "extremes", f):
            fail(f"extremes does not notice {what}")


def test_moments_looks_at_more_than_one_byte(lesson):
    wrong = {
        "bytes of 64 that are always off": lambda v, rng: right_binarise(v, rng) & (v != 64),
        "bytes of 128 that are always off": lambda v, rng: right_binarise(v, rng) & (v != 128),
        "a draw that is always off": lambda v, rng: np.zeros(v.shape, bool),
        "white pixels that are off": lambda v, rng: right_binarise(v, rng) & (v < 255),
        "a draw that is on too often": lambda v, rng: rng.integers(0, 255, v.shape) <= v,
    }
    for what, draw in wrong.items():
        if verdict(lesson, "moments", draw):
            fail(f"moments does not notice {what}")


def test_the_museum(lesson):
    """The list of all exhibits: which of your tests catches each, or what would have shown it."""
    rows, faults = [], {test: fault(test, passes_all_that_is_right(lesson, test)) for test in TESTS}
    for number, (name, (at, expected, seen_by, symptom)) in enumerate(EXHIBITS.items(), start=1):
        tests = ["moments"] if name == "binarise" else [t for t in TESTS if t != "moments"]
        caught_by = [
            test
            for test in tests
            if not faults[test] and not verdict(lesson, test, lesson[name], at, expected)
        ]
        why = faults[seen_by] or f"what {seen_by} should see: {symptom}."
        rows.append((f"{number} {name:<20}", caught_by, why))
    report_bugs(rows)


def passes_all_that_is_right(lesson, test):
    right = [(right_binarise,)] if test == "moments" else RIGHT.values()
    return lambda: all(verdict(lesson, test, *given) for given in right)


FALSE_ALARM = {
    "value": "f returns a value and its gradient; compare the first, at [[at]], with np.isclose.",
    "extremes": "both results should be finite. A value of 1000 is large, but it is finite.",
    "halves": "the loss of the batch is the mean of the losses of both halves. They differ by "
    "rounding: np.isclose.",
}
