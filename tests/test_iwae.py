"""Several draws of z: the bound against naive forms, its gradient, what it costs."""

from copy import deepcopy
from itertools import combinations

import numpy as np
import pytest

from npvae.errors import InputError
from npvae.gaussian import kl_standard_normal
from npvae.iwae import IWAE, log_mean_exp_and_grad
from npvae.layers import Dense
from npvae.likelihoods import Gaussian, OptimalGaussian
from npvae.vae import VAE

OBJECTIVES = ["elbo", "iwae", "dreg"]


def make(k=5, **options):
    """A model whose q is some way from the posterior, so that its weights differ."""
    options = {"activation": "tanh", "dtype": np.float64, "seed": 0} | options
    model = IWAE.dense(6, 5, 2, k=k, **options)
    model.params.flat[:] = np.random.default_rng(1).normal(0, 0.7, model.params.size)
    return model


def batch(n=4, k=5):
    rng = np.random.default_rng(0)
    return rng.integers(0, 2, (n, 6)).astype(float), rng.standard_normal((n, k, 2))


def forward(params, part, x):
    h = np.tanh(x @ params[f"{part}.0.W"] + params[f"{part}.0.b"])
    return h @ params[f"{part}.2.W"] + params[f"{part}.2.b"]


def naive_log_weights(params, x, eps):
    """Log p(x | z) + log N(z; 0, I) - log N(z; mu, sigma²), written out, one draw at a time."""
    out = forward(params, "encoder", x)
    mu, logvar = out[:, :2], out[:, 2:]
    columns = []
    for draw in range(eps.shape[1]):
        z = mu + np.exp(logvar / 2) * eps[:, draw]
        p = 1 / (1 + np.exp(-forward(params, "decoder", z)))
        log_px = np.log(np.where(x == 1, p, 1 - p)).sum(axis=1)
        log_pz = -0.5 * (z**2 + np.log(2 * np.pi)).sum(axis=1)
        log_qz = -0.5 * ((z - mu) ** 2 / np.exp(logvar) + logvar + np.log(2 * np.pi)).sum(axis=1)
        columns.append(log_px + log_pz - log_qz)
    return np.stack(columns, axis=1)


def gradient(model, x, eps, y=None):
    loss = model.loss_and_grad(x, eps, y)
    return np.array(loss), model.params.grad.copy()


# ---- the bound -----------------------------------------------------------------------------------


