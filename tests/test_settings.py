import dataclasses
import json

import numpy as np
import pytest

from npvae import Dataset, Gaussian, InputError, Pixels, Split, Standardized
from npvae.building import build_model, build_scaling
from npvae.resolving import load_data, resolve
from npvae.settings import Settings


def dataset(x, kind, shape=(4,)):
    part = Split(x, np.arange(len(x)))
    return Dataset("mine.npy", part, part, part, shape, kind, "a test")


RNG = np.random.default_rng(0)
PIXELS = dataset(RNG.integers(0, 256, (20, 4), dtype=np.uint8), "pixels")
COLOUR = dataset(RNG.integers(0, 256, (20, 12), dtype=np.uint8), "pixels", (2, 2, 3))
REAL = dataset(RNG.normal(100, 15, (20, 4)), "real")
UNIT = dataset(RNG.random((20, 4)), "real")


@pytest.mark.parametrize(
    ("data", "asked", "likelihood", "binarize", "sigma"),
    [
        (PIXELS, {}, "bernoulli", "dynamic", None),
        (PIXELS, {"binarize": "threshold"}, "bernoulli", "threshold", None),
        (PIXELS, {"binarize": "none"}, "bernoulli", "none", None),
        (PIXELS, {"likelihood": "gaussian"}, "gaussian", "none", 0.1),
        (PIXELS, {"likelihood": "gaussian", "sigma": 0.3}, "gaussian", "none", 0.3),
        (COLOUR, {}, "gaussian", "none", 0.1),
        (COLOUR, {"likelihood": "bernoulli"}, "bernoulli", "dynamic", None),
        (REAL, {}, "gaussian", "none", 0.5),
        (REAL, {"sigma": 2.0}, "gaussian", "none", 2.0),
        (UNIT, {}, "gaussian", "none", 0.5),
        (UNIT, {"likelihood": "bernoulli"}, "bernoulli", "dynamic", None),
    ],
)
def test_what_was_not_asked_follows_from_the_data(data, asked, likelihood, binarize, sigma):
    asked = Settings(data="x", **asked)
    settings = resolve(asked, data)
    assert (settings.likelihood, settings.binarize, settings.sigma) == (likelihood, binarize, sigma)
    unchanged = {"likelihood": None, "binarize": None, "sigma": None, "data": "x"}
    assert dataclasses.replace(settings, **unchanged) == dataclasses.replace(asked, **unchanged)


def test_settings_that_were_resolved_can_be_resolved_again():
    """As when a run is repeated from its config.json."""
    for data in (PIXELS, COLOUR, REAL, UNIT):
        settings = resolve(Settings(data="x"), data)
        assert resolve(settings, data) == settings


def test_bernoulli_refuses_what_is_outside_0_to_1():
    with pytest.raises(InputError, match=r"takes data in \[0, 1\], and mine\.npy goes from .* to "):
        resolve(Settings(data="x", likelihood="bernoulli"), REAL)
    below = dataset(np.array([[0.5, -0.1]] * 20), "real", (2,))
    with pytest.raises(InputError, match="use --likelihood gaussian"):
        resolve(Settings(data="x", likelihood="bernoulli"), below)


def test_real_values_are_not_binarised():
    with pytest.raises(InputError, match="--binarize dynamic is for pixels"):
        resolve(Settings(data="x", binarize="dynamic"), REAL)


def test_the_scaling_fits_the_likelihood():
    assert isinstance(build_scaling(resolve(Settings(data="x"), REAL), REAL), Standardized)
    for data, asked in ((PIXELS, {}), (UNIT, {"likelihood": "bernoulli"})):
        scaling = build_scaling(resolve(Settings(data="x", **asked), data), data)
        assert isinstance(scaling, Pixels)
        assert scaling.binarize == "dynamic"
    grey = resolve(Settings(data="x", likelihood="gaussian"), PIXELS)
    assert build_scaling(grey, PIXELS).binarize == "none"


