"""Lesson 11: a draw, and two gradients through it."""

import numpy as np
import pytest
from grading import difference, differences, fail, normal, within

from npvae.gaussian import log_density


def test_draw(lesson, rng):
    mu, logvar, eps = normal(rng, (4, 3), (4, 3), (4, 3))
    sigma = np.sqrt(np.exp(logvar))
    hints = {
        "the half is missing: exp(logvar) is a variance, and sigma is exp(logvar / 2).": {
            "z": mu + np.exp(logvar) * eps
        },
        "exp(logvar) / 2 is half of the variance. The half belongs in the exponent.": {
            "z": mu + np.exp(logvar) / 2 * eps
        },
        "logvar is used as if it were sigma.": {"z": mu + logvar * eps},
        "the noise is not used: z is always mu.": {"z": mu},
        "mu is not added.": {"z": sigma * eps},
    }
    lesson.compare("draw", (mu, logvar, eps), {"z": mu + sigma * eps}, hints)


@pytest.mark.parametrize("test", ["draw", "score_gradient", "pathwise_gradient"])
def test_with_numbers_in_place_of_arrays(lesson, rng, test):
    """The lesson calls its functions with one mu and one logvar for all draws, too."""
    eps = normal(rng, (4, 3))
    arrays = lesson.call(test, np.full((4, 3), 0.3), np.full((4, 3), -0.8), eps)
    names = ("z",) if test == "draw" else ("dL/dmu", "dL/dlogvar")
    expected = dict(zip(names, (arrays,) if test == "draw" else arrays, strict=True))
    by = "a call with arrays of these numbers"
    lesson.compare(test, (0.3, -0.8, eps), expected, by=by)


def test_the_moments_of_draw(lesson, rng):
    """The test that finds a missing half, which no gradient check can find."""
    n, mu, sigma = 100_000, 0.5, 3.0
    given = np.full((n, 1), mu), np.full((n, 1), 2 * np.log(sigma)), normal(rng, (n, 1))
    z = np.asarray(lesson.call("draw", *given))
    if not within(z.mean(), mu, sigma / np.sqrt(n)):
        fail(f"draws have the mean {z.mean():.3f}; mu is {mu}")
    if not within(z.std(), sigma, sigma / np.sqrt(2 * n)):
        hint = "that is sigma²: the half in exp(logvar / 2) is missing."
        problem = difference("standard deviation", z.std(), sigma, {hint: sigma**2}, 0.02)
        fail(f"100,000 draws have the wrong standard deviation\n{problem}")


def scores(z, mu, logvar):
    """The scores of each number, d log q(z) / dmu and d log q(z) / dlogvar, by differences."""

    def log_q(mu, logvar):
        return log_density(z.reshape(-1, 1), mu.reshape(-1, 1), logvar.reshape(-1, 1)).sum()

    return (
        differences(lambda mu: log_q(mu, logvar), mu),
        differences(lambda logvar: log_q(mu, logvar), logvar),
    )


def needs_draw(lesson, name):
    """End a test of what is built on `draw` while that is wrong."""
    mu, logvar, eps = np.array([[[0.3]], [[-0.8]], [[1.2]]])
    z = np.asarray(lesson.call("draw", mu, logvar, eps))
    if not np.allclose(z, mu + np.sqrt(np.exp(logvar)) * eps):
        fail(f"{name} uses draw, which is not right yet. Mend that first.")


def test_score_gradient(lesson, rng):
    needs_draw(lesson, "score_gradient")
    mu, logvar, eps = normal(rng, (5, 3), (5, 3), (5, 3))
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps
    loss = 0.5 * ((z - lesson["TARGET"]) ** 2).sum(axis=1, keepdims=True)
    dmu, dlogvar = scores(z, mu, logvar)
    own = 0.5 * (z - lesson["TARGET"]) ** 2
    hints = {
        "these are the scores; each is to be multiplied by the loss of its row.": {
            "dL/dmu": dmu,
            "dL/dlogvar": dlogvar,
        },
        "each latent gets its own part of the loss. The score function cannot know which latent "
        "caused it, and uses the loss of the whole row.": {
            "dL/dmu": own * dmu,
            "dL/dlogvar": own * dlogvar,
        },
        "sigma is not squared in the score.": {"dL/dmu": loss * dmu * sigma},
        "the -1 of the score of logvar is missing.": {"dL/dlogvar": loss * (dlogvar + 0.5)},
    }
    expected = {"dL/dmu": loss * dmu, "dL/dlogvar": loss * dlogvar}
    by = "f times finite differences of log q"
    lesson.compare("score_gradient", (mu, logvar, eps), expected, hints, by=by)


def test_pathwise_gradient(lesson, rng):
    needs_draw(lesson, "pathwise_gradient")
    mu, logvar, eps = normal(rng, (5, 3), (5, 3), (5, 3))

    def loss(mu, logvar):
        z = mu + np.exp(logvar / 2) * eps
        return 0.5 * ((z - lesson["TARGET"]) ** 2).sum()

    dmu = differences(lambda mu: loss(mu, logvar), mu)
    dlogvar = differences(lambda logvar: loss(mu, logvar), logvar)
    sigma = np.exp(logvar / 2)
    hints = {
        "sigma is exp(logvar / 2), and its derivative has a half.": {"dL/dlogvar": 2 * dlogvar},
        "exp(logvar) stands where sigma should be.": {
            "dL/dlogvar": dlogvar * sigma,
        },
        "this is the derivative with respect to sigma; go on to logvar.": {
            "dL/dlogvar": dlogvar * 2 / sigma
        },
        "sigma is missing: the derivative of exp(logvar / 2) is half of itself.": {
            "dL/dlogvar": dlogvar / sigma
        },
        "eps is missing: the derivative of mu + sigma eps with respect to sigma is eps.": {
            "dL/dlogvar": dlogvar / eps
        },
    }
    expected = {"dL/dmu": dmu, "dL/dlogvar": dlogvar}
    by = "finite differences with frozen noise"
    lesson.compare("pathwise_gradient", (mu, logvar, eps), expected, hints, by=by)


def test_both_are_right_on_average(lesson, rng):
    needs_draw(lesson, "each of the two gradients")
    n, mu, logvar = 200_000, 0.5, np.log(0.25)
    given = np.full((n, 1), mu), np.full((n, 1), logvar), normal(rng, (n, 1))
    truth = mu - lesson["TARGET"], 0.5 * np.exp(logvar)
    for name in ("score_gradient", "pathwise_gradient"):
        few = [np.shape(each) for each in lesson.call(name, *(each[:7] for each in given))]
        if few != [(7, 1), (7, 1)]:  # before (n,) times (n, 1) fills the memory
            fail(
                f"{name} returns arrays {few} for 7 draws of one latent; expected (7, 1) each\n"
                "  Hint: each draw has an estimate of its own, so take no mean. f gives an array\n"
                "  (n,); beside (n, n_z) it needs a second axis: [:, None]."
            )
        found = np.asarray(lesson.call(name, *given))
        for what, each, true in zip(("dL/dmu", "dL/dlogvar"), found, truth, strict=True):
            error = each.std() / np.sqrt(n)
            if not within(each.mean(), true, error):
                fail(
                    f"{name} is biased: the mean of {what} over {n:,} draws is {each.mean():.3f} "
                    f"with a standard error of {error:.3f}; the true gradient is {true:.3f}"
                )
