import numpy as np
import pytest

from npvae import Dataset
from npvae.datasets import load_dataset
from npvae.datasets.user_arrays import read_npy, read_npz, understand_array
from npvae.errors import DataError, InputError
from npvae.storage.arrays import MappedArray

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (12, 4, 5), dtype=np.uint8)
UNIT = RNG.random((12, 4, 5))


@pytest.mark.parametrize(
    ("array", "kind", "shape", "dtype"),
    [
        (BYTES, "pixels", (4, 5), np.uint8),
        (BYTES.reshape(12, 20), "pixels", (20,), np.uint8),
        (np.zeros((12, 784), np.uint8), "pixels", (28, 28), np.uint8),
        (np.zeros((12, 4), np.uint8), "pixels", (4,), np.uint8),
        (BYTES[..., None], "pixels", (4, 5), np.uint8),
        (np.stack([BYTES] * 3, axis=-1), "pixels", (4, 5, 3), np.uint8),
        (BYTES > 100, "pixels", (4, 5), np.uint8),
        (BYTES.astype(">i4"), "pixels", (4, 5), np.uint8),
        (BYTES.astype(np.uint64), "pixels", (4, 5), np.uint8),
        (BYTES.astype(int) - 1, "real", (4, 5), np.int64),
        (BYTES.astype(int) + 1, "real", (4, 5), np.int64),
        (BYTES.reshape(12, 20).astype(int), "real", (20,), np.int64),
        (UNIT, "pixels", (4, 5), np.float64),
        (UNIT.astype(np.float16), "pixels", (4, 5), np.float16),
        (UNIT.reshape(12, 20), "real", (20,), np.float64),
        (UNIT - 0.5, "real", (4, 5), np.float64),
        (255 * UNIT, "real", (4, 5), np.float64),
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_an_array_means(tmp_path, array, kind, shape, dtype, order):
    np.save(tmp_path / "x.npy", np.asarray(array, order=order))
    examples = read_npy(tmp_path / "x.npy")
    assert (examples.kind, examples.shape, examples.x.dtype) == (kind, shape, dtype)
    expected = array * np.uint8(255) if array.dtype == bool else array
    np.testing.assert_array_equal(examples.x, expected.reshape(12, -1))
    assert examples.labels is None
    if kind == "real":
        assert "Gaussian" in examples.remarks[0]


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr("npvae.storage.arrays.LIMIT", 100)


def test_numbers_that_can_stay_as_they_are_stay_on_disk(tmp_path, little_memory):
    for array in (BYTES, UNIT, UNIT.reshape(12, 20), np.asfortranarray(UNIT.reshape(12, 20))):
        np.save(tmp_path / "x.npy", array)
        x = read_npy(tmp_path / "x.npy").x
        assert isinstance(x, MappedArray)
        assert np.shares_memory(x, x.base)
        del x


@pytest.mark.parametrize(
    ("array", "advice"),
    [
        (BYTES > 100, "uint8"),
        (BYTES.astype(int), "uint8"),
        (np.asfortranarray(UNIT), "ascontiguousarray"),
    ],
)
def test_numbers_that_would_be_copied_are_refused_where_they_are_many(
    tmp_path, little_memory, array, advice
):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=rf"x\.npy takes .+{advice}"):
        read_npy(tmp_path / "x.npy")


def test_big_endian_floats_keep_their_values(tmp_path):
    np.save(tmp_path / "x.npy", UNIT.astype(">f8"))
    examples = read_npy(tmp_path / "x.npy")
    assert examples.kind == "pixels"
    np.testing.assert_array_equal(examples.x, UNIT.reshape(12, 20))


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.zeros(12), "shape"),
        (np.zeros(()), "shape"),
        (np.zeros((12, 1, 1, 1, 1)), "shape"),
        (np.zeros((12, 0)), "shape"),
        (np.zeros((0, 12)), "shape"),
        (np.zeros((12, 2), complex), "complex128"),
        (np.full((12, 2), "text"), "type <U4"),
        (np.zeros((12, 2), "M8[s]"), "datetime64"),
        (np.zeros((12, 2), [("a", "i4")]), "'a'"),
        (np.full((12, 2), np.nan), "row 0, column 0"),
    ],
)
def test_arrays_that_are_no_examples(array, complaint):
    with pytest.raises(DataError, match=complaint):
        understand_array(array, "x.npy")


