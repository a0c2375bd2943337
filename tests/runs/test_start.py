"""--start: a training that begins with the weights of a trained model."""

import json

import numpy as np
import pytest
from run_files import draw_quickly

from npvae.cli import main
from npvae.iwae import IWAE
from npvae.runs.model_file import load_model
from npvae.runs.run import begin, resume

SMALL = ["--hidden", "6,5", "--latent", "2", "--batch-size", "8", "--quiet", "--no-report"]


def train(*given):
    return main(["train", *map(str, given), "--quiet", "--no-report"])


@pytest.fixture
def first(tmp_path, monkeypatch):
    """A run of two epochs on forty pictures, in the folder "first"."""
    monkeypatch.chdir(tmp_path)
    draw_quickly(monkeypatch)
    x = np.random.default_rng(0).integers(0, 256, (40, 3, 3), dtype=np.uint8)
    np.savez("own.npz", x=x)
    np.savez("other.npz", x=np.roll(x, 1, axis=0))
    np.savez("larger.npz", x=np.zeros((40, 4, 4), np.uint8))
    assert train("--data", "own.npz", *SMALL, "--epochs", 2, "--out", "first") == 0


def weights(run):
    return load_model(run).model.params.flat


def test_the_first_step_is_made_from_the_weights_of_the_trained_model(first):
    given = {"data": "other.npz", "start": "first", "epochs": 1, "workers": 1}
    with begin(given, "second") as run:
        assert np.array_equal(run.trainer.model.params.flat, weights("first"))
        assert (run.settings.hidden, run.settings.latent) == ((6, 5), 2)
        run.trainer.step()
        assert not np.array_equal(run.trainer.model.params.flat, weights("first"))


def test_an_iwae_can_start_from_a_vae(first):
    more = ["--objective", "dreg", "--k", 3, "--epochs", 1]
    assert train("--data", "own.npz", "--start", "first", *more, "--out", "second") == 0
    model = load_model("second").model
    assert isinstance(model, IWAE)
    assert model.k == 3


def test_a_run_that_is_resumed_before_its_first_checkpoint_starts_there_again(first):
    with begin({"data": "own.npz", "start": "first", "epochs": 1, "workers": 1}, "second"):
        pass  # killed before it has saved anything
    with resume("second", {}) as run:
        assert np.array_equal(run.trainer.model.params.flat, weights("first"))


def test_a_run_that_is_resumed_later_needs_the_first_run_no_more(first, tmp_path):
    whole = ["--data", "own.npz", "--start", "first", "--epochs"]
    assert train(*whole, 3, "--out", "whole") == 0
    assert train(*whole, 1, "--out", "parts") == 0
    (tmp_path / "first").rename(tmp_path / "away")
    assert train("--resume", "parts", "--epochs", 3) == 0
    assert np.array_equal(weights("parts"), weights("whole"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--hidden 7", ["--hidden 7", "--hidden 6,5"]),
        ("--model autoencoder", ["--model autoencoder", "--model vae"]),
        ("--likelihood gaussian", ["--likelihood gaussian", "--likelihood bernoulli"]),
    ],
)
def test_another_model_is_refused(first, capsys, given, said):
    more = [*given.split(), "--out", "second"]
    assert train("--data", "own.npz", "--start", "first", *more) == 2
    error = capsys.readouterr().err
    assert all(words in error for words in [*said, "--start"])


def test_a_recipe_of_another_model_is_named(first, capsys):
    more = ["--recipe", "tanh-iwae-5", "--out", "second"]
    assert train("--data", "own.npz", "--start", "first", *more) == 2
    said = capsys.readouterr().err
    assert "--latent 50" in said
    assert "(--recipe tanh-iwae-5 sets " in said


def test_examples_of_another_size_are_refused(first, tmp_path, capsys):
    assert train("--data", "larger.npz", "--start", "first", "--out", "second") == 2
    assert "larger" in capsys.readouterr().err
    assert not (tmp_path / "second").exists()


def test_tables_with_other_columns_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{i},{-i},{i * i}\n" for i in range(30))
    (tmp_path / "a.csv").write_text("a,b,c\n" + rows)
    (tmp_path / "b.csv").write_text("a,b,d\n" + rows)
    assert train("--data", "a.csv", *SMALL, "--epochs", 1, "--out", "first") == 0
    assert train("--data", "b.csv", "--start", "first", "--epochs", 1) == 2
    assert "columns" in capsys.readouterr().err


def test_a_folder_without_a_run_is_refused(first, tmp_path, capsys):
    assert train("--data", "own.npz", "--start", str(tmp_path)) == 2
    assert "config.json" in capsys.readouterr().err


def test_a_recipe_that_needs_a_run_to_start_from_says_so(first, capsys):
    assert train("--data", "own.npz", "--recipe", "tanh-iwae-5") == 2
    said = capsys.readouterr().err
    assert "--recipe tanh-vae" in said
    assert "--start" in said


def test_the_config_keeps_where_it_started(first, tmp_path):
    assert train("--data", "own.npz", "--start", "first", "--epochs", 1, "--out", "second") == 0
    stored = json.loads((tmp_path / "second" / "config.json").read_text())["settings"]
    assert stored["start"] == str(tmp_path / "first")
