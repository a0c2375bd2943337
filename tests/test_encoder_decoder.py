"""What every model shares: a decoder that starts at the mean, an encoder within limits."""

import copy
import pickle

import numpy as np
import pytest

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.errors import InputError
from npvae.iwae import IWAE
from npvae.layers import ClipLogvar, Dense, Sequential, Tanh, dense_network, hidden_sizes
from npvae.likelihoods import Gaussian, Likelihood
from npvae.vae import VAE

MEAN = np.array([0.1, 0.5, 0.9, 0.3])


@pytest.mark.parametrize("activation", ["tanh", "gated"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"likelihood": "gaussian"}, {"n_y": 2}])
def test_a_decoder_that_starts_at_the_mean(activation, dtype, options, rng):
    """Without its last weights it puts out the mean, whatever z."""
    vae = VAE.dense(4, (5, 3), 2, activation=activation, dtype=dtype, **options)
    vae.start_at(MEAN)
    vae.decoder.layers[-1].W[...] = 0
    y = np.ones((7, 2), dtype) if "n_y" in options else None
    decoded = vae.decode(rng.standard_normal((7, 2)).astype(dtype), y)
    assert decoded.dtype == dtype
    np.testing.assert_allclose(decoded, np.tile(MEAN, (7, 1)), rtol=1e-6)


def test_starting_at_the_mean_changes_the_last_bias_alone():
    vae = VAE.dense(4, (5, 3), 2, seed=0)
    before = {name: value.copy() for name, value in vae.params.values.items()}
    vae.start_at(MEAN)
    changed = [name for name, value in vae.params.values.items() if (value != before[name]).any()]
    assert changed == ["decoder.4.b"]
    np.testing.assert_array_equal(vae.params.flat[-4:], vae.decoder.layers[-1].b)


def test_pixels_that_never_change_start_within_reach():
    vae = VAE.dense(4, 5, 2)
    vae.start_at(np.array([0.0, 1, 0, 1]))
    np.testing.assert_allclose(vae.decoder.layers[-1].b, np.log([1 / 999, 999, 1 / 999, 999]))


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: Sequential(Tanh(), layer)])
def test_a_decoder_of_ones_own_may_start_at_the_mean(wrap):
    vae = VAE(Dense(4, 4, 0), wrap(Dense(2, 4, 1)), n_x=4, n_z=2, likelihood=Gaussian(1))
    vae.start_at(MEAN)
    np.testing.assert_allclose(vae.decode(np.zeros((1, 2), np.float32)), [MEAN], rtol=1e-6)


def test_a_decoder_without_a_last_bias_cannot_start_at_the_mean():
    vae = VAE(Dense(4, 4, 0), Sequential(Dense(2, 4, 1), Tanh()), n_x=4, n_z=2)
    with pytest.raises(InputError, match="does not end in a Dense layer"):
        vae.start_at(MEAN)


@pytest.mark.parametrize("mean", [0.5, [0.5], [[0.1, 0.5, 0.9, 0.3]]])
def test_a_mean_of_another_size(mean):
    with pytest.raises(InputError, match=r"mean has shape .*, expected \(4,\)"):
        VAE.dense(4, 5, 2).start_at(np.array(mean))


# ---- limits of logvar ----------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [VAE, IWAE])
def test_logvar_stays_between_its_limits(cls, rng):
    vae = cls.dense(4, 5, 2, logvar_range=(-6, 2), dtype=np.float64, seed=0)
    vae.params.flat[:] *= 100
    mu, logvar = vae.encode(rng.random((50, 4)))
    assert (logvar.min(), logvar.max()) == (-6, 2)
    assert np.abs(mu).max() > 10
    vae.loss_and_grad(rng.random((3, 4)), vae.draw_noise(rng, 3))
    assert np.isfinite(vae.params.grad).all()


def test_limits_of_logvar_are_kept_in_the_config():
    vae = VAE.dense(4, 5, 2, logvar_range=[np.float32(-6), 2])
    assert isinstance(vae.encoder.layers[-1], ClipLogvar)
    assert vae.config["logvar_range"] == [-6.0, 2.0]
    assert [type(limit) for limit in vae.config["logvar_range"]] == [float, float]
    assert VAE.dense(4, 5, 2).config["logvar_range"] is None


def test_an_autoencoder_has_no_logvar_to_limit():
    with pytest.raises(InputError, match="logvar_range is for a VAE"):
        Autoencoder.dense(4, 5, 2, logvar_range=(-6, 2))


