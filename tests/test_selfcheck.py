"""The subjects of the gradient checks."""

import numpy as np

from npvae.gradcheck import check
from npvae.layers import Dense
from npvae.selfcheck import SUBJECTS


def test_a_gradient_that_is_always_zero_is_found_not_waited_for(monkeypatch):
    def forgetful(self, dy):
        np.matmul(self.x.T, dy, out=self.dW)
        self.db[...] = 0

    monkeypatch.setattr(Dense, "backward_parameters", forgetful)
    thing, inputs = SUBJECTS["VAE, tanh, bernoulli"](lambda: 3, np.random.default_rng(0))
    report = check(thing, *inputs)
    assert not report.ok
    assert {row.name for row in report.rows if not row.ok(1e-6)} >= {"encoder.0.b", "decoder.0.b"}


def test_every_layer_activation_and_likelihood_is_there():
    made = {
        type(SUBJECTS[name](lambda: 2, np.random.default_rng(0))[0]).__name__ for name in SUBJECTS
    }
    assert made >= {"Dense", "ReLU", "LeakyReLU", "Tanh", "Sigmoid", "Softplus", "Sequential"}
    assert made >= {"Bernoulli", "Gaussian", "Autoencoder", "VAE"}
