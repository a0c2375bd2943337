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


DRAWN = (
    "binary pixels, each drawn with probability v / 255 (v itself, where they are floats), seed 3"
)


def test_everything_is_told():
    told = protocol(VAE.dense(**SIZES), DYNAMIC, 1234, 3)
    assert told == {
        "formula": f"{ELBO}, in nats, summed over pixels and latents, mean over examples",
        "split": "the test part, 1234 examples",
        "draws": "1 draw of z for each example, seed 3",
        "data": DRAWN,
    }


def test_everything_is_told_of_log_p_of_x():
    found = LogLikelihood(-90.0, 0.1, k=5000, n=1234)
    told = likelihood_protocol(VAE.dense(**SIZES), DYNAMIC, found, 3)
    assert told == {
        "formula": "log p(x) >= E[log 1/k sum(w)], w = p(x | z) p(z) / q(z | x), in nats, mean "
        "over examples and its standard error",
        "split": "the test part, 1234 examples",
        "draws": "k = 5000 draws of z for each example, seed 3",
        "data": DRAWN,
    }


def test_the_part_is_named_and_one_is_one():
    model, found = VAE.dense(**SIZES), LogLikelihood(-90.0, 0.1, k=1, n=1)
    assert protocol(model, GREY, 1, 0, "validation")["split"] == "the validation part, 1 example"
    told = likelihood_protocol(model, GREY, found, 0, "train")
    assert told["split"] == "the train part, 1 example"
    assert told["draws"] == "k = 1 draw of z for each example, seed 0"


# ---- each kind of model --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "formula", "draws"),
    [
        (VAE.dense(**SIZES, beta=4), ELBO, "1 draw of z for each example, seed 3"),
        (
            IWAE.dense(**SIZES, k=5),
            f"{ELBO}; L_5 = E[log 1/5 sum(w)], w = p(x | z) p(z) / q(z | x)",
            "5 draws of z for each example, seed 3",
        ),
        (
            IWAE.dense(**SIZES, k=5, objective="dreg"),
            f"{ELBO}; L_5 = E[log 1/5 sum(w)], w = p(x | z) p(z) / q(z | x)",
            "5 draws of z for each example, seed 3",
        ),
        (
            IWAE.dense(**SIZES, k=5, objective="elbo"),
            ELBO,
            "5 draws of z for each example, seed 3",
        ),
        (
            Autoencoder.dense(**SIZES),
            "log p(x | z) at z = encoder(x): no ELBO, since an autoencoder has no prior",
            "none: z is the code of x",
        ),
        (
            DenoisingAutoencoder.dense(**SIZES, corruption="gaussian", amount=0.25),
            "log p(x | z) at z = encoder(spoiled x): no ELBO, since an autoencoder has no prior",
            "gaussian noise, 0.25, once for each example, seed 3",
        ),
        (
            VAE.dense(**SIZES, n_y=2),
            "ELBO = E_q[log p(x | z, y)] - KL(q(z | x, y), N(0, I)), y the label of x",
            "1 draw of z for each example, seed 3",
        ),
        (
            DenoisingAutoencoder.dense(**SIZES, n_y=2),
            "log p(x | z, y) at z = encoder(spoiled x, y): no ELBO, since an autoencoder has no "
            "prior, y the label of x",
            "mask noise, 0.3, once for each example, seed 3",
        ),
    ],
)
def test_the_formula_and_the_draws_of_each_kind_of_model(model, formula, draws):
    told = protocol(model, GREY, 10, 3)
    in_nats = "in nats, summed over pixels and latents, mean over examples"
    assert told["formula"] == f"{formula}, {in_nats}"
    assert told["draws"] == draws


def test_of_a_conditional_model_it_is_log_p_of_x_given_y():
    found = LogLikelihood(-90.0, 0.1, k=50, n=10)
    told = likelihood_protocol(VAE.dense(**SIZES, n_y=2), GREY, found, 0)
    words = (
        "log p(x | y) >= E[log 1/k sum(w)], w = p(x | z, y) p(z) / q(z | x, y), y the label of x"
    )
    assert told["formula"].startswith(f"{words}, in nats")


# ---- each kind of data ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("likelihood", "scaling", "words"),
    [
        ("bernoulli", DYNAMIC, re.escape(DRAWN)),
        ("bernoulli", Pixels("threshold"), "binary pixels, on where v >= 128"),
        ("bernoulli", GREY, "grey pixels, .* the Bernoulli loss is no likelihood"),
        ("gaussian", GREY, r"pixels in \[0, 1\] as real numbers"),
        ("gaussian", DYNAMIC, re.escape(DRAWN)),
        ("gaussian", Standardized(np.zeros(2), np.array([1.0, 10.0])), "is 2.30 nats lower"),
        ("gaussian", Standardized(np.zeros(1), np.array([0.1])), "is 2.30 nats higher"),
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
        assert ("no likelihood" in each["data"]) == (scaling is GREY and likelihood == "bernoulli")


def test_the_nats_between_units_are_those_of_the_density():
    """A density falls by log(10) once its numbers are ten times as large."""
    model = VAE.dense(1, (), 1, likelihood="gaussian", dtype=np.float64)
    model.params.flat[:] = 0
    scaling, rows = Standardized(np.array([3.0]), np.array([10.0])), np.array([[7.0]])
    x = scaling.encode(rows, np.random.default_rng(0), np.float64)
    standard = model.likelihood.log_prob(np.zeros((1, 1)), x)
    as_given = -0.5 * np.log(2 * np.pi * 100) - (7.0 - 3) ** 2 / 200
    assert f"is {standard[0] - as_given:.2f} nats lower" in protocol(model, scaling, 1, 0)["data"]


@pytest.mark.parametrize(("sigma", "words"), [(0.25, "0.25, given"), ("learned", "1, found in tr")])
def test_a_gaussian_figure_tells_its_sigma_and_that_it_is_a_density(sigma, words):
    model = VAE.dense(**SIZES, likelihood="gaussian", sigma=sigma)
    for told in (
        protocol(model, GREY, 10, 3),
        likelihood_protocol(model, GREY, LogLikelihood(-90.0, 0.1, k=50, n=10), 3),
    ):
        assert told["sigma"].startswith(words)
        assert "log of a density" in told["sigma"]
    assert "sigma" not in protocol(VAE.dense(**SIZES), GREY, 10, 3)
