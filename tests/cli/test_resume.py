"""What `npvae train` was asked to do once, and finishes another time."""

import importlib
import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import at_update, begin, require_same, stop_after, train

from npvae.cli import main
from npvae.runs.checkpoints import read_checkpoint
from npvae.runs.folder import RunFolder
from npvae.runs.settings import Settings

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run-format-1"


pytestmark = pytest.mark.usefixtures("tiny_files")


def place(out="run"):
    """Where the training of a checkpoint stands."""
    progress = read_checkpoint(Path(out, "checkpoint.npz")).header["progress"]
    return progress["epoch"], progress["step"]


# ---- to the same bits ----------------------------------------------------------------------------


def test_a_table_that_was_stopped_within_an_epoch(monkeypatch, capsys):
    """Its scaling goes on, too."""
    assert begin("never", data="real.npy") == 0
    stop_after(monkeypatch, 5)
    assert begin("run", data="real.npy") == 130
    said = capsys.readouterr().err
    assert "epoch 2, step 2" in said
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
    assert "the end of epoch 2" in said
    assert [line.split()[0] for line in said.splitlines() if "/5 " in line] == ["3/5", "4/5", "5/5"]
    assert RunFolder.open("run").settings().epochs == 5


def saved_list(text):
    """The lines of the list of saved files, and the commands that come next."""
    saved, _, following = text.partition("\nSaved in run:\n")[2].partition("\nNext:\n")
    return saved, following


def test_a_report_of_an_earlier_epoch_is_listed_apart(capsys):
    drawn = "report.html", "explorer.html", "samples.png", "history.png", "reconstructions.png"
    assert begin("run", epochs=1) == 0
    saved, following = saved_list(capsys.readouterr().out)
    assert all(name in saved for name in drawn)
    assert "earlier" not in saved
    assert "run/report.html" in following
    assert "run/explorer.html" in following
    assert train("--resume", "run", "--no-report") == 0  # nothing is trained
    assert "run/report.html" in saved_list(capsys.readouterr().out)[1]
    assert train("--resume", "run", "--epochs", 2, "--no-report") == 0
    saved, following = saved_list(capsys.readouterr().out)
    assert "report.html" not in following
    assert "explorer.html" not in following
    assert "npvae report run" in following
    current, old = " ".join(saved.split()).split("earlier epoch")
    assert not any(name in current for name in drawn)
    assert all(name in old for name in drawn)
    assert "model.npz" in current


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
    saved, save = [], RunFolder.save

    def note(self, trainer, *given):
        saved.append(trainer.steps)
        save(self, trainer, *given)

    monkeypatch.setattr(RunFolder, "save", note)
    assert begin("run", "--checkpoint-epochs", 3) == 0
    assert saved == [9, 12]


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
    at_update(monkeypatch, 5, lambda: Path("run").rename("moved"))
    assert begin("run") == 2
    assert "run" in capsys.readouterr().err
    assert not Path("run").exists()
    assert train("--resume", "moved") == 0
    assert begin("never") == 0
    require_same("never", "moved")


@pytest.mark.parametrize("moved_by", ["finish.measure", "pictures.draw_all"])
def test_nor_is_one_that_is_moved_away_while_the_model_is_tested_or_drawn(monkeypatch, moved_by):
    module, _, name = f"npvae.runs.{moved_by}".rpartition(".")
    act = getattr(importlib.import_module(module), name)

    def and_move(*given, **options):
        Path("run").rename("moved")
        return act(*given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{name}", and_move)
        assert begin("run") == 2
    assert not Path("run").exists()
    assert train("--resume", "moved") == 0


SIGNALS = [
    [signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)],
    [signal.SIGINT, signal.SIGINT],
    [signal.SIGINT, signal.SIGINT, signal.SIGINT],
]


