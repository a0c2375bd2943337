"""Scores of single examples: their means are the known figures, and their order is judged right."""

import numpy as np
import pytest
from tiny_trainings import MODELS

from npvae import VAE, Autoencoder, InputError, Pixels, Standardized, evaluate, log_likelihood
from npvae.datasets.dataset import whole
from npvae.evaluation import elbo as evaluation
from npvae.evaluation.scores import (
    auroc,
    nats_by_feature,
    percentiles,
    reconstruction_errors,
    score_examples,
)
from npvae.likelihoods import LIKELIHOODS, SIGMAS, make_likelihood

DYNAMIC, GREY = Pixels("dynamic"), Pixels("none")


def examples(n=23, n_x=6):
    rng = np.random.default_rng(1)
    return whole(rng.integers(0, 256, (n, n_x), dtype=np.uint8), np.arange(n) % 3)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(evaluation, "BLOCK", 10)


# ---- their means -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_their_means_are_the_terms_of_evaluate(name):
    model, split = MODELS[name](), examples()
    found, known = score_examples(model, split, DYNAMIC, seed=3), evaluate(model, split, DYNAMIC, 3)
    assert found.score.dtype == np.float64
    assert found.reconstruction.mean() == pytest.approx(known.reconstruction, rel=1e-6)
    if isinstance(model, VAE):
        assert found.kl.mean() == pytest.approx(known.kl, rel=1e-6)
        assert found.score.mean() == pytest.approx(-known.elbo, rel=1e-6)
        np.testing.assert_allclose(found.score, found.reconstruction + found.kl)
    else:
        assert found.kl is None
        np.testing.assert_array_equal(found.score, found.reconstruction)


@pytest.mark.parametrize("k", [1, 20])
def test_with_draws_their_mean_is_the_log_likelihood(k):
    model, split = VAE.dense(6, 5, 2), examples()
    found = score_examples(model, split, DYNAMIC, k, seed=3)
    known = log_likelihood(model, split, DYNAMIC, k, seed=3)
    assert -found.score.mean() == pytest.approx(known.log_px, rel=1e-12)
    elbo = score_examples(model, split, DYNAMIC, seed=3)
    np.testing.assert_array_equal(found.reconstruction, elbo.reconstruction)
    np.testing.assert_array_equal(found.kl, elbo.kl)


def test_each_row_belongs_to_its_example():
    """Without drawn pixels and noise, an example has the same score at any place."""
    model, split = Autoencoder.dense(6, 5, 2, dtype=np.float64), examples()
    order = np.random.default_rng(0).permutation(len(split))
    found = score_examples(model, split, GREY).score
    assert len(np.unique(found.round(9))) == len(split)
    shuffled = score_examples(model, split.only(order), GREY).score
    np.testing.assert_allclose(shuffled, found[order], rtol=1e-12)


def test_examples_are_taken_with_the_pixels_that_are_scored():
    model, split = MODELS["conditional"](), examples()
    blocks = [evaluation.block_of(model, split, DYNAMIC, 3, block) for block in range(3)]
    x, y = (np.concatenate(arrays) for arrays in zip(*blocks, strict=True))
    chosen = np.array([22, 3, 11, 10])
    found = evaluation.examples_at(model, split, DYNAMIC, 3, chosen)
    for array, expected in zip(found, (x, y), strict=True):
        np.testing.assert_array_equal(array, expected[chosen])


@pytest.mark.parametrize(
    ("model", "split", "scaling", "k", "words"),
    [
        (Autoencoder.dense(6, 5, 2), examples(), GREY, 5, "Autoencoder .*no p"),
        (VAE.dense(6, 5, 2), examples(), GREY, 0, "k is 0"),
        (VAE.dense(6, 5, 2), examples().only(slice(0, 0)), GREY, None, "no examples"),
        (VAE.dense(7, 5, 2), examples(), GREY, None, "6 features.* 7"),
        (VAE.dense(6, 5, 2), examples(), Standardized(np.zeros(6), np.ones(6)), None, "Bernoulli"),
    ],
)
def test_what_cannot_be_scored(model, split, scaling, k, words):
    with pytest.raises(InputError, match=words):
        score_examples(model, split, scaling, k)


