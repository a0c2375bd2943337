"""Strips and traversals of a run: what is decoded on the way, and what is said of it."""

import numpy as np
import pytest
from untrained_runs import (
    NAMES,
    assert_decodes_to,
    by_the_seed,
    catch,
    conditional,
    decoded,
    greys,
    make_run,
    mu_of,
)

from npvae import VAE, Autoencoder, InputError
from npvae.runs.pictures import interpolation, traversals

PRIOR = "standard deviations of the prior"
EVERY = slice(None)


@pytest.fixture
def caught(monkeypatch):
    """Where the arguments of every picture are, none of which is drawn."""
    return catch(monkeypatch)


# ---- from one example to another -----------------------------------------------------------------


@pytest.mark.parametrize(("model", "code"), [(VAE, "μ"), (Autoencoder, "z")])
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
    assert named["told"].endswith(f"(1 − t) {code}(A) + t {code}(B){greys(run)}")


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
    assert "labels mixed" in named["told"]


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


def test_no_strip_goes_from_a_label_to_the_same_label(caught):
    """If another label is there at all."""
    for labels in (np.arange(60) % 2, np.repeat([0, 1], [59, 1])):
        interpolation(make_run(n=60, labels=labels))
        ends = [name.split(" → ") for name in caught["interpolation"][1]["names"]]
        assert all(a != b for a, b in ends)
    interpolation(make_run(n=60, labels=np.zeros(60, int)))
    assert caught["interpolation"][1]["names"] == ["cat → cat"] * 5


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
    with pytest.raises(InputError, match="no labels; choose test examples by their indices"):
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
    assert names == [f"z {i}: {run.codes.kl[i]:.2f} nats" for i in order]
    assert named["unit"] == PRIOR
    assert named["told"].lower().startswith("test example 5, ")
    assert named["told"].endswith("order of KL")


def test_only_the_latents_that_carry_most_are_shown(caught):
    run = make_run(n_z=4)
    traversals(run, latents=2)
    assert caught["traversals"][0][0].shape == (2, 11, 20)
    most = np.argsort(-run.codes.kl)[:2]
    assert [name.split(":")[0] for name in caught["traversals"][0][3]] == [f"z {i}" for i in most]
    assert caught["traversals"][1]["told"].endswith("the 2 of 4 with the largest KL")


def test_the_traversal_of_an_example_keeps_its_label(caught):
    run = conditional()
    traversals(run, 5, latents=1, steps=3)
    z = np.tile(mu_of(run, [5])[0], (1, 3, 1))
    z[0, :, run.codes.order[0]] = [-3, 0, 3]
    assert_decodes_to(caught["traversals"], decoded(run, z, np.tile(np.eye(3)[2], (1, 3, 1))))
    assert caught["traversals"][1]["told"].startswith("Test example 5 (label emu), one latent")


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
    assert names == [f"z {i}: std {std[i]:.3g}" for i in order]
    assert named["unit"] == "standard deviations of the codes from their mean"
    assert named["told"].endswith("order of variance")
