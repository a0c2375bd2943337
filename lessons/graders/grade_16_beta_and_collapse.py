"""Lesson 16: the beta of a loss, and a loss of means with its gradient."""

import numpy as np
from grading import difference, differences, fail, normal

from npvae.layers import softplus

SMALL = {"n_x": 11, "n_h": 6, "n_z": 3, "activation": "tanh", "dtype": np.float64}


def test_beta_of(lesson, rng):
    for _ in range(3):
        of_reconstruction, of_kl = rng.uniform(0.001, 2, 2)
        beta = of_kl / of_reconstruction
        hints = {
            "this is its reciprocal: beta multiplies the KL divergence.": {"beta": 1 / beta},
            "this is the weight of the KL divergence; compare it with the other weight.": {
                "beta": of_kl
            },
        }
        given = of_reconstruction, of_kl
        lesson.compare("beta_of", given, {"beta": beta}, hints)


def test_means(lesson, rng):
    model = lesson["Means"].dense(**SMALL)
    x, eps = rng.integers(0, 2, (5, 11)).astype(float), normal(rng, (5, 3))

    def terms(flat):
        model.params.flat[:] = flat
        h = model.encoder.forward(x)
        mu, logvar = h[:, :3], h[:, 3:]
        a = model.decoder.forward(mu + np.exp(logvar / 2) * eps)
        kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)
        return (softplus(a) - x * a).mean(), kl.mean()

    start = model.params.flat.copy() + 0.1 * normal(rng, model.params.flat.size)
    gradient = differences(lambda flat: sum(terms(flat)), start)
    of_kl = differences(lambda flat: terms(flat)[1], start)
    model.params.flat[:] = start
    reconstruction, kl = terms(start)
    loss = lesson.call("Means.loss_and_grad", x, eps, function=model.loss_and_grad)
    if not hasattr(loss, "reconstruction"):
        fail("Means.loss_and_grad should return Loss(loss, reconstruction, kl)")
    hints = {
        "this is the sum over the pixels, the mean over the images.": 11 * reconstruction,
        "this is the sum over the latents, the mean over the images.": 3 * kl,
    }
    expected = {"reconstruction": reconstruction, "kl": kl, "loss": reconstruction + kl}
    for what, right in expected.items():
        if problem := difference(what, getattr(loss, what), right, hints):
            fail(f"Means.loss_and_grad is not right\n{problem}")
    hints = {
        "the gradient of the KL divergence is not added.": gradient - of_kl,
        "the gradient of the KL divergence is divided by the images, but not by the latents.": (
            gradient + 2 * of_kl
        ),
        "the reconstruction's gradient is that of a sum over the pixels: divide by x.size.": (
            11 * (gradient - of_kl) + of_kl
        ),
        "all gradients are those of sums over pixels and latents.": (
            11 * (gradient - of_kl) + 3 * of_kl
        ),
        "nothing is passed backwards.": 0 * gradient,
    }
    if problem := difference("all gradients in a row", model.params.grad, gradient, hints):
        fail(f"Means.loss_and_grad leaves wrong gradients in params.grad\n{problem}")
