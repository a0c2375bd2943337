"""Lesson 13b: the two terms of the loss, for posteriors that are given."""

import numpy as np
from grading import normal

from npvae import VAE
from npvae.gaussian import kl_standard_normal


def test_terms_of(lesson, rng):
    model = VAE.dense(9, 7, 3, seed=1)  # float32, as in the lesson
    x = rng.integers(0, 2, (6, 9)).astype(np.float32)
    mu, logvar, eps = normal(rng, (6, 3), (6, 3), (6, 3))

    def reconstruction(z):
        a = model.decoder.forward(z.astype(np.float32)).astype(float)
        return (np.logaddexp(0, a) - x * a).sum(axis=1).mean()

    z = mu + np.exp(logvar / 2) * eps
    right, kl = reconstruction(z), kl_standard_normal(mu, logvar).mean()
    hints = {
        "the sign is wrong: the loss has minus log p(x | z).": {"reconstruction": -right},
        "z = mu is decoded; draw z with the noise.": {"reconstruction": reconstruction(mu)},
        "exp(logvar) stands where sigma should be.": {
            "reconstruction": reconstruction(mu + np.exp(logvar) * eps)
        },
        "these are sums over the batch; means are asked for.": {
            "reconstruction": 6 * right,
            "KL": 6 * kl,
        },
    }
    expected = {"reconstruction": right, "KL": kl}
    lesson.compare(
        "terms_of", (model, x, mu, logvar, eps), expected, hints, tolerance=1e-5, by="npvae"
    )
