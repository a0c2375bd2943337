import re
from math import exp, log, pi, sqrt

import numpy as np
import pytest

from npvae import VAE, Autoencoder, Bernoulli, Gaussian, InputError, Pixels, Split, Standardized
from npvae import evaluation as module
from npvae.evaluation import evaluate
from npvae.protocol import protocol

GREY = Pixels("none")


def set_parameters(model, **values):
    """Set the named parameters, dots written as underscores, and every other one to zero."""
    model.params.flat[:] = 0
    for name, value in values.items():
        model.params.values[name.replace("_", ".")][...] = value
    return model


def split(x):
    x = np.asarray(x, dtype=np.float64)
    return Split(x, np.arange(len(x)))


# ---- values known by hand ------------------------------------------------------------------------


def test_a_model_that_knows_nothing():
    """All parameters zero: q is the prior, every pixel is a fair coin."""
    model = set_parameters(VAE.dense(6, (), 3, dtype=np.float64))
    found = evaluate(model, split(np.eye(6)), Pixels("dynamic"))
    assert found.elbo == pytest.approx(-6 * log(2), rel=1e-14)
    assert found.reconstruction == pytest.approx(6 * log(2), rel=1e-14)
    assert (found.kl, found.kl_per_latent, found.active_units, found.n) == (0, (0, 0, 0), 0, 6)


def test_the_kl_of_each_latent():
    mu, logvar = [1.0, 0.0, -2.0], [0.0, 1.0, -3.0]
    model = VAE.dense(4, (), 3, dtype=np.float64)
    set_parameters(model, encoder_0_b=[*mu, *logvar])
    found = evaluate(model, split(np.zeros((5, 4))), GREY)
    expected = [
        (exp(lv) - 1 - lv + m * m) / 2 for m, lv in zip(mu, logvar, strict=True)
    ]  # mean over 5 examples that are all alike
    assert found.kl_per_latent == pytest.approx(expected, rel=1e-12)
    assert found.kl == pytest.approx(sum(expected), rel=1e-12)
    assert found.elbo == -found.reconstruction - found.kl


def test_beta_is_no_part_of_the_elbo():
    options = {"n_x": 4, "n_h": 3, "n_z": 2, "seed": 0}
    plain, heavy = VAE.dense(**options), VAE.dense(**options, beta=7)
    x = split(np.random.default_rng(0).random((20, 4)))
    assert evaluate(plain, x, GREY) == evaluate(heavy, x, GREY)


def test_z_is_drawn_not_the_mean():
    """With x = 0, z ~ N(0, 1), mean z: E[-log p] is 1/2 above what z = mu would give."""
    model = VAE.dense(1, (), 1, likelihood="gaussian", dtype=np.float64)
    set_parameters(model, decoder_0_W=1)
    n = 20_000
    found = evaluate(model, split(np.zeros((n, 1))), GREY)
    at_the_mean = log(2 * pi) / 2
    error = sqrt(1 / 2 / n)  # of a mean of z² / 2, whose variance is 1/2
    assert abs(found.reconstruction - at_the_mean - 0.5) < 4 * error


def test_active_units_are_those_whose_mean_moves():
    """Variance of mu over the data: 1, 0.0121, 0.0081, and 0 however far from zero it lies."""
    model = VAE.dense(1, (), 4, likelihood="gaussian", dtype=np.float64)
    weights = [1, 0.11, 0.09, 0, 0, 0, 0, 0]
    set_parameters(model, encoder_0_W=[weights], encoder_0_b=[50, 0, 0, 50, 0, 0, 0, 0])
    found = evaluate(model, split([[-1.0], [1.0]] * 10), GREY)
    assert found.active_units == 2


def test_an_autoencoder_has_no_kl():
    found = evaluate(Autoencoder.dense(4, 3, 2), split(np.ones((5, 4))), GREY)
    assert found.kl == 0
    assert found.elbo == -found.reconstruction
    assert found.kl_per_latent == (0, 0)


# ---- chunks and seeds ----------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1, 7, 23, 50])
def test_chunks_change_nothing_but_the_last_digits(monkeypatch, chunk):
    model = VAE.dense(6, 5, 3, dtype=np.float64, seed=1)
    x = split(np.random.default_rng(0).random((23, 6)))
    whole = evaluate(model, x, GREY, rng=2)
    monkeypatch.setattr(module, "CHUNK", chunk)
    parts = evaluate(model, x, GREY, rng=2)
    assert parts.elbo == pytest.approx(whole.elbo, rel=1e-12)
    assert parts.kl_per_latent == pytest.approx(whole.kl_per_latent, rel=1e-12)
    assert (parts.active_units, parts.n) == (whole.active_units, 23)


def test_float32_agrees_with_float64():
    x = split(np.random.default_rng(0).random((300, 6)))
    small, large = (VAE.dense(6, 5, 3, dtype=t, seed=1) for t in (np.float32, np.float64))
    for model in (small, large):  # the same noise: float32 draws other numbers
        model.draw_noise = lambda rng, n, dtype=model.params.dtype: rng.standard_normal(
            (n, 3)
        ).astype(dtype)
    one, other = evaluate(small, x, GREY), evaluate(large, x, GREY)
    assert one.elbo == pytest.approx(other.elbo, rel=1e-6)


def test_same_seed_same_figures():
    model, x = VAE.dense(6, 5, 3), split(np.random.default_rng(0).random((23, 6)))
    dynamic = Pixels("dynamic")
    assert evaluate(model, x, dynamic, 1) == evaluate(model, x, dynamic, 1)
    assert evaluate(model, x, dynamic, 1) != evaluate(model, x, dynamic, 2)


def test_evaluating_changes_no_parameter():
    model = VAE.dense(6, 5, 3)
    before = model.params.flat.copy()
    evaluate(model, split(np.ones((5, 6))), GREY)
    np.testing.assert_array_equal(model.params.flat, before)


def test_nothing_to_evaluate_on():
    with pytest.raises(InputError, match="no example to evaluate on"):
        evaluate(VAE.dense(6, 5, 3), split(np.zeros((0, 6))), GREY)


# ---- the protocol --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("likelihood", "scaling", "words"),
    [
        (Bernoulli(), Pixels("dynamic"), "binary .* drawn with probability v / 255, seed 3"),
        (Bernoulli(), Pixels("threshold"), "binary pixels, on where v >= 128"),
        (Bernoulli(), Pixels("none"), "grey pixels, .*the Bernoulli loss is no likelihood"),
        (Gaussian(), Pixels("none"), r"pixels in \[0, 1\] as real numbers"),
        (Gaussian(), Standardized(np.zeros(2), np.array([1.0, 10.0])), "ELBO is 2.30 nats lower"),
        (Gaussian(), Standardized(np.zeros(1), np.array([0.1])), "ELBO is 2.30 nats higher"),
    ],
)
def test_what_is_said_beside_a_figure(likelihood, scaling, words):
    told = protocol(likelihood, scaling, 1234, 3)
    assert set(told) == {"formula", "split", "draws", "data"}
    assert "E_q[log p(x | z)] - KL(q(z | x), N(0, I))" in told["formula"]
    assert "1234" in told["split"]
    assert "test" in told["split"]
    assert told["draws"] == "one draw of z for each example, seed 3"
    assert re.search(words, told["data"])
