"""The autoencoder and the VAE: losses against formulas, and what the methods return."""

import copy
import pickle
from threading import Thread

import numpy as np
import pytest

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.datasets import Pixels
from npvae.errors import InputError
from npvae.iwae import IWAE
from npvae.layers import Dense
from npvae.optimizers import Adam
from npvae.runs.model_file import load_model, save_model
from npvae.vae import VAE


def make(cls, **options):
    return cls.dense(6, 5, 2, activation="tanh", dtype=np.float64, seed=0, **options)


def batch(n=4):
    rng = np.random.default_rng(0)
    return rng.random((n, 6)), rng.standard_normal((n, 2))


def forward(params, part, x):
    """A dense tanh network with one hidden layer, written out."""
    h = np.tanh(x @ params[f"{part}.0.W"] + params[f"{part}.0.b"])
    return h @ params[f"{part}.2.W"] + params[f"{part}.2.b"]


@pytest.mark.parametrize("beta", [1.0, 0.0, 4.0])
def test_vae_loss_is_the_formula(beta):
    """-log p(x | z) + beta KL: sums over pixels and latents, the mean over the batch only."""
    vae, (x, eps) = make(VAE, beta=beta), batch()
    params = vae.params.values
    out = forward(params, "encoder", x)
    mu, logvar = out[:, :2], out[:, 2:]
    p = 1 / (1 + np.exp(-forward(params, "decoder", mu + np.exp(logvar / 2) * eps)))
    reconstruction = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean()
    kl = 0.5 * (np.exp(logvar) - 1 - logvar + mu**2).sum(axis=1).mean()
    loss = vae.loss_and_grad(x, eps)
    assert loss.reconstruction == pytest.approx(reconstruction, rel=1e-12)
    assert loss.kl == pytest.approx(kl, rel=1e-12)
    assert loss.loss == pytest.approx(reconstruction + beta * kl, rel=1e-12)


def test_autoencoder_loss_is_the_formula():
    autoencoder, (x, _) = make(Autoencoder, likelihood="gaussian", sigma=0.5), batch()
    params = autoencoder.params.values
    x_hat = forward(params, "decoder", forward(params, "encoder", x))
    expected = ((x - x_hat) ** 2).sum() / (2 * 0.25) / 4 + 3 * np.log(2 * np.pi * 0.25)
    loss = autoencoder.loss_and_grad(x)
    assert loss.loss == pytest.approx(expected, rel=1e-12)
    assert loss.reconstruction == loss.loss
    assert loss.kl == 0


@pytest.mark.parametrize("cls", [VAE, Autoencoder])
def test_half_batches_average_to_the_whole(cls):
    model, (x, eps) = make(cls), batch(8)
    whole, first, second = (
        (model.loss_and_grad(x[part], eps[part]), model.params.grad.copy())
        for part in (slice(8), slice(4), slice(4, 8))
    )
    np.testing.assert_allclose(whole[0], np.mean([first[0], second[0]], axis=0), rtol=1e-12)
    np.testing.assert_allclose(whole[1], (first[1] + second[1]) / 2, atol=1e-14)


@pytest.mark.parametrize("cls", [VAE, Autoencoder])
def test_terms_are_the_loss_example_by_example(cls):
    model, (x, eps) = make(cls), batch()
    loss, terms = model.loss_and_grad(x, eps), model.terms(x, eps)
    assert terms.kl.shape == terms.mu.shape == (4, 2)
    assert -terms.log_px.mean() == pytest.approx(loss.reconstruction)
    assert terms.kl.sum(axis=1).mean() == pytest.approx(loss.kl)


def test_float32_agrees_with_float64():
    x, eps = batch(64)
    wide = VAE.dense(6, 5, 2, seed=0, dtype=np.float64)
    narrow = VAE.dense(6, 5, 2, seed=0)
    loss = narrow.loss_and_grad(x.astype(np.float32), eps.astype(np.float32))
    np.testing.assert_allclose(loss, wide.loss_and_grad(x, eps), rtol=1e-5)
    assert all(part.dtype == np.float32 for part in loss)
    assert narrow.params.grad.dtype == np.float32
    np.testing.assert_allclose(narrow.params.grad, wide.params.grad, atol=1e-5)


@pytest.mark.parametrize("n_h", [(), 3, (4, 3), (5, 4, 3)])
@pytest.mark.parametrize("n_z", [1, 3])
@pytest.mark.parametrize("cls", [VAE, IWAE, Autoencoder, DenoisingAutoencoder])
def test_any_number_of_hidden_layers_and_latents(cls, n_h, n_z, rng):
    model = cls.dense(6, n_h, n_z, seed=0)
    x = rng.random((1, 6)).astype(np.float32)
    model.loss_and_grad(x, model.draw_noise(rng, 1))
    assert model.reconstruct(x).shape == (1, 6)
    assert model.decode(np.zeros((7, n_z))).shape == (7, 6)


