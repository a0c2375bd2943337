from math import exp, log, pi, sqrt

import numpy as np
import pytest

from npvae import VAE, Autoencoder, DenoisingAutoencoder, InputError, Pixels, Split, Standardized
from npvae.evaluation import elbo as module
from npvae.evaluation.elbo import NOISE, PIXELS, WEIGHTS, block_of, evaluate, generator_of
from npvae.iwae import IWAE

GREY, DYNAMIC = Pixels("none"), Pixels("dynamic")


def set_parameters(model, **values):
    """Set the named parameters, dots written as underscores, and every other one to zero."""
    model.params.flat[:] = 0
    for name, value in values.items():
        model.params.values[name.replace("_", ".")][...] = value
    return model


def split(x, labels=None):
    x = np.asarray(x, dtype=np.float64)
    return Split(x, np.arange(len(x)), None if labels is None else np.asarray(labels))


def some(n, n_x=6):
    return np.random.default_rng(0).random((n, n_x))


def seen_by(model, x, scaling, seed=0):
    """Return all x, and all noise, that an evaluation gives to a model."""
    real, seen, noise = model.terms, [], []

    def terms(x, eps, *y):
        seen.append(x)
        noise.append(eps)
        return real(x, eps, *y)

    model.terms = terms
    evaluate(model, x, scaling, seed)
    return np.concatenate(seen), noise if noise[0] is None else np.concatenate(noise)


# ---- values known by hand ------------------------------------------------------------------------


def test_a_model_that_knows_nothing():
    """All parameters zero: q is the prior, every pixel is a fair coin."""
    model = set_parameters(VAE.dense(6, (), 3, dtype=np.float64))
    found = evaluate(model, split(np.eye(6)), DYNAMIC)
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


def test_rate_and_distortion_are_the_two_parts_of_the_elbo():
    """A q of N(3, 1) costs 9/2 nats, and buys nothing: p(x | z) is a fair coin."""
    model = VAE.dense(4, (), 1, dtype=np.float64)
    set_parameters(model, encoder_0_b=[3, 0])
    found = evaluate(model, split(np.zeros((5, 4))), GREY)
    assert found.rate == pytest.approx(4.5, rel=1e-12)
    assert found.distortion == pytest.approx(4 * log(2), rel=1e-12)


def test_beta_is_no_part_of_the_elbo():
    options = {"n_x": 4, "n_h": 3, "n_z": 2, "seed": 0}
    plain, heavy = VAE.dense(**options), VAE.dense(**options, beta=7)
    x = split(some(20, 4))
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
    assert found.bound == found.elbo == -found.reconstruction
    assert found.kl_per_latent == (0, 0)


def test_the_bound_of_a_vae_is_its_elbo():
    found = evaluate(VAE.dense(6, 5, 3, dtype=np.float64), split(some(23)), GREY)
    assert found.bound == pytest.approx(found.elbo, rel=1e-12)


def test_the_bound_of_several_draws_is_that_of_their_weights():
    model = IWAE.dense(6, 5, 3, k=4, dtype=np.float64)
    x = some(23)
    eps = generator_of(model, 0, NOISE, 0).standard_normal((23, 4, 3))
    w = np.exp(model.log_weights(x, *model.encode(x), eps))
    found = evaluate(model, split(x), GREY)
    assert found.bound == pytest.approx(np.log(w.mean(axis=1)).mean(), rel=1e-12)
    assert found.bound > found.elbo


# ---- chunks and seeds ----------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 7, 23, 50])
def test_the_figures_are_means_over_all_blocks(monkeypatch, rows):
    """Of a model that draws nothing, blocks change nothing but the last digits."""
    model, x = Autoencoder.dense(6, 5, 3, dtype=np.float64, seed=1), split(some(23))
    whole = evaluate(model, x, GREY, seed=2)
    monkeypatch.setattr(module, "BLOCK", rows)
    parts = evaluate(model, x, GREY, seed=2)
    assert parts.bound == pytest.approx(whole.bound, rel=1e-12)
    assert (parts.active_units, parts.n) == (whole.active_units, 23)


