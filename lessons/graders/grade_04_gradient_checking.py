"""Lesson 04, the other way round: your four tests are graded by the bugs that they catch.

Each test is tried on implementations that are right, which it must pass, and on the exhibits of the
museum, of which it must find those that it can see.
"""

import numpy as np
import pytest
from grading import fail

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


def verdict(lesson, test, f, at, expected):
    """Whether a test of the student's passes an implementation."""
    batch = np.random.default_rng(0).standard_normal((6, 4))
    given = {"value": (f, at, expected), "gradient": (f, batch), "halves": (f, batch)}

    def run():
        try:
            return lesson[test](*given.get(test, (f,)))
        except AssertionError:
            return False  # a test may also raise

    answer = lesson.call(test, function=run)
    if not isinstance(answer, bool | np.bool_):
        fail(f"{test} returned {answer!r:.40}; it should return True or False")
    return bool(answer)


@pytest.mark.parametrize("test", ["value", "extremes", "halves"])
def test_right_functions_pass(lesson, test):
    for kind, given in RIGHT.items():
        if not verdict(lesson, test, *given):
            fail(f"{test} says that {kind} is wrong, but it is right\n  Hint: {FALSE_ALARM[test]}")


def test_a_right_draw_passes(lesson):
    if not verdict(lesson, "moments", right_binarise, None, None):
        fail(
            "moments says that a right draw is wrong\n"
            "  Hint: a byte v is on with probability v / 255. The mean of a million draws may be\n"
            "  wrong by chance, by some standard errors of 0.0005."
        )


def test_value_notices_a_wrong_value(lesson):
    """A value that is right at one place only, and one that differs by a small factor."""
    for f in (lambda x: (x.sum(), x), lambda x: (1.01 * 0.5, x)):
        if verdict(lesson, "value", f, 1, 0.5):
            fail("value accepts a function that returns something else than expected")


def test_extremes_looks_to_both_sides_and_at_the_gradient(lesson):
    wrong = {
        "a value that is infinite at 1000": lambda x: (np.exp(x).sum(), np.zeros_like(x)),
        "a value that is infinite at -1000": lambda x: (np.exp(-x).sum(), np.zeros_like(x)),
        "a gradient that is NaN at 1000": lambda x: (0.0, np.where(x > 900, np.nan, 0)),
        "a gradient that is NaN at -1000": lambda x: (0.0, np.where(x < -900, np.nan, 0)),
    }
    for what, f in wrong.items():
        if verdict(lesson, "extremes", f, None, None):
            fail(f"extremes does not notice {what}")


def test_moments_looks_at_more_than_one_byte(lesson):
    wrong = {
        "bytes below 128 that are always off": lambda v, rng: right_binarise(v, rng) & (v >= 128),
        "a draw that is always off": lambda v, rng: np.zeros(v.shape, bool),
        "white pixels that are off": lambda v, rng: right_binarise(v, rng) & (v < 255),
    }
    for what, draw in wrong.items():
        if verdict(lesson, "moments", draw, None, None):
            fail(f"moments does not notice {what}")


def test_the_museum(lesson):
    """The list of all exhibits: which of your tests catches each, or what would have shown it."""
    lines, missed = [], 0
    sound = [test for test in TESTS if passes_what_is_right(lesson, test)]
    for number, (name, (at, expected, seen_by, symptom)) in enumerate(EXHIBITS.items(), start=1):
        tests = ["moments"] if name == "binarise" else [t for t in TESTS if t != "moments"]
        caught_by = [
            test
            for test in tests
            if test in sound and not verdict(lesson, test, lesson[name], at, expected)
        ]
        found = f"caught by {', '.join(caught_by)}"
        if not caught_by:
            missed += 1
            found = f"MISSED. What {seen_by} should see: {symptom}."
        lines.append(f"  {number} {name:<20} {found}")
    if missed:
        caught = len(EXHIBITS) - missed
        fail("\n".join([f"your tests catch {caught} of {len(EXHIBITS)} exhibits", *lines]))


def passes_what_is_right(lesson, test):
    """Whether a test passes what is right; one that rejects everything catches nothing."""
    right = [(right_binarise, None, None)] if test == "moments" else RIGHT.values()
    try:
        return all(verdict(lesson, test, *given) for given in right)
    except pytest.fail.Exception:
        return False


FALSE_ALARM = {
    "value": "f returns a value and its gradient; compare the first, with np.isclose.",
    "extremes": "both results should be finite. A value of 1000 is large, but it is finite.",
    "halves": "npvae's losses are means over the batch: compare with the mean of both halves.",
}
