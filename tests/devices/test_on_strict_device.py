"""A training step stays on its device: nothing mixes, nothing becomes NumPy, nothing waits."""

import dataclasses

import numpy as np
import pytest
from strict_device import StrictArray, StrictDevice, waiting_allowed

from npvae import (
    IWAE,
    SGD,
    VAE,
    Adam,
    Autoencoder,
    Dataset,
    DenoisingAutoencoder,
    Momentum,
    Pixels,
    Split,
    Standardized,
    Trainer,
    evaluate,
    fit,
    trainer_for,
)
from npvae.devices import CPU
from npvae.evaluation import (
    decode_codes,
    encode_split,
    nats_by_feature,
    principal_components,
    reconstruct_split,
    reconstruction_errors,
    score_examples,
)
from npvae.evaluation import elbo as evaluation
from npvae.evaluation.elbo import examples_at
from npvae.layers import HIDDEN_LAYERS

pytestmark = pytest.mark.gpu
DEVICE = StrictDevice()
N, N_X = 150, 12  # two batches of 70, one of 10; 70 has a whole group of 64 rows and a rest

MODELS = {"vae": VAE, "autoencoder": Autoencoder, "denoising": DenoisingAutoencoder, "iwae": IWAE}
LIKELIHOODS = ("bernoulli", "gaussian", "categorical")
OBJECTIVES = {
    "free bits": {"free_bits": 0.05, "beta": 2.0},
    "clipped logvar": {"logvar_range": (-0.1, 0.1)},
    "vae, condition": {"n_y": 3},
    "learned sigma": {"likelihood": "gaussian", "sigma": "learned"},
    "mixed": {"likelihood": "mixed", "groups": (0, 3, 0, 5, 2)},
    "mixed, draws": {"likelihood": "mixed", "groups": (0, 11), "model": "iwae", "k": 3},
    "mixed, optimal sigma": {"likelihood": "mixed", "groups": (0, 10, 0), "sigma": "optimal"},
    "optimal sigma": {"likelihood": "gaussian", "sigma": "optimal"},
    "autoencoder, condition": {"model": "autoencoder", "n_y": 3},
    "autoencoder, learned sigma": {
        "model": "autoencoder",
        "likelihood": "gaussian",
        "sigma": "learned",
    },
    "gaussian noise": {"model": "denoising", "corruption": "gaussian", "amount": 0.5},
    "masked, condition": {"model": "denoising", "corruption": "mask", "n_y": 3},
    "elbo of draws": {"model": "iwae", "objective": "elbo", "k": 3},
    "one draw": {"model": "iwae", "k": 1},
    "draws, condition": {"model": "iwae", "k": 4, "n_y": 3},
    "dreg": {"model": "iwae", "k": 4, "objective": "dreg"},
    "dreg, learned sigma": {
        "model": "iwae",
        "k": 2,
        "objective": "dreg",
        "activation": "gated",
        "likelihood": "gaussian",
        "sigma": "learned",
    },
}
OPTIMIZERS = {"sgd": SGD, "momentum": Momentum, "adam": Adam}
SCALINGS = {
    "dynamic": Pixels("dynamic"),
    "threshold": Pixels("threshold"),
    "grey": Pixels("none"),
    "standardized": Standardized(np.linspace(90, 140, N_X), np.linspace(60, 80, N_X)),
}


def split(dtype=np.uint8, n=N):
    x = np.random.default_rng(1).integers(0, 256, (n, N_X)).astype(dtype)
    return Split(x / 255 if dtype != np.uint8 else x, np.arange(n), np.arange(n) % 3)


def train(device, *, model="vae", optimizer="adam", scaling="dynamic", data=None, **options):
    """Return the losses of two epochs and the trained parameters, as NumPy arrays."""
    model = MODELS[model].dense(N_X, 9, 3, device=device, **options)
    parts = data or split(), SCALINGS[scaling], OPTIMIZERS[optimizer](1e-3)
    trainer = Trainer(model, *parts, batch_size=70, rng=5)
    losses = []
    for _ in range(2):
        while not trainer.epoch_is_over:
            losses.append(trainer.step())
        with waiting_allowed():
            trainer.end_epoch()
    assert len(losses) == 6
    with waiting_allowed():
        losses = [[float(part) for part in loss] for loss in losses]
        return np.array(losses), device.to_host(model.params.flat)


def assert_same_bits(**options):
    """Train on both devices; on the strict one any slip raises, and the numbers are the CPU's."""
    here, there = train(CPU, **options), train(DEVICE, **options)
    np.testing.assert_array_equal(there[0], here[0])
    np.testing.assert_array_equal(there[1], here[1])
    assert there[1].dtype == here[1].dtype


