"""Examples and training in the pictures of a run: what reaches them, and in which units."""

import numpy as np
import pytest
from untrained_runs import HISTORY, NAMES, VALIDATION, by_the_seed, catch, greys, make_run, x_of

from npvae import IWAE, VAE, Autoencoder, DenoisingAutoencoder, InputError
from npvae.evaluation.elbo import NOISE, generator_of
from npvae.runs.pictures import PICTURES, draw_samples

CODE, CODES = "a random code from the prior, decoded", "random codes from the prior, decoded"
MEANS, DRAWS = "(means of p(x | z))", "(x drawn from p(x | z))"


@pytest.fixture
def caught(monkeypatch):
    """Where the arguments of every picture are, none of which is drawn."""
    return catch(monkeypatch)


def told(caught, picture, **options):
    """Return what the title of a picture is made of."""
    PICTURES[picture].draw(make_run(**options))
    named = caught[picture][1]
    return " ".join(named.get(part, "") for part in ("told", "what", "how")).strip()


# ---- units ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["grey", "colour", "one channel", "bytes"])
def test_pixels_are_shown_from_0_to_1(form):
    run = make_run(form=form, binarize="none")
    assert run.form.span == (0, 1)
    x = x_of(run, slice(0, 3))
    np.testing.assert_allclose(run.seen(x), run.dataset.test.x[:3] / 255, rtol=1e-6)


@pytest.mark.parametrize("form", ["heights", "real colour"])
def test_real_images_are_shown_in_their_own_units(form):
    """From two standard deviations below the darkest mean to two above the lightest."""
    run = make_run(form=form)
    shown, stored = run.seen(x_of(run, slice(0, 3))), run.dataset.test.x
    np.testing.assert_allclose(shown, stored[:3], rtol=1e-5)
    mean, std = stored.mean(axis=0), stored.std(axis=0)
    span = min(mean - 2 * std), max(mean + 2 * std)
    np.testing.assert_allclose(run.form.span, span, rtol=1e-12)


@pytest.mark.parametrize("form", ["table", "arrays"])
def test_tables_are_shown_in_standard_deviations(form):
    run = make_run(form=form)
    stored = run.dataset.test.x
    shown = run.seen(x_of(run, slice(None)))
    np.testing.assert_allclose(shown, (stored - stored.mean(0)) / stored.std(0), atol=1e-6)
    assert run.form.span == (-3, 3)


# ---- examples ------------------------------------------------------------------------------------


def test_samples_come_from_the_models_prior_with_the_seed_of_the_run(caught):
    run = make_run(form="heights", seed=5)
    PICTURES["samples"].draw(run)
    (x, form), named = caught["samples"]
    np.testing.assert_array_equal(x, run.scaling.decode(run.model.sample(64, 5)))
    assert form == run.form
    assert named["told"] == f"64 new examples: {CODES} {MEANS}{greys(run)}"


def test_samples_of_a_conditional_model_have_each_label_in_turn(caught):
    run = make_run(labels="in turn", n_y=3)
    PICTURES["samples"].draw(run)
    (x, _), named = caught["samples"]
    labels = np.arange(81) % 3
    np.testing.assert_array_equal(x, run.model.sample(81, 0, y=run.model.one_hot(labels)))
    np.testing.assert_array_equal(named["labels"], labels)
    assert (named["across"], named["classes"]) == (9, NAMES)


@pytest.mark.parametrize(
    ("n_y", "asked", "told"),
    [
        (0, {}, f"64 new examples: {CODES} {MEANS}"),
        (0, {"n": 1}, f"1 new example: {CODE} {MEANS}"),
        (0, {"n": 2, "draw": True}, f"2 new examples: {CODES} {DRAWS}"),
        (3, {"n": 1, "draw": True, "label": 1}, f"1 new example: {CODE}, given label dog {DRAWS}"),
        (3, {"n": 3}, f"3 new examples: {CODES}, given each label in turn {MEANS}"),
        (3, {"n": 2}, f"2 new examples: {CODES}, given the first 2 of 3 labels {MEANS}"),
        (2, {"label": 1}, f"64 new examples: {CODES}, given label 1 {MEANS}"),
    ],
)
def test_the_title_says_what_was_drawn_and_given_what(n_y, asked, told):
    """Two labels are fewer than there are names: they have numbers."""
    model = make_run(n_y=n_y).model
    assert draw_samples(model, 0, **asked, names=NAMES).told == told


