"""DataFrames of pandas and polars, and Parquet files."""

import datetime
import sys

import numpy as np
import pytest

from npvae import DataError, Dataset, InputError
from npvae.datasets import load_dataset

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

N = 40
COLOURS = ["red", "blue", "green", "red"]
TABLE = {
    "size": np.linspace(0, 1, N),
    "colour": COLOURS * (N // 4),
    "count": [3, 1, 4, 1] * (N // 4),
    "new": [True, False] * (N // 2),
}
COLUMNS = ("size", "colour=blue", "colour=green", "colour=red", "count", "new=False", "new=True")
LIBRARIES = [pandas, polars]


@pytest.fixture(params=LIBRARIES, ids=["pandas", "polars"])
def frame(request):
    """Return a function that makes a DataFrame of some columns."""
    return request.param.DataFrame


def everything(data):
    """Return all examples in the order of their rows."""
    return data.train.x


# ---- columns -------------------------------------------------------------------------------------


def test_text_and_booleans_become_one_hot_in_place(frame):
    data = Dataset.from_arrays(frame(TABLE))
    assert (data.columns, data.kind) == (COLUMNS, "real")
    assert dict(data.categories) == {
        "colour": ("blue", "green", "red"),
        "new": ("False", "True"),
    }
    np.testing.assert_array_equal(everything(data)[0], [0, 0, 0, 1, 3, 0, 1])
    np.testing.assert_array_equal(everything(data)[:, 0], TABLE["size"])
    assert "colour (3)" in data.remark


def test_a_frame_of_numbers_is_interpreted_like_an_array(frame):
    x = np.random.default_rng(0).normal(size=(N, 3))
    data = Dataset.from_arrays(frame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2]}))
    np.testing.assert_array_equal(everything(data), x)
    assert data.columns == ("a", "b", "c")
    bits = np.arange(N) % 2 == 0
    assert Dataset.from_arrays(frame({"a": bits, "b": ~bits})).kind == "pixels"


def test_labels_are_a_column_of_the_frame(frame):
    data = Dataset.from_arrays(frame(TABLE), labels="colour")
    assert data.classes == ("blue", "green", "red")
    assert "colour" not in data.categories
    assert data.classes[data.train.labels[0]] == COLOURS[data.train.rows[0] % 4]


def test_nullable_types_and_categories_of_pandas():
    columns = {
        "whole": pandas.array([1, 2] * 20, dtype="Int64"),
        "real": pandas.array([0.5, 1.5] * 20, dtype="Float64"),
        "truth": pandas.array([True, False] * 20, dtype="boolean"),
        "grade": pandas.Categorical([3, 1] * 20),
        "text": pandas.array(["a", "b"] * 20, dtype="string"),
    }
    data = Dataset.from_arrays(pandas.DataFrame(columns, index=range(100, 140)))
    assert dict(data.categories) == {
        "truth": ("False", "True"),
        "grade": ("1", "3"),
        "text": ("a", "b"),
    }
    np.testing.assert_array_equal(everything(data)[0], [1, 0.5, 0, 1, 0, 1, 1, 0])