def test_the_decoder_mirrors_the_encoder():
    shapes = {name: value.shape for name, value in make(VAE).params.values.items()}
    assert shapes["encoder.0.W"] == (6, 5)
    assert shapes["encoder.2.W"] == (5, 4)  # mu beside logvar
    assert shapes["decoder.0.W"] == (2, 5)
    assert shapes["decoder.2.W"] == (5, 6)
    deep = VAE.dense(9, (8, 7), 2).params.values
    assert [deep[f"decoder.{i}.W"].shape for i in (0, 2, 4)] == [(2, 7), (7, 8), (8, 9)]


def test_encode_gives_mu_and_logvar():
    vae, (x, _) = make(VAE), batch()
    mu, logvar = vae.encode(x)
    np.testing.assert_array_equal(np.hstack([mu, logvar]), forward(vae.params.values, "encoder", x))


def test_reconstruct_decodes_mu_unless_given_noise():
    vae, (x, eps) = make(VAE), batch()
    mu, logvar = vae.encode(x)
    np.testing.assert_array_equal(vae.reconstruct(x), vae.decode(mu))
    drawn = vae.decode(mu + np.exp(logvar / 2) * eps)
    np.testing.assert_allclose(vae.reconstruct(x, eps=eps), drawn)
    assert (vae.reconstruct(x) != drawn).any()


def test_what_follows_x_in_reconstruct_is_named():
    """An eps in the place of a y, or the other way round, would go unnoticed."""
    for model in (make(VAE), make(Autoencoder)):
        x, other = batch()
        with pytest.raises(TypeError, match="positional"):
            model.reconstruct(x, other)


def test_decode_and_sample_give_means_in_data_space(rng):
    """Probabilities, neither logits nor pixels that were drawn."""
    vae = make(VAE)
    vae.params.flat[:] *= 10
    for means in (vae.decode(5 * rng.standard_normal((50, 2))), vae.sample(50)):
        assert means.min() >= 0
        assert means.max() <= 1
        assert len(np.unique(means)) > 2


def test_sample_decodes_draws_of_the_prior():
    vae = make(VAE)
    z = np.random.default_rng(3).standard_normal((10, 2))
    np.testing.assert_array_equal(vae.sample(10, rng=3), vae.decode(z))
    assert set(np.unique(vae.sample(10, rng=3, draw=True))) == {0, 1}


def test_drawn_samples_have_the_decoded_mean():
    vae = make(VAE)
    for layer in ("0", "2"):
        vae.params.values[f"decoder.{layer}.W"][...] = 0  # so that every z decodes alike
    mean = vae.sample(1)[0]
    draws = vae.sample(20_000, rng=0, draw=True)
    assert (np.abs(draws.mean(axis=0) - mean) < 4 * 0.5 / np.sqrt(20_000)).all()


def test_noise_is_a_normal_number_for_each_latent_of_each_example_in_each_step(rng):
    vae = VAE.dense(6, 5, 2)
    noise = np.stack([vae.draw_noise(rng, 1000) for _ in range(2)])
    assert (noise.shape, noise.dtype) == ((2, 1000, 2), np.float32)
    assert len(np.unique(noise)) > 0.99 * noise.size
    assert abs(noise.mean()) < 4 / np.sqrt(noise.size)
    assert noise.std() == pytest.approx(1, rel=4 / np.sqrt(2 * noise.size))


def test_same_seed_same_model():
    np.testing.assert_array_equal(make(VAE).params.flat, make(VAE).params.flat)
    other = VAE.dense(6, 5, 2, activation="tanh", dtype=np.float64, seed=1)
    assert (make(VAE).params.flat != other.params.flat).any()


def test_ten_images_can_be_overfitted(rng):
    """A VAE whose KL costs nothing learns ten random binary images by heart."""
    x = rng.integers(0, 2, (10, 30)).astype(np.float32)
    vae, adam = VAE.dense(30, 64, 10, beta=0, seed=0), Adam(1e-2)
    for _ in range(400):
        loss = vae.loss_and_grad(x, vae.draw_noise(rng, 10))
        adam.step(vae.params)
    assert loss.reconstruction < 0.5
    np.testing.assert_array_equal(vae.reconstruct(x) > 0.5, x == 1)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_learns_on_its_own(copied):
    """The copy's layers borrow from the copy's vector, not from one that nobody updates."""
    vae, (x, eps) = make(VAE), batch()
    twin = copied(vae)
    before = vae.params.flat.copy()
    twin.params.flat[:] = 0
    assert (twin.encode(x)[0] == 0).all()
    twin.loss_and_grad(x, eps)
    assert (twin.params.grad != 0).any()
    np.testing.assert_array_equal(vae.params.flat, before)