@pytest.mark.parametrize(("model", "how"), [(VAE, "μ"), (Autoencoder, "the code")])
def test_reconstructions_are_the_models_own(caught, model, how):
    """Of examples that the seed has chosen."""
    run = make_run(model, "heights", n=20, seed=3)
    PICTURES["reconstructions"].draw(run)
    (x, x_hat, form), named = caught["reconstructions"]
    chosen = by_the_seed(run, 16)
    np.testing.assert_allclose(x, run.dataset.test.x[chosen], rtol=1e-5)
    made = run.model.reconstruct(x_of(run, chosen))
    np.testing.assert_allclose(x_hat, run.scaling.decode(made), rtol=1e-6)
    assert form == run.form
    words = {"what": "Test examples x", "how": f"decoded from {how}{greys(run)}"}
    assert named == {"corrupted": None, "ax": None} | words


def test_data_sorted_by_label_show_several_labels(caught):
    """Each example is found again by its pixels; the first 16 of the part are all cats."""
    labels = np.repeat([0, 1, 2], 100)
    run = make_run(n=300, labels=labels, binarize="none")
    PICTURES["reconstructions"].draw(run)
    shown = (caught["reconstructions"][0][0] * 255).round()
    same = (shown[:, None] == run.dataset.test.x).all(axis=2)
    assert same.sum() == 16
    assert set(labels[same.argmax(axis=1)]) == {0, 1, 2}


def test_reconstructions_of_a_conditional_model_are_told_each_label(caught):
    run = make_run(labels="in turn", n_y=3, n=7)
    PICTURES["reconstructions"].draw(run)
    chosen = by_the_seed(run, 7)
    made = run.model.reconstruct(x_of(run, chosen), y=run.model.one_hot(chosen % 3))
    np.testing.assert_array_equal(caught["reconstructions"][0][1], made)


def test_a_denoising_run_shows_what_it_was_given(caught):
    """In the units of the data, too: real images about 100 are corrupted by noise, not shrunk."""
    run = make_run(DenoisingAutoencoder, "heights", corruption="gaussian", amount=0.2)
    PICTURES["reconstructions"].draw(run)
    (x, x_hat, _), named = caught["reconstructions"]
    given = (named["corrupted"] - run.scaling.mean) / run.scaling.std
    noise = (named["corrupted"] - x) / run.scaling.std
    assert np.std(noise) == pytest.approx(0.2, rel=0.2)
    made = run.model.reconstruct(given.astype(np.float32))
    np.testing.assert_allclose(x_hat, run.scaling.decode(made), rtol=1e-5)


@pytest.mark.parametrize("corruption", ["mask", "gaussian"])
def test_the_noise_of_a_denoising_run_is_a_stream_of_its_own(caught, corruption):
    run = make_run(DenoisingAutoencoder, corruption=corruption, amount=0.3, binarize="none", seed=3)
    PICTURES["reconstructions"].draw(run)
    noise = run.model.draw_noise(generator_of(run.model, 3, NOISE, 0), 12)
    given = run.model.corrupt(x_of(run, by_the_seed(run, 12)), noise)
    np.testing.assert_allclose(caught["reconstructions"][1]["corrupted"], given, rtol=1e-6)


def test_which_pixels_are_corrupted_has_nothing_to_do_with_which_are_drawn(caught, monkeypatch):
    """A mask of 0.3 takes that part of the bright pixels; standard error 0.0045 of 10,000."""
    monkeypatch.setattr("npvae.runs.pictures.reconstructed.EXAMPLES", 1000)
    run = make_run(DenoisingAutoencoder, n=1000, binarize="dynamic", corruption="mask", amount=0.3)
    PICTURES["reconstructions"].draw(run)
    (x, *_), named = caught["reconstructions"]
    assert 1 - named["corrupted"][x == 1].mean() == pytest.approx(0.3, abs=0.02)


