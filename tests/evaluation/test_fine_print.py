"""What is said beside a figure has to be true of it, for every kind of model and of data."""

import re

import numpy as np
import pytest

from npvae import VAE, Autoencoder, DenoisingAutoencoder, Pixels, Standardized
from npvae.evaluation.fine_print import likelihood_protocol, protocol
from npvae.evaluation.importance import LogLikelihood
from npvae.iwae import IWAE

GREY, DYNAMIC = Pixels("none"), Pixels("dynamic")
SIZES = {"n_x": 2, "n_h": 3, "n_z": 1}
ELBO = "ELBO = E_q[log p(x | z)] - KL(q(z | x), N(0, I))"


DRAWN = r"binary pixels, .* v / 255 .*, seed 3"


def test_everything_is_told():
    told = protocol(VAE.dense(**SIZES), DYNAMIC, 1234, 3)
    assert told["formula"].startswith(f"{ELBO}, in nats, ")
    assert told["split"] == "the test part, 1234 examples"
    assert told["draws"] == "1 draw of z per example, seed 3"
    assert re.fullmatch(DRAWN, told["data"])
    assert set(told) == {"formula", "split", "draws", "data"}


def test_everything_is_told_of_log_p_of_x():
    found = LogLikelihood(-90.0, 0.1, k=5000, n=1234)
    told = likelihood_protocol(VAE.dense(**SIZES), DYNAMIC, found, 3)
    bound = "log p(x) >= E[log 1/k sum(w)], w = p(x | z) p(z) / q(z | x), in nats, "
    assert told["formula"].startswith(bound)
    assert "standard error" in told["formula"]
    assert told["split"] == "the test part, 1234 examples"
    assert told["draws"] == "k = 5000 draws of z per example, seed 3"
    assert re.fullmatch(DRAWN, told["data"])
    assert set(told) == {"formula", "split", "draws", "data"}


def test_the_part_is_named_and_one_is_one():
    model, found = VAE.dense(**SIZES), LogLikelihood(-90.0, 0.1, k=1, n=1)
    assert (
        protocol(model, GREY, 1, 0, "the validation part")["split"]
        == "the validation part, 1 example"
    )
    told = likelihood_protocol(model, GREY, found, 0, "the train part")
    assert told["split"] == "the train part, 1 example"
    assert told["draws"] == "k = 1 draw of z per example, seed 0"


# ---- each kind of model --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "formula", "draws"),
    [
        (VAE.dense(**SIZES, beta=4), f"{ELBO}, in nats", "1 draw of z per example, seed 3"),
        (
            IWAE.dense(**SIZES, k=5),
            f"{ELBO}; L_5 = E[log 1/5 sum(w)], w = p(x | z) p(z) / q(z | x), in nats",
            "5 draws of z per example, seed 3",
        ),
        (
            IWAE.dense(**SIZES, k=5, objective="dreg"),
            f"{ELBO}; L_5 = E[log 1/5 sum(w)], w = p(x | z) p(z) / q(z | x), in nats",
            "5 draws of z per example, seed 3",
        ),
        (
            IWAE.dense(**SIZES, k=5, objective="elbo"),
            f"{ELBO}, in nats",
            "5 draws of z per example, seed 3",
        ),
        (
            Autoencoder.dense(**SIZES),
            "log p(x | z) at z = encoder(x), which is not an ELBO",
            "none: z is the code of x",
        ),
        (
            DenoisingAutoencoder.dense(**SIZES, corruption="gaussian", amount=0.25),
            "log p(x | z) at z = encoder(corrupted x), which is not an ELBO",
            r"gaussian noise .*0\.25.* seed 3",
        ),
        (
            VAE.dense(**SIZES, n_y=2),
            "ELBO = E_q[log p(x | z, y)] - KL(q(z | x, y), N(0, I)), where y is the label",
            "1 draw of z per example, seed 3",
        ),
        (
            DenoisingAutoencoder.dense(**SIZES, n_y=2),
            "log p(x | z, y) at z = encoder(corrupted x, y), which is not an ELBO",
            r"mask noise .*0\.3.* seed 3",
        ),
    ],
)
def test_the_formula_and_the_draws_of_each_kind_of_model(model, formula, draws):
    told = protocol(model, GREY, 10, 3)
    assert told["formula"].startswith(formula)
    assert ", in nats, " in told["formula"]
    assert ("y is the label" in told["formula"]) == (model.n_y == 2)
    assert re.fullmatch(draws, told["draws"])


def test_of_a_conditional_model_it_is_log_p_of_x_given_y():
    found = LogLikelihood(-90.0, 0.1, k=50, n=10)
    told = likelihood_protocol(VAE.dense(**SIZES, n_y=2), GREY, found, 0)
    bound = "log p(x | y) >= E[log 1/k sum(w)], w = p(x | z, y) p(z) / q(z | x, y), "
    assert told["formula"].startswith(bound)
    assert "y is the label" in told["formula"]


# ---- each kind of data ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("likelihood", "scaling", "words"),
    [
        ("bernoulli", DYNAMIC, DRAWN),
        ("bernoulli", Pixels("threshold"), "binary pixels, .*v >= 128"),
        ("bernoulli", GREY, "not a likelihood"),
        ("gaussian", GREY, r"pixels in \[0, 1\]"),
        ("gaussian", DYNAMIC, DRAWN),
        ("gaussian", Standardized(np.zeros(2), np.array([1.0, 10.0])), "2.30 nats lower"),
        ("gaussian", Standardized(np.zeros(1), np.array([0.1])), "2.30 nats higher"),
        (
            "gaussian",
            Standardized(np.zeros(2), np.array([10.0, 7]), np.array([False, True])),
            "2.30 nats lower",
        ),
    ],
)
def test_the_data_in_words(likelihood, scaling, words):
    model = VAE.dense(**SIZES, likelihood=likelihood)
    told = [
        protocol(model, scaling, 10, 3),
        likelihood_protocol(model, scaling, LogLikelihood(-90.0, 0.1, k=50, n=10), 3),
    ]
    for each in told:
        assert re.search(words, each["data"])
        assert ("not a likelihood" in each["data"]) == (
            scaling is GREY and likelihood == "bernoulli"
        )


def test_the_nats_between_units_are_those_of_the_density():
    """A density falls by log(10) once its numbers are ten times as large."""
    model = VAE.dense(1, (), 1, likelihood="gaussian", dtype=np.float64)
    model.params.flat[:] = 0
    scaling, rows = Standardized(np.array([3.0]), np.array([10.0])), np.array([[7.0]])
    x = scaling.encode(rows, np.random.default_rng(0), np.float64)
    standard = model.likelihood.log_prob(np.zeros((1, 1)), x)
    as_given = -0.5 * np.log(2 * np.pi * 100) - (7.0 - 3) ** 2 / 200
    assert f"{standard[0] - as_given:.2f} nats lower" in protocol(model, scaling, 1, 0)["data"]


@pytest.mark.parametrize(("sigma", "words"), [(0.25, "0.25, "), ("learned", "1, ")])
def test_a_gaussian_figure_tells_its_sigma_and_that_it_is_a_density(sigma, words):
    model = VAE.dense(**SIZES, likelihood="gaussian", sigma=sigma)
    for told in (
        protocol(model, GREY, 10, 3),
        likelihood_protocol(model, GREY, LogLikelihood(-90.0, 0.1, k=50, n=10), 3),
    ):
        assert told["sigma"].startswith(words)
        assert "log of a density" in told["sigma"]
    assert "sigma" not in protocol(VAE.dense(**SIZES), GREY, 10, 3)