def test_an_index_is_remarked_on():
    """As in a .csv file; one that counts by accident, or not throughout, is not."""
    x = np.stack([UNIT.reshape(-1)[:12], np.arange(1, 13)], axis=1)
    for numbers in (x, x.astype(np.float32), (100 * x).astype(int) // 100, np.asfortranarray(x)):
        remark = understand_array(numbers, "x").remarks[-1]
        assert "1 (counted from 0)" in remark
        assert "from 1" in remark
    assert "'id'" in understand_array(x, "x", columns=("a", "id")).remarks[-1]
    assert "from" not in understand_array(x[:9], "x").remarks[-1]
    x[3:5, 1] = x[4:2:-1, 1]
    assert "from" not in understand_array(x, "x").remarks[-1]


def test_what_is_missing_is_counted(monkeypatch):
    monkeypatch.setattr("npvae.datasets.dataset.CHUNK_BYTES", 100)  # several chunks
    x = UNIT.reshape(12, 20).copy()
    x[[5, 5, 11], [2, 7, 0]] = np.nan
    with pytest.raises(DataError, match=r"3 values .+row 5, column 2"):
        understand_array(x, "x")
    with pytest.raises(DataError, match=r"3 values .+row 5 .+column '2!'"):
        understand_array(x, "x", columns=[f"{i}!" for i in range(20)])


def test_remarks_on_what_looks_odd():
    assert "28 x 28" in understand_array(np.full((12, 784), 9, np.uint8), "x").remarks[0]
    assert "bool" in understand_array(np.ones((12, 4, 5), np.uint8), "x").remarks[0]
    assert "moveaxis" in understand_array(np.full((12, 3, 8, 8), 9, np.uint8), "x").remarks[0]
    assert understand_array(BYTES, "x").remarks == ()


LABELS = np.arange(12) % 3


@pytest.mark.parametrize("x_name", ["x", "images", "data"])
@pytest.mark.parametrize("label_name", ["labels", "y"])
def test_npz_with_labels(tmp_path, x_name, label_name):
    np.savez(tmp_path / "x.npz", **{label_name: LABELS, x_name: BYTES, "notes": np.zeros(2)})
    examples = read_npz(tmp_path / "x.npz")
    np.testing.assert_array_equal(examples.x, BYTES.reshape(12, 20))
    np.testing.assert_array_equal(examples.labels, LABELS)
    assert "notes" in examples.remarks[-1]


def test_npz_with_a_single_array_of_any_name(tmp_path):
    np.savez(tmp_path / "x.npz", BYTES)
    assert read_npz(tmp_path / "x.npz").labels is None


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({}, "none"),
        ({"x_train": BYTES, "x_test": BYTES}, "x_train, x_test"),
        ({"x": BYTES, "images": BYTES}, "mean the same"),
        ({"x": BYTES, "labels": LABELS, "y": LABELS}, "mean the same"),
    ],
)
def test_npz_whose_names_do_not_say_what_is_what(tmp_path, arrays, complaint):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=complaint):
        read_npz(tmp_path / "x.npz")


# ---- missing values ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20, 6), (20, 2, 3)])
def test_rows_of_an_array_with_nan_are_left_out_or_filled_in(shape, rng):
    x = rng.normal(size=shape)
    x[3, ..., 1] = x[5, ..., 0] = np.nan
    left_out = Dataset.from_arrays(x, missing="drop")
    rows = np.concatenate([left_out.train.rows, left_out.validation.rows, left_out.test.rows])
    assert sorted(rows) == [i for i in range(20) if i not in (3, 5)]
    filled = Dataset.from_arrays(x, missing="mean")
    flat = x.reshape(20, -1)
    gaps = np.isnan(flat)
    means = np.nanmean(flat[filled.train.rows], axis=0)
    np.testing.assert_allclose(filled.train.x, np.where(gaps, means, flat))
    np.testing.assert_array_equal(filled.train.missing, gaps.sum(axis=1)[filled.train.rows])
    assert np.isnan(x).any()  # the user's own array is as it was
    x[0] = np.inf
    with pytest.raises(DataError, match=r"infinite|inf"):
        Dataset.from_arrays(x, missing="mean")


def test_what_is_missing_everywhere_cannot_be_filled_in(rng):
    x = rng.normal(size=(20, 3))
    x[:, 1] = np.nan
    with pytest.raises(DataError, match="column 1"):
        Dataset.from_arrays(x, missing="mean")
    with pytest.raises(DataError, match="0 examples without missing values"):
        Dataset.from_arrays(x, missing="drop")


def test_a_mapped_array_is_not_filled_in(tmp_path, monkeypatch, rng):
    monkeypatch.setattr("npvae.storage.arrays.LIMIT", 100)
    x = rng.normal(size=(20, 3))
    x[4, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(DataError, match=r"x\.npy.+--missing drop"):
        load_dataset(tmp_path / "x.npy", missing="mean", progress=False)
    data = load_dataset(tmp_path / "x.npy", missing="drop", progress=False)
    assert isinstance(data.train.x, np.memmap)
    assert len(data.train) + len(data.validation) + len(data.test) == 19


def test_options_of_missing_values_are_checked(tmp_path):
    with pytest.raises(InputError, match="refuse, drop or mean"):
        load_dataset(tmp_path / "x.npy", missing="median")
    np.save(tmp_path / "x.npy", np.eye(20))
    with pytest.raises(InputError, match="--drop"):
        load_dataset(tmp_path / "x.npy", drop=["0"])
    with pytest.raises(InputError, match="--missing"):
        load_dataset("glyphs", missing="mean")
