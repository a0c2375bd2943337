"""Lesson 13a: the gradient of a VAE; and two tests of yours, graded by the bugs that they catch."""

from functools import partial

import numpy as np
import pytest
from grading import difference, differences, fail, fault, normal, report_bugs

from npvae import VAE

SMALL = {"n_x": 30, "n_h": 12, "n_z": 3, "activation": "tanh", "dtype": np.float64}
TINY = SMALL | {"n_x": 3, "n_h": 2, "n_z": 2}  # for the gradient check, which takes its time
EXHIBITS = {  # which test sees it, and the symptom
    "DrawnTwice": ("gradient", "the backward pass uses noise that the loss has not seen"),
    "NoHalf": ("moments", "with sigma = 1/2 the draws have a standard deviation of 1/4"),
    "NoKL": ("value", "the loss lacks the KL divergence, 3/2 (1/4 + log 4) nats"),
    "MeanForSum": ("value", "the reconstruction is log 2 in place of 30 log 2 nats"),
}


class Right(VAE):
    """A VAE without a bug, with the methods that your tests call."""

    def draw(self, mu, logvar, eps):
        return mu + np.exp(logvar / 2) * eps


def batch(rng, n_x=30, n_z=3):
    return (rng.random((5, n_x)) < 0.3).astype(float), normal(rng, (5, n_z))


def test_draw_backward(lesson, rng):
    model = lesson["ByHand"].dense(**SMALL)
    dz, mu, logvar, eps = normal(rng, (4, 3), (4, 3), (4, 3), (4, 3))

    def value(mu, logvar):
        return ((mu + np.exp(logvar / 2) * eps) * dz).sum()

    dmu = differences(lambda mu: value(mu, logvar), mu)
    dlogvar = differences(lambda logvar: value(mu, logvar), logvar)
    hints = {
        "the half of exp(logvar / 2) comes down as a factor.": {"dlogvar": 2 * dlogvar},
        "exp(logvar) stands where sigma should be.": {"dlogvar": dlogvar * np.exp(logvar / 2)},
        "eps is missing.": {"dlogvar": dlogvar / eps},
        "dz is missing: this is dz/dlogvar, and the chain rule multiplies.": {
            "dlogvar": dlogvar / dz
        },
    }
    expected, name = {"dmu": dmu, "dlogvar": dlogvar}, "ByHand.draw_backward"
    given = dz, logvar, eps
    lesson.compare(
        name, given, expected, hints, function=model.draw_backward, by="finite differences"
    )


def test_loss_and_grad(lesson, rng):
    x, eps = batch(rng)
    ours, right = lesson["ByHand"].dense(**SMALL), VAE.dense(**SMALL)
    loss = lesson.call("ByHand.loss_and_grad", x, eps, function=ours.loss_and_grad)
    if not hasattr(loss, "reconstruction"):
        fail("ByHand.loss_and_grad should return Loss(loss, reconstruction, kl)")
    expected = right.loss_and_grad(x, eps)
    for what in ("reconstruction", "kl", "loss"):
        problem = difference(what, getattr(loss, what), getattr(expected, what), {})
        if problem:
            fail(f"ByHand.loss_and_grad is not right\n{problem}")
    nothing = "no gradient has arrived here: is `backward` called, with what came back?"
    only = gradient_without_kl(right, x, eps)
    for name, array in right.params.gradients.items():
        hints = {nothing: 0 * array, "the gradient of the KL divergence is not added.": only[name]}
        if problem := difference(f"gradient of {name}", ours.params.gradients[name], array, hints):
            fail(f"ByHand.loss_and_grad leaves a wrong gradient\n{problem}")


def gradient_without_kl(model, x, eps):
    """The gradients of the reconstruction alone, as those of a VAE with beta = 0."""
    bare = VAE.dense(**SMALL, beta=0.0)
    bare.params.flat[:] = model.params.flat
    bare.loss_and_grad(x, eps)
    return bare.params.gradients


def verdict(lesson, test, kind):
    """Whether a test of the student's passes this kind of VAE."""
    rng = np.random.default_rng(1)
    given = {
        "value": (kind.dense(**SMALL), *batch(rng)),
        "gradient": (kind.dense(**TINY), *batch(rng, 3, 2)),
        "moments": (kind.dense(**SMALL), rng),
    }
    return lesson.verdict(test, *given[test])


@pytest.mark.parametrize("test", ["value", "moments"])
def test_a_vae_without_a_bug_passes(lesson, test):
    if not verdict(lesson, test, Right):
        fail(f"{test} says that a VAE without a bug is wrong\n  Hint: {FALSE_ALARM[test]}")


def test_moments_looks_at_mean_width_and_correlation(lesson):
    wrong = {
        "a wrong mean": lambda self, mu, logvar, eps: 2 * mu + np.exp(logvar / 2) * eps,
        "a wrong standard deviation": lambda self, mu, logvar, eps: (
            mu + 1.2 * np.exp(logvar / 2) * eps
        ),
        "one number of noise for all latents": lambda self, mu, logvar, eps: (
            mu + np.exp(logvar / 2) * eps[:, :1]
        ),
    }
    for what, draw in wrong.items():
        if verdict(lesson, "moments", type("Wrong", (Right,), {"draw": draw})):
            fail(f"moments does not notice {what}")


def test_the_museum(lesson):
    """The list of the four bugs: which test catches each, or what would have shown it."""
    rows, faults = [], {}
    for test in ("value", "gradient", "moments"):
        faults[test] = fault(test, partial(verdict, lesson, test, Right))
    for number, (name, (seen_by, symptom)) in enumerate(EXHIBITS.items(), start=7):
        sound = [test for test in faults if not faults[test]]
        caught_by = [test for test in sound if not verdict(lesson, test, lesson[name])]
        why = faults[seen_by] or f"what {seen_by} should see: {symptom}."
        rows.append((f"{number:2d} {name:<12}", caught_by, why))
    report_bugs(rows)


FALSE_ALARM = {
    "value": "with 30 pixels and 3 latents the loss is 30 log 2 + 3/2 (1/4 + log 4).",
    "moments": "means of 100,000 draws are wrong by chance, by some 0.002 if sigma is 1/2.",
}
