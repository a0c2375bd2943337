"""Codes in files: what is written is read again."""

import numpy as np
import pytest

from npvae.evaluation.latent_space import Codes
from npvae.runs.codes import read_codes, write_codes

CLASSES = ("=1+1", "'quoted'", "-5", "two words")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ending", ["csv", "npz"])
def test_codes_and_labels_are_read_as_they_were(tmp_path, ending, dtype):
    rng = np.random.default_rng(0)
    mu, logvar = (rng.standard_normal((2, 7, 12)) * 1e-3).astype(dtype)
    labels = np.arange(7) % 4
    path = tmp_path / f"codes.{ending}"
    write_codes(path, Codes(mu, logvar, labels), np.arange(7), CLASSES)
    found = read_codes(path, 12)
    np.testing.assert_array_equal(found.mu.astype(dtype), mu)
    assert found.labels == [CLASSES[label] for label in labels]


def test_columns_may_be_in_any_order(tmp_path):
    path = tmp_path / "codes.csv"
    path.write_text("mu_1,label,logvar_0,mu_0\n1,a,9,0\n3,b,9,2\n")
    found = read_codes(path, 2)
    np.testing.assert_array_equal(found.mu, [[0, 1], [2, 3]])
    assert found.labels == ["a", "b"]
