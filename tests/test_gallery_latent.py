"""The pictures of latent space: what is decoded, given which label, and what is said of it."""

import numpy as np
import pytest
from gallery_runs import NAMES, by_the_seed, catch, greys, make_run, x_of

from npvae import VAE, Autoencoder, InputError
from npvae.gallery import interpolation, kl, manifold, scatter, traversals
from npvae.latent_space import gaussian_quantiles

PRIOR = "standard deviations of the prior"
EVERY = slice(None)


@pytest.fixture
def caught(monkeypatch):
    """Where the arguments of every picture are, none of which is drawn."""
    return catch(monkeypatch)


def conditional(**options):
    return make_run(labels="in turn", n_y=3, **options)


def mu_of(run, chosen):
    """The codes of test examples, by the model itself, each told its label."""
    y = () if not run.model.n_y else (run.model.one_hot(run.dataset.test.labels[chosen]),)
    code = run.model.encode(x_of(run, chosen), *y)
    return code[0] if run.has_prior else code


def decoded(run, z, y=None):
    """What the model makes of codes (..., n_z), given y (..., n_y)."""
    z = z.astype(np.float32)
    told = None if y is None else y.astype(np.float32).reshape(-1, 3)
    return run.model.decode(z.reshape(-1, z.shape[-1]), told).reshape(*z.shape[:-1], -1)


def assert_decodes_to(picture, expected):
    np.testing.assert_allclose(picture[0][0], expected, rtol=1e-5, atol=1e-6)


# ---- where examples lie --------------------------------------------------------------------------