@pytest.mark.parametrize("within", ["update", "end of an epoch", "save"])
@pytest.mark.parametrize("numbers", SIGNALS, ids=["TERM HUP", "two INT", "three INT"])
def test_any_number_of_signals_lose_nothing(monkeypatch, capsys, within, numbers):
    """What is saved is what follows the update at hand, and the message says so."""
    assert begin("never") == 0
    update, save = (6 if within == "end of an epoch" else 5), RunFolder.save

    def signals_first(self, trainer, *given):
        if trainer.steps == update:
            for number in numbers:
                signal.raise_signal(number)
        save(self, trainer, *given)

    with monkeypatch.context() as patch:
        if within == "save":
            patch.setattr(RunFolder, "save", signals_first)
            assert begin("run", "--checkpoint-minutes", 1e-9) == 128 + numbers[0]
        else:
            stop_after(patch, update, *numbers)
            assert begin("run") == 128 + numbers[0]
    (said,) = capsys.readouterr().err.splitlines()
    assert place() == ((3, 0) if update == 6 else (2, 2))
    assert ("the end of epoch 2" if update == 6 else "epoch 2, step 2") in said
    assert "npvae train --resume run" in said
    assert train("--resume", "run") == 0
    require_same("never", "run")


def test_a_signal_after_the_training_says_how_to_go_on(monkeypatch, capsys):
    begin("never")
    with monkeypatch.context() as patch:
        patch.setattr(
            "npvae.cli.train.write_pictures", lambda *given: signal.raise_signal(signal.SIGTERM)
        )
        assert begin("run") == 128 + signal.SIGTERM
    said = capsys.readouterr().err
    assert "the end of epoch 4" in said
    assert "npvae train --resume run" in said
    assert train("--resume", "run") == 0
    require_same("never", "run")


def test_a_run_that_is_complete_says_so(capsys):
    begin("run")
    capsys.readouterr()
    assert train("--resume", "run") == 0
    said = capsys.readouterr().out
    assert "--epochs N" in said
    assert "---- validation" not in said


def test_figures_of_a_run_that_is_not_complete_say_so(monkeypatch, capsys):
    stop_after(monkeypatch, 5)
    begin("my run")
    capsys.readouterr()
    assert main(["evaluate", "my run"]) == 0
    said = capsys.readouterr().err
    assert "1 of its 4 epochs" in said
    assert "npvae train --resume 'my run'" in said


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


NAMED = ("data", "latent", "hidden", "epochs", "batch_size", "lr", "likelihood", "binarize")


def test_a_run_of_format_1_goes_on():
    """Made by npvae 0.1.0: `npvae train --data own.npy --latent 2 --hidden 4 --epochs 3`, stopped.

    Its 60 pictures of 3x3 bytes are made here; with the paths in it relative, it runs anywhere.
    """
    i, j = np.indices((60, 9))
    np.save("own.npy", (np.minimum(i * (j + 3) * 7 % 300, 255)).astype(np.uint8).reshape(60, 3, 3))
    shutil.copytree(FIXTURE, "run")
    assert place() == (2, 2)
    assert train("--resume", "run") == 0
    assert place() == (4, 0)
    before, after = (read_checkpoint(at / "checkpoint.npz") for at in (FIXTURE, Path("run")))
    stopped, ended = before.records, after.records
    assert [record.epoch for record in ended] == [1, 2, 3]
    assert stopped[0] == ended[0]
    for held_out in (record.held_out for record in ended):  # the bound, which the first lacks
        assert held_out.bound == pytest.approx(held_out.elbo)
    folder = RunFolder.open("run")
    settings = folder.settings()
    assert settings == Settings(**{name: getattr(settings, name) for name in NAMED})
    # other machines round otherwise, but not much
    expected = json.loads((FIXTURE / "expected.json").read_text())
    assert [record.train_elbo for record in ended] == pytest.approx(
        expected["train_elbo"], abs=1e-3
    )
    total = float(np.abs(folder.load_model().model.params.flat).sum())
    assert total == pytest.approx(expected["sum of absolute parameters"], rel=1e-4)
    assert main(["evaluate", "run"]) == 0