def test_the_model_is_the_one_that_was_asked_for():
    settings = Settings(
        data="x", latent=3, hidden=(7, 5), activation="tanh", init="fan-in", beta=2.5, sigma=0.25
    )
    model = build_model(resolve(settings, REAL), 4, np.random.default_rng(0))
    assert model.config == {
        "model": "vae",
        "n_x": 4,
        "n_h": [7, 5],
        "n_z": 3,
        "activation": "tanh",
        "likelihood": "gaussian",
        "sigma": 0.25,
        "beta": 2.5,
    }
    assert isinstance(model.likelihood, Gaussian)
    assert model.likelihood.sigma == 0.25
    b = model.params.values["encoder.0.b"]
    assert (b != 0).all()  # of the initialisers only fan-in starts there, within 1 / sqrt(4)
    assert np.abs(b).max() < 0.5


def test_the_seed_splits_ones_own_data(tmp_path):
    np.save(tmp_path / "mine.npy", RNG.normal(0, 1, (40, 3)))
    one, same, other = (
        load_data(Settings(data=str(tmp_path / "mine.npy"), seed=seed, validation=7))
        for seed in (1, 1, 2)
    )
    assert len(one.validation) == 7
    np.testing.assert_array_equal(one.test.rows, same.test.rows)
    assert (one.test.rows != other.test.rows).any()


def test_a_sigma_under_the_bernoulli_likelihood_is_refused():
    with pytest.raises(InputError, match=r"--sigma 0\.3 is for the Gaussian likelihood"):
        resolve(Settings(data="x", sigma=0.3), PIXELS)


def test_settings_that_were_resolved_stay_as_they_are():
    for data in (PIXELS, COLOUR, REAL):
        settings = resolve(Settings(data="x"), data)
        assert resolve(settings, data) == settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": 3},
        {"label_column": 1.5},
        {"validation": -1},
        {"latent": 0},
        {"latent": 2.0},
        {"latent": True},
        {"latent": None},
        {"hidden": [400]},
        {"hidden": (400, 0)},
        {"hidden": (1,) * 101},
        {"activation": "gelu"},
        {"init": None},
        {"likelihood": "poisson"},
        {"binarize": "maybe"},
        {"sigma": 0.0},
        {"beta": -0.1},
        {"beta": float("nan")},
        {"epochs": 0},
        {"batch_size": "128"},
        {"lr": float("inf")},
        {"lr": 0},
        {"seed": -1},
    ],
)
def test_a_setting_that_makes_no_sense(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(InputError, match=f"{name} is .*, expected "):
        Settings(**({"data": "x"} | wrong))
    stored = Settings(data="x").as_json() | wrong
    if name != "hidden" or value != [400]:  # in JSON a list is what it should be
        with pytest.raises(InputError, match=f"{name} is .*, expected "):
            Settings.from_json(stored)


def test_settings_go_through_json():
    settings = Settings(data="x", hidden=(7, 5), sigma=0.5, label_column="kind", lr=1e-4)
    assert Settings.from_json(json.loads(json.dumps(settings.as_json()))) == settings
    for change in (lambda s: s.pop("lr"), lambda s: s.update(speed=3)):
        stored = settings.as_json()
        change(stored)
        with pytest.raises(InputError, match=r"missing or unknown: (lr|speed)"):
            Settings.from_json(stored)


def test_a_model_that_no_memory_would_hold():
    settings = resolve(Settings(data="x", hidden=(100_000, 100_000)), PIXELS)
    with pytest.raises(InputError, match=r"about 2\.0e\+10 parameters; choose smaller --hidden"):
        build_model(settings, 4, RNG)


def test_ones_own_data_are_named_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve(Settings(data="x.npy"), PIXELS).data == str(tmp_path.resolve() / "x.npy")
    assert resolve(Settings(data="mnist"), PIXELS).data == "mnist"