@pytest.mark.parametrize("n_z", [1, 2])
def test_a_few_latents_are_shown_as_they_are(caught, n_z):
    run = make_run(n_z=n_z, labels="in turn")
    scatter(run)
    (u, labels, classes), named = caught["latent_scatter"]
    np.testing.assert_allclose(u, mu_of(run, EVERY), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(labels, np.arange(12) % 3)
    assert classes == NAMES
    assert named["axes"] == ["z 1", "z 2"][:n_z]
    assert named["told"] == "posterior means mu of 12 test examples"
    assert (named["unit"], named["prior"]) == (PRIOR, True)


def test_of_many_latents_the_picture_says_what_it_shows(caught):
    run = make_run(n_z=5)
    scatter(run)
    (u, labels, _), named = caught["latent_scatter"]
    mu = mu_of(run, EVERY).astype(np.float64)
    _, singular, directions = np.linalg.svd(mu - mu.mean(axis=0))
    np.testing.assert_allclose(np.abs(u), np.abs(mu @ directions[:2].T), rtol=1e-4, atol=1e-5)
    first, second, *_ = singular**2 / (singular**2).sum()
    words = f"all 5 latents, which have {first:.0%} and {second:.0%} of the variance"
    assert named["told"].endswith(f", along their two principal directions in {words}")
    assert named["axes"] == ["principal direction 1", "principal direction 2"]
    assert labels is None


def test_codes_of_an_autoencoder_lie_about_no_prior(caught):
    scatter(make_run(Autoencoder))
    named = caught["latent_scatter"][1]
    assert named["told"] == "codes z of 12 test examples"
    assert (named["unit"], named["prior"]) == ("", False)


def test_of_a_large_test_part_10_000_are_shown_and_it_is_said_of_how_many(caught):
    """They are chosen by the seed, so that data sorted by label show all of it."""
    run = make_run(form="table", n=10_500, labels=np.arange(10_500) // 3500, seed=3)
    scatter(run)
    (u, labels, _), named = caught["latent_scatter"]
    chosen = np.sort(by_the_seed(run, 10_000))
    np.testing.assert_allclose(u, mu_of(run, chosen), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(labels, chosen // 3500)
    assert named["told"] == "posterior means mu of 10,000 of 10,500 test examples"
    kl(run)
    assert "mean of 10,000 of 10,500 test examples; " in caught["kl_per_latent"][1]["told"]


def test_as_many_as_are_shown_at_most_are_all_shown(caught):
    run = make_run(form="table", n=10_000)
    scatter(run)
    (u, *_), named = caught["latent_scatter"]
    np.testing.assert_allclose(u, mu_of(run, EVERY), rtol=1e-5, atol=1e-6)
    assert named["told"] == "posterior means mu of 10,000 test examples"


@pytest.mark.parametrize(("n", "n_z"), [(1, 2), (1, 5), (12, 2), (12, 5)])
def test_codes_in_one_point_are_called_so(caught, n, n_z):
    """Those of one example, or of an encoder that says the same of all."""
    run = make_run(n=n, n_z=n_z)
    run.model.encoder.layers[-1].W[...] = 0
    scatter(run)
    number = "1 test example" if n == 1 else "12 test examples"
    words = f"posterior means mu of {number}: all in one point"
    assert caught["latent_scatter"][1]["told"] == words


# ---- what places decode to -----------------------------------------------------------------------


def test_the_manifold_decodes_quantiles_of_the_prior(caught):
    """Row by row: the second latent from the largest down, the first from the smallest up."""
    run = make_run()
    manifold(run, 3)
    q = gaussian_quantiles(3)
    z = np.array([[across, up] for up in q[::-1] for across in q])
    assert_decodes_to(caught["manifold"], decoded(run, z))
    (_, form, ticks), named = caught["manifold"]
    assert form == run.form
    np.testing.assert_array_equal(ticks, [q, q])
    assert named["told"] == "means of p(x | z), at quantiles of the prior"
    assert (named["unit"], named["axes"]) == (PRIOR, ["z 1", "z 2"])


def test_the_manifold_of_one_latent_is_a_line(caught):
    run = make_run(n_z=1, form="heights")
    manifold(run, 4)
    x = decoded(run, gaussian_quantiles(4)[:, None])
    np.testing.assert_allclose(caught["manifold"][0][0], run.scaling.decode(x), rtol=1e-5)
    assert caught["manifold"][1]["axes"] == ["z 1"]


def test_the_manifold_of_many_latents_is_a_plane_and_says_so(caught):
    run = make_run(n_z=4)
    manifold(run, 3)
    assert_decodes_to(caught["manifold"], decoded(run, run.plane.grid(3)))
    named = caught["manifold"][1]
    assert "in the plane of the two principal directions of the posterior means" in named["told"]
    assert named["axes"] == ["principal direction 1", "principal direction 2"]


def test_the_manifold_of_an_autoencoder_lies_where_its_codes_lie(caught):
    run = make_run(Autoencoder)
    run.model.encoder.layers[-1].b[...] = 1
    manifold(run, 3)
    z = mu_of(run, EVERY).astype(np.float64)
    across, up = z.mean(axis=0)[:, None] + z.std(axis=0)[:, None] * gaussian_quantiles(3)
    places = np.array([[a, b] for b in up[::-1] for a in across])
    assert_decodes_to(caught["manifold"], decoded(run, places))
    named = caught["manifold"][1]
    assert (
        named["told"]
        == "decoded codes, at quantiles of a Gaussian fitted to each coordinate of the codes"
    )
    assert named["unit"] == ""


@pytest.mark.parametrize(("asked", "label"), [(None, 0), (0, 0), (2, 2)])
def test_the_manifold_has_the_label_asked_for_and_says_so(caught, asked, label):
    run = conditional()
    manifold(run, 3, asked)
    y = np.tile(np.eye(3)[label], (9, 1))
    assert_decodes_to(caught["manifold"], decoded(run, run.plane.grid(3), y))
    words = f"means of p(x | z), given label {NAMES[label]}, at quantiles of the prior"
    assert caught["manifold"][1]["told"] == words


def test_labels_without_names_are_numbers(caught):
    run = conditional(classes=())
    manifold(run, 2, 1)
    assert "given label 1" in caught["manifold"][1]["told"]
    interpolation(run, [(0, 5)])
    assert caught["interpolation"][1]["names"] == ["0 → 2"]


def test_long_names_keep_their_beginning_and_their_end_above_a_strip(caught):
    interpolation(
        conditional(classes=("Ankle boot, left", "cat", "Twelve chars")), [(0, 1), (2, 1)]
    )
    long, short = caught["interpolation"][1]["names"]
    beginning, end = long.removesuffix(" → cat").split("…")
    assert "Ankle boot, left".startswith(beginning)
    assert "Ankle boot, left".endswith(end)
    assert len(beginning) + 1 + len(end) == 12
    assert min(len(beginning), len(end)) > 3
    assert short == "Twelve chars → cat"


# ---- from one example to another -----------------------------------------------------------------


@pytest.mark.parametrize(("model", "code"), [(VAE, "mu"), (Autoencoder, "code")])
def test_strips_follow_the_line_between_two_codes(caught, model, code):
    run = make_run(model, "heights")
    interpolation(run, [(4, 7), (0, 2)], 5)
    a, b = mu_of(run, [4, 0]), mu_of(run, [7, 2])
    z = np.stack([(1 - t) * a + t * b for t in (0, 0.25, 0.5, 0.75, 1)], axis=1)
    (x, form), named = caught["interpolation"]
    np.testing.assert_allclose(x, run.scaling.decode(decoded(run, z)), rtol=1e-5)
    stored = run.dataset.test.x
    np.testing.assert_allclose(named["ends"], [stored[[4, 0]], stored[[7, 2]]], rtol=1e-5)
    assert form == run.form
    assert named["names"] == ["#4 → #7", "#0 → #2"]
    line = f"decoded from (1 - t) {code}(A) + t {code}(B)"
    assert named["told"] == f"between the test examples A and B: {line}{greys(run)}"


def test_pixels_of_both_ends_are_draws_of_their_own(caught):
    """Even where both are the same example."""
    run = make_run(binarize="dynamic")
    interpolation(run, [(4, 4)])
    a, b = caught["interpolation"][1]["ends"]
    assert set(np.unique([a, b])) == {0, 1}
    assert (a != b).any()


def test_a_conditional_model_is_told_a_mixture_of_the_labels(caught):
    """From a cat to an emu, and from a dog to a dog, which stays one."""
    run = conditional()
    interpolation(run, [(0, 5), (1, 4)], 3)
    z = np.stack([(1 - t) * mu_of(run, [0, 1]) + t * mu_of(run, [5, 4]) for t in (0, 0.5, 1)], 1)
    y = np.array([[[1, 0, 0], [0.5, 0, 0.5], [0, 0, 1]], [[0, 1, 0]] * 3])
    assert_decodes_to(caught["interpolation"], decoded(run, z, y))
    named = caught["interpolation"][1]
    assert named["names"] == ["cat → emu", "dog → dog"]
    assert named["told"].endswith("t mu(B), the label mixed likewise")


def test_by_default_the_seed_chooses_the_examples(caught):
    for seed in (0, 1):
        run = make_run(n=60, seed=seed)
        interpolation(run)
        chosen = by_the_seed(run, 10)
        pairs = zip(chosen[:5], chosen[5:], strict=True)
        assert caught["interpolation"][1]["names"] == [f"#{a} → #{b}" for a, b in pairs]
        assert caught["interpolation"][0][0].shape == (5, 11, 20)


def test_between_sorted_data_strips_go_from_label_to_label(caught):
    interpolation(make_run(n=300, labels=np.repeat([0, 1, 2], 100)))
    ends = [name.split(" → ") for name in caught["interpolation"][1]["names"]]
    assert {label for pair in ends for label in pair} == set(NAMES)


@pytest.mark.parametrize("n", range(2, 11))
def test_of_few_examples_no_strip_ends_where_it_begins(caught, n):
    interpolation(make_run(n=n))
    ends = [name.split(" → ") for name in caught["interpolation"][1]["names"]]
    assert len(ends) == 5
    assert all(a != b for a, b in ends)


def test_where_few_have_a_label_some_come_twice():
    run = make_run(labels=np.array([0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2]))
    rng = np.random.default_rng(0)
    assert run.pick(0, 3, rng) == [0, 0, 0]
    assert sorted(run.pick(1, 3, rng)) == [1, 2, 3]
    assert len(set(run.pick(2, 8, rng))) == 8
    assert sorted(run.pick(None, 12, rng)) == list(range(12))


def test_examples_that_are_not_there():
    with pytest.raises(InputError, match="no test example has the label emu"):
        make_run(labels=np.zeros(12, int)).pick(2, 1, np.random.default_rng(0))
    with pytest.raises(InputError, match="no labels; choose test examples by their numbers"):
        make_run().pick(0, 1, np.random.default_rng(0))


# ---- one latent at a time ------------------------------------------------------------------------


def test_each_latent_goes_from_3_below_to_3_above_in_order_of_kl(caught):
    run = make_run(n_z=3)
    traversals(run, 5, steps=5)
    order = np.argsort(-run.codes.kl)
    z = np.tile(mu_of(run, [5])[0], (3, 5, 1))
    for row, latent in enumerate(order):
        z[row, :, latent] = [-3, -1.5, 0, 1.5, 3]
    assert_decodes_to(caught["traversals"], decoded(run, z))
    (_, form, values, names), named = caught["traversals"]
    assert form == run.form
    np.testing.assert_array_equal(values, [-3, -1.5, 0, 1.5, 3])
    assert names == [f"z {i + 1}: {run.codes.kl[i]:.2f} nats" for i in order]
    assert named["unit"] == PRIOR
    words = "one latent changed at a time: in order of KL"
    assert named["told"] == f"test example 5, {words}"


def test_only_the_latents_that_carry_most_are_shown(caught):
    run = make_run(n_z=4)
    traversals(run, latents=2)
    assert caught["traversals"][0][0].shape == (2, 11, 20)
    most = np.argsort(-run.codes.kl)[:2] + 1
    assert [name.split(":")[0] for name in caught["traversals"][0][3]] == [f"z {i}" for i in most]
    assert caught["traversals"][1]["told"].endswith("of 4, those with the largest KL")


def test_the_traversal_of_an_example_keeps_its_label(caught):
    run = conditional()
    traversals(run, 5, latents=1, steps=3)
    z = np.tile(mu_of(run, [5])[0], (1, 3, 1))
    z[0, :, run.codes.order[0]] = [-3, 0, 3]
    assert_decodes_to(caught["traversals"], decoded(run, z, np.tile(np.eye(3)[2], (1, 3, 1))))
    assert caught["traversals"][1]["told"].startswith("test example 5 (label emu), one latent")


def test_an_autoencoders_latents_go_as_far_as_its_codes_do(caught):
    """From the mean of each latent, in its own standard deviations; the widest first."""
    run = make_run(Autoencoder)
    run.model.encoder.layers[-1].b[...] = [2, -1]
    traversals(run, 0, steps=3)
    codes = mu_of(run, EVERY).astype(np.float64)
    mean, std = codes.mean(axis=0), codes.std(axis=0)
    order = np.argsort(-std)
    z = np.tile(codes[0], (2, 3, 1))
    for row, latent in enumerate(order):
        z[row, :, latent] = mean[latent] + np.array([-3, 0, 3]) * std[latent]
    assert_decodes_to(caught["traversals"], decoded(run, z))
    (*_, names), named = caught["traversals"]
    assert names == [f"z {i + 1}: std {std[i]:.3g}" for i in order]
    assert named["unit"] == "standard deviations of the codes from their mean"
    assert named["told"].endswith("in order of variance")
