"""Lesson 19: the free energy of an RBM, its phases, Gibbs sampling, and annealed weights.

The RBMs are so small that sums over all images and codes can be computed.
"""

import numpy as np
import pytest
from grading import differences, fail, normal, within


def all_codes(n):
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(float)


def free_energy(W, b, c, v):
    """F(v), as minus the logarithm of the sum of exp(-E) over all codes."""
    h = all_codes(len(c))
    return -v @ b - np.log(np.exp(h @ c + v @ W @ h.T).sum(axis=1))


def minus_gradients(parameters, v):
    """Minus the gradients of the mean free energy of v with respect to W, b and c."""

    def mean_at(i):
        return lambda array: free_energy(*parameters[:i], array, *parameters[i + 1 :], v).mean()

    return [-differences(mean_at(i), array) for i, array in enumerate(parameters)]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def after(rbm, k, h_is_drawn=True):
    """The probability of each image after k steps of Gibbs sampling, from each: (2^n_v, 2^n_v)."""
    v, h = all_codes(len(rbm.b)), all_codes(len(rbm.c))

    def chance(p, outcomes):
        """The probability of each row of outcomes, for each row of p."""
        return np.prod(np.where(outcomes == 1, p[:, None], 1 - p[:, None]), axis=2)

    p_h = sigmoid(v @ rbm.W + rbm.c)
    if h_is_drawn:
        step = chance(p_h, h) @ chance(sigmoid(h @ rbm.W.T + rbm.b), v)
    else:
        step = chance(sigmoid(p_h @ rbm.W.T + rbm.b), v)
    return np.linalg.matrix_power(step, k)


def machine(lesson, rng, n_v, n_h, size=1.0):
    W, b, c = normal(rng, (n_v, n_h), n_v, n_h)
    return lesson["RBM"](size * W, b, c)


def test_free_energy(lesson, rng):
    for n_v, n_h in ((5, 3), (3, 4)):
        rbm, v = machine(lesson, rng, n_v, n_h), all_codes(n_v)
        right = free_energy(rbm.W, rbm.b, rbm.c, v)
        hints = {
            "the visible biases b are missing.": {"F": right + v @ rbm.b},
            "the hidden biases c are missing.": {"F": free_energy(rbm.W, rbm.b, 0 * rbm.c, v)},
            "the softplus is missing.": {"F": -v @ rbm.b - (v @ rbm.W + rbm.c).sum(axis=1)},
            "the sum over the hidden units is subtracted, too.": {"F": -right - 2 * v @ rbm.b},
        }
        function = rbm.free_energy
        by = "a sum over all codes"
        lesson.compare("RBM.free_energy", (v,), {"F": right}, hints, function, by=by)


def test_phase(lesson, rng):
    for n_v, n_h, n in ((4, 3, 6), (3, 5, 2)):
        rbm, v = machine(lesson, rng, n_v, n_h), (rng.random((n, n_v)) < 0.5).astype(float)
        found = minus_gradients([rbm.W, rbm.b, rbm.c], v)
        right = dict(zip(("-dF/dW", "-dF/db", "-dF/dc"), found, strict=True))
        rounded = (v @ rbm.W + rbm.c > 0).astype(float)
        hints = {
            "h is rounded to 0 or 1; use the probabilities p(h = 1 | v).": {
                "-dF/dW": v.T @ rounded / n,
                "-dF/dc": rounded.mean(axis=0),
            }
        }
        function, by = rbm.phase, "finite differences of the free energy"
        lesson.compare("RBM.phase", (v,), right, hints, function, tolerance=1e-5, by=by)


@pytest.mark.parametrize("k", [1, 3])
def test_gibbs(lesson, rng, k):
    """How often each image occurs, beside its exact probability."""
    n, rbm = 40_000, machine(lesson, rng, 3, 5, size=2)
    start, images = 5, all_codes(3)
    found = lesson.call("gibbs", rbm, np.tile(images[start], (n, 1)), rng, k)
    found = np.asarray(found, dtype=float)
    if found.shape != (n, 3):
        fail(f"gibbs returns the shape {found.shape}; expected that of v, {(n, 3)}")
    if not np.isin(found, (0, 1)).all():
        fail("gibbs returns probabilities; each image consists of zeros and ones, drawn from them")
    shares = np.bincount((found @ 2 ** np.arange(3)).astype(int), minlength=8) / n

    def agree(expected):
        return within(shares, expected, np.sqrt(expected * (1 - expected) / n))

    expected = after(rbm, k)[start]
    if agree(expected):
        return
    worst = np.argmax(np.abs(shares - expected))
    text = (
        f"gibbs with k = {k}: after {n:,} chains from one image, {images[worst].astype(int)} has "
        f"a share of {shares[worst]:.3f}, expected {expected[worst]:.3f}"
    )
    if agree(after(rbm, k, h_is_drawn=False)[start]):
        text += "\n  Hint: h has to be drawn, too; it consists of zeros and ones."
    elif agree(after(rbm, 1)[start]):
        text += "\n  Hint: only one step is made; k steps are asked for."
    fail(text)


def test_the_mean_weight_of_ais(lesson, rng):
    """It is Z / Z_0, even with few steps."""
    n, rbm, b0 = 40_000, machine(lesson, rng, 3, 2), normal(rng, 3)
    log_w = lesson.call("ais_log_weights", rbm, b0, np.linspace(0, 1, 5), n, rng)
    log_w = np.asarray(log_w, dtype=float)
    if log_w.shape != (n,):
        fail(
            f"ais_log_weights returns the shape {log_w.shape}; expected one for each chain, ({n},)"
        )
    v = all_codes(3)
    zero = free_energy(0 * rbm.W, b0, 0 * rbm.c, v)
    ratio = np.exp(-free_energy(rbm.W, rbm.b, rbm.c, v)).sum() / np.exp(-zero).sum()
    w = np.exp(log_w)
    error = w.std() / np.sqrt(n)
    if within(w.mean(), ratio, error):
        return
    text = (
        f"the mean weight of {n:,} chains is {w.mean():.3f} with a standard error of {error:.3f}, "
        f"but Z / Z_0 is {ratio:.3f}"
    )
    if within(np.exp(-log_w).mean(), ratio, np.exp(-log_w).std() / np.sqrt(n)):
        text += "\n  Hint: the sign of log w is wrong."
    else:
        text += (
            "\n  Hint: v has to follow the model at beta when F_beta - F_next is added; only then "
            "comes the step of Gibbs sampling, at the next beta."
        )
    fail(text)


def test_with_many_steps_all_weights_of_ais_are_alike(lesson, rng):
    rbm, b0 = machine(lesson, rng, 3, 2), normal(rng, 3)
    log_w = lesson.call("ais_log_weights", rbm, b0, np.linspace(0, 1, 301), 200, rng)
    v = (rng.random((200, 3)) < sigmoid(b0)).astype(float)
    at_once = free_energy(0 * rbm.W, b0, 0 * rbm.c, v) - free_energy(rbm.W, rbm.b, rbm.c, v)
    if np.std(log_w) > 0.5 * at_once.std():
        fail(
            f"the log weights of 200 chains have a standard deviation of {np.std(log_w):.2f}, "
            f"hardly less than that of importance sampling in one step, {at_once.std():.2f}\n"
            "  Hint: does each chain move, by a step of Gibbs sampling for each beta?"
        )