# ---- building ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (Autoencoder, {"n_y": 3}),
        (DenoisingAutoencoder, {"corruption": "gaussian", "amount": 0.5}),
        (VAE, {"beta": 2.0, "free_bits": 0.1, "logvar_range": (-6, 2), "sigma": "optimal"}),
        (IWAE, {"k": 3, "objective": "dreg", "activation": "gated", "sigma": "learned"}),
    ],
)
def test_a_config_builds_the_same_model_again(cls, options):
    model = cls.dense(4, (5, 3), 2, likelihood="gaussian", **options)
    config = dict(model.config)
    assert config.pop("model") == cls.kind
    again = cls.dense(**config)
    assert again.config == model.config
    np.testing.assert_array_equal(again.params.flat, model.params.flat)
    for name in cls.options:
        assert getattr(again, name) == getattr(model, name)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copied_gated_model_keeps_its_parameters_to_itself(copied, rng):
    """Those within a gated layer and within a likelihood are views of the copy's vector, too."""
    model = IWAE.dense(4, 5, 2, k=3, activation="gated", likelihood="gaussian", sigma="learned")
    twin, before = copied(model), model.params.flat.copy()
    twin.params.flat[:] = 0
    assert twin.likelihood.sigma[0] == 1
    assert (twin.encoder.layers[0].dense.W == 0).all()
    x = rng.random((6, 4)).astype(np.float32)
    twin.loss_and_grad(x, twin.draw_noise(rng, 6))
    assert (twin.params.gradients["likelihood.logvar"] != 0).all()
    np.testing.assert_array_equal(model.params.flat, before)
    np.testing.assert_array_equal(model.params.grad, np.zeros_like(before))


@pytest.mark.parametrize(
    "replace",
    [
        lambda m: setattr(m, "k", 9),
        lambda m: setattr(m, "objective", "dreg"),
        lambda m: setattr(m, "n_z", 3),
        lambda m: setattr(m.decoder, "layers", (Dense(2, 4, 0),)),
        lambda m: m.decoder.layers.__setitem__(0, Dense(2, 5, 0)),
        lambda m: m.decoder.layers.append(Tanh()),
        lambda m: m.decoder.layers.pop(),
    ],
)
def test_a_part_that_a_file_would_not_follow_cannot_be_replaced(replace):
    model = IWAE.dense(4, 5, 2, k=3)
    with pytest.raises((InputError, AttributeError)):
        replace(model)
    assert (model.k, model.objective, model.n_z, len(model.decoder.layers)) == (3, "iwae", 2, 3)


def test_hidden_sizes():
    assert hidden_sizes(400) == hidden_sizes((400,)) == hidden_sizes(np.array([400])) == (400,)
    assert hidden_sizes(()) == ()
    with pytest.raises(InputError, match="n_h is 0"):
        hidden_sizes((3, 0))


@pytest.mark.parametrize("n_y", [-1, 2.5])
def test_a_condition_of_no_size(n_y):
    with pytest.raises(InputError, match=f"n_y is {n_y}"):
        VAE(Dense(4, 4, 0), Dense(2, 4, 0), n_x=4, n_z=2, n_y=n_y)


@pytest.mark.parametrize(
    ("encoder", "decoder", "words"),
    [
        ((6, 5), (2, 6), r"encoder .*\(1, 5\).*expected \(1, 4\)"),
        ((7, 4), (2, 6), r"encoder .*\(B, 6\)"),
        ((6, 4), (2, 7), r"decoder .*\(1, 7\).*expected \(1, 6\)"),
        ((6, 4), (3, 6), r"decoder .*\(B, 2\)"),
    ],
)
def test_networks_of_a_wrong_width_are_refused_when_the_model_is_built(encoder, decoder, words):
    with pytest.raises(InputError, match=words):
        VAE(Dense(*encoder, rng=0), Dense(*decoder, rng=1), n_x=6, n_z=2)


@pytest.mark.parametrize("name", ["encoder", "decoder", "likelihood", "params"])
def test_a_part_of_a_model_cannot_be_replaced(name):
    model = VAE.dense(6, 4, 2)
    with pytest.raises(InputError, match=name):
        setattr(model, name, getattr(VAE.dense(6, 4, 2), name))