# ---- among others ----------------------------------------------------------------------------


def test_percentiles_by_hand():
    found = percentiles(np.array([-1.0, 1.0, 1.5, 2.0, 9.0]), np.array([2.0, 1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(found, [0, 12.5, 25, 50, 100])


def test_percentiles_of_nothing():
    with pytest.raises(InputError, match="no reference"):
        percentiles(np.zeros(3), np.zeros(0))


@pytest.mark.parametrize("values", [2, 5, 10**6])
def test_the_auroc_is_that_of_scikit_learn_with_many_ties_and_few(values):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(values)
    odd, others = rng.integers(0, values, 40) + values // 5, rng.integers(0, values, 70)
    truth, scores = np.repeat([1, 0], [40, 70]), np.concatenate([odd, others])
    assert auroc(odd, others) == pytest.approx(metrics.roc_auc_score(truth, scores), abs=1e-12)


def test_the_auroc_by_hand():
    assert auroc(np.array([2.0]), np.array([1.0])) == 1
    assert auroc(np.array([1.0]), np.array([2.0])) == 0
    assert auroc(np.array([1.0, 3.0]), np.array([1.0, 2.0])) == (0.5 + 0 + 1 + 1) / 4


@pytest.mark.parametrize(("odd", "others"), [(0, 3), (3, 0)])
def test_the_auroc_needs_both_groups(odd, others):
    with pytest.raises(InputError, match=f"{odd} odd and {others} other"):
        auroc(np.ones(odd), np.ones(others))


# ---- simpler scores --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vae", "conditional", "autoencoder", "denoising"])
def test_the_error_of_a_reconstruction(name):
    model, split = MODELS[name](), examples()
    x = split.x / np.float32(255)
    y = model.one_hot(split.labels) if model.n_y else None
    expected = ((x - model.reconstruct(x, y=y)) ** 2).sum(axis=1)
    found = reconstruction_errors(model, split, GREY)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


KINDS = [(name, sigma) for name in LIKELIHOODS for sigma in (0.7, *SIGMAS)]
KINDS = [(name, sigma) for name, sigma in KINDS if sigma in (0.7, *LIKELIHOODS[name].sigmas)]


@pytest.mark.parametrize(("name", "sigma"), KINDS)
def test_the_cost_of_the_features_adds_up_to_that_of_the_example(name, sigma):
    likelihood = make_likelihood(name, sigma, (0, 0, 4) if name == "mixed" else ())
    model = VAE.dense(6, 5, 2, likelihood=likelihood, dtype=np.float64)
    x = np.random.default_rng(0).random((4, 6))
    if name == "categorical":
        x = np.eye(6)[:4]
    if name == "mixed":
        x[:, 2:] = np.eye(4)
    x_hat, nats = nats_by_feature(model, x)
    assert nats.shape == (4, 6)
    outputs = model.decoder.forward(model.encode(x)[0])
    np.testing.assert_allclose(nats.sum(axis=1), -model.likelihood.log_prob(outputs, x))
    np.testing.assert_allclose(x_hat, model.reconstruct(x))
    worst = np.abs(x - x_hat).argmax(axis=1)
    if name not in ("bernoulli", "mixed"):
        np.testing.assert_array_equal(nats.argmax(axis=1), worst)


def test_the_cost_of_the_features_given_a_label():
    model = MODELS["conditional"]()
    x, y = np.random.default_rng(0).random((3, 6), np.float32), model.one_hot(np.arange(3))
    x_hat, nats = nats_by_feature(model, x, y)
    np.testing.assert_allclose(x_hat, model.reconstruct(x, y=y), rtol=1e-6)
    assert nats.shape == (3, 6)
