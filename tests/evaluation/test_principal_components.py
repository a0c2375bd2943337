"""Principal components: the exact ones, and the errors that they leave."""

import numpy as np
import pytest

from npvae import VAE, InputError, Pixels, Standardized
from npvae.datasets.dataset import whole
from npvae.evaluation import elbo as evaluation
from npvae.evaluation.principal_components import principal_components

PLAIN = Standardized(np.zeros(30), np.ones(30))


def table(n=200, seed=0):
    """Numbers whose spread falls slowly from column to column, in a rotated space."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(np.random.default_rng(9).standard_normal((30, 30)))[0]
    return whole((rng.standard_normal((n, 30)) * np.linspace(3, 1, 30)) @ turn + 5)


def gaussian(n_z):
    return VAE.dense(30, 4, n_z, likelihood="gaussian", dtype=np.float64)


@pytest.mark.parametrize("n_z", [1, 3, 15, 40])
def test_the_errors_are_those_of_the_exact_components(monkeypatch, n_z):
    monkeypatch.setattr(evaluation, "BLOCK", 64)
    train, test = table(), table(50, seed=1)
    found = principal_components(gaussian(n_z), train, PLAIN)
    mean = train.x.mean(axis=0)
    exact = np.linalg.svd(train.x - mean, full_matrices=False)[2][:n_z]
    away = test.x - mean
    expected = ((away - away @ exact.T @ exact) ** 2).sum(axis=1)
    errors = found.errors(gaussian(n_z), test, PLAIN)
    np.testing.assert_allclose(errors, expected, rtol=0.05, atol=1e-12)
    within = ((train.x - found.reconstruct(train.x)) ** 2).sum()
    best = ((train.x - mean - (train.x - mean) @ exact.T @ exact) ** 2).sum()
    assert best - 1e-9 <= within <= best * 1.001 + 1e-9


def test_the_directions_are_orthonormal_and_fall_in_variance():
    train = table()
    found = principal_components(gaussian(5), train, PLAIN)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(5), atol=1e-12)
    variance = ((train.x - found.mean) @ found.directions.T).var(axis=0)
    assert (np.diff(variance) < 0).all()


def test_the_pixels_are_those_of_the_scores():
    rows = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
    model, split = VAE.dense(30, 4, 30), whole(rows)
    found = principal_components(model, split, Pixels("dynamic"), seed=2)
    drawn = evaluation.block_of(model, split, Pixels("dynamic"), 2, 0)[0]
    np.testing.assert_allclose(found.mean, drawn.mean(axis=0), rtol=1e-6)
    # all 30 directions are kept, so that nothing is lost
    np.testing.assert_allclose(found.errors(model, split, Pixels("dynamic"), seed=2), 0, atol=1e-20)


def test_no_examples():
    with pytest.raises(InputError, match="no examples"):
        principal_components(gaussian(2), table().only(slice(0, 0)), PLAIN)
