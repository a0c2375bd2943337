"""From settings to what trains: the right class, optimiser and schedules for each."""

import numpy as np
import pytest

from npvae import (
    IWAE,
    SGD,
    VAE,
    Adagrad,
    Adam,
    Autoencoder,
    ClipLogvar,
    Cosine,
    Dataset,
    DenoisingAutoencoder,
    EarlyStopping,
    Gaussian,
    InputError,
    LearnedGaussian,
    Momentum,
    OptimalGaussian,
    Pixels,
    Split,
    Stages,
    Standardized,
    WarmUp,
)
from npvae.runs.building import (
    build_model,
    build_optimizer,
    build_scaling,
    build_schedules,
    resolve,
)
from npvae.runs.settings import Settings

RNG = np.random.default_rng(0)


def dataset(x, kind="pixels"):
    part = Split(x, np.arange(len(x)), np.arange(len(x)) % 3)
    return Dataset("mine.npy", part, part, part, (4,), kind, "a test", ("a", "b", "c"))


PIXELS = dataset(RNG.integers(0, 256, (20, 4), dtype=np.uint8))
REAL = dataset(RNG.normal(100, 15, (20, 4)), "real")
UNIT = dataset(RNG.random((20, 4)), "real")
GAUSSIAN = {"likelihood": "gaussian"}


def resolved(data, **asked):
    return resolve(Settings(data="x", **{"latent": 20} | asked), data)


def built(data=PIXELS, seed=0, **asked):
    return build_model(resolved(data, **asked), data, np.random.default_rng(seed))


# ---- the model -----------------------------------------------------------------------------------


def test_the_model_is_the_one_that_was_asked_for():
    asked = {"latent": 3, "hidden": (7, 5), "activation": "tanh", "init": "fan-in", "beta": 2.5}
    model = built(REAL, **asked, sigma=0.25, free_bits=0.5, logvar_range=(-6, 2), conditional=True)
    assert model.config == {
        "model": "vae",
        "n_x": 4,
        "n_h": [7, 5],
        "n_z": 3,
        "n_y": 3,
        "activation": "tanh",
        "likelihood": "gaussian",
        "logvar_range": [-6.0, 2.0],
        "sigma": 0.25,
        "beta": 2.5,
        "free_bits": 0.5,
    }
    assert isinstance(model.encoder.layers[-1], ClipLogvar)
    b = model.params.values["encoder.0.b"]
    assert (b != 0).all()  # of the initialisers only fan-in starts there, within 1 / sqrt(7)
    assert np.abs(b).max() < 0.4


@pytest.mark.parametrize(
    ("asked", "kind", "options"),
    [
        ({}, VAE, {"beta": 1, "free_bits": 0, "n_y": 0}),
        ({"model": "autoencoder", "conditional": True}, Autoencoder, {"n_y": 3}),
        ({"model": "denoising"}, DenoisingAutoencoder, {"corruption": "mask", "amount": 0.3}),
        (
            {"model": "denoising", "corruption": "gaussian", "noise": 2.0},
            DenoisingAutoencoder,
            {"corruption": "gaussian", "amount": 2},
        ),
        ({"k": 5}, IWAE, {"k": 5, "objective": "elbo"}),
        ({"objective": "iwae"}, IWAE, {"k": 1, "objective": "iwae"}),
        ({"objective": "dreg", "k": 3}, IWAE, {"k": 3, "objective": "dreg"}),
    ],
)
def test_the_class_follows_from_model_objective_and_k(asked, kind, options):
    model = built(**asked)
    assert type(model) is kind
    assert {name: getattr(model, name) for name in options} == options


@pytest.mark.parametrize(
    ("sigma", "kind"), [(0.3, Gaussian), ("learned", LearnedGaussian), ("optimal", OptimalGaussian)]
)
def test_how_sigma_is_found(sigma, kind):
    model = built(**GAUSSIAN, sigma=sigma)
    assert type(model.likelihood) is kind
    assert sigma != 0.3 or model.likelihood.sigma == 0.3


@pytest.mark.parametrize("sigma", ["learned", "optimal"])
def test_sigma_begins_with_what_a_decoder_that_knows_the_mean_would_have(sigma):
    x = PIXELS.train.x / 255
    away = ((x - x.mean(axis=0)) ** 2).mean()
    found = built(**GAUSSIAN, sigma=sigma).likelihood.sigma
    assert found == pytest.approx(np.sqrt(away), rel=1e-6)
    assert built(REAL, sigma=sigma).likelihood.sigma == pytest.approx(1, rel=1e-6)  # standardised


