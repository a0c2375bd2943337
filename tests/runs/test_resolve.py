"""From what was asked to complete settings; and what does not fit the data or each other."""

import dataclasses

import numpy as np
import pytest

from npvae import Dataset, InputError, Split
from npvae.likelihoods import LIKELIHOODS
from npvae.runs.building import load_data, resolve
from npvae.runs.settings import Settings

RNG = np.random.default_rng(0)


def dataset(x, kind, shape=(4,), labelled=False):
    labels = np.arange(len(x)) % 2 if labelled else None
    part = Split(x, np.arange(len(x)), labels)
    classes = ("a", "b") if labelled else ()
    return Dataset("mine.npy", part, part, part, shape, kind, "a test", classes)


PIXELS = dataset(RNG.integers(0, 256, (20, 4), dtype=np.uint8), "pixels", labelled=True)
COLOUR = dataset(RNG.integers(0, 256, (20, 12), dtype=np.uint8), "pixels", (2, 2, 3))
REAL = dataset(RNG.normal(100, 15, (20, 4)), "real")
UNIT = dataset(RNG.random((20, 4)), "real")
TEXTS = dataclasses.replace(
    dataset(np.eye(4)[np.arange(20) % 4], "real"),
    columns=tuple(f"colour={text}" for text in "abcd"),
    categories={"colour": tuple("abcd")},
)
MIXED = dataclasses.replace(
    dataset(np.hstack([RNG.normal(5, 2, (20, 1)), np.eye(3)[np.arange(20) % 3]]), "real"),
    columns=("size", *(f"colour={text}" for text in "abc")),
    categories={"colour": tuple("abc")},
)
BELOW = dataset(np.array([[0.5, -0.1]] * 20), "real", (2,))
TESTED = dataclasses.replace(UNIT, test=Split(REAL.train.x, np.arange(20)))  # beyond 1 in one part
UNVALIDATED = dataclasses.replace(PIXELS, validation=Split(PIXELS.train.x, np.arange(0)))


# ---- what is filled in ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "asked", "likelihood", "binarize", "sigma"),
    [
        (PIXELS, {}, "bernoulli", "dynamic", None),
        (PIXELS, {"binarize": "threshold"}, "bernoulli", "threshold", None),
        (PIXELS, {"binarize": "none"}, "bernoulli", "none", None),
        (PIXELS, {"likelihood": "gaussian"}, "gaussian", "none", 0.1),
        (PIXELS, {"likelihood": "gaussian", "sigma": 0.3}, "gaussian", "none", 0.3),
        (PIXELS, {"likelihood": "gaussian", "sigma": "learned"}, "gaussian", "none", "learned"),
        (COLOUR, {}, "gaussian", "none", 0.1),
        (COLOUR, {"likelihood": "bernoulli"}, "bernoulli", "dynamic", None),
        (REAL, {}, "gaussian", "none", 0.5),
        (REAL, {"sigma": 2.0}, "gaussian", "none", 2.0),
        (UNIT, {}, "gaussian", "none", 0.5),
        (UNIT, {"likelihood": "bernoulli"}, "bernoulli", "dynamic", None),
        (TEXTS, {}, "categorical", "none", None),
        (MIXED, {}, "mixed", "none", 0.5),
        (MIXED, {"sigma": "learned"}, "mixed", "none", "learned"),
        (MIXED, {"likelihood": "gaussian"}, "gaussian", "none", 0.5),
    ],
)
def test_what_was_not_asked_follows_from_the_data(data, asked, likelihood, binarize, sigma):
    asked = Settings(data="x", latent=3, batch_size=4, epochs=5, **asked)
    settings = resolve(asked, data)
    assert (settings.likelihood, settings.binarize, settings.sigma) == (likelihood, binarize, sigma)
    unchanged = {
        "likelihood": None,
        "binarize": None,
        "sigma": None,
        "data": "x",
        "lr": None,
        "workers": None,
    }
    assert settings.lr == 1e-3
    assert dataclasses.replace(settings, **unchanged) == dataclasses.replace(asked, **unchanged)


@pytest.mark.parametrize(
    ("asked", "corruption", "noise"),
    [
        ({}, "mask", 0.3),
        ({"noise": 0.9}, "mask", 0.9),
        ({"corruption": "gaussian"}, "gaussian", 0.5),
        ({"corruption": "gaussian", "noise": 2.0}, "gaussian", 2.0),
    ],
)
def test_what_a_denoising_autoencoder_is_given(asked, corruption, noise):
    settings = resolve(Settings(data="x", model="denoising", **asked), PIXELS)
    assert (settings.corruption, settings.noise) == (corruption, noise)


