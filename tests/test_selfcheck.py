"""The subjects of the gradient checks."""

import numpy as np
import pytest

from npvae.gradcheck import check
from npvae.layers import ACTIVATIONS, Dense
from npvae.likelihoods import LIKELIHOODS, make_likelihood
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


def test_every_layer_likelihood_and_model_is_there():
    made = {
        type(SUBJECTS[name](lambda: 2, np.random.default_rng(0))[0]).__name__ for name in SUBJECTS
    }
    assert made >= {"Dense", "GatedDense", "Sequential"}
    assert made >= {type(make()).__name__ for make in ACTIVATIONS.values()}
    assert made >= {"Autoencoder", "DenoisingAutoencoder", "VAE", "IWAE"}


def kind(thing):
    """The class of a likelihood, and those of its parts."""
    return (type(thing), *map(type, getattr(thing, "parts", ())))


def test_every_registered_likelihood_is_checked_alone_weighted_and_in_a_vae():
    things = [make(lambda: 2, np.random.default_rng(0))[0] for make in SUBJECTS.values()]
    alone = {kind(thing) for thing in things}
    weighted = {kind(getattr(one, "likelihood", 0)) for one in things if not hasattr(one, "params")}
    inside = {kind(thing.likelihood) for thing in things if type(thing).__name__ == "VAE"}
    for name, cls in LIKELIHOODS.items():
        for sigma in (0.5, *cls.sigmas):
            likelihood = make_likelihood(name, sigma, (0, 2) if name == "mixed" else ())
            assert kind(likelihood)[:2] in {one[:2] for one in alone & inside}
            assert (kind(likelihood)[:2] in {one[:2] for one in weighted}) != likelihood.closed_form


@pytest.mark.parametrize("model", ["Autoencoder", "VAE"])
def test_every_activation_and_likelihood_is_checked_in_a_model(model):
    names = [name.split(", ") for name in SUBJECTS if name.startswith(f"{model}, ")]
    assert {name[1] for name in names} >= set(ACTIVATIONS)
    assert {name[2] for name in names if name[1] in ACTIVATIONS} == {"bernoulli", "gaussian"}