def test_where_z_is_drawn_several_times_fewer_examples_are_at_hand(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 20)
    model = IWAE.dense(6, 5, 3, k=6)
    real, sizes = model.terms, []
    model.terms = lambda x, eps: sizes.append(len(x)) or real(x, eps)
    assert evaluate(model, split(some(23)), GREY).n == 23
    assert sizes == [3, 3, 3, 3, 3, 3, 2, 3]  # 3 of 6 draws are at most 20


def test_more_draws_than_a_block_are_one_example_at_a_time(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)
    assert evaluate(IWAE.dense(6, 5, 3, k=9), split(some(5)), GREY).n == 5


def test_float32_agrees_with_float64():
    x = split(some(300))
    small, large = (VAE.dense(6, 5, 3, dtype=t, seed=1) for t in (np.float32, np.float64))
    for model in (small, large):  # the same noise: float32 draws other numbers
        model.draw_noise = lambda rng, n, dtype=model.params.dtype: rng.standard_normal(
            (n, 3)
        ).astype(dtype)
    one, other = evaluate(small, x, GREY), evaluate(large, x, GREY)
    assert one.elbo == pytest.approx(other.elbo, rel=1e-6)


def test_same_seed_same_figures():
    model, x = VAE.dense(6, 5, 3), split(some(23))
    assert evaluate(model, x, DYNAMIC, 1) == evaluate(model, x, DYNAMIC, 1)
    assert evaluate(model, x, DYNAMIC, 1) != evaluate(model, x, DYNAMIC, 2)


def test_every_model_meets_the_same_pixels(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 10)
    models = [
        VAE.dense(6, 5, 3),
        VAE.dense(6, (), 1),
        IWAE.dense(6, 5, 3, k=4),
        Autoencoder.dense(6, 5, 3),
        DenoisingAutoencoder.dense(6, 5, 3),
    ]
    x = split(some(23))
    first, *others = (seen_by(model, x, DYNAMIC, seed=3)[0] for model in models)
    assert set(np.unique(first)) == {0, 1}
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_float32_and_float64_meet_the_same_pixels(monkeypatch):
    """Also where the bytes, not the examples, are what a block has room for."""
    monkeypatch.setattr(module, "BLOCK_BYTES", 5 * 8 * 7)
    rows = np.random.default_rng(0).integers(0, 256, (23, 7), dtype=np.uint8)
    x = Split(rows, np.arange(23))
    small, large = (
        seen_by(VAE.dense(7, 5, 3, dtype=dtype), x, DYNAMIC)[0]
        for dtype in (np.float32, np.float64)
    )
    np.testing.assert_array_equal(small, large)


def test_active_units_of_float32_are_those_of_float64():
    """Means about 1000 with a variance of 0.02: their squares do not fit into float32."""
    found = []
    for dtype in (np.float32, np.float64):
        model = VAE.dense(1, (), 2, likelihood="gaussian", dtype=dtype)
        weights = [0.14, 0.05, 0, 0]
        set_parameters(model, encoder_0_W=[weights], encoder_0_b=[1000, 1000, 0, 0])
        found.append(evaluate(model, split([[-1.0], [1.0]] * 500), GREY).active_units)
    assert found == [1, 1]


def test_the_pixels_are_those_of_the_seed():
    x = split(some(23))
    pixels, _ = seen_by(VAE.dense(6, 5, 3), x, DYNAMIC, seed=3)
    rng = generator_of(VAE.dense(6, 5, 3), 3, PIXELS, 0)
    np.testing.assert_array_equal(pixels, DYNAMIC.encode(x.x, rng, np.float32))


def test_pixels_and_noise_belong_to_the_block_of_the_example(monkeypatch):
    """Whoever evaluates the second block alone sees what everybody sees."""
    monkeypatch.setattr(module, "BLOCK", 10)
    model, x = VAE.dense(6, 5, 3, dtype=np.float64), split(some(23))
    pixels, noise = seen_by(model, x, DYNAMIC, seed=3)
    np.testing.assert_array_equal(block_of(model, x, DYNAMIC, 3, 1)[0], pixels[10:20])
    drawn = generator_of(model, 3, NOISE, 1).standard_normal((10, 3))
    np.testing.assert_array_equal(noise[10:20], drawn)
    assert (noise[:10] != noise[10:20]).all()