def test_settings_that_were_resolved_can_be_resolved_again():
    """As when a run is repeated from its config.json."""
    asked = Settings(data="x"), Settings(data="x", model="denoising")
    for data in (PIXELS, COLOUR, REAL, UNIT):
        for settings in (resolve(each, data) for each in asked):
            assert resolve(settings, data) == settings


def test_ones_own_data_are_named_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve(Settings(data="x.npy"), PIXELS).data == str(tmp_path.resolve() / "x.npy")
    assert resolve(Settings(data="mnist"), PIXELS).data == "mnist"


def test_the_seed_splits_ones_own_data(tmp_path):
    np.save(tmp_path / "mine.npy", RNG.normal(0, 1, (40, 3)))
    one, same, other = (
        load_data(Settings(data=str(tmp_path / "mine.npy"), seed=seed, validation=7))
        for seed in (1, 1, 2)
    )
    assert len(one.validation) == 7
    np.testing.assert_array_equal(one.test.rows, same.test.rows)
    assert (one.test.rows != other.test.rows).any()


@pytest.mark.parametrize(("optimizer", "lr"), [("adam", 1e-3), ("momentum", 3e-3), ("sgd", 1e-2)])
def test_the_learning_rate_is_the_optimisers_own(optimizer, lr):
    assert resolve(Settings(data="x", optimizer=optimizer), PIXELS).lr == lr
    assert resolve(Settings(data="x", optimizer=optimizer, lr=0.5), PIXELS).lr == 0.5


def test_every_likelihood_has_a_sigma_of_its_own_or_none():
    for name, cls in LIKELIHOODS.items():
        known = ((PIXELS, "pixels"), (UNIT, "real"))
        if cls.grouped:
            known = (({"categorical": TEXTS, "mixed": MIXED}[name], "real"),)
        for data, kind in known:
            settings = resolve(Settings(data="x", likelihood=name), data)
            assert settings.sigma == cls.default_sigma.get(kind)
            assert settings.binarize == ("dynamic" if cls.binary else "none")


def test_the_groups_of_an_example():
    assert (TEXTS.groups, MIXED.groups) == ((4,), (0, 3))
    assert UNIT.groups == REAL.groups == PIXELS.groups == ()


# ---- what does not fit ---------------------------------------------------------------------------