# ---- whole training steps ------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("activation", HIDDEN_LAYERS)
@pytest.mark.parametrize("model", MODELS)
def test_a_step_of_every_model(model, activation, likelihood):
    assert_same_bits(model=model, activation=activation, likelihood=likelihood)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_step_of_every_objective(objective, dtype):
    assert_same_bits(dtype=dtype, **OBJECTIVES[objective])


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


@pytest.mark.parametrize(
    ("likelihood", "sigma"),
    [
        ("bernoulli", 1.0),
        ("gaussian", 0.5),
        ("gaussian", "learned"),
        ("gaussian", "optimal"),
        ("categorical", 1.0),
    ],
)
@pytest.mark.parametrize("n_y", [0, 2])
def test_encoding_decoding_and_sampling(likelihood, sigma, n_y):
    def use(device):
        options = {"likelihood": likelihood, "sigma": sigma, "n_y": n_y}
        model = VAE.dense(N_X, 9, 3, device=device, dtype=np.float64, **options)
        model.start_at(np.linspace(0, 1, N_X))
        rng = device.generator(7)
        x = rng.random(size=(5, N_X))
        eps = model.draw_noise(rng, 5)
        labels = np.array([0, 1, 1, 0, 1])  # of the host
        y = model.one_hot(labels) if n_y else None
        draws = rng.standard_normal(size=(5, 6, 3))
        made = [
            *model.encode(x, y),
            model.decode(eps, y),
            model.reconstruct(x, y=y),
            model.reconstruct(x, eps=eps, y=y),
            model.sample(5, rng, y=y),
            model.sample(5, rng=3, draw=True, y=y),
            *model.terms(x, eps, y),
            model.log_weights(x, *model.encode(x, y), draws, y),
        ]
        with waiting_allowed():
            return [device.to_host(array) for array in made]

    for here, there in zip(use(CPU), use(DEVICE), strict=True):
        np.testing.assert_array_equal(there, here)


def dataset(n, n_held_out=40):
    parts = split(n=n), split(n=n_held_out), split(n=1)
    return Dataset(
        "small", *parts, shape=(N_X,), kind="pixels", source="a test", classes=("a", "b", "c")
    )


@pytest.mark.parametrize("model", MODELS)
def test_an_epoch_waits_as_often_as_it_reports_not_as_often_as_it_steps(model, monkeypatch):
    monkeypatch.setattr(evaluation, "BLOCK", 10)

    def waits(*sizes):
        on_device = MODELS[model].dense(N_X, 9, 3, device=DEVICE)
        with waiting_allowed() as noted:
            trainer = trainer_for(on_device, dataset(*sizes), batch_size=10, rng=0)
            return [len(noted) for _ in range(3) if trainer.run_epoch()]

    few = waits(20, 10)
    assert waits(200, 10) == waits(20, 80) == few
    per_epoch = few[0]
    assert few == [per_epoch, 2 * per_epoch, 3 * per_epoch]
    assert per_epoch <= 6  # three averages of training; of validation one number, two vectors


@pytest.mark.parametrize("model", MODELS)
def test_codes_and_scores_are_those_of_the_cpu(model):
    def found(device):
        made, part = MODELS[model].dense(N_X, 9, 3, n_y=3, device=device), split(n=30)
        how = part, SCALINGS["grey"]
        with waiting_allowed():
            codes = encode_split(made, *how)
            x, y = examples_at(made, *how, 0, np.array([4, 2]))
            results = [
                codes.mu,
                decode_codes(made, codes.mu, part.labels),
                reconstruct_split(made, *how),
                reconstruction_errors(made, *how),
                principal_components(made, *how).errors(made, *how),
                *map(device.to_host, nats_by_feature(made, x, y)),
            ]
            if made.draw_noise(device.generator(0), 1) is None:  # no noise, which would differ
                results.append(score_examples(made, *how).score)
            score_examples(made, *how)
        return results

    for there, here in zip(found(DEVICE), found(CPU), strict=True):
        assert type(there) is np.ndarray
        np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("model", MODELS)
def test_fit_and_evaluate_say_what_they_say_on_the_cpu(model, scaling):
    def say(device):
        options = {"likelihood": "gaussian"} if scaling == "standardized" else {"n_y": 3}
        made = MODELS[model].dense(N_X, 9, 3, device=device, **options)
        with waiting_allowed():
            records = fit(made, dataset(50), scaling=SCALINGS[scaling], epochs=2, rng=2)
            tested = evaluate(made, split(n=30), SCALINGS[scaling], seed=4)
        return [dataclasses.replace(record, seconds=0) for record in records], tested

    assert say(DEVICE) == say(CPU)