def test_pixels_that_were_drawn_are_called_so(caught):
    assert "(each pixel drawn as 0 or 1)" in told(caught, "reconstructions", binarize="dynamic")
    assert "(each pixel drawn as 0 or 1)" in told(caught, "interpolation", binarize="dynamic")
    for options in ({"binarize": "none"}, {"binarize": "threshold"}, {"form": "table"}):
        assert "drawn as 0 or 1" not in told(caught, "reconstructions", **options)


@pytest.mark.parametrize(
    "picture", ["samples", "reconstructions", "manifold", "interpolation", "traversals"]
)
def test_of_real_images_it_is_said_what_black_and_white_are(caught, picture):
    assert told(caught, picture, form="heights").endswith(greys(make_run(form="heights")))
    assert "; black is " in told(caught, picture, form="real colour")
    for form in ("grey", "colour", "table", "arrays"):
        assert "black" not in told(caught, picture, form=form)


# ---- training ------------------------------------------------------------------------------------


def test_the_history_has_its_bound_and_the_best_epoch(caught):
    PICTURES["history"].draw(make_run(best=2))
    rest = {"prior": True, "ax": None}
    assert caught["history"] == ((HISTORY | VALIDATION, "ELBO"), {"best": 2} | rest)
    PICTURES["history"].draw(make_run(IWAE, k=5, history=HISTORY))
    assert caught["history"] == ((HISTORY, "L_5"), {"best": None} | rest)
    PICTURES["history"].draw(make_run(Autoencoder, history=HISTORY))
    assert caught["history"][1]["prior"] is False


def test_the_kl_of_each_latent_is_that_of_the_codes(caught):
    run = make_run(n_z=3, n=30)
    mu, logvar = run.model.encode(x_of(run, slice(None)))
    kl = (np.exp(logvar) + mu**2 - 1 - logvar).mean(axis=0) / 2
    PICTURES["kl"].draw(run)
    (found, active), named = caught["kl_per_latent"]
    np.testing.assert_allclose(found, kl, rtol=1e-4)
    np.testing.assert_array_equal(active, mu.var(axis=0) > 0.01)
    assert f"Mean over 30 test examples; {kl.sum():.2f} nats in total" in named["told"]


def test_of_one_example_no_latent_is_called_active(caught):
    """A variance takes two."""
    PICTURES["kl"].draw(make_run(n=1))
    (_, active), named = caught["kl_per_latent"]
    assert active is None
    assert "Mean over 1 test example; " in named["told"]


@pytest.mark.parametrize(
    ("measured", "part", "best", "named"),
    [
        (VALIDATION, "validation", None, ["epoch 1", "", "epoch 3"]),
        (VALIDATION, "validation", 2, ["epoch 1", "epoch 2", "epoch 3"]),
        ({}, "train", None, ["epoch 1", "", "epoch 3"]),
    ],
)
def test_rate_and_distortion_of_the_part_that_was_held_out(caught, measured, part, best, named):
    columns = HISTORY | measured
    PICTURES["rate-distortion"].draw(make_run(history=columns, best=best))
    (rate, distortion, names), words = caught["rate_distortion"]
    assert rate == columns[f"{part}_kl"]
    assert distortion == columns[f"{part}_reconstruction"]
    assert names == named
    assert f"on the {'training' if part == 'train' else part} part" in words["told"]


@pytest.mark.parametrize("name", ["history", "rate-distortion"])
@pytest.mark.parametrize(
    ("history", "why"),
    [({}, "no epoch"), ({"epoch": []}, "no epoch"), ({"epoch": [1.0]}, "needs at least two")],
)
def test_of_fewer_than_two_epochs_there_are_no_curves(name, history, why):
    with pytest.raises(InputError, match=why):
        PICTURES[name].draw(make_run(history=history))
