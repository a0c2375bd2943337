"""What a dataset says of itself, and how arrays become one."""

import numpy as np
import pytest

from npvae import DataError, Dataset, InputError, Split
from npvae.datasets import split_by_seed


class Column:
    """What npvae takes of a column of a DataFrame."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def to_numpy(self):
        return self.values


class Frame:
    """What npvae takes of a DataFrame."""

    def __init__(self, **columns):
        self.named = columns
        self.columns = list(columns)

    def to_numpy(self):
        raise NotImplementedError

    def __getitem__(self, name):
        return Column(self.named[name])


@pytest.fixture
def x(rng):
    return rng.normal(size=(50, 3))


def test_arrays_are_split_as_a_file_is(x):
    labels = np.arange(50) % 2
    data = Dataset.from_arrays(x, labels, seed=3, validation=7)
    assert (len(data.train), len(data.validation), len(data.test)) == (38, 7, 5)
    np.testing.assert_array_equal(data.test.rows, split_by_seed(50, 3)[2])
    for part in (data.train, data.validation, data.test):
        np.testing.assert_array_equal(part.take(slice(None)), x[part.rows])
        np.testing.assert_array_equal(part.labels, labels[part.rows])
    assert (data.kind, data.shape, data.classes) == ("real", (3,), ("0", "1"))
    assert Dataset.from_arrays(np.zeros((10, 4, 4), np.uint8) + np.eye(4, dtype=np.uint8)).kind == (
        "pixels"
    )


def test_a_data_frame_keeps_its_names():
    frame = Frame(a=np.arange(20.0), b=np.arange(20.0) % 3, y=np.array(["u", "v"] * 10))
    data = Dataset.from_arrays(frame, "y")
    assert (data.columns, data.classes) == (("a", "b"), ("u", "v"))
    with pytest.raises(InputError, match="no column 'z'"):
        Dataset.from_arrays(frame, "z")
    with pytest.raises(DataError, match="column 'b'"):
        Dataset.from_arrays(Frame(a=np.arange(20.0), b=np.full(20, np.nan)))
    mixed = np.array([1, "a"] * 10, dtype=object)
    with pytest.raises(DataError, match=r"column 'a'.+different types.+number, text"):
        Dataset.from_arrays(Frame(a=mixed, b=mixed))


def test_a_message_calls_an_array_an_array(x):
    with pytest.raises(InputError, match=r"'segment'.+DataFrame"):
        Dataset.from_arrays(x, labels="segment")
    x[7, 2] = np.nan
    with pytest.raises(DataError, match="the array: row 7, column 2"):
        Dataset.from_arrays(x)
    with pytest.raises(DataError, match=r"own\.npy: row 7"):
        Dataset.from_arrays(x, name="own.npy")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x: x.tolist(), "list"),
        (lambda x: np.ma.masked_greater(x, 0), "masked"),
        (lambda x: np.asmatrix(x), "matrix"),
        (lambda x: np.zeros(50, [("a", "f8")]), "structured"),
        (lambda x: x.astype(str), "type <U"),
        (lambda x: "data.csv", "str"),
    ],
)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_what_is_not_a_plain_array_of_numbers_is_named(x, make, words):
    with pytest.raises((InputError, DataError), match=words):
        Dataset.from_arrays(make(x))


def test_a_dataset_and_its_parts_fit_a_line(x):
    data = Dataset.from_arrays(x, np.arange(50) % 2, name="my\x1b[31m data")
    for thing in (data, data.train, Split(x, np.arange(50))):
        assert len(repr(thing)) < 100
        assert repr(thing).isprintable()
    assert "40 + 5 + 5" in repr(data)
