"""A training step stays on its device: nothing mixes, nothing becomes NumPy, nothing waits."""

import dataclasses

import numpy as np
import pytest
from strict_device import Refused, StrictArray, StrictDevice, waiting_allowed

from npvae import (
    SGD,
    VAE,
    Adam,
    Autoencoder,
    Dataset,
    Momentum,
    Pixels,
    Split,
    Standardized,
    evaluate,
    evaluation,
    fit,
    steps,
)
from npvae.arrays import CPU
from npvae.layers import ACTIVATIONS

DEVICE = StrictDevice()
N, N_X = 150, 12  # two batches of 70, one of 10; 70 has a whole group of 64 rows and a rest

MODELS = {"vae": VAE, "autoencoder": Autoencoder}
LIKELIHOODS = ("bernoulli", "gaussian")
OPTIMIZERS = {"sgd": SGD, "momentum": Momentum, "adam": Adam}
SCALINGS = {
    "dynamic": Pixels("dynamic"),
    "threshold": Pixels("threshold"),
    "grey": Pixels("none"),
    "standardized": Standardized(np.linspace(90, 140, N_X), np.linspace(60, 80, N_X)),
}


def split(dtype=np.uint8, n=N):
    x = np.random.default_rng(1).integers(0, 256, (n, N_X)).astype(dtype)
    return Split(x / 255 if dtype != np.uint8 else x, np.arange(n))


def train(device, *, model="vae", optimizer="adam", scaling="dynamic", data=None, **options):
    """Return the losses of two epochs and the trained parameters, as NumPy arrays."""
    model = MODELS[model].dense(N_X, 9, 3, device=device, **options)
    passed = list(
        steps(
            model,
            data or split(),
            SCALINGS[scaling],
            OPTIMIZERS[optimizer](1e-3),
            epochs=2,
            batch_size=70,
            rng=5,
        )
    )
    assert [step.n for step in passed] == [70, 70, 10] * 2
    with waiting_allowed():
        losses = [[float(part) for part in step.loss] for step in passed]
        return np.array(losses), device.to_host(model.params.flat)


def assert_same_bits(**options):
    """Train on both devices; on the strict one any slip raises, and the numbers are the CPU's."""
    here, there = train(CPU, **options), train(DEVICE, **options)
    np.testing.assert_array_equal(there[0], here[0])
    np.testing.assert_array_equal(there[1], here[1])
    assert there[1].dtype == here[1].dtype


# ---- whole training steps ------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("model", MODELS)
def test_a_step_of_every_model(model, activation, likelihood):
    assert_same_bits(model=model, activation=activation, likelihood=likelihood)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_of_every_optimizer(optimizer):
    assert_same_bits(optimizer=optimizer)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_step_of_every_scaling(scaling, dtype):
    likelihood = "gaussian" if scaling == "standardized" else "bernoulli"
    assert_same_bits(scaling=scaling, data=split(dtype), likelihood=likelihood)


def test_a_step_in_float64():
    assert_same_bits(dtype=np.float64, beta=0.5, likelihood="gaussian", sigma=0.3)


def test_a_split_already_on_the_device_stays_there():
    assert_same_bits(data=split())
    data = split().to(DEVICE)
    assert isinstance(data.to(DEVICE).take(slice(0, 2)), StrictArray)


# ---- using a model -------------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_encoding_decoding_and_sampling(likelihood):
    def use(device):
        model = VAE.dense(N_X, 9, 3, likelihood=likelihood, device=device, dtype=np.float64)
        rng = device.generator(7)
        x = rng.random(size=(5, N_X))
        eps = model.draw_noise(rng, 5)
        made = [
            *model.encode(x),
            model.decode(eps),
            model.reconstruct(x),
            model.reconstruct(x, eps),
            model.sample(4, rng),
            model.sample(4, rng=3, draw=True),
            *model.terms(x, eps),
        ]
        with waiting_allowed():
            return [device.to_host(array) for array in made]

    for here, there in zip(use(CPU), use(DEVICE), strict=True):
        np.testing.assert_array_equal(there, here)


def dataset(n, n_held_out=40):
    parts = split(n=n), split(n=n_held_out), split(n=1)
    return Dataset("small", *parts, shape=(N_X,), kind="pixels", source="a test")


@pytest.mark.parametrize("model", MODELS)
def test_an_epoch_waits_as_often_as_it_reports_not_as_often_as_it_steps(model, monkeypatch):
    monkeypatch.setattr(evaluation, "CHUNK", 10)

    def waits(*sizes):
        on_device = MODELS[model].dense(N_X, 9, 3, device=DEVICE)
        with waiting_allowed() as noted:
            records = fit(on_device, dataset(*sizes), epochs=3, batch_size=10, rng=0)
            return [len(noted) for _ in records]

    few = waits(20, 10)
    assert waits(200, 10) == waits(20, 80) == few
    per_epoch = few[0]
    assert few == [per_epoch, 2 * per_epoch, 3 * per_epoch]
    assert per_epoch <= 6  # three averages of training; of validation one number, two vectors


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("model", MODELS)
def test_fit_and_evaluate_say_what_they_say_on_the_cpu(model, scaling):
    def say(device):
        options = {"likelihood": "gaussian"} if scaling == "standardized" else {}
        made = MODELS[model].dense(N_X, 9, 3, device=device, **options)
        with waiting_allowed():
            records = list(fit(made, dataset(50), scaling=SCALINGS[scaling], epochs=2, rng=2))
            tested = evaluate(made, split(n=30), SCALINGS[scaling], rng=4)
        return [dataclasses.replace(record, seconds=0) for record in records], tested

    assert say(DEVICE) == say(CPU)


# ---- the stand-in itself -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "slip",
    [
        lambda a: np.asarray(a),
        lambda a: np.array([a, a]),
        lambda a: a + np.ones(3),
        lambda a: np.ones(3) + a,
        lambda a: a * np.float64(2),
        lambda a: np.float32(2) * a,
        lambda a: np.add(a, [1.0, 2.0, 3.0]),
        lambda a: np.add(a, 1, out=np.zeros(3)),
        lambda a: np.concatenate([a, np.ones(3)]),
        lambda a: a.__setitem__(..., np.ones(3)),
        lambda a: np.ones(3).__setitem__(..., a),
        lambda a: a[np.array([0, 1])],
        lambda a: a[[0, 1]],
        lambda a: np.arange(3)[a],
        lambda a: np.logaddexp(a, a),
        lambda a: np.maximum.reduce(a),
        lambda a: np.linalg.norm(a),
        lambda a: float(a.sum()),
        lambda a: int(a.sum()),
        lambda a: bool(a.sum() > 0),
        lambda a: range(a.sum()),
        lambda a: a.sum().item(),
        lambda a: len(a.sum()),
        lambda a: list(a),
        lambda a: 1.0 in a,
        lambda a: f"{a.sum()}",
        lambda a: a.max(),
        lambda a: DEVICE.to_host(a),
        lambda a: DEVICE.generator(np.random.default_rng(0)),
    ],
)
def test_the_strict_device_refuses(slip):
    with pytest.raises((TypeError, AttributeError, ValueError)):
        slip(DEVICE.asarray(np.ones(3)))


def test_the_strict_device_notes_every_wait():
    a = DEVICE.asarray(np.ones(3))
    with waiting_allowed() as noted:
        assert float(a.sum()) == 3
        np.testing.assert_array_equal(DEVICE.to_host(a), np.ones(3))
    assert noted == ["float()", "to_host()"]
    with pytest.raises(Refused):
        float(a.sum())
