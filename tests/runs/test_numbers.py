"""Examples as numbers: what a model returns, written as the user's table or as an array."""

import csv

import numpy as np
import pytest

from npvae import VAE, Dataset, scaling_for
from npvae.datasets.one_hot import expand
from npvae.runs.model_file import SavedModel
from npvae.runs.numbers import write_numbers

TEXTS = {"colour": ("blue", "red"), "sign": ("+", "-", "=1+1")}


@pytest.fixture
def saved(rng):
    """A model of a table with two text columns between numbers, and its examples in x."""
    columns = [rng.normal(10, 3, 40), rng.integers(0, 2, 40), rng.integers(0, 3, 40)]
    x, names = expand([*columns, rng.normal(size=40)], ["size", *TEXTS, "=w"], TEXTS)
    data = Dataset.from_arrays(x)
    model = VAE.dense(7, 5, 2, likelihood="gaussian")
    return SavedModel(model, scaling_for(data), (7,), columns=names, categories=TEXTS), x


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_a_table_comes_back_with_its_columns_and_texts(saved, tmp_path):
    saved, x = saved
    write_numbers(tmp_path / "x.csv", saved.scaling.encode(x, dtype=np.float64), saved)
    header, *rows = read_csv(tmp_path / "x.csv")
    assert header == ["size", "colour", "sign", "'=w"]  # which a spreadsheet would evaluate
    for row, found in zip(x, rows, strict=True):
        np.testing.assert_allclose([float(found[0]), float(found[3])], row[[0, 6]])
        assert found[1] == TEXTS["colour"][int(row[2])]
        assert found[2].lstrip("'") == TEXTS["sign"][int(row[3:6].argmax())]


def test_an_array_keeps_one_hot_columns(saved, tmp_path):
    saved, x = saved
    write_numbers(tmp_path / "x.npy", saved.scaling.encode(x, dtype=np.float64), saved)
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), x, atol=1e-12)


def test_labels_are_the_last_column_or_an_array(saved, tmp_path):
    saved, x = saved
    two = saved.scaling.encode(x[:2])
    write_numbers(tmp_path / "x.csv", two, saved, ["a", "=b"])
    header, *rows = read_csv(tmp_path / "x.csv")
    assert header[-1] == "label"
    assert [row[-1] for row in rows] == ["a", "'=b"]
    write_numbers(tmp_path / "x.npz", two, saved, ["a", "=b"])
    arrays = np.load(tmp_path / "x.npz")
    assert (arrays["x"].shape, list(arrays["y"])) == ((2, 7), ["a", "=b"])


def test_without_names_there_is_no_header(saved, tmp_path):
    model, x = saved
    plain = SavedModel(model.model, model.scaling, (7,))
    write_numbers(tmp_path / "x.csv", model.scaling.encode(x[:3]), plain)
    assert np.shape(read_csv(tmp_path / "x.csv")) == (3, 7)
