"""The main job on the real thing: one epoch of the default model on MNIST."""

import numpy as np
import pytest

from npvae.datasets import load_dataset, scaling_for
from npvae.evaluation.elbo import evaluate
from npvae.runs.fit import fit
from npvae.vae import VAE

pytestmark = pytest.mark.mnist


def test_one_epoch_of_mnist(mnist_folder):
    """Predicting each pixel's mean alone costs 206 nats, and an untrained model 543."""
    mnist = load_dataset("mnist", progress=False)
    vae = VAE.dense(mnist.n_x, 400, 20, seed=0)
    (record,) = fit(vae, mnist, epochs=1)
    test = evaluate(vae, mnist.test, scaling_for(mnist))
    assert len(mnist.train) == 55_000
    assert -140 < test.elbo < -100
    assert abs(test.elbo - record.held_out.elbo) < 3
    assert test.active_units >= 15


def test_the_dummy_figures_that_the_test_above_names(mnist_folder):
    mnist = load_dataset("mnist", progress=False)
    p = np.clip(mnist.train.take(slice(None)).mean(axis=0) / 255, 1e-3, 1 - 1e-3)
    x = mnist.test.take(slice(None)) / 255  # the expected loss of pixels drawn with these odds
    nats = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean()
    assert round(nats) == 206
    assert round(784 * np.log(2)) == 543