def test_categories_of_polars():
    columns = [
        polars.Series("a", ["x", "y"] * 20, dtype=polars.Categorical),
        polars.Series("b", ["u", "v"] * 20, dtype=polars.Enum(["v", "u"])),
        polars.Series("c", ["1.5", "2.5"] * 20).cast(polars.Decimal(4, 1)),
    ]
    data = Dataset.from_arrays(polars.DataFrame(columns))
    assert dict(data.categories) == {"a": ("x", "y"), "b": ("u", "v")}
    np.testing.assert_array_equal(everything(data)[0], [1, 0, 1, 0, 1.5])


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([datetime.date(2024, 1, day % 28 + 1) for day in range(N)], "dates"),
        ([f"name {i}" for i in range(N)], "40 different texts"),
        (["x" * 200, "y"] * (N // 2), "100 characters"),
        ([0.0, np.inf] * (N // 2), "inf"),
    ],
)
def test_columns_that_are_neither_numbers_nor_few_texts_are_named(frame, values, complaint):
    for others in ({"size": TABLE["size"]}, {"colour": TABLE["colour"]}):
        with pytest.raises(DataError, match=rf"odd.*{complaint}|{complaint}.*odd"):
            Dataset.from_arrays(frame({**others, "odd": values}))


def test_mixed_types_and_dates_of_pandas_are_named():
    for values, complaint in (
        ([1, "a"] * 20, "number, text"),
        ([True, 2] * 20, "boolean, number"),
        ([[1], [2]] * 20, "list"),
        (pandas.to_datetime(["2024-01-01"] * N), "dates"),
    ):
        with pytest.raises(DataError, match=f"'odd'.+{complaint}"):
            Dataset.from_arrays(pandas.DataFrame({"a": TABLE["size"], "odd": values}))
    twice = pandas.DataFrame(np.zeros((N, 2)), columns=["a", "a"])
    with pytest.raises(DataError, match="several columns are called 'a'"):
        Dataset.from_arrays(twice)
    with pytest.raises(DataError, match="label column"):
        Dataset.from_arrays(pandas.DataFrame({"y": TABLE["count"]}), labels="y")


# ---- missing values ------------------------------------------------------------------------------


def with_gaps(frame):
    colours = [*COLOURS[:3], None] * (N // 4)
    return frame({"size": [None, *TABLE["size"][1:]], "colour": colours})


def test_missing_values_are_refused_counted_and_placed(frame):
    with pytest.raises(DataError, match=r"11 values are missing.+row 0 .+'size'.+missing"):
        Dataset.from_arrays(with_gaps(frame))


def test_rows_with_missing_values_are_left_out(frame):
    data = Dataset.from_arrays(with_gaps(frame), missing="drop")
    rows = np.concatenate([data.train.rows, data.validation.rows, data.test.rows])
    assert sorted(rows) == [i for i in range(1, N) if i % 4 != 3]
    assert "11 of 40 rows" in data.remark
    assert data.train.missing is None


def test_missing_values_are_filled_in_with_means_of_the_training_part(frame):
    data = Dataset.from_arrays(with_gaps(frame), missing="mean")
    known = [i for i in data.train.rows if i % 4 != 3]
    frequencies = [np.mean([i % 4 == place for i in known]) for place in (1, 2, 0)]
    np.testing.assert_allclose(everything(data)[3, 1:], frequencies)
    sizes = [i for i in data.train.rows if i != 0]
    np.testing.assert_allclose(everything(data)[0, 0], TABLE["size"][sizes].mean())
    np.testing.assert_array_equal(data.means[1:], everything(data)[3, 1:])
    for part in (data.train, data.validation, data.test):
        expected = (part.rows % 4 == 3).astype(int) + (part.rows == 0)
        np.testing.assert_array_equal(part.missing, expected)
        np.testing.assert_array_equal(part.only(slice(2)).missing, expected[:2])


def test_missing_values_of_pandas_are_all_alike():
    for gap in (None, np.nan, pandas.NA, pandas.NaT):
        colours = pandas.Series([*COLOURS[:3], gap] * (N // 4), dtype=object)
        frame = pandas.DataFrame({"size": TABLE["size"], "colour": colours})
        assert len(Dataset.from_arrays(frame, missing="drop").train) == 24
    whole = pandas.array([1, None] * (N // 2), dtype="Int64")
    frame = pandas.DataFrame({"size": TABLE["size"], "whole": whole})
    assert everything(Dataset.from_arrays(frame, missing="mean"))[1, 1] == 1


def test_labels_may_be_missing_only_where_rows_are_left_out(frame):
    table = frame({"size": TABLE["size"], "kind": ["a", "b", "a", None] * (N // 4)})
    data = Dataset.from_arrays(table, labels="kind", missing="drop")
    assert data.classes == ("a", "b")
    assert not np.isin(3, data.train.rows % 4)
    for missing in ("refuse", "mean"):
        with pytest.raises(DataError, match=r"10 labels are missing.+row 3"):
            Dataset.from_arrays(table, labels="kind", missing=missing)


def test_a_column_without_values_is_named(frame):
    table = frame({"size": TABLE["size"], "empty": [None] * N})
    with pytest.raises(DataError, match="'empty' has no values"):
        Dataset.from_arrays(table, missing="mean")


@pytest.mark.parametrize("name", ["id", "Index", ""])
@pytest.mark.parametrize("others", [TABLE, {"size": TABLE["size"]}], ids=["texts", "numbers"])
def test_an_index_column_is_left_out_as_in_a_csv_file(frame, name, others):
    data = Dataset.from_arrays(frame({name: range(1, N + 1), **others}))
    assert data.columns == (COLUMNS if len(others) > 1 else ("size",))
    assert "index" in data.remark


def test_a_column_named_like_an_index_that_does_not_count_is_used(frame):
    gaps = [*range(N - 1), 2 * N]
    data = Dataset.from_arrays(frame({"id": gaps, "size": TABLE["size"]}))
    assert data.columns == ("id", "size")
    assert "'id'" in data.remark
    with pytest.raises(DataError, match=r"column 0 .+index=False"):
        Dataset.from_arrays(frame({"": gaps, "size": TABLE["size"]}))
    with pytest.raises(DataError, match="index column"):
        Dataset.from_arrays(frame({"id": range(N)}))


# ---- Parquet files -------------------------------------------------------------------------------


def write_parquet(path):
    polars.DataFrame({"id": range(N), **TABLE, "species": ["u", "v"] * (N // 2)}).write_parquet(
        path
    )


@pytest.mark.parametrize("without", [(), ("pandas",)], ids=["pandas", "polars"])
def test_a_parquet_file_is_read_like_a_table(tmp_path, monkeypatch, without):
    if not without:
        pytest.importorskip("pyarrow")
    write_parquet(tmp_path / "own.parquet")
    for name in without:
        monkeypatch.setitem(sys.modules, name, None)
    data = load_dataset(tmp_path / "own.parquet", label_column="species")
    assert data.columns == COLUMNS
    assert "'id'" in data.remark
    assert data.classes == ("u", "v")
    np.testing.assert_array_equal(everything(data)[:, 0], TABLE["size"])
    with pytest.raises(InputError, match="no column 'nothing'"):
        load_dataset(tmp_path / "own.parquet", drop=["nothing"])


def test_without_a_library_it_is_said_what_to_install(tmp_path, monkeypatch):
    write_parquet(tmp_path / "own.parquet")
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"own\.parquet.+pyarrow.+polars.+pip install"):
        load_dataset(tmp_path / "own.parquet")


@pytest.mark.parametrize("without", [(), ("pandas",)], ids=["pandas", "polars"])
def test_a_damaged_parquet_file_is_refused(tmp_path, monkeypatch, without):
    write_parquet(tmp_path / "own.parquet")
    for name in without:
        monkeypatch.setitem(sys.modules, name, None)
    content = (tmp_path / "own.parquet").read_bytes()
    for damaged in (b"", content[:-9], b"PAR1" + content[:100]):
        (tmp_path / "own.parquet").write_bytes(damaged)
        with pytest.raises(DataError, match=r"own\.parquet"):
            load_dataset(tmp_path / "own.parquet")


def test_a_parquet_file_cannot_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("npvae.datasets.user_frames.LARGEST", 1000)
    write_parquet(tmp_path / "own.parquet")
    with pytest.raises(DataError, match="1000"):
        load_dataset(tmp_path / "own.parquet")