@pytest.mark.parametrize("method", ["encode", "reconstruct", "loss_and_grad", "terms"])
@pytest.mark.parametrize("model", [VAE, IWAE, Autoencoder, DenoisingAutoencoder])
@pytest.mark.parametrize(
    "x",
    [
        [[0.0] * 4] * 2,
        np.ma.zeros((2, 4), np.float32),
        np.zeros((2, 4), np.float32).view(np.matrix),
        np.full((2, 4), "a"),
        np.zeros(2, [("a", "f4")]),
        np.zeros((2, 4), int),
        np.zeros(4, np.float32),
        None,
    ],
    ids=["list", "masked", "matrix", "text", "structured", "integers", "one row", "None"],
)
def test_what_is_no_batch_of_floats_is_named_by_every_model(model, method, x):
    model = model.dense(4, 3, 2)
    noise = model.draw_noise(np.random.default_rng(0), 2)
    given = (x, noise) if method in ("loss_and_grad", "terms") else (x,)
    with pytest.raises(InputError, match=r"^x "):
        getattr(model, method)(*given)


def layers_of(*sizes):
    return dense_network(list(sizes), "tanh", np.random.default_rng(0), "glorot")


def test_a_likelihood_may_be_given_by_its_name():
    model = VAE(
        layers_of(4, 3, 4), layers_of(2, 3, 4), n_x=4, n_z=2, likelihood="gaussian", sigma=0.3
    )
    assert (type(model.likelihood), model.likelihood.sigma) == (Gaussian, 0.3)
    unnamed = VAE(layers_of(4, 4), layers_of(2, 4), n_x=4, n_z=2, likelihood="gaussian")
    by_dense = VAE.dense(4, (), 2, likelihood="gaussian")
    assert unnamed.likelihood.sigma == by_dense.likelihood.sigma == Gaussian().sigma


@pytest.mark.parametrize("likelihood", ["gausian", None, 3, Gaussian])
def test_what_is_not_a_likelihood_is_refused(likelihood):
    with pytest.raises(InputError, match="bernoulli, gaussian, laplace"):
        VAE(layers_of(4, 4), layers_of(2, 4), n_x=4, n_z=2, likelihood=likelihood)


def test_the_optimal_sigma_by_name_is_refused_with_several_draws():
    with pytest.raises(InputError, match="one draw"):
        IWAE(layers_of(4, 4), layers_of(2, 4), n_x=4, n_z=2, likelihood="gaussian", sigma="optimal")


class MadeLate:
    """y = x W, with W or its gradient made when the layer first runs."""

    def __init__(self, n_in, n_out, when):
        self.n_in, self.n_out, self.when = n_in, n_out, when
        if when == "backward":
            self.W = np.ones((n_in, n_out))

    def forward(self, x):
        if not hasattr(self, "W"):
            self.W, self.dW = np.ones((2, self.n_in, self.n_out))
        self.x = x
        return x @ self.W

    def backward(self, dy):
        self.dW = self.x.T @ dy
        return dy @ self.W.T


@pytest.mark.parametrize("when", ["forward", "backward"])
def test_parameters_that_are_made_later_are_refused(when):
    """They would be in no flat vector, and never learn."""
    with pytest.raises(InputError, match=r"encoder\.W .+__init__"):
        VAE(MadeLate(4, 4, when), layers_of(2, 4), n_x=4, n_z=2)


def test_the_parameters_of_a_subclass():
    class Classifier(VAE):
        def __init__(self, *networks, early, **sizes):
            if early:
                self.head = Dense(2, 3, np.random.default_rng(0))
            super().__init__(*networks, **sizes)
            if not early:
                self.head = Dense(2, 3, np.random.default_rng(0))

    built = Classifier(layers_of(4, 4), layers_of(2, 4), early=True, n_x=4, n_z=2)
    assert {"head.W", "head.b"} <= set(built.params.values)
    with pytest.raises(InputError, match="head has parameters"):
        Classifier(layers_of(4, 4), layers_of(2, 4), early=False, n_x=4, n_z=2)


def test_layers_are_free_again_after_a_model_that_could_not_be_built():
    encoder, decoder = layers_of(4, 4), layers_of(2, 4)
    with pytest.raises(InputError) as refused:  # which keeps the half-built model alive
        VAE(encoder, decoder, n_x=5, n_z=2)
    assert VAE(encoder, decoder, n_x=4, n_z=2).params.size == encoder.layers[0].W.size + 4 + 12
    assert refused.value


def test_a_likelihood_without_all_of_its_methods_cannot_be_made():
    class Half(Likelihood):
        def loss_and_grad(self, outputs, x):
            return 0.0, outputs

    with pytest.raises(TypeError, match="log_prob"):
        Half()


def test_a_sequential_keeps_what_a_subclass_remembers():
    class Watched(Sequential):
        def forward(self, x):
            self.seen = x
            return super().forward(x)

    network = Watched(Dense(4, 4, np.random.default_rng(0)))
    for _ in range(2):
        network.forward(np.zeros((1, 4)))
