"""What `npvae train --resume` refuses, leaving every file as it was."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from run_files import differing_bytes
from tiny_runs import begin, stop_after, train

from npvae import IWAE, VAE, save_checkpoint, trainer_for
from npvae.cli import main
from npvae.runs.folder import RunFolder
from npvae.storage.lock import locked

pytestmark = pytest.mark.usefixtures("tiny_files")


def refused(capsys, *arguments):
    """Return the one line that says why not."""
    capsys.readouterr()
    before = {path: path.read_bytes() for path in Path("run").glob("[!.]*")}
    assert train(*arguments) == 2
    assert {path: path.read_bytes() for path in Path("run").glob("[!.]*")} == before
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_data_that_are_somewhere_else_now(monkeypatch, capsys):
    begin("never")
    stop_after(monkeypatch, 5)
    begin("run")
    Path("own.npy").rename("moved.npy")
    assert "--data" in refused(capsys, "--resume", "run")
    assert train("--resume", "run", "--data", "moved.npy") == 0
    assert RunFolder.open("run").settings().data == str(Path("moved.npy").resolve())
    assert not {"model.npz", "history.csv", "samples.png"} & differing_bytes("never", "run").keys()
    for verb in ("evaluate", "reconstruct"):
        assert main([verb, "never"]) == 2
        assert main([verb, "never", "--data", "moved.npy"]) == 0


def test_other_data_are_no_data_of_the_run(capsys):
    begin("run")
    np.save("other.npy", 255 - np.load("own.npy"))
    said = refused(capsys, "--resume", "run", "--data", "other.npy")
    assert "other.npy" in said
    Path("notes.txt").write_text("no data")
    said = refused(capsys, "--resume", "run", "--data", "notes.txt")
    assert said.startswith("npvae: notes.txt")


def test_settings_cannot_be_changed_on_the_way(capsys):
    begin("run")
    for flag in (["--lr", "0.1"], ["--seed", "1"], ["--batch-size", "8"], ["--out", "new"]):
        assert flag[0] in refused(capsys, "--resume", "run", *flag)


def test_fewer_epochs_than_are_done(capsys):
    begin("run")
    assert "--epochs is 3" in refused(capsys, "--resume", "run", "--epochs", 3)


def test_what_is_no_run(capsys):
    begin("run")
    assert "nothing" in refused(capsys, "--resume", "nothing")


def test_a_config_that_was_changed_by_hand(capsys):
    begin("run")
    config = Path("run/config.json")
    config.write_text(config.read_text().replace('"beta": 1.0', '"beta": 2.0'))
    assert "beta 1.0" in refused(capsys, "--resume", "run")


def test_a_model_whose_checkpoint_is_gone_is_not_trained_over(capsys):
    begin("run")
    Path("run/checkpoint.npz").unlink()
    assert "checkpoint.npz" in refused(capsys, "--resume", "run")


def test_the_checkpoint_of_another_run(capsys):
    begin("run")
    begin("other", data="real.npy")
    shutil.copy("other/checkpoint.npz", "run/checkpoint.npz")
    said = refused(capsys, "--resume", "run")
    assert "checkpoint.npz belongs to another run" in said


def test_a_damaged_checkpoint(capsys):
    begin("run")
    Path("run/checkpoint.npz").write_bytes(b"PK\x03\x04")
    assert "checkpoint.npz" in refused(capsys, "--resume", "run")


def test_data_that_changed(capsys):
    begin("run")
    np.save("own.npy", np.load("own.npy")[::-1])
    assert "own.npy" in refused(capsys, "--resume", "run")


def test_a_folder_that_another_process_trains_in(capsys):
    begin("run")
    with locked(Path("run/.lock"), "run"):
        assert "run is in use" in refused(capsys, "--resume", "run")
    assert train("--resume", "run") == 0


def test_another_version_is_named(capsys, monkeypatch):
    begin("run")
    capsys.readouterr()
    monkeypatch.setattr("npvae.runs.run.versions", lambda device: {"numpy": "99.0"})
    assert train("--resume", "run") == 0
    said = capsys.readouterr().out
    assert f"numpy was {np.__version__} and is now 99.0" in " ".join(said.split())


@pytest.mark.parametrize("updates", [1, 4])
def test_a_cosine_that_has_begun_is_not_made_longer_or_shorter(monkeypatch, capsys, updates):
    stop_after(monkeypatch, updates)
    begin("run", "--lr-schedule", "cosine")
    for epochs in (3, 9):
        said = refused(capsys, "--resume", "run", "--epochs", epochs)
        assert f"--epochs {epochs}" in said
    assert train("--resume", "run", "--epochs", 4) == 0


def test_a_cosine_that_has_not_begun_may_have_another_length():
    begin("never", "--lr-schedule", "cosine", epochs=2)
    begin("run", "--lr-schedule", "cosine")
    for path in Path("run").glob("[!c]*"):
        path.unlink()
    Path("run/checkpoint.npz").unlink()
    assert train("--resume", "run", "--epochs", 2) == 0
    assert differing_bytes("never", "run") == {}


def test_fewer_epochs_than_the_warm_up_takes(monkeypatch, capsys):
    stop_after(monkeypatch, 1)
    begin("run", "--warm-up", 3)
    said = refused(capsys, "--resume", "run", "--epochs", 2)
    assert "--warm-up 3" in said


@pytest.mark.parametrize("name", ["sizes", "told labels", "several draws"])
def test_another_model_in_the_checkpoint(capsys, name):
    begin("run")
    folder = RunFolder.open("run")
    model = {
        "sizes": lambda: VAE.dense(35, 3, 2),
        "told labels": lambda: VAE.dense(35, 8, 2, n_y=3),
        "several draws": lambda: IWAE.dense(35, 8, 2),
    }[name]()
    data = folder.load_data()
    if model.n_y:
        labels = np.arange(60) % 3
        data = replace(
            data,
            train=replace(data.train, labels=labels),
            validation=replace(data.validation, labels=labels),
        )
    trainer = trainer_for(model, data, batch_size=16)
    settings = folder.settings().as_json()
    save_checkpoint("run/checkpoint.npz", trainer, (5, 7), settings, run_id=folder.run_id)
    assert "checkpoint.npz" in refused(capsys, "--resume", "run")
