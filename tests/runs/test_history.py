import csv

import pytest

from npvae import DataError, EpochRecord, Evaluation
from npvae.runs.history import history_columns, write_history


def record(epoch, held_out=True):
    measured = Evaluation(-80.5, 70.0, 10.5, (10.0, 0.5), 1, 99, -79.5) if held_out else None
    return EpochRecord(epoch, 103.0, -102.0, 90.0, 12.0, measured, 1.23456)


def test_history_has_a_line_an_epoch(tmp_path):
    path = tmp_path / "history.csv"
    write_history(path, [record(1)])
    write_history(path, [record(1), record(2)])
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
    write_history(path, [record(1, held_out=False)])
    columns = history_columns(path)
    assert not [name for name in columns if name.startswith("validation")]
    assert columns["train_elbo"] == [-102]


def test_before_the_first_epoch_there_is_none(tmp_path):
    write_history(tmp_path / "history.csv", [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", ["", "epoch,elbo\n1\n", "epoch\none\n", 'epoch\n"1', "\xff".encode("latin-1")]
)
def test_a_damaged_history(tmp_path, content):
    path = tmp_path / "history.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=r"history\.csv"):
        history_columns(path)