def test_numpy_numbers_are_as_good_as_pythons(tmp_path):
    vae = VAE.dense(np.int64(6), np.int64(5), np.int32(2), beta=np.float32(2))
    save_model(tmp_path / "m.npz", vae, Pixels("none"), (2, 3))
    assert load_model(tmp_path / "m.npz").model.config == vae.config


def test_a_beta_that_was_changed_is_saved(tmp_path):
    vae = make(VAE)
    vae.beta = 4.0
    save_model(tmp_path / "m.npz", vae, Pixels("none"), (6,))
    assert load_model(tmp_path / "m.npz").model.beta == 4


def test_own_parts():
    vae = VAE(Dense(6, 4, 0), Dense(2, 6, 1), n_x=6, n_z=2)
    assert vae.params.size == 6 * 4 + 4 + 2 * 6 + 6
    assert vae.config == {}


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda vae: vae.encode(np.zeros((3, 5))), r"shape \(3, 5\), expected \(B, 6\)"),
        (lambda vae: vae.encode(np.zeros(6)), r"shape \(6,\), expected \(B, 6\)"),
        (lambda vae: vae.encode([[0.0] * 6]), "list"),
        (lambda vae: vae.encode(np.zeros((3, 6), np.uint8)), "uint8, expected floats.*/ 255"),
        (lambda vae: vae.decode(np.zeros((3, 6))), r"z has shape \(3, 6\), expected \(B, 2\)"),
        (lambda vae: vae.sample(0), "n is 0"),
        (lambda vae: vae.sample(2.5), "n is 2.5"),
        (lambda vae: vae.loss_and_grad(np.zeros((3, 6)), np.zeros((1, 2))), r"\(1, 2\), expected"),
        (lambda vae: vae.terms(np.zeros((3, 6)), 0.0), "eps has shape float, expected"),
        (lambda vae: vae.terms(np.zeros((3, 6)), np.ma.zeros((3, 2))), "eps is a numpy.ma"),
        (lambda vae: vae.terms(np.zeros((3, 6)), np.zeros((3, 2), complex)), "eps holds complex"),
        (lambda vae: vae.reconstruct(np.zeros((3, 6)), eps=np.zeros(2)), r"eps has shape \(2,\)"),
        (lambda vae: vae.loss_and_grad(np.zeros((0, 6)), np.zeros((0, 2))), "no example"),
        (lambda vae: make(VAE, beta=-1), "beta is -1"),
        (lambda vae: make(VAE, beta=float("nan")), "beta is nan"),
        (lambda vae: VAE.dense(6, (5, 0), 2), "n_h is 0"),
        (lambda vae: VAE.dense(6, "345", 2), "n_h is .345"),
        (lambda vae: VAE.dense(6, 5, 0), "n_z is 0"),
        (lambda vae: VAE.dense(np.nan, 5, 2), "n_x is nan"),
        (lambda vae: VAE.dense(6, 5, 2, seed=2.5), "seed is 2.5"),
        (lambda vae: VAE.dense(6, 5, 2, dtype=np.float16), "float32 or float64"),
    ],
)
def test_bad_input(use, words):
    with pytest.raises(InputError, match=words):
        use(make(VAE))


@pytest.mark.parametrize("cls", [VAE, IWAE, Autoencoder])
def test_another_thread_waits_for_a_gradient_at_work(cls):
    """Between a forward and its backward the layers remember one batch, which nobody replaces."""
    model, x = make(cls), batch()[0]
    eps = model.draw_noise(np.random.default_rng(0), len(x))
    model.loss_and_grad(x, eps)
    expected = model.params.grad.copy()
    others = [lambda: model.encode(x[:2]), lambda: model.decode(np.zeros((3, 2)))]
    others += [lambda: model.sample(3)] if cls is not Autoencoder else []
    threads, backward = [Thread(target=other, daemon=True) for other in others], None

    def backward_while_others_ask(dy):
        for thread in threads:
            thread.start()
            thread.join(0.2)
        return backward(dy)

    backward, model.decoder.backward = model.decoder.backward, backward_while_others_ask
    model.loss_and_grad(x, eps)
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    np.testing.assert_array_equal(model.params.grad, expected)


@pytest.mark.parametrize("cls", [VAE, IWAE, Autoencoder, DenoisingAutoencoder])
def test_a_batch_without_examples_has_no_loss(cls):
    model = make(cls)
    eps = model.draw_noise(np.random.default_rng(0), 0)
    with pytest.raises(InputError, match="no examples"):
        model.loss_and_grad(np.zeros((0, 6)), eps)