def test_log_weights_are_their_definition():
    model, (x, eps) = make(), batch()
    log_w = model.log_weights(x, *model.encode(x), eps)
    np.testing.assert_allclose(log_w, naive_log_weights(model.params.values, x, eps), rtol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 5, 50])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_loss_is_the_log_of_the_mean_weight(objective, k):
    model, (x, eps) = make(k, objective=objective), batch(k=k)
    log_w = naive_log_weights(model.params.values, x, eps)
    bound = log_w.mean(axis=1) if objective == "elbo" else np.log(np.exp(log_w).mean(axis=1))
    loss, terms = model.loss_and_grad(x, eps), model.terms(x, eps)
    assert loss.loss == pytest.approx(-bound.mean(), rel=1e-12)
    np.testing.assert_allclose(terms.bound, bound, rtol=1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_reconstruction_and_kl_are_those_of_the_elbo(objective):
    """Means over the draws, whatever weight each has; the KL is exact."""
    model, (x, eps) = make(objective=objective), batch()
    loss, terms = model.loss_and_grad(x, eps), model.terms(x, eps)
    vae = VAE(*deepcopy((model.encoder, model.decoder)), n_x=6, n_z=2, dtype=np.float64)
    each = [vae.terms(x, eps[:, draw]) for draw in range(5)]
    np.testing.assert_allclose(terms.log_px, np.mean([one.log_px for one in each], axis=0))
    np.testing.assert_array_equal(terms.kl, each[0].kl)
    np.testing.assert_array_equal(terms.mu, each[0].mu)
    assert loss.reconstruction == pytest.approx(-terms.log_px.mean(), rel=1e-12)
    assert loss.kl == pytest.approx(kl_standard_normal(*model.encode(x)).mean(), rel=1e-12)


def test_the_bound_rises_with_k_exactly():
    """Averaged over all groups of k of the same six draws; the ELBO's bound is L_1 for any k."""
    x, eps = batch(3, 6)
    bounds = []
    for k in range(1, 7):
        groups = [eps[:, list(group)] for group in combinations(range(6), k)]
        bounds.append(np.mean([make(k).terms(x, group).bound.mean() for group in groups]))
    assert (np.diff(bounds) > 1e-4).all()
    assert make(6, objective="elbo").terms(x, eps).bound.mean() == pytest.approx(bounds[0])


# ---- its gradient --------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_one_draw_by_hand(objective):
    """Mu = 1 and sigma = 2 from x = 2, eps = 0.5: z = 2, decoded to 3 z = 6 with sigma_x = 1.

    d log w / dz = 3 (2 - 6) - 2 = -14, and through q it is 1/2 by logvar; the doubly
    reparameterized form has -14 + eps / sigma = -13.75, and no 1/2.
    """
    encoder, decoder = Dense(1, 2, 0), Dense(1, 1, 0)
    model = IWAE(
        encoder, decoder, n_x=1, n_z=1, k=1, objective=objective, likelihood=Gaussian(1),
        dtype=np.float64,
    )  # fmt: skip
    encoder.W[...], encoder.b[...], decoder.W[...] = 0, [1, np.log(4)], 3
    loss = model.loss_and_grad(np.array([[2.0]]), np.array([[[0.5]]]))
    log_w = -0.5 * (16 + np.log(2 * np.pi)) - 0.5 * 2**2 + 0.5 * 0.5**2 + 0.5 * np.log(4)
    assert loss.loss == pytest.approx(-log_w)
    by_z = -13.75 if objective == "dreg" else -14
    by_logvar = by_z * 2 * 0.5 / 2 + (0 if objective == "dreg" else 0.5)
    np.testing.assert_allclose(encoder.db, [-by_z, -by_logvar])
    np.testing.assert_allclose(encoder.dW, [[-2 * by_z, -2 * by_logvar]])
    np.testing.assert_allclose(decoder.db, [4])
    np.testing.assert_allclose(decoder.dW, [[8]])


def test_the_elbo_of_k_draws_is_the_mean_of_k_elbos_of_one():
    x, eps = batch()
    loss, whole = gradient(make(objective="elbo"), x, eps)
    each = [gradient(make(1), x, eps[:, [draw]]) for draw in range(5)]
    np.testing.assert_allclose(loss, np.mean([one for one, _ in each], axis=0), rtol=1e-12)
    np.testing.assert_allclose(whole, np.mean([one for _, one in each], axis=0), rtol=1e-11)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_half_batches_average_to_the_whole(objective):
    model, (x, eps) = make(objective=objective), batch(8)
    parts = slice(8), slice(4), slice(4, 8)
    whole, first, second = (gradient(model, x[part], eps[part]) for part in parts)
    np.testing.assert_allclose(whole[0], (first[0] + second[0]) / 2, rtol=1e-12)
    np.testing.assert_allclose(whole[1], (first[1] + second[1]) / 2, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_order_of_the_draws_does_not_matter(objective):
    model, (x, eps) = make(objective=objective), batch()
    there, back = gradient(model, x, eps), gradient(model, x, eps[:, ::-1])
    np.testing.assert_allclose(there[0], back[0], rtol=1e-12)
    np.testing.assert_allclose(there[1], back[1], rtol=1e-9, atol=1e-13)


# ---- what it costs, extremes, bad input ----------------------------------------------------------


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("use", ["loss_and_grad", "terms"])
def test_images_are_encoded_once_and_all_draws_decoded_together(objective, use, monkeypatch):
    model, (x, eps) = make(7, objective=objective), batch(3, 7)
    rows = {"encoder": [], "decoder": []}
    for part, noted in rows.items():
        network = getattr(model, part)
        for way in ("forward", "backward", "backward_parameters"):
            call = getattr(network, way)
            monkeypatch.setattr(
                network, way, lambda v, *, call=call, to=noted: [to.append(len(v)), call(v)][1]
            )
    getattr(model, use)(x, eps)
    passes = 2 if use == "loss_and_grad" else 1  # there, and back
    assert rows == {"encoder": [3] * passes, "decoder": [21] * passes}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_float32_agrees_with_float64(objective):
    x, eps = batch(64)
    wide = gradient(make(objective=objective), x, eps)
    narrow = gradient(
        make(objective=objective, dtype=np.float32), x.astype(np.float32), eps.astype(np.float32)
    )
    assert narrow[0].dtype == narrow[1].dtype == np.float32
    np.testing.assert_allclose(narrow[0], wide[0], rtol=1e-5)
    np.testing.assert_allclose(narrow[1], wide[1], atol=2e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_weights_that_are_worlds_apart_do_not_overflow(objective, dtype):
    """Logits of some +-1e4, so that one draw has all the weight."""
    model, (x, eps) = make(objective=objective, dtype=dtype), batch()
    model.params.values["decoder.2.W"][...] *= 5e3
    x, eps = x.astype(dtype), eps.astype(dtype)
    log_w = model.log_weights(x, *model.encode(x), eps)
    assert np.ptp(log_w, axis=1).min() > 200
    loss, found = gradient(model, x, eps)
    assert np.isfinite(loss).all()
    assert np.isfinite(found).all()


def test_noise_is_a_normal_number_for_each_latent_of_each_draw():
    noise = make(50, dtype=np.float32).draw_noise(np.random.default_rng(0), 1000)
    assert (noise.shape, noise.dtype) == ((1000, 50, 2), np.float32)
    assert abs(noise.mean()) < 4 / np.sqrt(noise.size)
    assert noise.std() == pytest.approx(1, rel=4 / np.sqrt(2 * noise.size))


def test_its_config_says_what_decides_its_loss():
    config = make(3, objective="dreg").config
    assert (config["model"], config["k"], config["objective"]) == ("iwae", 3, "dreg")
    assert {"beta", "free_bits"}.isdisjoint(config)
    assert IWAE.dense(6, 5, 2, k=np.int64(3)).config["k"] == 3
    assert [make(4, objective=one).bound_name for one in OBJECTIVES] == ["ELBO", "L_4", "L_4"]


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: make(0), "k is 0"),
        (lambda: make(2.5), "k is 2.5"),
        (lambda: make(objective="vae"), "choose from elbo, iwae, dreg"),
        (lambda: make(beta=2.0), "term of its own"),
        (lambda: make(free_bits=0.1), "term of its own"),
        (lambda: make(likelihood="gaussian", sigma="optimal"), "one draw"),
        (
            lambda: IWAE(
                Dense(2, 2, 0), Dense(1, 2, 0), n_x=2, n_z=1, likelihood=OptimalGaussian()
            ),
            "one draw",
        ),
        (lambda: make().loss_and_grad(*batch(k=4)), r"\(4, 4, 2\), expected \(4, 5, 2\)"),
        (lambda: make().terms(np.zeros((4, 6)), np.zeros((4, 2))), r"expected \(4, 5, 2\)"),
        (lambda: make().loss_and_grad(np.zeros((0, 6)), np.zeros((0, 5, 2))), "no example"),
    ],
)
def test_bad_input(use, words):
    with pytest.raises(InputError, match=words):
        use()


