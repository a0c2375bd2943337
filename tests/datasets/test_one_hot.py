"""A table with text becomes rows of numbers, and comes back as it was."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae.datasets.one_hot import (
    MOST_TEXTS,
    expand,
    fit_together,
    remark_on_texts,
    table_columns,
    table_rows,
)
from npvae.datasets.user_examples import ReadOptions
from npvae.datasets.user_table import MISSING, read_table
from npvae.errors import DataError

TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "P", "S"]), min_size=1, max_size=8)
WORDS = TEXTS.filter(lambda text: text.lower() not in MISSING and not text.isdecimal())
NAMES = st.lists(WORDS.map("c{}".format), min_size=1, max_size=5, unique=True)


def is_text(text):
    """Whether a cell is neither a number nor looks like one with a decimal comma."""
    try:
        float(text.replace(",", "."))
    except ValueError:
        return True
    return False


@st.composite
def tables(draw):
    """Names of columns, and rows of numbers and of few texts."""
    names, columns = draw(NAMES), []
    n = draw(st.integers(12, 20))
    for _ in names:
        if draw(st.booleans()):
            numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
            columns.append(draw(st.lists(numbers, min_size=n, max_size=n)))
            continue
        few = draw(st.lists(WORDS.filter(is_text), min_size=1, max_size=6, unique=True))
        columns.append(draw(st.lists(st.sampled_from(few), min_size=n, max_size=n)))
    return names, [list(row) for row in zip(*columns, strict=True)]


@given(table=tables(), missing=st.sampled_from(["refuse", "drop", "mean"]))
def test_a_table_comes_back_from_its_numbers(tmp_path_factory, table, missing):
    names, rows = table
    path = tmp_path_factory.mktemp("table") / "table.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        # in quotes, because a name such as c; would otherwise look like two cells
        csv.writer(file, quoting=csv.QUOTE_NONNUMERIC).writerows([names, *rows])
    examples = read_table(path, ReadOptions(missing=missing, label_column=""))
    columns = list(table_columns(examples.columns, examples.categories))
    assert [column.name for column in columns] == names
    assert list(table_rows(examples.x, examples.columns, examples.categories)) == rows
    for _, place, texts in columns:
        if texts:
            assert texts == tuple(sorted(texts))
            np.testing.assert_array_equal(examples.x[:, place].sum(axis=1), 1)


def test_a_missing_text_is_missing_in_all_of_its_numbers():
    x, names = expand([np.array([1, np.nan]), np.array([3.0, 4])], ["a", "b"], {"a": ["x", "y"]})
    np.testing.assert_array_equal(x, [[0, 1, 3], [np.nan, np.nan, 4]])
    assert names == ("a=x", "a=y", "b")


def test_the_text_with_the_largest_number_is_chosen():
    rows = table_rows(np.array([[0.2, 0.5, 0.3], [1.5, -2, 0]]), "abc", {})
    assert list(rows) == [[0.2, 0.5, 0.3], [1.5, -2, 0]]
    names = ("a=x", "a=y", "a=z")
    rows = table_rows(np.array([[0.2, 0.5, 0.3], [1.5, -2, 0]]), names, {"a": "xyz"})
    assert list(rows) == [["y"], ["x"]]


def test_names_that_would_be_the_same_are_refused():
    with pytest.raises(DataError, match="a=x"):
        expand([np.zeros(2), np.zeros(2)], ["a", "a=x"], {"a": ["x"]})


def test_one_hot_columns_cannot_fill_the_memory():
    places = np.broadcast_to(np.zeros(1), 1 << 30)
    with pytest.raises(DataError, match="one-hot"):
        expand([places], ["a"], {"a": [str(i) for i in range(MOST_TEXTS)]})


def test_columns_and_texts_of_a_damaged_file_do_not_fit_together():
    assert fit_together(["a=x", "a=y", "b"], {"a": ["x", "y"]})
    for names in (["a=x", "b"], ["a=y", "a=x"], ["b"], []):
        assert not fit_together(names, {"a": ["x", "y"]})


@pytest.mark.parametrize(
    ("texts", "are_dates"),
    [
        (("2024-01-01", "2024-02-01"), True),
        (("1.2.2024", "13.12.2024"), True),
        (("2024-01-01 10:30", "2024-01-02T10:30:00Z"), True),
        (("2024-01-01", "later"), False),
        (("1.2.3", "1.10.0"), False),
    ],
)
def test_text_columns_of_dates_are_remarked_on(texts, are_dates):
    for others in ({}, {"colour": ("blue", "red")}):
        categories = {"day": texts, **others}
        remark = remark_on_texts(categories, categories)
        assert ("days since" in remark) == are_dates


def test_columns_of_numbers_beside_texts_are_remarked_on():
    categories = {"colour": ("blue", "red")}
    assert "Gaussian" not in remark_on_texts(["colour"], categories)
    assert "Gaussian" in remark_on_texts(["size", "colour"], categories)
