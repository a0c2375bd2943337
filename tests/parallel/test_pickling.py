"""A memory-mapped dataset is not sent: each process opens the file, and reads its own rows."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from tiny_trainings import go_on

from npvae import VAE, DataError, InputError, Pixels, Trainer
from npvae.datasets.dataset import whole
from npvae.parallel import ALONE
from npvae.parallel.pickling import _file_of, dumps, loads
from npvae.storage import arrays
from npvae.storage.arrays import MappedArray, read_array

SHAPE = 4000, 8, 10


@pytest.fixture
def numbers():
    return np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)


@pytest.fixture
def mapped(tmp_path, numbers, monkeypatch):
    """The file of the numbers, as npvae opens one that is larger than memory."""
    np.save(tmp_path / "own.npy", numbers)
    monkeypatch.setattr(arrays, "LIMIT", 1000)
    array = read_array(tmp_path / "own.npy")
    assert isinstance(array, MappedArray)
    return array


def sent(thing):
    """Return what arrives, after a look at how much was sent."""
    message = dumps(thing, ALONE)
    assert len(message) < 5000
    return loads(message, ALONE)


VIEWS = {
    "whole": lambda x: x,
    "slice": lambda x: x[100:200],
    "slice of a slice": lambda x: x[100:][7:],
    "columns": lambda x: x[:, 2:5, 1:],
    "every third": lambda x: x[5::3],
    "backwards": lambda x: x[::-1],
    "flat": lambda x: x.reshape(len(x), -1)[3:],
    "transposed": lambda x: x.transpose(2, 0, 1),
    "other numbers": lambda x: x.reshape(len(x), -1).view(np.uint16),
    "none": lambda x: x[:0],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("plain", [False, True])
def test_a_view_of_a_file_arrives_as_it_was(mapped, numbers, view, plain):
    array, expected = VIEWS[view](mapped), VIEWS[view](numbers)
    if plain:
        array = np.asarray(array)  # as a trainer has it
    arrived = sent(array)
    assert type(arrived) is type(array)
    assert arrived.dtype == expected.dtype
    assert np.array_equal(arrived, expected)
    assert not arrived.flags.writeable
    assert np.array_equal(sent(arrived), expected)  # and it can be sent on


def test_a_file_with_an_offset(tmp_path, numbers):
    path = tmp_path / "raw"
    path.write_bytes(b"header!" + numbers.tobytes())
    array = np.memmap(path, np.uint8, "r", 7, SHAPE)
    assert np.array_equal(sent(array), numbers)
    assert np.array_equal(sent(array[9:][1:]), numbers[10:])


def test_an_array_in_fortran_order(tmp_path, numbers):
    np.save(tmp_path / "own.npy", np.asfortranarray(numbers))
    array = np.load(tmp_path / "own.npy", mmap_mode="r")
    assert np.array_equal(sent(array), numbers)


def test_what_was_changed_in_memory_only_is_sent(tmp_path, numbers):
    np.save(tmp_path / "own.npy", numbers)
    array = np.load(tmp_path / "own.npy", mmap_mode="c")
    array[0] = 255 - array[0]
    arrived = loads(dumps(array, ALONE), ALONE)
    assert np.array_equal(arrived, array)


def test_a_file_that_has_changed_is_noticed_by_who_opens_it(mapped, tmp_path):
    message = dumps(mapped, ALONE)
    (tmp_path / "own.npy").write_bytes((tmp_path / "own.npy").read_bytes() + b"more")
    with pytest.raises(DataError, match=r"own\.npy"):
        loads(message, ALONE)[0]


def test_arrays_in_memory_arrive_as_they_were(numbers):
    arrived = loads(dumps({"x": numbers, "y": numbers[::2].T}, ALONE), ALONE)
    assert np.array_equal(arrived["x"], numbers)
    assert np.array_equal(arrived["y"], numbers[::2].T)


@pytest.mark.parametrize("thing", [lambda: 0, (one for one in "ab")], ids=["lambda", "generator"])
def test_what_cannot_be_sent_is_an_input_error(thing):
    with pytest.raises(InputError, match="workers"):
        dumps([thing], ALONE)


def test_what_cannot_be_imported_is_an_input_error():
    message = pickle.dumps(Pixels()).replace(b"Pixels", b"Pixelz")
    with pytest.raises(InputError, match="Pixelz"):
        loads(message, ALONE)


# ---- who reads which rows ------------------------------------------------------------------------


class Counted:
    """A training part that notes in a file which rows each process reads."""

    def __init__(self, split, notes):
        self.split, self.notes = split, notes
        self.labels = None

    def __len__(self):
        return len(self.split)

    @property
    def x(self):
        return self.split.x

    def to(self, device):
        return Counted(self.split.to(device), self.notes)

    def take(self, chosen):
        import os

        with open(self.notes / str(os.getpid()), "a") as file:
            file.write(" ".join(map(str, chosen)) + "\n")
        assert _file_of(self.split.x) is not None
        return self.split.take(chosen)


def test_each_process_reads_its_own_rows_of_the_file(two, mapped, numbers, tmp_path):
    """In each batch a half; together every row once an epoch."""
    notes = tmp_path / "rows"
    notes.mkdir()
    few = replace(whole(mapped), rows=np.arange(1000, 1100))
    trainers = [
        Trainer(VAE.dense(80, 4, 2), data, Pixels("dynamic"), batch_size=24, rng=1, comm=comm)
        for data, comm in ((Counted(few, notes), two), (whole(numbers[1000:1100]), ALONE))
    ]
    for trainer in trainers:
        go_on(trainer, 5)
    read = [
        [list(map(int, line.split())) for line in path.read_text().splitlines()]
        for path in notes.iterdir()
    ]
    assert sorted(map(len, read)) == [5, 5]
    assert [sorted(map(len, batch)) for batch in zip(*read, strict=True)] == 4 * [[12, 12]] + [
        [2, 2]
    ]
    assert sorted(row for batches in read for rows in batches for row in rows) == list(range(100))
    np.testing.assert_allclose(
        trainers[0].model.params.flat, trainers[1].model.params.flat, rtol=1e-3, atol=1e-5
    )
