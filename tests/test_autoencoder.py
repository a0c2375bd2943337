"""The denoising autoencoder: what its noise does, and that the loss is against the clean x."""

import numpy as np
import pytest

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.errors import InputError

CORRUPTIONS = ["mask", "gaussian"]


def make(corruption="mask", amount=0.3, n_x=6, dtype=np.float64, **options):
    options = {"corruption": corruption, "amount": amount, "dtype": dtype} | options
    return DenoisingAutoencoder.dense(n_x, 5, 2, activation="tanh", seed=0, **options)


def batch(model, n=4):
    rng = np.random.default_rng(0)
    return rng.random((n, 6)) + 0.1, model.draw_noise(rng, n)


def test_masking_by_hand():
    """Numbers whose draw is below 0.3 are set to zero, the others left as they are."""
    x, u = np.array([[5.0, 6, 7]]), np.array([[0.29, 0.3, 0.9]])
    np.testing.assert_array_equal(make(n_x=3).corrupt(x, u), [[0, 6, 7]])


def test_gaussian_noise_by_hand():
    x, eps = np.array([[5.0, 6, 7]]), np.array([[-1.0, 0, 2]])
    np.testing.assert_allclose(make("gaussian", 0.5, n_x=3).corrupt(x, eps), [[4.5, 6, 8]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("amount", [0.1, 0.75])
def test_the_share_that_is_masked(amount, dtype):
    model = make(amount=amount, n_x=100, dtype=dtype)
    x = np.full((2000, 100), 3, dtype)
    spoiled = model.corrupt(x, model.draw_noise(np.random.default_rng(0), 2000))
    assert spoiled.dtype == dtype
    assert set(np.unique(spoiled)) == {0, 3}
    masked = (spoiled == 0).mean()
    assert abs(masked - amount) < 4 * np.sqrt(amount * (1 - amount) / x.size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("amount", [0.5, 2.0])
def test_the_moments_of_gaussian_noise(amount, dtype):
    model = make("gaussian", amount, n_x=100, dtype=dtype)
    x = np.full((2000, 100), 3, dtype)
    spoiled = model.corrupt(x, model.draw_noise(np.random.default_rng(0), 2000))
    assert spoiled.dtype == dtype
    assert abs(spoiled.mean() - 3) < 4 * amount / np.sqrt(x.size)
    assert spoiled.std() == pytest.approx(amount, rel=4 / np.sqrt(2 * x.size))


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_noise_is_drawn_for_each_number_of_each_example(corruption):
    noise = make(corruption).draw_noise(np.random.default_rng(0), 4)
    assert noise.shape == (4, 6)
    assert len(np.unique(noise)) == 24


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_the_encoder_sees_the_spoiled_x_and_the_loss_the_clean_one(corruption, likelihood):
    model = make(corruption, likelihood=likelihood)
    x, eps = batch(model)
    outputs = model.decoder.forward(model.encode(model.corrupt(x, eps)))
    expected, _ = model.likelihood.loss_and_grad(outputs, x)
    loss = model.loss_and_grad(x, eps)
    assert (loss.loss, loss.reconstruction, loss.kl) == (expected, expected, 0)
    assert expected != model.likelihood.loss_and_grad(outputs, model.corrupt(x, eps))[0]


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_terms_are_the_loss_example_by_example(corruption):
    model = make(corruption)
    x, eps = batch(model)
    loss, terms = model.loss_and_grad(x, eps), model.terms(x, eps)
    assert terms.log_px.shape == (4,)
    assert -terms.log_px.mean() == pytest.approx(loss.loss, rel=1e-12)
    np.testing.assert_array_equal(terms.bound, terms.log_px)
    np.testing.assert_array_equal(terms.mu, model.encode(model.corrupt(x, eps)))
    np.testing.assert_array_equal(terms.kl, np.zeros((4, 2)))


def test_where_the_noise_changes_nothing_it_is_an_autoencoder():
    model = make("gaussian")
    x = batch(model)[0]
    plain = Autoencoder.dense(6, 5, 2, activation="tanh", seed=0, dtype=np.float64)
    loss = model.loss_and_grad(x, np.zeros((4, 6)))
    assert loss == plain.loss_and_grad(x)
    np.testing.assert_array_equal(model.params.grad, plain.params.grad)


def test_encoding_and_reconstructing_spoil_nothing(rng):
    plain = Autoencoder.dense(6, 5, 2, activation="tanh", seed=0, dtype=np.float64)
    x = rng.random((4, 6))
    np.testing.assert_array_equal(make().encode(x), plain.encode(x))
    np.testing.assert_array_equal(make().reconstruct(x), plain.reconstruct(x))


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_half_batches_average_to_the_whole(corruption):
    model = make(corruption)
    x, eps = batch(model, 8)
    found = [
        (model.loss_and_grad(x[part], eps[part]).loss, model.params.grad.copy())
        for part in (slice(8), slice(4), slice(4, 8))
    ]
    whole, first, second = found
    assert whole[0] == pytest.approx((first[0] + second[0]) / 2, rel=1e-12)
    np.testing.assert_allclose(whole[1], (first[1] + second[1]) / 2, atol=1e-14)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_inputs_are_left_alone(corruption):
    model = make(corruption)
    x, eps = batch(model)
    before = x.copy(), eps.copy()
    model.loss_and_grad(x, eps)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(eps, before[1])


def test_its_config_says_how_x_is_spoiled():
    config = make("gaussian", np.float32(0.5)).config
    assert (config["model"], config["corruption"], config["amount"]) == (
        "denoising",
        "gaussian",
        0.5,
    )
    assert type(config["amount"]) is float


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: make("salt"), "corruption is 'salt'; choose from mask, gaussian"),
        (lambda: make("mask", 0), "amount is 0 .*mask.* between 0 and 1"),
        (lambda: make("mask", 1), "between 0 and 1"),
        (lambda: make("gaussian", 0), "amount is 0 .*gaussian.* above 0"),
        (lambda: make("gaussian", -1), "above 0"),
        (lambda: make("gaussian", float("inf")), "above 0"),
        (lambda: make("mask", float("nan")), "between 0 and 1"),
        (lambda: make().loss_and_grad(np.zeros((4, 6))), r"eps has type .*NoneType, expected"),
        (lambda: make().terms(np.zeros((4, 6)), np.zeros((4, 2))), r"\(4, 2\), expected \(B, 6\)"),
        (lambda: make().terms(np.zeros((4, 6)), np.zeros((1, 6))), "eps has 1 rows, expected 4"),
        (lambda: make().terms(np.zeros((4, 6)), np.zeros((4, 6), int)), "eps holds int"),
        (lambda: make().terms(np.zeros((0, 6)), np.zeros((0, 6))), "no example"),
        (lambda: make().loss_and_grad(np.zeros((4, 5)), np.zeros((4, 5))), r"expected \(B, 6\)"),
    ],
)
def test_bad_input(use, words):
    with pytest.raises(InputError, match=words):
        use()


def test_noise_above_one_standard_deviation_is_allowed():
    assert make("gaussian", 2.5).amount == 2.5
