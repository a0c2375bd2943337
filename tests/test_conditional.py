"""Models that are told a condition y: both networks know it, each example its own."""

import numpy as np
import pytest

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.errors import InputError
from npvae.gradcheck import check
from npvae.iwae import IWAE
from npvae.vae import VAE

MODELS = {
    "Autoencoder": (Autoencoder, {}),
    "DenoisingAutoencoder": (DenoisingAutoencoder, {"corruption": "gaussian"}),
    "VAE": (VAE, {}),
    "IWAE": (IWAE, {"k": 4}),
    "IWAE, dreg": (IWAE, {"k": 4, "objective": "dreg"}),
}
every_model = pytest.mark.parametrize("name", MODELS)


def make(name="VAE", **options):
    cls, own = MODELS[name]
    options = {"n_y": 3, "dtype": np.float64, "activation": "tanh"} | own | options
    model = cls.dense(6, 5, 2, seed=0, **options)
    model.params.flat[:] = np.random.default_rng(1).normal(0, 0.7, model.params.size)
    return model


def batch(model, n=4):
    """x, noise and y; where no noise is needed, an array that is not looked at."""
    rng = np.random.default_rng(0)
    eps = model.draw_noise(rng, n)
    labels = rng.integers(0, 3, n)
    return rng.random((n, 6)), np.zeros((n, 1)) if eps is None else eps, np.eye(3)[labels]


@every_model
def test_both_networks_are_told_y(name):
    shapes = {part: value.shape for part, value in make(name).params.values.items()}
    assert shapes["encoder.0.W"] == (6 + 3, 5)
    assert shapes["decoder.0.W"] == (2 + 3, 5)
    assert shapes["decoder.2.W"] == (5, 6)


@pytest.mark.parametrize("name", ["Autoencoder", "VAE"])
def test_a_condition_is_more_input(name):
    """With y beside x, and y beside z, in this order: as if the networks were given them so."""
    model = make(name)
    x, _, y = batch(model)
    code = model.encode(x, y)
    mu = code if name == "Autoencoder" else code[0]
    whole = model.encoder.forward(np.hstack([x, y]))
    np.testing.assert_array_equal(mu, whole[:, :2])
    expected = 1 / (1 + np.exp(-model.decoder.forward(np.hstack([mu, y]))))
    np.testing.assert_allclose(model.decode(mu, y), expected, rtol=1e-12)
    np.testing.assert_allclose(model.reconstruct(x, y=y), expected, rtol=1e-12)


@every_model
@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_y_counts_in_each_network(name, part):
    """With the weights of y set to zero in the other network, another y is another loss."""
    model = make(name)
    x, eps, y = batch(model)
    other = "decoder.0.W" if part == "encoder" else "encoder.0.W"
    model.params.values[other][-3:] = 0
    loss = model.loss_and_grad(x, eps, y).loss
    assert abs(model.loss_and_grad(x, eps, y[:, ::-1]).loss - loss) > 1e-3
    model.params.values[f"{part}.0.W"][-3:] = 0
    assert model.loss_and_grad(x, eps, y).loss == model.loss_and_grad(x, eps, y[:, ::-1]).loss


def test_samples_are_of_the_kind_that_was_asked_for():
    """The same z with another y; p(x | z, y) that is drawn from has that mean."""
    vae, y = make(), np.eye(3)[np.zeros(20_000, int)]
    means = vae.sample(20_000, rng=5, y=y)
    z = np.random.default_rng(5).standard_normal((20_000, 2))
    np.testing.assert_allclose(means, vae.decode(z, y))
    assert (np.abs(vae.sample(20_000, rng=5, y=y[:, ::-1]) - means) > 1e-3).any()
    draws = vae.sample(20_000, rng=5, y=y, draw=True)
    assert (np.abs(draws.mean(axis=0) - means.mean(axis=0)) < 4 * 0.5 / np.sqrt(20_000)).all()


@pytest.mark.parametrize("name", ["Autoencoder", "DenoisingAutoencoder", "VAE", "IWAE"])
def test_gradient_of_a_conditional_model(name):
    model = make(name)
    report = check(model, *batch(model), coordinates=10)
    assert report.ok, report


@every_model
def test_half_batches_average_to_the_whole(name):
    model, found = make(name), []
    inputs = batch(model, 8)
    for part in (slice(8), slice(4), slice(4, 8)):
        loss = model.loss_and_grad(*(array[part] for array in inputs))
        found.append((loss.loss, model.params.grad.copy()))
    whole, first, second = found
    assert whole[0] == pytest.approx((first[0] + second[0]) / 2, rel=1e-12)
    np.testing.assert_allclose(whole[1], (first[1] + second[1]) / 2, rtol=1e-9, atol=1e-13)