BERNOULLI = {"likelihood": "bernoulli"}
SEVERAL = {"objective": "iwae", "k": 5}
CODES = {"model": "autoencoder"}
REFUSED = {
    "numbers above 1": (REAL, BERNOULLI, r"in \[0, 1\].+mine\.npy .+ from [0-9.]+ to 1"),
    "numbers below 0": (
        BELOW,
        BERNOULLI,
        "from -0.1 to 0.5; use --likelihood gaussian or laplace",
    ),
    "in one part": (TESTED, BERNOULLI, r"from 0\.[0-9]+ to 1[0-9.]+; use --likelihood gauss"),
    "categories of numbers": (MIXED, {"likelihood": "categorical"}, "mixed.+--drop"),
    "numbers that are none": (TEXTS, {"likelihood": "mixed"}, "categorical"),
    "texts that are none": (REAL, {"likelihood": "mixed"}, "gaussian"),
    "a mixed table of several draws": (
        MIXED,
        {"sigma": "optimal", **SEVERAL},
        "--sigma optimal.+--k 5.+learned",
    ),
    "real values drawn": (
        REAL,
        {"binarize": "dynamic"},
        "--binarize dynamic .*--likelihood bernoulli",
    ),
    "grey values drawn": (
        PIXELS,
        {"likelihood": "gaussian", "binarize": "dynamic"},
        r"--binarize dynamic .* --likelihood bernoulli.* mine\.npy .*gaussian",
    ),
    "no epoch left to count": (
        PIXELS,
        {"warm_up": 10, "patience": 1, "epochs": 10},
        "--warm-up 10 leaves none",
    ),
    "real values cut": (REAL, {"binarize": "threshold"}, "--binarize threshold .*leave"),
    "a sigma": (
        PIXELS,
        {"sigma": 0.3},
        r"--sigma 0\.3 .* bernoulli has none.* gaussian or laplace",
    ),
    "a learned sigma": (PIXELS, {"sigma": "learned"}, "--sigma learned .* bernoulli has none"),
    "a way that a Laplace has not": (
        PIXELS,
        {"likelihood": "laplace", "sigma": "learned"},
        "--sigma learned .* laplace.* --likelihood gaussian",
    ),
    "no labels": (REAL, {"conditional": True}, r"--conditional needs labels, but mine\.npy"),
    "nothing held out": (UNVALIDATED, {"patience": 3}, "--patience 3 .* hold some .* --validation"),
    "all of it masked": (
        PIXELS,
        {"model": "denoising", "noise": 1.0},
        "--noise is 1, .*below 1",
    ),
    "a beta of codes": (
        PIXELS,
        {**CODES, "beta": 2.0},
        "--beta 2 .* autoencoder.* vae",
    ),
    "a warm-up of codes": (PIXELS, {**CODES, "warm_up": 1}, "--warm-up 1 .* vae"),
    "free bits of codes": (
        PIXELS,
        {**CODES, "free_bits": 0.5},
        r"--free-bits 0\.5 .* vae",
    ),
    "weights of codes": (
        PIXELS,
        {**CODES, "objective": "iwae"},
        "--objective iwae .* vae",
    ),
    "draws of codes": (PIXELS, {**CODES, "k": 2}, "--k 2 .* vae"),
    "logvar of codes": (
        PIXELS,
        {**CODES, "logvar_range": (-6, 2)},
        "--logvar-range=-6,2 .* vae",
    ),
    "beta of noisy codes": (PIXELS, {"model": "denoising", "beta": 2.0}, "--beta 2 .* denoising"),
    "a VAE's noise": (PIXELS, {"noise": 0.2}, r"--noise 0\.2 .*--model denoising"),
    "corrupted codes": (
        PIXELS,
        {**CODES, "corruption": "mask"},
        "--corruption mask .*--model denoising",
    ),
    "beta of several": (
        PIXELS,
        {"k": 5, "beta": 0.5},
        r"--beta 0\.5 and --k 5",
    ),
    "warm-up of several": (
        PIXELS,
        {**SEVERAL, "warm_up": 2},
        "--warm-up 2 and --objective iwae --k 5",
    ),
    "free bits of one": (PIXELS, {"objective": "dreg", "free_bits": 1.0}, "leave one of them out"),
    "optimal for several": (
        COLOUR,
        {**SEVERAL, "sigma": "optimal"},
        "--objective iwae --k 5; .*learned",
    ),
    "a long warm-up": (
        PIXELS,
        {"warm_up": 11, "epochs": 10},
        "--warm-up 11 is longer than .*--epochs 10",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_with_advice(name):
    data, asked, words = REFUSED[name]
    with pytest.raises(InputError, match=words):
        resolve(Settings(data="x", **asked), data)


@pytest.mark.parametrize(
    ("data", "asked"),
    [
        (PIXELS, {"conditional": True}),
        (PIXELS, {"warm_up": 9, "patience": 1}),
        (PIXELS, {"model": "denoising", "corruption": "gaussian", "noise": 1.5}),
        (PIXELS, {"model": "autoencoder", "likelihood": "gaussian", "sigma": "optimal"}),
        (PIXELS, {"logvar_range": (-6, 2), "free_bits": 0.5, "beta": 0.0}),
        (COLOUR, {**SEVERAL, "sigma": "learned"}),
        (REAL, {"binarize": "none"}),
        (UNVALIDATED, {}),
    ],
)
def test_what_lies_just_within(data, asked):
    settings = resolve(Settings(data="x", **asked), data)
    assert {name: getattr(settings, name) for name in asked} == asked


@pytest.mark.parametrize(
    ("n", "n_x", "latent", "batch_size", "epochs"),
    [
        (55_000, 784, 20, 128, 10),
        (6000, 784, 20, 128, 22),  # 47 batches an epoch
        (142, 13, 6, 14, 91),  # as many columns and rows as wine has
        (8, 1, 2, 8, 1000),
    ],
)
def test_sizes_that_are_not_given_fit_the_data(n, n_x, latent, batch_size, epochs):
    part = Split(np.zeros((n, n_x), np.uint8), np.arange(n))
    data = Dataset("sized", part, part, part, (n_x,), "pixels", "a test")
    settings = resolve(Settings(data="glyphs"), data)
    assert (settings.latent, settings.batch_size, settings.epochs) == (latent, batch_size, epochs)
    given = {"latent": 3, "batch_size": 5, "epochs": 7}
    settings = resolve(Settings(data="glyphs", **given), data)
    assert (settings.latent, settings.batch_size, settings.epochs) == (3, 5, 7)
