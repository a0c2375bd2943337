"""Lesson 20a: the losses of two players, and the generator's gradient through both networks."""

import numpy as np
from grading import difference, differences, fail, normal


def probability(a):
    return 1 / (1 + np.exp(-a))


def test_discriminator_loss(lesson, rng):
    for B in (1, 5):
        a, label = normal(rng, (2 * B, 1)), np.repeat([[1.0], [0.0]], B, axis=0)

        def cross_entropy(a, label=label, B=B):
            D = probability(a)
            return -(label * np.log(D) + (1 - label) * np.log(1 - D)).sum() / B

        loss, da = cross_entropy(a), differences(cross_entropy, a)
        hints = {
            "this is the mean over all 2 B logits; L_D is the sum of two means over B.": {
                "loss": loss / 2,
                "da": da / 2,
            },
            "this is the sum over the batch; divide by B.": {"loss": loss * B, "da": da * B},
            "the labels are exchanged: data has the label 1.": {
                "loss": cross_entropy(-a),
                "da": (probability(a) - (1 - label)) / B,
            },
            "the sign is wrong: it is the probability minus the label.": {"da": -da},
        }
        expected = {"loss": loss, "da": da}
        lesson.compare("discriminator_loss", (a, label), expected, hints, by="finite differences")


def grade_loss(lesson, rng, name, of_logit, others):
    """Grade a loss of the generator, whose value at a logit is of_logit(a)."""
    for B in (1, 4):
        a = normal(rng, (B, 1))

        def mean(a):
            return of_logit(a).mean()

        loss, da = mean(a), differences(mean, a)
        hints = {
            "this is the sum over the batch; take the mean.": {"loss": loss * B, "da": da * B},
            "the sign is wrong. Both losses fall as D rises.": {"loss": -loss, "da": -da},
        }
        for hint, other in others.items():
            hints[hint] = {
                "loss": other(a).mean(),
                "da": differences(lambda a, f=other: f(a).mean(), a),
            }
        lesson.compare(name, (a,), {"loss": loss, "da": da}, hints, by="finite differences")
    huge = np.array([[-800.0], [0.0], [800.0]])
    loss, da = lesson.call(name, huge, strict=True)
    if not np.isfinite(loss) or not np.isfinite(da).all():
        fail(f"{name} is not finite for logits of ±800; use softplus and sigmoid")


def log_of_fake(a):
    return np.log(1 - probability(a))


def minus_log_of_real(a):
    return -np.log(probability(a))


def test_minimax(lesson, rng):
    other = {"this is the non-saturating loss, -log D.": minus_log_of_real}
    grade_loss(lesson, rng, "minimax", log_of_fake, other)


def test_non_saturating(lesson, rng):
    other = {"this is the minimax loss, log(1 - D).": log_of_fake}
    grade_loss(lesson, rng, "non_saturating", minus_log_of_real, other)


class Cubic:
    """A loss of logits that no player has: the mean of a³, and its gradient."""

    def __call__(self, a):
        return (a**3).mean(), 3 * a**2 / len(a)


def test_generator(lesson, rng):
    B, n_z, n_x = 4, 3, 5
    opponent = lesson["Discriminator"](lesson["network"]((n_x, 6, 1), rng), np.float64)
    made_by = lesson["network"]((n_z, 7, n_x), rng)
    generator = lesson["Generator"](made_by, opponent, Cubic(), np.float64)
    z = normal(rng, (B, n_z))
    flat = generator.params.flat.copy()

    def loss_at(point):
        generator.params.flat[...] = point
        loss = (opponent.network.forward(made_by.forward(z)) ** 3).mean()
        generator.params.flat[...] = flat
        return loss

    hint = "this is always the non-saturating loss; call self.loss instead."
    a = opponent.network.forward(made_by.forward(z))
    hints = {hint: {"loss": np.array([minus_log_of_real(a).mean()])}}
    expected = {"loss": np.array([loss_at(flat)])}
    name, function = "Generator.loss_and_grad", generator.loss_and_grad
    generator.params.grad[...] = 0
    lesson.compare(name, (z,), expected, hints, function=function)
    gradient = differences(loss_at, flat)
    hints = {"nothing came back to the generator: run its backward pass, too.": 0 * gradient}
    if problem := difference("gradient of the generator", generator.params.grad, gradient, hints):
        fail(f"{name} is not right\n{problem}\n  The expected values come from finite differences.")
