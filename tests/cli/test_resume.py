"""What `npvae train` was asked to do once, and finishes another time."""

import json
import shutil
import signal
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from small_runs import begin, require_same, small_data, stop_after, train

from npvae import load_checkpoint
from npvae.cli import main
from npvae.cli.watching import Watch
from npvae.runs.folder import RunFolder
from npvae.runs.settings import Settings

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run-format-1"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    yield from small_data(tmp_path, monkeypatch)


# ---- to the same bits ----------------------------------------------------------------------------


def test_a_table_that_was_stopped_within_an_epoch(monkeypatch, capsys):
    """Its scaling goes on, too."""
    assert begin("never", data="real.npy") == 0
    stop_after(monkeypatch, 5)
    assert begin("run", data="real.npy") == 130
    said = capsys.readouterr().err
    assert "stopped by SIGINT; saved as it was in epoch 2, after step 2" in said
    assert "npvae train --resume run" in said
    assert not Path("run/metrics.json").exists()
    assert train("--resume", "run") == 0
    require_same("never", "run")


LOSSES = [
    "--objective dreg --k 3 --optimizer adagrad --lr 0.05 --lr-schedule stages --mean-bias",
    "--conditional --activation gated --logvar-range=-6,2 --warm-up 3 --beta 2 --free-bits 0.1 "
    "--lr-schedule cosine",
    "--model denoising --likelihood gaussian --sigma optimal --optimizer momentum",
    "--likelihood gaussian --sigma learned --patience 2 --warm-up 1",
]


@pytest.mark.parametrize("given", LOSSES)
def test_whatever_is_trained_goes_on(monkeypatch, given):
    assert begin("never", *given.split(), data="labelled.npz") == 0
    stop_after(monkeypatch, 4)
    assert begin("run", *given.split(), data="labelled.npz") == 130
    stop_after(monkeypatch, 5)
    assert train("--resume", "run") == 130  # after three epochs
    assert train("--resume", "run") == 0
    require_same("never", "run")


def test_stopped_again_and_again(monkeypatch):
    assert begin("never") == 0
    stop_after(monkeypatch, 1)
    assert begin("run") == 130
    for _ in range(11):
        stop_after(monkeypatch, 1)
        assert train("--resume", "run") == 130
    assert train("--resume", "run") == 0
    require_same("run", "never")


def test_going_on_for_longer_says_so(capsys):
    assert begin("run", epochs=2) == 0
    capsys.readouterr()
    assert train("--resume", "run", "--epochs", 5) == 0
    said = capsys.readouterr().out
    assert "resume run after epoch 2, of 5 epochs" in said
    assert [line.split()[0] for line in said.splitlines() if "/5 " in line] == ["3/5", "4/5", "5/5"]
    assert RunFolder.open("run").settings().epochs == 5


def test_a_finished_run_is_only_tested_and_drawn_again():
    assert begin("run") == 0
    shutil.copytree("run", "before")
    for name in ("metrics.json", "samples.png", "history.csv", "model.npz"):
        Path("run", name).unlink()
    assert train("--resume", "run") == 0
    require_same("before", "run")


def test_a_run_without_a_checkpoint_yet_begins_from_its_config():
    assert begin("never") == 0
    assert begin("run") == 0
    for name in RunFolder(Path("run")).names():
        if name != "config.json":
            Path("run", name).unlink()
    assert train("--resume", "run") == 0
    require_same("run", "never")


def test_saving_less_often_changes_nothing_but_when():
    assert begin("often", "--checkpoint-minutes", 1e-9) == 0
    assert begin("seldom", "--checkpoint-epochs", 3) == 0
    require_same("often", "seldom")


def test_a_checkpoint_every_few_epochs(monkeypatch):
    saved = []
    real = RunFolder.save

    def save(self, state):
        saved.append(state.progress.place)
        real(self, state)

    monkeypatch.setattr(RunFolder, "save", save)
    assert begin("run", "--checkpoint-epochs", 3) == 0
    assert saved == ["before the first step", "after epoch 3", "after epoch 4"]


def test_what_a_killed_writer_left_is_swept():
    assert begin("run") == 0
    Path("run/.checkpoint.npz.abc.npvae-part").write_bytes(b"half")
    shutil.copytree("run", "before")
    assert train("--resume", "run") == 0
    assert not list(Path("run").glob("*-part"))
    require_same("before", "run")


def test_a_folder_where_a_run_was_killed_before_its_config_is_free():
    Path("run").mkdir()
    Path("run/.lock").write_text("123")
    Path("run/.config.json.abc.npvae-part").write_bytes(b"{")
    assert begin("run") == 0


