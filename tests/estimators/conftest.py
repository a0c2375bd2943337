"""Estimators that are fast to fit, and rows that lie near a line through six columns."""

import numpy as np
import pytest

from npvae.estimators import VAEOutlierDetector, VAETransformer

QUICK = {"n_components": 2, "hidden": (8,), "epochs": 3, "random_state": 0}


@pytest.fixture
def vae():
    return VAETransformer(**QUICK)


@pytest.fixture
def detector():
    return VAEOutlierDetector(**QUICK)


@pytest.fixture
def X(rng):
    """(60, 6) rows along a line, with a little noise."""
    return 10 + rng.normal(size=(60, 1)) * np.arange(1, 7) + 0.1 * rng.normal(size=(60, 6))


@pytest.fixture
def pixels(rng):
    """(60, 64) bytes, whose left or right half is bright."""
    left = np.tile(np.arange(8) < 4, 8)
    bright = np.where(rng.random((60, 1)) < 0.5, left, ~left)
    return (200 * bright + rng.integers(0, 50, (60, 64))).astype(np.uint8)
