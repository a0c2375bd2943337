"""`npvae train --keep-epochs`: models of earlier epochs, whatever happens to the training."""

import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import at_update, begin, require_same, stop_after, train

from npvae import DataError, InputError, load_model
from npvae.cli.picture_verbs import require_free
from npvae.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("tiny_files")


def kept(out="run"):
    return list(RunFolder.open(out).kept_epochs())


def params(path):
    return load_model(path).model.params.flat


def test_every_nth_epoch_is_kept():
    assert begin("run", "--keep-epochs", 2, epochs=5) == 0
    assert kept() == [2, 4]
    assert sorted(path.name for path in Path("run/epochs").iterdir()) == [
        "epoch-0002.npz",
        "epoch-0004.npz",
    ]


def test_without_the_flag_none_is_kept():
    assert begin("run", epochs=2) == 0
    assert not Path("run/epochs").exists()
    assert kept() == []


def test_each_is_the_model_as_it_was_then():
    assert begin("run", "--keep-epochs", 1, epochs=3) == 0
    for epoch in (1, 2, 3):
        assert begin(f"until-{epoch}", "--no-report", epochs=epoch) == 0
        then = params(f"until-{epoch}/model.npz")
        np.testing.assert_array_equal(params(f"run/epochs/epoch-000{epoch}.npz"), then)


def test_early_stopping_keeps_each_epoch_and_not_the_best():
    given = ["--keep-epochs", 1, "--patience", 1, "--lr", 0.3]
    assert begin("run", *given, epochs=9) == 0
    folder = RunFolder.open("run")
    assert kept() == [*range(1, folder.epochs()[0] + 1)]
    best = params(f"run/epochs/epoch-{folder.best_epoch():04d}.npz")
    np.testing.assert_array_equal(best, params("run/model.npz"))
    assert not np.array_equal(params(f"run/epochs/epoch-{kept()[-1]:04d}.npz"), best)


@pytest.mark.parametrize("number", [2, 4, 6])
def test_a_run_that_was_stopped_keeps_the_same(monkeypatch, number):
    """Its checkpoints come less often than the epochs that it keeps."""
    given = ["--keep-epochs", 1, "--checkpoint-epochs", 3]
    assert begin("never", *given) == 0
    stop_after(monkeypatch, number)
    assert begin("run", *given) == 130
    assert train("--resume", "run", "--checkpoint-epochs", 3) == 0
    assert kept() == [1, 2, 3, 4]
    require_same("never", "run")


def test_a_resumed_run_can_begin_to_keep_and_change_how_often():
    assert begin("run", epochs=2) == 0
    assert train("--resume", "run", "--epochs", 4, "--keep-epochs", 1) == 0
    assert kept() == [3, 4]
    assert RunFolder.open("run").settings().keep_epochs == 1
    assert train("--resume", "run", "--epochs", 7, "--keep-epochs", 3) == 0
    assert kept() == [3, 4, 6]


def test_a_killed_writer_leaves_nothing(monkeypatch):
    """What it left is removed when the folder is locked again."""
    at_update(monkeypatch, 5, lambda: signal.raise_signal(signal.SIGINT))
    assert begin("run", "--keep-epochs", 1) == 130
    part = Path("run/epochs/.epoch-0002.npz.abc.npvae-part")
    part.write_bytes(b"half")
    assert train("--resume", "run") == 0
    assert not part.exists()
    assert kept() == [1, 2, 3, 4]


@pytest.mark.parametrize("value", ["0", "-1", "often"])
def test_a_number_below_one_is_refused(capsys, value):
    assert begin("run", f"--keep-epochs={value}") == 2
    assert "--keep-epochs" in capsys.readouterr().err
    assert not Path("run").exists()


def test_a_model_of_another_run_is_noticed():
    assert begin("run", "--keep-epochs", 1, epochs=1) == 0
    assert begin("other", "--keep-epochs", 1, "--seed", 1, epochs=1) == 0
    shutil.copy("other/epochs/epoch-0001.npz", "run/epochs/epoch-0001.npz")
    with pytest.raises(DataError, match="another run"):
        RunFolder.open("run").load_epoch(1)


def test_no_picture_replaces_a_kept_model():
    assert begin("run", "--keep-epochs", 1, epochs=1) == 0
    folder = RunFolder.open("run")
    require_free(Path("run/epochs/other.npz"), folder)
    with pytest.raises(InputError, match=r"epoch-0001\.npz"):
        require_free(Path("run/epochs/epoch-0001.npz"), folder)
