"""Evaluation that several processes share gives the numbers of one."""

from dataclasses import astuple

import numpy as np
import pytest
from tiny_trainings import MODELS, make_training

from npvae import VAE, Pixels, evaluate, log_likelihood
from npvae.datasets.dataset import whole
from npvae.evaluation.elbo import BLOCK, GROUP
from npvae.evaluation.importance import FEW_DRAWS
from npvae.evaluation.latent_space import encode_split
from npvae.evaluation.scores import score_examples


def examples(n, n_x=6):
    rng = np.random.default_rng(1)
    return whole(rng.integers(0, 256, (n, n_x), dtype=np.uint8), np.arange(n) % 3)


def assert_same(found, expected):
    for one, other in zip(astuple(found), astuple(expected), strict=True):
        assert one == pytest.approx(other, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("n", [1, BLOCK - 1, BLOCK + 1, 3 * BLOCK + 7])
def test_the_elbo_is_the_same(two, three, n):
    model, split = VAE.dense(6, 5, 2), examples(n)
    expected = evaluate(model, split, Pixels("dynamic"), 3)
    for comm in (two, three):
        assert_same(comm.run(evaluate, model, split, Pixels("dynamic"), 3), expected)


@pytest.mark.parametrize("name", MODELS)
def test_the_elbo_of_every_model_is_the_same(two, name):
    model = MODELS[name]()
    expected = evaluate(model, examples(BLOCK + 30), Pixels("dynamic"))
    assert_same(two.run(evaluate, model, examples(BLOCK + 30), Pixels("dynamic")), expected)


def test_the_elbo_of_a_model_that_is_being_trained(two):
    trainer = make_training(comm=two)
    record = trainer.run_epoch()
    found = two.run(evaluate, trainer.model, examples(70), trainer.scaling)
    assert_same(found, evaluate(trainer.model, examples(70), trainer.scaling))
    assert record.held_out == trainer.validate.func(*trainer.validate.args)  # alone
    trainer.step()


@pytest.mark.parametrize("n", [1, GROUP - 1, GROUP + 1, 4 * GROUP, BLOCK + GROUP + 3])
@pytest.mark.parametrize("name", ["vae", "conditional", "learned sigma"])
def test_the_likelihood_is_the_same(two, three, n, name):
    model, split = MODELS[name](), examples(n)
    expected = log_likelihood(model, split, Pixels("dynamic"), 20, seed=2)
    for comm in (two, three):
        found = comm.run(log_likelihood, model, split, Pixels("dynamic"), 20, seed=2)
        assert_same(found, expected)


def test_a_small_memory_changes_nothing_but_rounding(two):
    model, split = MODELS["float64"](), examples(30)
    expected = log_likelihood(model, split, Pixels("none"), 50)
    found = two.run(log_likelihood, model, split, Pixels("none"), 50, memory=5000)
    assert_same(found, expected)


def test_a_large_dataset_is_sent_and_returned(two, nothing_left):
    """In shared memory, which ends with the last array that looks at it."""
    model, split = VAE.dense(600, 4, 2), examples(2000, 600)
    expected = evaluate(model, split, Pixels("dynamic"))
    assert_same(two.run(evaluate, model, split, Pixels("dynamic")), expected)


def test_with_many_draws_single_examples_are_shared_out(two):
    """More than `FEW_DRAWS`, so that two processes have work already for two examples."""
    model, split, sizes = VAE.dense(6, 5, 2), examples(5), []
    expected = log_likelihood(model, split, Pixels("dynamic"), FEW_DRAWS + 1, seed=2)
    real = model.encode
    model.encode = lambda x: sizes.append(len(x)) or real(x)
    log_likelihood(model, split, Pixels("dynamic"), FEW_DRAWS + 1, seed=2)
    assert sizes == [1] * 5
    del model.encode
    found = two.run(log_likelihood, model, split, Pixels("dynamic"), FEW_DRAWS + 1, seed=2)
    assert_same(found, expected)


@pytest.mark.parametrize("name", ["vae", "autoencoder", "conditional"])
def test_the_codes_are_the_same(two, name):
    model, split = MODELS[name](), examples(BLOCK + 30)
    expected = encode_split(model, split, Pixels("dynamic"), seed=3)
    found = two.run(encode_split, model, split, Pixels("dynamic"), seed=3)
    np.testing.assert_allclose(found.mu, expected.mu, rtol=1e-6)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert (found.logvar is None) == (name == "autoencoder")


@pytest.mark.parametrize("k", [None, 20])
@pytest.mark.parametrize("name", ["vae", "conditional", "iwae"])
def test_the_scores_are_the_same(two, name, k):
    model, split = MODELS[name](), examples(BLOCK + 30)
    expected = score_examples(model, split, Pixels("dynamic"), k, seed=3)
    found = two.run(score_examples, model, split, Pixels("dynamic"), k, seed=3)
    assert len(found.score) == BLOCK + 30
    np.testing.assert_allclose(found.score, expected.score, rtol=1e-6)