def test_true_is_no_number_of_draws():
    with pytest.raises(InputError, match="k is True"):
        make(k=True)


# ---- log mean exp --------------------------------------------------------------------------------


def test_log_mean_exp_by_hand():
    """The mean of 1, 2 and 6 is 3; their shares are 1/9, 2/9 and 6/9."""
    value, shares = log_mean_exp_and_grad(np.log([[1.0, 2.0, 6.0]]))
    np.testing.assert_allclose(value, [np.log(3)])
    np.testing.assert_allclose(shares, [[1 / 9, 2 / 9, 6 / 9]])


def test_log_mean_exp_is_over_the_last_axis(rng):
    log_w = rng.standard_normal((2, 3, 7))
    value, shares = log_mean_exp_and_grad(log_w)
    np.testing.assert_allclose(value, np.log(np.exp(log_w).mean(axis=-1)), rtol=1e-13)
    np.testing.assert_allclose(shares.sum(axis=-1), np.ones((2, 3)), rtol=1e-14)


def test_log_mean_exp_of_one_draw_is_the_draw():
    value, shares = log_mean_exp_and_grad(np.array([[-543.21], [0.0]]))
    np.testing.assert_array_equal(value, [-543.21, 0])
    np.testing.assert_array_equal(shares, [[1], [1]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("level", [-1e4, 0, 1e4])
def test_log_mean_exp_at_extremes(level, dtype):
    """Where exp(log w) itself is 0 or infinite, and where one draw outweighs all others."""
    value, shares = log_mean_exp_and_grad(np.array([[level, level], [level, level - 5e3]], dtype))
    assert value.dtype == shares.dtype == dtype
    np.testing.assert_allclose(value, [level, level - np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(shares, [[0.5, 0.5], [1, 0]])


def test_log_mean_exp_leaves_its_input_alone():
    log_w = np.array([[1.0, 2.0]])
    log_mean_exp_and_grad(log_w)
    np.testing.assert_array_equal(log_w, [[1, 2]])
