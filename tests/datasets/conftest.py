"""What the tests of the datasets share: an empty cache, and small files of the MNIST family."""

import gzip
import hashlib

import numpy as np
import pytest

from npvae.datasets import places
from npvae.datasets.mnist import IdxSet


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder that does not exist yet, in place of the user's."""
    folder = tmp_path / "home" / "cache" / "npvae"
    monkeypatch.setattr(places, "cache_folder", lambda: folder)
    return folder


@pytest.fixture
def no_data_folder(monkeypatch):
    monkeypatch.delenv(places.VARIABLE, raising=False)


def idx(array):
    """Return an array of bytes as an IDX file."""
    lengths = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes()


@pytest.fixture
def small_files():
    """Four small files: 24 training and 6 test images of 2 x 3 pixels; pixel 0 is the number."""
    images = {"train": np.zeros((24, 2, 3), np.uint8), "t10k": np.zeros((6, 2, 3), np.uint8)}
    files = {}
    for part, array in images.items():
        array[:, 0, 0] = np.arange(len(array))
        labels = (7 * np.arange(len(array)) % 10).astype(np.uint8)
        files[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(idx(array))
        files[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(idx(labels))
    return files


@pytest.fixture
def make_set(small_files):
    """Return a function that makes the set of these files, with given mirrors."""

    def make(*mirrors):
        checksums = {
            name: f"sha256:{hashlib.sha256(content).hexdigest()}"
            for name, content in small_files.items()
        }
        return IdxSet("small", mirrors, checksums, tuple("0123456789"))

    return make
