import os
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from npvae.datasets import load_dataset, split_by_seed
from npvae.errors import DataError, InputError

N = 50
X = np.arange(2 * N, dtype=float).reshape(N, 2)
LABELS = np.arange(N) * 7 % 5


def save_npy(folder):
    np.save(folder / "own.npy", X)
    return folder / "own.npy"


def save_npz(folder):
    np.savez(folder / "own.npz", x=X, y=LABELS)
    return folder / "own.npz"


def save_csv(folder):
    lines = [f"{a},{b},{label}" for (a, b), label in zip(X, LABELS, strict=True)]
    (folder / "own.csv").write_text("\n".join(["a,b,y", *lines]))
    return folder / "own.csv"


@pytest.mark.parametrize("save", [save_npy, save_npz, save_csv])
def test_parts_follow_the_seed_and_labels_stay_with_their_examples(tmp_path, save):
    path = save(tmp_path)
    data = load_dataset(path, seed=3)
    expected = split_by_seed(N, 3)
    for part, rows in zip((data.train, data.validation, data.test), expected, strict=True):
        np.testing.assert_array_equal(part.rows, rows)
        np.testing.assert_array_equal(part.take(slice(None)), X[rows])
        if save is not save_npy:
            np.testing.assert_array_equal(part.labels, LABELS[rows])
    assert (data.kind, data.shape, data.name) == ("real", (2,), str(path))
    assert "Gaussian" in data.remark
    assert data.classes == (() if save is save_npy else tuple("01234"))
    assert data.columns == (("a", "b") if save is save_csv else ())
    assert not np.array_equal(load_dataset(path, seed=4).test.rows, expected[2])


def test_images(tmp_path):
    for i in range(20):
        folder = tmp_path / ("odd" if i % 2 else "even")
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.full((3, 4), i, np.uint8)).save(folder / f"{i:02}.png")
    data = load_dataset(str(tmp_path))
    assert (data.classes, data.shape, data.kind) == (("even", "odd"), (3, 4), "pixels")
    for part in (data.train, data.validation, data.test):
        np.testing.assert_array_equal(part.take(slice(None))[:, 0] % 2, part.labels)


def test_validation_takes_from_the_training_part_only(tmp_path):
    path = save_npy(tmp_path)
    usual = load_dataset(path)
    for n in (0, 1, 20, 44):
        data = load_dataset(path, validation=n)
        assert (len(data.train), len(data.validation), len(data.test)) == (45 - n, n, 5)
        np.testing.assert_array_equal(data.test.rows, usual.test.rows)
        rows = np.concatenate([data.train.rows, data.validation.rows, data.test.rows])
        np.testing.assert_array_equal(np.sort(rows), np.arange(N))
    for n in (-1, 45):
        with pytest.raises(InputError, match=rf"validation .+ is {n}"):
            load_dataset(path, validation=n)


def test_a_large_npy_file_is_never_in_memory(tmp_path, monkeypatch):
    """A file of 200 MB, of which a few megabytes at a time are looked at."""
    monkeypatch.setattr("npvae.storage.arrays.LIMIT", 1 << 20)
    path = tmp_path / "large.npy"
    big = np.lib.format.open_memmap(path, "w+", np.uint8, (2_000, 100_000))
    big[1_999, 0] = 77
    del big
    tracemalloc.start()
    try:
        data = load_dataset(path, progress=False)
        batch = data.train.take(np.arange(64))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert batch.shape == (64, 100_000)
    assert not isinstance(batch, np.memmap)
    assert peak < 60e6
    assert isinstance(data.train.x, np.memmap)


@pytest.mark.parametrize("n", [1, 9])
def test_too_few_examples(tmp_path, n):
    np.save(tmp_path / "few.npy", X[:n])
    with pytest.raises(DataError, match=f"{n} examples; at least 10"):
        load_dataset(tmp_path / "few.npy")


def test_ten_are_enough(tmp_path):
    np.save(tmp_path / "few.npy", X[:10])
    data = load_dataset(tmp_path / "few.npy")
    assert (len(data.train), len(data.validation), len(data.test)) == (8, 1, 1)


def test_refused_arguments(tmp_path):
    path = save_npy(tmp_path)
    with pytest.raises(InputError, match=r"label_column .+ \.csv"):
        load_dataset(path, label_column="y")
    with pytest.raises(InputError, match="seed is -1"):
        load_dataset(path, seed=-1)
    with pytest.raises(InputError, match=r"n_train and n_test .+ glyphs"):
        load_dataset(path, n_train=5)
    (tmp_path / "own.mat").write_bytes(b"MATLAB")
    with pytest.raises(InputError, match=r"own\.mat .+\.npy, \.npz, \.csv"):
        load_dataset(tmp_path / "own.mat")


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME" if os.name != "nt" else "USERPROFILE", str(tmp_path))
    save_npy(tmp_path)
    assert len(load_dataset("~/own.npy").train) == 40
