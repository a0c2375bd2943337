"""The pictures of latent space: what is decoded, given which label, and what is said of it."""

import numpy as np
import pytest
from untrained_runs import (
    NAMES,
    assert_decodes_to,
    by_the_seed,
    catch,
    conditional,
    decoded,
    make_run,
    mu_of,
)

from npvae import Autoencoder
from npvae.evaluation.latent_space import gaussian_quantiles
from npvae.runs.pictures import interpolation, kl, manifold, scatter

PRIOR = "standard deviations of the prior"
EVERY = slice(None)


@pytest.fixture
def caught(monkeypatch):
    """Where the arguments of every picture are, none of which is drawn."""
    return catch(monkeypatch)


# ---- where examples lie --------------------------------------------------------------------------


@pytest.mark.parametrize("n_z", [1, 2])
def test_a_few_latents_are_shown_as_they_are(caught, n_z):
    run = make_run(n_z=n_z, labels="in turn")
    scatter(run)
    (u, labels, classes), named = caught["latent_scatter"]
    np.testing.assert_allclose(u, mu_of(run, EVERY), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(labels, np.arange(12) % 3)
    assert classes == NAMES
    assert named["axes"] == ["z 0", "z 1"][:n_z]
    assert named["told"].endswith(" μ of 12 test examples")
    assert (named["unit"], named["prior"]) == (PRIOR, True)


def test_of_many_latents_the_picture_says_what_it_shows(caught):
    run = make_run(n_z=5)
    scatter(run)
    (u, labels, _), named = caught["latent_scatter"]
    mu = mu_of(run, EVERY).astype(np.float64)
    _, singular, directions = np.linalg.svd(mu - mu.mean(axis=0))
    np.testing.assert_allclose(np.abs(u), np.abs(mu @ directions[:2].T), rtol=1e-4, atol=1e-5)
    first, second, *_ = singular**2 / (singular**2).sum()
    assert f"in 5 latents, which hold {first + second:.0%} of" in named["told"]
    assert named["axes"] == ["principal direction 1", "principal direction 2"]
    assert labels is None


def test_codes_of_an_autoencoder_lie_about_no_prior(caught):
    scatter(make_run(Autoencoder))
    named = caught["latent_scatter"][1]
    assert named["told"].endswith(" z of 12 test examples")
    assert (named["unit"], named["prior"]) == ("", False)


def test_of_a_large_test_part_10_000_are_shown_and_it_is_said_of_how_many(caught):
    """They are chosen by the seed, so that data sorted by label show all of it."""
    run = make_run(form="table", n=10_500, labels=np.arange(10_500) // 3500, seed=3)
    scatter(run)
    (u, labels, _), named = caught["latent_scatter"]
    chosen = np.sort(by_the_seed(run, 10_000))
    np.testing.assert_allclose(run.codes.mu, mu_of(run, chosen), rtol=1e-5, atol=1e-6)
    shown = np.sort(np.random.default_rng(3).permutation(10_000)[:3000])
    np.testing.assert_array_equal(u, run.codes.mu[shown])
    np.testing.assert_array_equal(labels, chosen[shown] // 3500)
    assert "3,000 of 10,500 test examples" in named["told"]
    kl(run)
    assert "Mean over 10,000 of 10,500 test examples; " in caught["kl_per_latent"][1]["told"]


@pytest.mark.parametrize(("n", "few"), [(49, True), (50, False)])
def test_kl_of_few_examples_is_uncertain_and_inactive_latents_are_explained(caught, n, few):
    run = make_run(n=n)
    kl(run)
    told = caught["kl_per_latent"][1]["told"]
    assert ("uncertain" in told) == few
    assert ("0.01" in told) == (not run.codes.active.all())
    run = make_run(n=n)
    run.model.encoder.layers[-1].W[...] = 0
    kl(run)
    assert "at most 0.01" in caught["kl_per_latent"][1]["told"]


def test_as_many_as_are_shown_at_most_are_all_shown(caught):
    run = make_run(form="table", n=3000)
    scatter(run)
    (u, *_), named = caught["latent_scatter"]
    np.testing.assert_allclose(u, mu_of(run, EVERY), rtol=1e-5, atol=1e-6)
    assert named["told"].endswith("of 3,000 test examples")


@pytest.mark.parametrize(("n", "n_z"), [(1, 2), (1, 5), (12, 2), (12, 5)])
def test_codes_in_one_point_are_called_so(caught, n, n_z):
    """Those of one example, or of an encoder that says the same of all."""
    run = make_run(n=n, n_z=n_z)
    run.model.encoder.layers[-1].W[...] = 0
    scatter(run)
    number = "1 test example" if n == 1 else "12 test examples"
    told = caught["latent_scatter"][1]["told"]
    assert f"of {number}. All of them are equal" in told


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
    assert "one point of latent space" in named["told"]
    assert (named["unit"], named["axes"]) == (PRIOR, ["z 0", "z 1"])


def test_the_manifold_of_one_latent_is_a_line(caught):
    run = make_run(n_z=1, form="heights")
    manifold(run, 4)
    x = decoded(run, gaussian_quantiles(4)[:, None])
    np.testing.assert_allclose(caught["manifold"][0][0], run.scaling.decode(x), rtol=1e-5)
    assert caught["manifold"][1]["axes"] == ["z 0"]


def test_the_manifold_of_many_latents_is_a_plane_and_says_so(caught):
    run = make_run(n_z=4)
    manifold(run, 3)
    assert_decodes_to(caught["manifold"], decoded(run, run.plane.grid(3)))
    named = caught["manifold"][1]
    assert "two directions in which the codes vary most" in named["told"]
    middle = run.plane.origin + run.plane.project(run.codes.mu.mean(0)) @ run.plane.directions
    np.testing.assert_allclose(middle, run.codes.mu.mean(0), atol=1e-6)
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
    assert "Gaussian fitted to each coordinate of the codes" in named["told"]
    assert named["unit"] == ""


@pytest.mark.parametrize(("asked", "label"), [(None, 0), (0, 0), (2, 2)])
def test_the_manifold_has_the_label_asked_for_and_says_so(caught, asked, label):
    run = conditional()
    manifold(run, 3, asked)
    y = np.tile(np.eye(3)[label], (9, 1))
    assert_decodes_to(caught["manifold"], decoded(run, run.plane.grid(3), y))
    assert f"given label {NAMES[label]}" in caught["manifold"][1]["told"]


def test_labels_without_names_are_numbers(caught):
    run = conditional(classes=())
    manifold(run, 2, 1)
    assert "given label 1" in caught["manifold"][1]["told"]
    interpolation(run, [(0, 5)])
    assert caught["interpolation"][1]["names"] == ["0 → 2"]


def test_long_names_keep_their_beginning_and_their_end_above_a_strip(caught):
    interpolation(
        conditional(classes=("Ankle boot, the left one", "cat", "Twelve chars")), [(0, 1), (2, 1)]
    )
    long, short = caught["interpolation"][1]["names"]
    beginning, end = long.removesuffix("\n→ cat").split("…")
    assert "Ankle boot, the left one".startswith(beginning)
    assert "Ankle boot, the left one".endswith(end)
    assert len(beginning) + 1 + len(end) == 18
    assert min(len(beginning), len(end)) > 3
    assert short == "Twelve chars\n→ cat"
