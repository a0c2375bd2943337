"""Lesson 23a: the gradient of a bound of several draws, its signal-to-noise ratio, and DReG."""

import numpy as np
from grading import differences, fail, normal, within


def shares(log_w):
    w = np.exp(log_w - log_w.max(axis=1, keepdims=True))
    return w / w.sum(axis=1, keepdims=True)


def log_joint(z):
    """A log p(x, z) of two latents with a posterior that is not a Gaussian, and its slope in z."""
    return (np.sin(z) - 0.5 * z**2).sum(axis=-1), np.cos(z) - z


def draws(rng, n, k):
    """The arguments of both gradients, for n repetitions of k draws of two latents, and mu."""
    mu, logvar, eps = np.array([0.7, -0.4]), np.array([-0.6, 0.5]), normal(rng, (n, k, 2))
    value, slope = log_joint(mu + np.exp(logvar / 2) * eps)
    log_w = value + 0.5 * (eps**2 + logvar + np.log(2 * np.pi)).sum(axis=-1)
    return (log_w, slope, logvar, eps), mu


def bound_of(eps, i):
    """The bound of repetition i as a function of mu and logvar, (4,)."""

    def bound(parameters):
        mu, logvar = parameters[:2], parameters[2:]
        value, _ = log_joint(mu + np.exp(logvar / 2) * eps[i])
        log_w = value + 0.5 * (eps[i] ** 2 + logvar).sum(axis=-1)
        return np.log(np.exp(log_w).mean())

    return bound


def test_iwae_gradient(lesson, rng):
    for k in (1, 4):
        given, mu = draws(rng, 3, k)
        log_w, slope, logvar, eps = given
        point = np.concatenate([mu, logvar])
        right = np.stack([differences(bound_of(eps, i), point) for i in range(len(eps))])
        dmu, dlogvar = right[:, :2], right[:, 2:]
        inside, v = np.exp(logvar / 2) * eps / 2, shares(log_w)[..., None]
        hints = {
            "the 1/2 is missing, which comes from logvar in the density q.": {
                "dlogvar": dlogvar - 0.5
            },
            "the draws have equal shares here; use v.": {
                "dmu": slope.mean(axis=1),
                "dlogvar": 0.5 + (slope * inside).mean(axis=1),
            },
            "dz/dlogvar is sigma eps / 2. Is the half, or sigma, missing?": {
                "dlogvar": 0.5 + (v * slope * inside * 2).sum(axis=1)
            },
            "sigma is exp(logvar / 2).": {
                "dlogvar": 0.5 + (v * slope * np.exp(logvar) * eps / 2).sum(axis=1)
            },
        }
        if k > 1:
            hints["this is DReG, with squared shares."] = {
                "dmu": (v**2 * (slope + eps / np.exp(logvar / 2))).sum(axis=1)
            }
            hints["v is squared; that belongs to DReG."] = {"dmu": (v**2 * slope).sum(axis=1)}
            hints["the shares add up to 1; do not divide by k as well."] = {"dmu": dmu / k}
        expected = {"dmu": dmu, "dlogvar": dlogvar}
        lesson.compare("iwae_gradient", given, expected, hints, by="finite differences")


def test_signal_to_noise(lesson, rng):
    gradients = normal(rng, (7, 3)) + np.array([-1.0, 0.5, 2.0])
    mean, noise = gradients.mean(axis=0), gradients.std(axis=0)
    hints = {
        "a ratio has no sign; take |mean|.": {"ratio": mean / noise},
        "this is noise over signal.": {"ratio": noise / np.abs(mean)},
        "divide by the standard deviation, not by the variance.": {
            "ratio": np.abs(mean) / noise**2
        },
        "this is the ratio of the mean of n gradients; that of a single one is asked for.": {
            "ratio": np.abs(mean) / noise * np.sqrt(7)
        },
        "take the mean over the gradients first, and |...| after it.": {
            "ratio": np.abs(gradients).mean(axis=0) / noise
        },
        "each column has a ratio of its own.": {
            "ratio": np.abs(gradients.mean()) / gradients.std()
        },
    }
    lesson.compare("signal_to_noise", (gradients,), {"ratio": np.abs(mean) / noise}, hints)


def test_dreg_gradient(lesson, rng):
    for k in (1, 4):
        given, _ = draws(rng, 3, k)
        log_w, slope, logvar, eps = given
        sigma, v = np.exp(logvar / 2), shares(log_w)[..., None]
        g = slope + eps / sigma

        def results(dz, scale=0.5 * sigma * eps):
            return {"dmu": dz.sum(axis=1), "dlogvar": (dz * scale).sum(axis=1)}

        right = results(v**2 * g)
        hints = {
            "eps / sigma is missing: log q depends on z, too.": results(v**2 * slope),
            "the sign of eps / sigma is wrong: -log q has the derivative + eps / sigma.": results(
                v**2 * (slope - eps / sigma)
            ),
            "it is eps / sigma: divided, not multiplied.": results(v**2 * (slope + eps * sigma)),
            "there is no 1/2 here: log q acts through z alone.": {
                "dlogvar": right["dlogvar"] + 0.5
            },
            "dz/dlogvar is sigma eps / 2. Is the half missing?": {"dlogvar": 2 * right["dlogvar"]},
        }
        if k > 1:
            hints["the shares have to be squared."] = results(v * g)
        lesson.compare("dreg_gradient", given, right, hints)


def test_both_have_the_same_expected_value(lesson, rng):
    """For the same draws their difference is zero on average."""
    n = 20_000
    given, _ = draws(rng, n, 5)
    both = zip(*(lesson.call(f"{name}_gradient", *given) for name in ("iwae", "dreg")), strict=True)
    for what, (plain, doubly) in zip(("dmu", "dlogvar"), both, strict=True):
        difference = np.asarray(plain) - np.asarray(doubly)
        error = difference.std(axis=0) / np.sqrt(n)
        if not within(difference.mean(axis=0), 0, error):
            fail(
                f"{what}: the two gradients differ by {difference.mean(axis=0).round(4)} on "
                f"average over {n:,} repetitions, with a standard error of {error.round(4)}"
            )
