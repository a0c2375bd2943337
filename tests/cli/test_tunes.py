"""A run on tunes, from its training to what can be heard of it."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest
from run_files import draw_quickly

from npvae import load_model
from npvae.cli import main
from npvae.datasets.preprocessing import Notes
from npvae.likelihoods import Categorical

SMALL = "--latent 2 --hidden 8 --epochs 1 --batch-size 1000 --workers 1".split()  # noqa: SIM905


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on tunes, with its report."""
    folder = tmp_path_factory.mktemp("tunes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        draw_quickly(patch)
        assert main(["train", "--data", "tunes", *SMALL, "--out", "run"]) == 0
    return folder / "run"


@pytest.fixture
def run(trained, monkeypatch):
    """The same run, in the working folder, drawn quickly."""
    monkeypatch.chdir(trained.parent)
    draw_quickly(monkeypatch)
    return Path("run")


def heard(path):
    with wave.open(str(path)) as file:
        return file.getnframes() / file.getframerate()


def test_it_is_categorical_and_comes_back_from_its_file(run):
    settings = json.loads((run / "config.json").read_text())["settings"]
    assert settings["likelihood"] == "categorical"
    saved = load_model(run)
    assert isinstance(saved.model.likelihood, Categorical)
    assert saved.model.likelihood.groups == (33,) * 16
    assert isinstance(saved.scaling, Notes)


def test_its_report_has_players_and_may_load_nothing_else(run):
    report = (run / "report.html").read_text(encoding="utf-8")
    assert report.count("<audio ") == 4
    assert report.count('src="data:audio/wav;base64,') == 4
    assert "media-src data:" in report
    assert not (run / "explorer.html").exists()


@pytest.mark.parametrize(
    ("given", "file", "seconds"),
    [
        (["--wav"], "run/samples.wav", 8 * 5 - 1),
        (["--wav", "-n", "2", "--out", "two.wav"], "two.wav", 9),
        (["-n", "1", "--draw", "--out", "one.WAV"], "one.WAV", 4),
        (["--part", "validation", "-n", "1", "--wav"], "run/samples.wav", 4),
    ],
)
def test_samples_can_be_heard(run, given, file, seconds):
    assert main(["sample", "run", *given]) == 0
    assert heard(file) == pytest.approx(seconds)


def test_the_same_seed_gives_the_same_sound(run):
    for name in ("a.wav", "b.wav"):
        assert main(["sample", "run", "--wav", "--out", name]) == 0
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--wav", "--out", "a.png"], "a.png"),
        (["--wav", "-n", "65"], "-n 65"),
    ],
)
def test_what_cannot_be_heard(run, given, named, capsys):
    before = sorted(run.iterdir())
    assert main(["sample", "run", *given]) == 2
    assert named in capsys.readouterr().err
    assert sorted(run.iterdir()) == before


def test_only_tunes_can_be_heard(run, capsys, rng):
    np.save("own.npy", rng.normal(0, 1, (30, 3)))
    train = ["train", "--data", "own.npy", *SMALL, "--no-report", "--out", "table"]
    assert main(train) == 0
    assert main(["sample", "table", "--wav"]) == 2
    assert "--data tunes" in capsys.readouterr().err
    assert not Path("table/samples.wav").exists()


def test_every_command_takes_it(run):
    for command in ("evaluate", "reconstruct", "interpolate", "traverse", "manifold", "score"):
        assert main([command, "run"]) == 0, command
    assert main(["sample", "run", "-n", "3", "--out", "x.npy"]) == 0
    assert np.load("x.npy").shape == (3, 16, 33)


def test_the_explorer_says_that_it_has_no_tunes(run, capsys):
    assert main(["explore", "run"]) == 2
    assert "tunes" in capsys.readouterr().err


def test_it_can_be_resumed(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_quickly(monkeypatch)
    assert main(["train", "--data", "tunes", *SMALL, "--no-report", "--out", "run"]) == 0
    assert main(["train", "--resume", "run", "--epochs", "2", "--no-report"]) == 0


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_other_likelihoods_take_the_same_numbers(tmp_path, monkeypatch, likelihood):
    monkeypatch.chdir(tmp_path)
    draw_quickly(monkeypatch)
    given = ["--data", "tunes", "--likelihood", likelihood, "--no-report", "--out", "run"]
    assert main(["train", *given, *SMALL]) == 0
    assert isinstance(load_model("run").scaling, Notes)


def test_a_key_can_be_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_quickly(monkeypatch)
    given = ["--data", "tunes", "--conditional", "--no-report", "--out", "run"]
    assert main(["train", *given, *SMALL]) == 0
    assert main(["sample", "run", "--label", "F#", "--wav", "-n", "1"]) == 0
