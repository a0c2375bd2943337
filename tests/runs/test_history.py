import csv

import numpy as np
import pytest

from npvae import DataError, EpochRecord, Evaluation, InputError
from npvae.runs.history import (
    History,
    history_columns,
    records_from_array,
    records_to_array,
)


def record(epoch, held_out=True):
    measured = Evaluation(-80.5, 70.0, 10.5, (10.0, 0.5), 1, 99, -79.5) if held_out else None
    return EpochRecord(epoch, 103.0, -102.0, 90.0, 12.0, measured, 1.23456)


def test_history_has_a_line_an_epoch(tmp_path):
    path = tmp_path / "history.csv"
    history = History(path)
    history.write([record(1)])
    history.write([record(1), record(2)])
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "epoch",
        "train_loss",
        "train_elbo",
        "train_reconstruction",
        "train_kl",
        "validation_elbo",
        "validation_reconstruction",
        "validation_kl",
        "validation_active_units",
        "validation_bound",
        "validation_kl_0",
        "validation_kl_1",
        "seconds",
    ]
    columns = history_columns(path)
    assert columns["epoch"] == [1, 2]
    assert columns["validation_elbo"] == [-80.5, -80.5]
    assert columns["validation_bound"] == [-79.5, -79.5]
    assert (columns["validation_kl_0"][0], columns["validation_kl_1"][0]) == (10, 0.5)
    assert columns["seconds"] == [1.235, 1.235]


def test_history_without_a_validation_part(tmp_path):
    path = tmp_path / "history.csv"
    History(path).write([record(1, held_out=False)])
    columns = history_columns(path)
    assert not [name for name in columns if name.startswith("validation")]
    assert columns["train_elbo"] == [-102]


def test_before_the_first_epoch_there_is_none(tmp_path):
    History(tmp_path / "history.csv").write([])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", ["", "epoch,elbo\n1\n", "epoch\none\n", 'epoch\n"1', "\xff".encode("latin-1")]
)
def test_a_damaged_history(tmp_path, content):
    path = tmp_path / "history.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=r"history\.csv"):
        history_columns(path)


def test_what_is_there_stays_and_what_is_new_is_added(tmp_path):
    path = tmp_path / "history.csv"
    history, records = History(path), [record(epoch) for epoch in range(1, 5)]
    history.write(records[:1])
    node = path.stat().st_ino
    history.write(records[:1])
    history.write(records)
    assert path.stat().st_ino == node
    at_once = tmp_path / "at-once.csv"
    History(at_once).write(records)
    assert path.read_bytes() == at_once.read_bytes()


def test_a_file_that_is_not_as_it_was_left_is_written_anew(tmp_path):
    path = tmp_path / "history.csv"
    history, records = History(path), [record(epoch) for epoch in range(1, 4)]
    history.write(records[:2])
    expected = path.read_text()
    path.write_text(expected[:-20])  # cut off in the middle of its last line
    assert history_columns(path)["epoch"] == [1]
    history.write(records[:2])
    assert path.read_text() == expected
    path.unlink()
    history.write(records)
    assert history_columns(path)["epoch"] == [1, 2, 3]


@pytest.mark.parametrize("held_out", [True, False])
def test_records_become_an_array_and_records_again(held_out):
    records = [record(1, held_out), record(2, held_out)]
    assert records_from_array(records_to_array(records)) == records
    assert records_from_array(records_to_array([])) == []


def test_records_of_which_some_were_validated_are_refused():
    with pytest.raises(InputError, match="some epochs were validated"):
        records_to_array([record(1, False), record(2, True)])


@pytest.mark.parametrize("width", [0, 5, 7, 11])
def test_an_array_that_holds_no_records(width):
    with pytest.raises(DataError, match="columns"):
        records_from_array(np.ones((2, width)))


def test_half_an_epoch_is_none():
    table = records_to_array([record(1)])
    table[0, 0] = 1.5
    with pytest.raises(DataError, match="columns"):
        records_from_array(table)
