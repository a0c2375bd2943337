"""Lesson 05: momentum, Adam, and the gradient of the valley."""

import numpy as np
from grading import difference, differences, fail, normal

from npvae import Adam, Momentum
from npvae.parameters import Parameters


class Point:
    """A parameter for npvae's optimisers."""

    def __init__(self, theta):
        self.theta, self.dtheta = theta.copy(), np.zeros_like(theta)

    def backward(self, dy): ...


def by_npvae(optimizer, theta, gradients):
    params = Parameters({"point": Point(theta)}, dtype=np.float64)
    for g in gradients:
        params.grad[:] = g
        optimizer.step(params)
    return params.flat.copy()


def test_momentum_by_hand(lesson, rng):
    for n_steps in (1, 2, 30):
        theta, gradients = normal(rng, 3, (n_steps, 3))
        expected = {"theta": by_npvae(Momentum(lr=0.05), theta, gradients)}
        hints = {}
        if n_steps > 1:
            hints["this is plain gradient descent: the velocity is forgotten at each step."] = {
                "theta": theta - 0.05 * gradients.sum(axis=0)
            }
        v, wrong = np.zeros(3), theta
        for g in gradients:
            v = 0.9 * v + 0.1 * g
            wrong = wrong - 0.05 * v
        hints["the velocity gains the whole gradient, not a tenth of it."] = {"theta": wrong}
        hints["the step has the wrong sign: go against the gradient."] = {
            "theta": 2 * theta - expected["theta"]
        }
        lesson.compare("momentum_by_hand", (theta, gradients, 0.05), expected, hints, by="npvae")


def adam(theta, gradients, lr, corrected=True, root=True, first=1):
    """Adam with one mistake, for the hints."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, g in enumerate(gradients, start=first):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        with np.errstate(all="ignore"):
            m_hat = m / (1 - 0.9**t) if corrected else m
            v_hat = v / (1 - 0.999**t) if corrected else v
            theta = theta - lr * m_hat / ((np.sqrt(v_hat) if root else v_hat) + 1e-8)
    return theta


def test_adam_by_hand(lesson, rng):
    for n_steps in (1, 5, 60):
        theta, gradients = normal(rng, 4, (n_steps, 4))
        expected = {"theta": by_npvae(Adam(lr=0.1), theta, gradients)}
        given = theta, gradients, 0.1
        hints = {
            "the averages are not divided by 1 - 0.9^t and 1 - 0.999^t.": {
                "theta": adam(*given, corrected=False)
            },
            "the square root of v is missing.": {"theta": adam(*given, root=False)},
            "t counts from 1: at t = 0 the correction divides by zero.": {
                "theta": adam(*given, first=0)
            },
            "the step has the wrong sign: go against the gradient.": {
                "theta": 2 * theta - expected["theta"]
            },
        }
        lesson.compare("adam_by_hand", given, expected, hints, by="npvae")


def test_the_gradient_of_the_valley(lesson, rng):
    for k in (1, 20):
        valley = lesson.call("Valley", k)
        array, theta = valley.dtheta, normal(rng, 2)
        valley.theta[...] = theta
        dtheta = differences(lambda theta, k=k: (theta[0] ** 2 + k * theta[1] ** 2) / 2, theta)
        lesson.call("Valley.backward", function=valley.backward)
        if valley.dtheta is not array:
            fail(
                "Valley.backward replaces dtheta by a new array\n"
                "  Hint: write into it, dtheta[...] = ..., since it is a view of params.grad."
            )
        hints = {
            "the curvatures, 1 and k, are missing.": theta if k > 1 else None,
            "nothing is written into dtheta.": np.zeros(2),
        }
        hints = {hint: wrong for hint, wrong in hints.items() if wrong is not None}
        if problem := difference("dtheta", valley.dtheta, dtheta, hints):
            fail(f"Valley.backward is not right, at k = {k}\n{problem}")