def test_another_seed_gives_other_pixels_and_other_noise():
    x = split(some(23))
    (pixels, noise), (others, other_noise) = (
        seen_by(VAE.dense(6, 5, 3), x, DYNAMIC, seed) for seed in (3, 4)
    )
    assert (pixels != others).any()
    assert (noise != other_noise).all()


def test_the_noise_has_a_stream_of_its_own():
    """Whether or not pixels are drawn before it."""
    x, model = split(some(23)), VAE.dense(6, 5, 3)

    def stream(number):
        return generator_of(model, 3, number, 0).standard_normal((23, 3))

    for scaling in (DYNAMIC, GREY):
        _, noise = seen_by(VAE.dense(6, 5, 3, dtype=np.float64), x, scaling, seed=3)
        np.testing.assert_array_equal(noise, stream(NOISE))
    assert (noise != stream(PIXELS)).all()
    assert (noise != stream(WEIGHTS)).all()


def test_evaluating_changes_no_parameter():
    model = VAE.dense(6, 5, 3)
    before = model.params.flat.copy()
    evaluate(model, split(np.ones((5, 6))), GREY)
    np.testing.assert_array_equal(model.params.flat, before)


# ---- labels --------------------------------------------------------------------------------------


def test_each_example_has_its_own_label(monkeypatch):
    """Two labels: with one the model is sure that every pixel is on, with the other off."""
    monkeypatch.setattr(module, "BLOCK", 3)
    model = set_parameters(
        VAE.dense(4, (), 1, n_y=2, dtype=np.float64), decoder_0_W=[[0], [-20], [20]]
    )
    x = [[0] * 4, [1] * 4, [0] * 4, [1] * 4, [1] * 4]
    right = evaluate(model, split(x, [0, 1, 0, 1, 1]), GREY)
    wrong = evaluate(model, split(x, [0, 1, 0, 1, 0]), GREY)
    assert right.distortion == pytest.approx(0, abs=1e-7)
    assert wrong.distortion == pytest.approx(4 * 20 / 5, rel=1e-7)


def test_labels_follow_the_rows_of_their_part():
    """The labels belong to the part, not to the rows of the array that the parts share."""
    model = VAE.dense(6, 5, 3, n_y=2, dtype=np.float64)
    x = some(9)
    part = Split(x, np.array([7, 2, 5]), np.array([1, 0, 0]))
    expected = evaluate(model, split(x[[7, 2, 5]], [1, 0, 0]), GREY)
    assert evaluate(model, part, GREY) == expected


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, "needs labels .2 "),
        ([0, 1, 2], "labels .* 0 to 2, expected 0 to 1"),
        ([0, -1, 1], "labels .* -1 to 1, expected 0 to 1"),
        ([0.0, 1.0, 0.0], "labels are float64, expected .* from 0 to 1"),
        (["a", "b", "a"], "labels are <U1, expected"),
    ],
)
def test_labels_that_a_conditional_model_cannot_use(labels, words):
    with pytest.raises(InputError, match=words):
        evaluate(VAE.dense(6, 5, 3, n_y=2), split(some(3), labels), GREY)


def test_a_label_far_back_is_refused_before_anything_is_measured(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 2)
    model = VAE.dense(6, 5, 3, n_y=2)
    model.terms = None
    with pytest.raises(InputError, match=r"labels .* 0 to 9"):
        evaluate(model, split(some(5), [0, 1, 0, 1, 9]), GREY)


def test_labels_that_nobody_asked_for_do_not_matter():
    model, x = VAE.dense(6, 5, 3), some(3)
    assert evaluate(model, split(x, [5, -1, 7]), GREY) == evaluate(model, split(x), GREY)


# ---- bad input -----------------------------------------------------------------------------------


def test_nothing_to_evaluate_on():
    with pytest.raises(InputError, match="no examples"):
        evaluate(VAE.dense(6, 5, 3), split(np.zeros((0, 6))), GREY)


def test_standardised_numbers_are_no_probabilities():
    scaling = Standardized(np.zeros(6), np.ones(6))
    with pytest.raises(InputError, match="the Bernoulli likelihood needs x in"):
        evaluate(VAE.dense(6, 5, 3), split(some(3)), scaling)


def test_examples_of_another_size():
    with pytest.raises(InputError, match=r"6 features, .+ 5"):
        evaluate(VAE.dense(5, 4, 3), split(some(3)), GREY)