def test_data_that_never_vary_have_a_sigma_yet():
    constant = dataset(np.full((20, 4), 7, np.uint8), "pixels")
    assert built(constant, **GAUSSIAN, sigma="learned").likelihood.sigma == pytest.approx(1e-4)


def test_the_seed_makes_the_weights():
    one, same, other = (built(seed=seed).params.flat for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize(
    ("data", "asked", "mean"),
    [
        (PIXELS, {}, PIXELS.train.x.mean(axis=0) / 255),
        (PIXELS, {"binarize": "threshold"}, (PIXELS.train.x >= 128).mean(axis=0)),
        (PIXELS, GAUSSIAN, PIXELS.train.x.mean(axis=0) / 255),
        (PIXELS, {"model": "denoising"}, PIXELS.train.x.mean(axis=0) / 255),
        (PIXELS, {"conditional": True, "hidden": ()}, PIXELS.train.x.mean(axis=0) / 255),
        (REAL, {"sigma": "learned"}, np.zeros(4)),
        (UNIT, {"likelihood": "bernoulli"}, UNIT.train.x.mean(axis=0)),
    ],
)
def test_with_mean_bias_the_first_output_is_the_mean_of_the_training_part(data, asked, mean):
    """At z = 0, where relu layers without biases pass on nothing."""
    model = built(data, **asked, mean_bias=True)
    y = np.zeros((1, 3), np.float32) if asked.get("conditional") else None
    np.testing.assert_allclose(model.decode(np.zeros((1, 20), np.float32), y)[0], mean, atol=1e-5)
    assert np.abs(built(data, **asked).params.values["decoder.0.b"]).max() == 0


def test_the_mean_is_not_that_of_what_is_held_out():
    x = PIXELS.train.x
    parts = [Split(x, rows) for rows in np.split(np.arange(20), [10, 15])]
    data = Dataset("mine.npy", *parts, (4,), "pixels", "a test")
    output = built(data, mean_bias=True).decode(np.zeros((1, 20), np.float32))[0]
    np.testing.assert_allclose(output, x[:10].mean(axis=0) / 255, atol=1e-5)


def test_a_model_that_no_memory_would_hold():
    with pytest.raises(InputError, match=r"about 2\.0e\+10 parameters; choose smaller --hidden"):
        built(hidden=(100_000, 100_000))


# ---- what it is trained with ---------------------------------------------------------------------


def test_the_scaling_fits_the_likelihood():
    assert isinstance(build_scaling(resolved(REAL), REAL), Standardized)
    for data, asked, binarize in (
        (PIXELS, {}, "dynamic"),
        (PIXELS, {"binarize": "threshold"}, "threshold"),
        (UNIT, {"likelihood": "bernoulli"}, "dynamic"),
        (PIXELS, GAUSSIAN, "none"),
        (PIXELS, {**GAUSSIAN, "binarize": "none"}, "none"),
    ):
        scaling = build_scaling(resolved(data, **asked), data)
        assert isinstance(scaling, Pixels)
        assert scaling.binarize == binarize


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", Adam), ("adagrad", Adagrad), ("momentum", Momentum), ("sgd", SGD)]
)
def test_the_optimiser(name, kind):
    optimizer = build_optimizer(Settings(data="x", optimizer=name, lr=0.125, adam_beta1=0.75))
    assert type(optimizer) is kind
    assert optimizer.lr == 0.125


def test_adam_has_its_own_numbers():
    adam = build_optimizer(Settings(data="x", lr=0.125, adam_beta1=0.75, adam_eps=0.5))
    assert (adam.lr, adam.beta1, adam.beta2, adam.eps) == (0.125, 0.75, 0.999, 0.5)
    usual, default = build_optimizer(Settings(data="x")), Adam()
    assert vars(usual) == vars(default)


@pytest.mark.parametrize(
    ("asked", "lr", "beta", "early_stopping"),
    [
        ({}, None, None, None),
        ({"lr_schedule": "stages", "lr": 0.5}, Stages(0.5), None, None),
        ({"lr_schedule": "cosine", "lr": 0.5, "epochs": 7}, Cosine(0.5, 7), None, None),
        ({"warm_up": 4}, None, WarmUp(4, 1), None),
        ({"warm_up": 4, "beta": 3.0}, None, WarmUp(4, 3), None),
        ({"patience": 5}, None, None, EarlyStopping(5, after=0)),
        ({"patience": 5, "warm_up": 4}, None, WarmUp(4, 1), EarlyStopping(5, after=4)),
    ],
)
def test_the_schedules(asked, lr, beta, early_stopping):
    expected = {"lr": lr, "beta": beta, "early_stopping": early_stopping}
    assert build_schedules(Settings(data="x", **{"epochs": 10} | asked)) == expected