@every_model
def test_terms_are_the_loss_example_by_example(name):
    model = make(name)
    x, eps, y = batch(model)
    loss, terms = model.loss_and_grad(x, eps, y), model.terms(x, eps, y)
    assert -terms.log_px.mean() == pytest.approx(loss.reconstruction, rel=1e-12)
    assert -terms.bound.mean() == pytest.approx(loss.loss, rel=1e-12)


# ---- k draws, each with the y of its own example -------------------------------------------------


def test_all_draws_of_an_example_get_its_own_y():
    """One example at a time, where nothing can be confused."""
    iwae = make("IWAE")
    x, eps, y = batch(iwae)
    log_w = iwae.log_weights(x, *iwae.encode(x, y), eps, y)
    for i in range(4):
        one = slice(i, i + 1)
        alone = iwae.log_weights(x[one], *iwae.encode(x[one], y[one]), eps[one], y[one])
        np.testing.assert_allclose(log_w[one], alone, rtol=1e-12)


def test_weights_follow_their_examples_in_another_order(rng):
    iwae, order = make("IWAE"), [2, 0, 3, 1]
    x, eps, y = batch(iwae)
    y = rng.random((4, 3))  # no two alike
    log_w = iwae.log_weights(x, *iwae.encode(x, y), eps, y)
    x, eps, y = x[order], eps[order], y[order]
    there = iwae.log_weights(x, *iwae.encode(x, y), eps, y)
    np.testing.assert_allclose(there, log_w[order], rtol=1e-12)


@pytest.mark.parametrize("name", ["IWAE", "IWAE, dreg"])
def test_a_batch_in_another_order_has_the_same_gradient(name, rng):
    iwae, order = make(name), [2, 0, 3, 1]
    x, eps, _ = batch(iwae)
    y = rng.random((4, 3))
    loss, gradient = iwae.loss_and_grad(x, eps, y), iwae.params.grad.copy()
    np.testing.assert_allclose(iwae.loss_and_grad(x[order], eps[order], y[order]), loss, rtol=1e-12)
    np.testing.assert_allclose(iwae.params.grad, gradient, rtol=1e-9, atol=1e-13)


# ---- labels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labels", [np.uint8, np.int64])
def test_one_hot_by_hand(dtype, labels):
    y = make(dtype=dtype).one_hot(np.array([2, 0, 1, 2], labels))
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]])


def test_one_hot_of_no_label():
    assert make().one_hot(np.zeros(0, int)).shape == (0, 3)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([0, 3]), "from 0 to 3, expected 0 to 2"),
        (np.array([-1, 0]), "from -1 to 0, expected 0 to 2"),
        (np.array([0.0, 1.0]), "labels are float64, expected .* from 0 to 2"),
        (np.array([True, False]), "labels are bool"),
        (np.array(["a"]), "labels are <U1"),
        ([0, 1], r"labels have shape list, expected \(B,\)"),
        (np.array([[0, 1]]), r"shape \(1, 2\), expected \(B,\)"),
        (np.array(1), r"shape \(\), expected \(B,\)"),
    ],
)
def test_what_is_no_label(labels, words):
    with pytest.raises(InputError, match=words):
        make().one_hot(labels)


@pytest.mark.parametrize("name", MODELS)
def test_missing_condition(name):
    model = make(name)
    x, eps, _ = batch(model)
    for use in (model.loss_and_grad, model.terms):
        with pytest.raises(InputError, match=r"y, \(B, 3\): .*one_hot"):
            use(x, eps)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda vae, x, y: vae.encode(x), "a conditional model needs y"),
        (lambda vae, x, y: vae.decode(x[:, :2]), "a conditional model needs y"),
        (lambda vae, x, y: vae.sample(4), "a conditional model needs y"),
        (lambda vae, x, y: vae.reconstruct(x), "a conditional model needs y"),
        (lambda vae, x, y: vae.encode(x, y[:3]), "y has 3 rows, expected 4"),
        (lambda vae, x, y: vae.sample(5, y=y), "y has 4 rows, expected 5"),
        (lambda vae, x, y: vae.encode(x, y[:, :2]), r"y has shape \(4, 2\), expected \(B, 3\)"),
        (lambda vae, x, y: vae.encode(x, y[0]), r"y has shape \(3,\), expected \(B, 3\)"),
        (lambda vae, x, y: vae.encode(x, y.astype(int)), "y holds int64, expected floats"),
        (lambda vae, x, y: make(n_y=0).encode(x, y), "no condition y"),
        (lambda vae, x, y: make(n_y=0).sample(4, y=y), "no condition y"),
    ],
)
def test_bad_conditions(use, words):
    vae = make()
    x, _, y = batch(vae)
    with pytest.raises(InputError, match=words):
        use(vae, x, y)


def test_its_config_says_how_many_numbers_y_has():
    assert make().config["n_y"] == 3
    assert make(n_y=0).config["n_y"] == 0
