"""What a command on a trained run works on: the run's own data, a named dataset, or a new file."""

import csv
import shutil

import numpy as np
import pytest

from npvae import DataError, InputError
from npvae.runs.building import build_model, build_scaling, load_data, resolve
from npvae.runs.config import read_config
from npvae.runs.folder import RunFolder
from npvae.runs.model_file import SavedModel
from npvae.runs.selection import select
from npvae.runs.settings import Settings

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 4, 5), dtype=np.uint8)
NUMBERS = RNG.normal(10, 3, (40, 3)).round(3)
HEADER = ("height", "width", "depth")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every test works in a folder of its own."""
    monkeypatch.chdir(tmp_path)


def write_csv(path, header, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows] if header else rows)


def write_flowers(path="flowers.csv", n=40, start=0):
    """Write numbers with a column of labels: a, b, c, a, ..."""
    rows = [[*NUMBERS[i], "abc"[i % 3]] for i in range(start, start + n)]
    write_csv(path, [*HEADER, "species"], rows)


def run_of(data, **options):
    """Return the folder of an untrained run on these data, and its model."""
    settings = Settings(data=data, latent=2, hidden=(5,), seed=3, **options)
    dataset = load_data(settings, progress=False)
    settings = resolve(settings, dataset)
    folder = RunFolder.create("run", dataset.name)
    folder.write_config(settings, dataset, 0)
    model = build_model(settings, dataset, np.random.default_rng(0))
    return folder, SavedModel(model, build_scaling(settings, dataset), dataset.shape)


def flowers(**options):
    write_flowers()
    return run_of("flowers.csv", label_column="species", **options)


# ---- the run's own data --------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_without_data_it_is_a_part_of_the_runs_own(part):
    folder, saved = flowers()
    found, own = select(folder, saved, part=part), getattr(folder.load_data(), part)
    assert np.array_equal(found.split.rows, own.rows)
    assert found.is_own
    assert part in found.words
    assert found.classes == ("a", "b", "c")


def test_own_data_at_a_new_place_are_recognised():
    folder, saved = flowers()
    shutil.copy("flowers.csv", "moved.csv")
    assert select(folder, saved, "moved.csv").is_own
    assert select(folder, saved, str(folder.settings().data)).is_own
    assert len(select(folder, saved, "moved.csv", "validation").split) == 4


@pytest.mark.parametrize("missing", ["refuse", "mean"])
@pytest.mark.parametrize("without", [("name",), ("species",), ("name", "species")])
def test_own_data_may_lack_the_labels_and_what_was_dropped(without, missing):
    rows = [[f"n{i}", *NUMBERS[i], "xyz"[i % 3], "abc"[i % 3]] for i in range(40)]
    header = ["name", *HEADER, "colour", "species"]
    write_csv("own.csv", header, rows)
    folder, saved = run_of("own.csv", drop=("name",), label_column="species", missing=missing)
    own = folder.load_data()
    kept = [i for i, name in enumerate(header) if name not in without]
    write_csv("less.csv", [header[i] for i in kept], [[row[i] for i in kept] for row in rows])
    found = select(folder, saved, "less.csv")
    assert found.is_own
    assert np.array_equal(found.split.take(slice(None)), own.test.take(slice(None)))
    assert (found.split.labels is None) == ("species" in without)
    shutil.move("less.csv", "own.csv")
    again = folder.load_data()
    assert np.array_equal(again.train.rows, own.train.rows)
    assert again.remark == own.remark


def test_own_table_saved_as_parquet_is_recognised():
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    rows = [[i, *NUMBERS[i], "xyz"[i % 3], "abc"[i % 3]] for i in range(40)]
    write_csv("own.csv", ["id", *HEADER, "colour", "species"], rows)
    folder, saved = run_of("own.csv", label_column="species")
    assert "id" not in folder.columns()
    pandas.read_csv("own.csv").to_parquet("own.parquet")
    found = select(folder, saved, "own.parquet")
    assert found.is_own
    assert np.array_equal(found.split.rows, folder.load_data().test.rows)


def test_own_data_that_have_changed_are_refused_unless_they_are_given_as_new():
    folder, saved = flowers()
    write_flowers(n=39)
    with pytest.raises(DataError, match=r"flowers\.csv"):
        select(folder, saved)
    found = select(folder, saved, "flowers.csv")
    assert not found.is_own
    assert len(found.split) == 39


def test_named_datasets_have_parts_of_their_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    from npvae.datasets import load_dataset
    from npvae.runs import selection

    def few(name, **how):
        return load_dataset(name, n_train=60, n_test=10, **how)

    monkeypatch.setattr(selection, "load_dataset", few)
    np.save("digits.npy", RNG.integers(0, 256, (40, 28, 28), dtype=np.uint8))
    folder, saved = run_of("digits.npy")
    found = select(folder, saved, "glyphs")
    assert len(found.split) == 10
    assert "glyphs" in found.words
    assert not found.is_own
    assert found.classes == tuple("0123456789")
    assert len(select(folder, saved, "glyphs", "validation").split) == 5


# ---- new data ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 7])
def test_all_examples_of_a_new_file_are_taken_in_order(n):
    np.save("own.npy", PIXELS)
    folder, saved = run_of("own.npy")
    np.save("new.npy", PIXELS[::-1][:n])
    found = select(folder, saved, "new.npy")
    assert np.array_equal(found.split.take(slice(None)), PIXELS[::-1][:n].reshape(n, -1))
    assert np.array_equal(found.split.rows, np.arange(n))
    assert found.split.labels is None
    assert "new.npy" in found.words
    assert not found.is_own


@pytest.mark.parametrize("n", [1, 6])
def test_labels_of_a_new_table_are_those_of_the_run(n):
    folder, saved = flowers()
    write_flowers("new.csv", n, start=1)  # b, c, a, ...
    found = select(folder, saved, "new.csv")
    assert [found.classes[label] for label in found.split.labels] == list("bcabca")[:n]
    assert found.classes == ("a", "b", "c")


@pytest.mark.parametrize("column", ["species", 3, -1])
def test_a_new_table_needs_no_labels(column):
    write_flowers()
    folder, saved = run_of("flowers.csv", label_column=str(column))
    write_csv("new.csv", HEADER, NUMBERS[:5])
    found = select(folder, saved, "new.csv")
    assert found.split.labels is None
    assert np.array_equal(found.split.take(slice(None)), NUMBERS[:5])


def test_new_labels_are_welcome_unless_the_model_is_conditional():
    folder, saved = flowers()
    write_csv("new.csv", [*HEADER, "species"], [[*NUMBERS[0], "c"], [*NUMBERS[1], "odd"]])
    found = select(folder, saved, "new.csv")
    assert found.classes == ("a", "b", "c", "odd")
    assert found.split.labels.tolist() == [2, 3]
    shutil.rmtree("run")
    folder, saved = flowers(conditional=True)
    with pytest.raises(DataError, match=r"odd.*a, b, c"):
        select(folder, saved, "new.csv")


# ---- tables with text, and with missing values ---------------------------------------------------

PEOPLE = ["size", "colour", "age", "name"]


def write_people(path="people.csv", n=40, start=0, gaps=(), colours=("red", "blue")):
    """Write rows of numbers and texts with a name for each; in rows of `gaps` two are missing."""
    rows = [
        [*NUMBERS[i, :1], colours[i % len(colours)], NUMBERS[i, 1], f"person {i}"]
        for i in range(start, start + n)
    ]
    for i in gaps:
        rows[i][1:3] = "", "NA"
    write_csv(path, PEOPLE, rows)


def test_texts_of_new_data_have_the_places_of_the_training():
    write_people()
    folder, saved = run_of("people.csv", drop=("name",))
    write_people("new.csv", 1, start=4)  # red alone
    found = select(folder, saved, "new.csv")
    expected = [[NUMBERS[4, 0], 0, 1, NUMBERS[4, 1]]]
    np.testing.assert_array_equal(found.split.take(slice(None)), expected)
    write_csv("new.csv", PEOPLE[:3], [[1, "blue", 2]])  # what was left out may be absent
    np.testing.assert_array_equal(select(folder, saved, "new.csv").split.x, [[1, 1, 0, 2]])
    write_people("new.csv", 3, colours=("red", "green"))
    with pytest.raises(DataError, match=r"line 3, column 'colour'.+'green'.+blue, red"):
        select(folder, saved, "new.csv")


def test_missing_values_of_new_data_are_filled_in_with_the_means_of_the_training():
    write_people(gaps=(3, 8))
    folder, saved = run_of("people.csv", drop=("name",), missing="mean")
    data = folder.load_data()
    means = read_config(folder / "config.json")["data"]["means"]
    assert means == data.means.tolist()
    write_people("new.csv", 5, gaps=(2,))
    found = select(folder, saved, "new.csv")
    np.testing.assert_array_equal(found.split.x[2], [NUMBERS[2, 0], *means[1:]])
    assert found.missing.tolist() == found.split.missing.tolist() == [0, 0, 2, 0, 0]
    own = select(folder, saved, part="train")
    np.testing.assert_array_equal(own.missing, 2 * np.isin(own.split.rows, [3, 8]))
    shutil.copy("people.csv", "moved.csv")
    assert select(folder, saved, "moved.csv").is_own


def test_rows_of_new_data_keep_their_numbers_where_others_are_left_out():
    write_people(gaps=(3, 8))
    folder, saved = run_of("people.csv", drop=("name",), missing="drop")
    write_people("new.csv", 5, gaps=(0, 2))
    found = select(folder, saved, "new.csv")
    assert found.split.rows.tolist() == [1, 3, 4]
    np.testing.assert_array_equal(found.split.take(slice(None))[:, 0], NUMBERS[[1, 3, 4], 0])
    assert "2 rows" in found.words
    assert found.missing is None
    shutil.copy("people.csv", "moved.csv")
    assert select(folder, saved, "moved.csv").is_own
    write_people("new.csv", 2, gaps=(0, 1))
    with pytest.raises(DataError, match="no examples without missing values"):
        select(folder, saved, "new.csv")


def test_a_run_that_refuses_missing_values_refuses_them_in_new_data():
    write_people()
    folder, saved = run_of("people.csv", drop=("name",))
    write_people("new.csv", 5, gaps=(2,))
    with pytest.raises(DataError, match=r"new\.csv: 2 values.+line 4, column 'colour'"):
        select(folder, saved, "new.csv")


def test_a_table_of_the_run_may_come_as_another_kind_of_file():
    polars = pytest.importorskip("polars")
    write_people()
    folder, saved = run_of("people.csv", drop=("name",))
    frame = polars.read_csv("people.csv")
    frame.write_parquet("same.parquet")
    assert select(folder, saved, "same.parquet").is_own
    frame[:3].write_parquet("new.parquet")
    assert len(select(folder, saved, "new.parquet").split) == 3
    odd = frame[:3].with_columns(polars.Series("colour", ["red", "pink", "red"]))
    odd.write_parquet("new.parquet")
    with pytest.raises(DataError, match=r"'colour'.+'pink' in row 1.+blue, red"):
        select(folder, saved, "new.parquet")


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        (["size", "age"], "no column 'colour'"),
        (["size", "colour", "age", "weight"], "column 'weight'.+leave it out"),
        (["colour", "size", "age"], "colour, size, age.+order"),
        (None, "header"),
    ],
)
def test_other_columns_than_those_of_the_table_are_refused(header, complaint):
    write_people()
    folder, saved = run_of("people.csv", drop=("name",))
    rows = [["red" if name == "colour" else 1.5 for name in header or PEOPLE[:3]]] * 2
    write_csv("new.csv", header, rows)
    with pytest.raises(DataError, match=complaint):
        select(folder, saved, "new.csv")


def test_a_filtered_index_of_pandas_is_no_column():
    write_flowers()
    folder, saved = run_of("flowers.csv", label_column="species")
    rows = [[7 * i, *NUMBERS[i], "a"] for i in range(3)]
    for name in ("", "id", "Unnamed: 0"):
        write_csv("new.csv", [name, *HEADER, "species"], rows)
        np.testing.assert_array_equal(select(folder, saved, "new.csv").split.x, NUMBERS[:3])


def test_a_table_without_header_needs_as_many_columns():
    rows = [[*NUMBERS[i], i % 3] for i in range(40)]
    write_csv("own.csv", None, rows)
    folder, saved = run_of("own.csv", label_column="3")
    write_csv("new.csv", None, rows[:4])
    assert select(folder, saved, "new.csv").split.labels.tolist() == [0, 1, 2, 0]
    write_csv("new.csv", None, NUMBERS[:4])
    assert select(folder, saved, "new.csv").split.labels is None
    write_csv("new.csv", None, NUMBERS[:4, :2])
    with pytest.raises(DataError, match=r"2 columns.+3 columns"):
        select(folder, saved, "new.csv")


def test_real_images_stay_real_even_if_they_could_be_pixels():
    images = RNG.normal(0, 1, (40, 3, 4))
    np.save("own.npy", images)
    folder, saved = run_of("own.npy")
    np.save("new.npy", RNG.random((2, 3, 4)))
    assert select(folder, saved, "new.npy").split.x.dtype == np.float64


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "found", "expected"),
    [
        (PIXELS[:, :, :4], "4 x 4", "4 x 5"),
        (PIXELS.astype(float), "real", "4 x 5 pixels"),
        (PIXELS[0], "5 pixels", "4 x 5"),
    ],
)
def test_another_form_is_refused(new, found, expected):
    np.save("own.npy", PIXELS)
    folder, saved = run_of("own.npy")
    np.save("new.npy", new)
    with pytest.raises(DataError, match=f"{found}.*{expected}"):
        select(folder, saved, "new.npy")


def test_other_columns_are_refused():
    folder, saved = flowers()
    write_csv("new.csv", [HEADER[1], HEADER[0], HEADER[2]], NUMBERS[:5])
    with pytest.raises(DataError, match=r"width, height.*height, width"):
        select(folder, saved, "new.csv")
    write_csv("new.csv", HEADER[:2], NUMBERS[:5, :2])
    with pytest.raises(DataError, match="depth"):
        select(folder, saved, "new.csv")


def test_probabilities_stay_between_0_and_1():
    np.save("own.npy", RNG.random((40, 3)))
    folder, saved = run_of("own.npy", likelihood="bernoulli")
    np.save("new.npy", RNG.random((5, 3)) * 2)
    with pytest.raises(DataError, match=r"\[0, 1\]"):
        select(folder, saved, "new.npy")


def test_what_does_not_exist_is_refused():
    folder, saved = flowers()
    with pytest.raises(InputError, match=r"nowhere\.csv"):
        select(folder, saved, "nowhere.csv")
    with pytest.raises(InputError, match="tests"):
        select(folder, saved, part="tests")
    write_flowers("new.csv", 5)
    with pytest.raises(InputError, match="--part validation"):
        select(folder, saved, "new.csv", "validation")
