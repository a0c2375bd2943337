import os

import numpy as np
import pytest

from npvae.datasets import load_dataset
from npvae.datasets.user_examples import encode_labels, find_range, require_memory
from npvae.errors import DataError, DataUnavailableError, InputError
from npvae.runs.config import read_config
from npvae.runs.history import history_columns
from npvae.runs.metrics import read_metrics
from npvae.storage.arrays import read_arrays
from npvae.storage.reading import open_regular, quote, read_bytes, reading


def test_any_error_of_a_decoder_names_the_file_and_the_advice():
    for error in (OSError(13, "Permission denied"), MemoryError(), KeyError("x"), SyntaxError()):
        expected = pytest.raises(
            DataError, match=r"table\.csv cannot be read as a table: .+mend it"
        )
        with expected, reading("table.csv", "a table", "mend it"):
            raise error


@pytest.mark.parametrize("error", [InputError("as it is"), DataError("as it is")])
def test_npvae_s_own_errors_and_interrupts_pass(error):
    expected = pytest.raises(type(error), match=r"^as it is$")
    with expected, reading("table.csv", "a table", "mend it"):
        raise error
    with pytest.raises(KeyboardInterrupt), reading("table.csv", "a table", "mend it"):
        raise KeyboardInterrupt


@pytest.mark.parametrize("dtype", ["u1", "<i4", ">f8", "f2", "g"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_range_over_chunks(monkeypatch, dtype, order):
    monkeypatch.setattr("npvae.datasets.dataset.CHUNK_BYTES", 64)
    x = np.array(np.random.default_rng(0).integers(3, 200, (50, 7)), dtype, order=order)
    x[33, 2], x[49, 6] = 1, 250
    assert find_range(x, "x.npy") == (1, 250)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_number_that_is_not_finite_is_named(monkeypatch, bad):
    monkeypatch.setattr("npvae.datasets.dataset.CHUNK_BYTES", 64)
    x = np.zeros((50, 7), np.float32)
    x[33, 2] = x[34, 0] = bad
    with pytest.raises(DataError, match=r"x\.npy: .+row 33, column 2 .+ is -?(nan|inf)"):
        find_range(x, "x.npy")


@pytest.mark.parametrize(
    ("labels", "codes", "classes"),
    [
        ([3, 1, 3], [1, 0, 1], ("1", "3")),
        ([3.0, 1.0, 3.0], [1, 0, 1], ("1", "3")),
        (np.array([3, 1, 3], np.float16), [1, 0, 1], ("1", "3")),
        (np.array([3, 1, 3], np.longdouble), [1, 0, 1], ("1", "3")),
        (np.array(["", "", ""], "U0"), [0, 0, 0], ("",)),
        ([True, False, True], [1, 0, 1], ("False", "True")),
        (["cat", "ant", "cat"], [1, 0, 1], ("ant", "cat")),
        (["10", "9", "-1"], [2, 1, 0], ("-1", "9", "10")),
        (["10", "9", "100"], [1, 0, 2], ("9", "10", "100")),
        (["10", "9", "x"], [0, 1, 2], ("10", "9", "x")),
        ([b"b", b"\xc3\xa9", b"b"], [0, 1, 0], ("b", "é")),
    ],
)
def test_labels_become_numbers_from_zero(labels, codes, classes):
    found, names = encode_labels(np.array(labels), 3, "file")
    np.testing.assert_array_equal(found, codes)
    assert found.dtype == np.int64
    assert names == classes


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ([1, 2], "shape"),
        ([[1], [2], [3]], "shape"),
        ([0.5, 1, 2], "whole numbers or text"),
        ([np.nan, 1, 2], "whole numbers or text"),
        ([1e300, 1, 2], "whole numbers or text"),
        ([1j, 1, 2], "whole numbers or text"),
        ([b"\xff", b"a", b"b"], "UTF-8"),
        (["a", "b", "\ud800"], "characters"),
        (np.full((3, 2), 0x110000, np.uint32).view("U2").reshape(3), "characters"),
    ],
)
def test_labels_that_are_none(labels, complaint):
    with pytest.raises(DataError, match=complaint):
        encode_labels(np.array(labels), 3, "file")


def test_a_message_quotes_one_plain_line_and_not_too_much():
    assert quote("a\nb\t c\0\x1b[31m\u202ed") == "a b c [31m d"
    assert quote(10_000 * "x") == 200 * "x" + " [...]"
    expected = pytest.raises(
        DataError, match=r"^table\.csv cannot be read as a table: a b x+ \[\.\.\.\]"
    )
    with expected as caught, reading("table.csv", "a table", "mend it"):
        raise ValueError("a\nb " + 10_000 * "x")
    assert len(str(caught.value)) < 300


def test_one_long_label_cannot_fill_the_memory():
    require_memory(1_000_000, 40, "file")
    with pytest.raises(DataError, match="1000000 labels, the longest of 1000 characters"):
        require_memory(1_000_000, 4_000, "file")
    for labels in (np.array(["a" * 10_000_000] * 10), np.array([b"a" * 10_000_000] * 10)):
        with pytest.raises(DataError, match="10000000 characters"):
            encode_labels(labels, 10, "file")


def test_an_error_steers_no_terminal():
    assert str(DataError("no\x1b[31m file\nhere")) == "no [31m file here"
    assert str(DataUnavailableError("looked\nin\x07 vain")) == "looked\nin  vain"


def test_labels_that_differ_in_control_characters_alone():
    assert encode_labels(np.array(["a\x1b", "b", "b"]), 3, "file")[1] == ("a ", "b")
    with pytest.raises(DataError, match="control characters"):
        encode_labels(np.array(["a\x1b", "a\x07", "b"]), 3, "file")


@pytest.fixture
def fifo(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no FIFOs")

    def make(name):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        os.mkfifo(path)
        return path

    return make


def test_neither_a_fifo_nor_a_folder_is_opened(fifo, tmp_path):
    for path in (fifo("pipe"), tmp_path):
        with pytest.raises((ValueError, OSError)):
            open_regular(path)
    if os.path.exists("/dev/zero"):
        with pytest.raises(ValueError, match="not a regular file"):
            read_bytes("/dev/zero", 100)


def test_a_file_has_a_largest_size(tmp_path):
    (tmp_path / "a").write_bytes(bytes(10))
    assert read_bytes(tmp_path / "a", 10) == bytes(10)
    with pytest.raises(ValueError, match=r"10 bytes, .* of 9"):
        read_bytes(tmp_path / "a", 9)
    if os.path.exists("/proc/self/maps"):  # which says that it has none
        with pytest.raises(ValueError, match="more than 9 bytes"):
            read_bytes("/proc/self/maps", 9)


@pytest.mark.parametrize("name", ["own.npy", "own.npz", "own.csv", "pictures/a.png"])
def test_a_fifo_is_no_data(fifo, name):
    path = fifo(name)
    with pytest.raises(DataError, match="not a regular file"):
        load_dataset(path.parent if path.suffix == ".png" else path)


@pytest.mark.parametrize(
    "read",
    [
        lambda path: read_config(path),
        lambda path: read_metrics(path),
        lambda path: history_columns(path),
        lambda path: read_arrays(path, packed=False),
    ],
)
def test_a_fifo_is_no_file_of_a_run(fifo, read):
    with pytest.raises(DataError, match="not a regular file"):
        read(fifo("file"))