def test_a_folder_that_is_moved_away_is_not_made_anew(monkeypatch, capsys):
    real = Watch.__call__

    def watch(self, updates):
        for number, step in enumerate(real(self, updates), start=1):
            if number == 5:
                Path("run").rename("moved")
            yield step

    monkeypatch.setattr(Watch, "__call__", watch)
    assert begin("run") == 2
    assert "moved or deleted while its training went on" in capsys.readouterr().err
    assert not Path("run").exists()
    monkeypatch.setattr(Watch, "__call__", real)
    assert train("--resume", "moved") == 0


def test_signals_while_a_checkpoint_is_written_do_not_disturb_it(monkeypatch, capsys):
    """Ctrl-C again, or a scheduler that loses its patience."""
    real = RunFolder.save

    def save(self, state):
        if state.progress.has_begun:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
        real(self, state)

    stop_after(monkeypatch, 2)
    monkeypatch.setattr(RunFolder, "save", save)
    assert begin("run") == 130
    assert "saved as it was in epoch 1, after step 2" in capsys.readouterr().err
    assert load_checkpoint("run/checkpoint.npz").progress.step == 2


def test_a_signal_after_the_training_says_how_to_go_on(monkeypatch, capsys):
    begin("never")
    with monkeypatch.context() as patch:
        patch.setattr("npvae.cli.train._draw", lambda *given: signal.raise_signal(signal.SIGTERM))
        assert begin("run") == 128 + signal.SIGTERM
    assert "saved as it was after epoch 4. Go on with: " in capsys.readouterr().err
    assert train("--resume", "run") == 0
    require_same("never", "run")


def test_a_run_that_is_complete_says_so(capsys):
    begin("run")
    capsys.readouterr()
    assert train("--resume", "run") == 0
    said = capsys.readouterr().out
    assert "it is complete; for more give --epochs N" in said
    assert "----- validation" not in said


def test_figures_of_a_run_that_is_not_complete_say_so(monkeypatch, capsys):
    stop_after(monkeypatch, 5)
    begin("my run")
    capsys.readouterr()
    assert main(["evaluate", "my run"]) == 0
    said = capsys.readouterr().err
    assert "only 1 of its 4 epochs are done; npvae train --resume 'my run'" in said


def test_without_model_npz_the_checkpoint_has_the_model(capsys):
    begin("run")
    capsys.readouterr()
    figures = []
    for _ in range(2):
        assert main(["evaluate", "run", "--json"]) == 0
        figures.append(capsys.readouterr().out)
        Path("run/model.npz").unlink(missing_ok=True)
    assert figures[0] == figures[1]


# ---- the format of today, kept for tomorrow ------------------------------------------------------


NAMED = ("data", "latent", "hidden", "epochs", "batch_size", "likelihood", "binarize")  # of it


def test_a_run_of_format_1_goes_on():
    """Made by npvae 0.1.0: `npvae train --data own.npy --latent 2 --hidden 4 --epochs 3`, stopped.

    Its 60 pictures of 3x3 bytes are made here; with the paths in it relative, it runs anywhere.
    """
    i, j = np.indices((60, 9))
    np.save("own.npy", (np.minimum(i * (j + 3) * 7 % 300, 255)).astype(np.uint8).reshape(60, 3, 3))
    shutil.copytree(FIXTURE, "run")
    stopped = load_checkpoint("run/checkpoint.npz")
    assert stopped.progress.place == "in epoch 2, after step 2"
    assert train("--resume", "run") == 0
    ended = load_checkpoint("run/checkpoint.npz")
    assert ended.progress.place == "after epoch 3"
    assert asdict(ended.progress.records[0]) == asdict(stopped.progress.records[0])
    for held_out in (record.held_out for record in ended.progress.records):
        assert held_out.bound == pytest.approx(held_out.elbo)  # which the first records lack
    settings = RunFolder(Path("run")).settings()
    assert settings == Settings(**{name: getattr(settings, name) for name in NAMED})
    # other machines round otherwise, but not much
    expected = json.loads((FIXTURE / "expected.json").read_text())
    for record, elbo in zip(ended.progress.records, expected["train_elbo"], strict=True):
        assert record.train_elbo == pytest.approx(elbo, abs=1e-3)
    total = float(np.abs(ended.model.params.flat).sum())
    assert total == pytest.approx(expected["sum of absolute parameters"], rel=1e-4)
