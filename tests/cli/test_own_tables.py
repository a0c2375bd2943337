"""Your own table as it is, through training, resuming, sampling and evaluating."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import run_files
from measured_runs import SMALL, refused, run

from npvae import Gaussian, Mixed, figures, load_model
from npvae.runs.folder import RunFolder

N = 60
COLOURS = ["red", "blue", "green"]
HEADER = ["name", "size", "colour", "count", "species"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A folder of its own, with a table that has names, texts and gaps."""
    monkeypatch.chdir(tmp_path)
    run_files.draw_quickly(monkeypatch)
    write("people.csv")


def write(path, size=1.0):
    rng = np.random.default_rng(0)
    rows = [
        [f"n{i}", round(size * rng.normal(), 3), COLOURS[i % 3], rng.integers(9), "uv"[i % 2]]
        for i in range(N)
    ]
    rows[4][1], rows[5][2] = "", "NA"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])


def train(*options, data="people.csv"):
    given = ["--data", data, "--drop", "name", "--label-column", "species", *options]
    return run("train", *given, *SMALL, *([] if "--out" in options else ["--out", "run"]))


@pytest.mark.parametrize("missing", ["drop", "mean"])
def test_a_table_is_trained_on_resumed_evaluated_and_sampled(missing, capsys):
    assert train("--missing", missing) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "3 columns that become 5 numbers" in said
    assert ("2 of 60 rows" if missing == "drop" else "2 missing values") in said
    assert run("train", "--resume", "run", "--epochs", 2) == 0
    assert run("evaluate", "run") == 0
    assert run("evaluate", "run", "--data", "people.csv", "--part", "validation") == 0
    for draw in ([], ["--draw"]):
        assert run("sample", "run", "-n", 20, *draw, "--out", "new.csv") == 0
        with open("new.csv", newline="") as file:
            header, *rows = csv.reader(file)
        assert header == ["size", "colour", "count"]
        assert len(rows) == 20
        assert {row[1] for row in rows} <= set(COLOURS)
        assert np.isfinite([[float(row[0]), float(row[2])] for row in rows]).all()


def test_numbers_and_texts_get_a_mixed_likelihood(capsys):
    assert train("--missing", "drop", "--sigma", "learned") == 0
    assert "Mixed likelihood, learned sigma" in " ".join(capsys.readouterr().out.split())
    saved = load_model("run")
    assert isinstance(saved.model.likelihood, Mixed)
    assert saved.model.config["groups"] == [0, 3, 0]
    np.testing.assert_array_equal(saved.scaling.kept, [False, True, True, True, False])
    x = saved.model.sample(50, 0, draw=True)
    assert set(np.unique(x[:, 1:4])) == {0, 1}
    assert (x[:, 1:4].sum(axis=1) == 1).all()


def test_it_goes_through_every_command():
    assert train("--missing", "mean") == 0
    for command in ("reconstruct", "interpolate", "traverse", "manifold", "explore", "report"):
        assert run(command, "run") == 0, command
    assert run("evaluate", "run", "--samples", 5) == 0
    assert run("score", "run", "--part", "train", "--top", 3) == 0
    assert run("encode", "run") == 0
    assert run("decode", "run", "run/codes.csv", "--out", "back.csv") == 0
    with open("back.csv", newline="") as file:
        assert {row["colour"] for row in csv.DictReader(file)} <= set(COLOURS)


@pytest.mark.parametrize("likelihood", ["mixed", "gaussian"])
def test_texts_that_cost_most_are_drawn_in_words(monkeypatch, likelihood):
    """A column of text is one cell, with the cost of all its numbers."""
    assert train("--missing", "drop", "--likelihood", likelihood) == 0
    draw, drawn = figures.oddest, []
    monkeypatch.setattr("npvae.figures.oddest", lambda *a, **b: drawn.append(a) or draw(*a, **b))
    assert run("score", "run", "--part", "train", "--top", 4) == 0
    ((x, x_hat, nats, form, _),) = drawn
    assert form.columns == ("size", "colour", "count")
    assert x.shape == x_hat.shape == nats.shape == (4, 3)
    assert {*x[:, 1], *x_hat[:, 1]} <= set(COLOURS)
    assert (nats[:, 1] > 0).all()


def test_a_gaussian_for_all_columns_still_standardises_the_texts(capsys):
    """As every run did before there was a mixed likelihood; such a run is resumed as it was."""
    assert train("--missing", "drop", "--likelihood", "gaussian") == 0
    saved, data = load_model("run"), RunFolder.open("run").load_data()
    assert isinstance(saved.model.likelihood, Gaussian)
    assert "groups" not in saved.model.config
    x = data.train.take(slice(None))
    np.testing.assert_allclose(saved.scaling.mean, x.mean(axis=0))
    np.testing.assert_allclose(saved.scaling.std, x.std(axis=0))
    assert run("train", "--resume", "run", "--epochs", 2) == 0
    assert train("--missing", "drop", "--out", "other") == 0
    capsys.readouterr()
    assert run("compare", "run", "other") == 0
    assert "kind of x" in " ".join(capsys.readouterr().out.split())


def test_the_config_knows_the_texts_and_the_means():
    assert train("--missing", "mean") == 0
    data = json.loads(Path("run/config.json").read_text())["data"]
    assert data["columns"] == ["size", *(f"colour={c}" for c in sorted(COLOURS)), "count"]
    assert data["categories"] == {"colour": sorted(COLOURS)}
    assert len(data["means"]) == 5


@pytest.mark.parametrize("missing", ["drop", "mean"])
def test_changed_data_are_noticed_when_a_run_is_resumed(missing, capsys):
    assert train("--missing", missing) == 0
    capsys.readouterr()
    write("people.csv", size=1.5)
    assert "people.csv" in refused(capsys, "train", "--resume", "run", "--epochs", 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--missing", "median"], "--missing"),
        (["--drop", "nobody", "--missing", "drop"], "'nobody'"),
        (["--drop", "name"], "2 values"),
        (["--drop", "name,species,size,colour,count"], "no column left"),
        (["--drop", "9"], "9"),
        (["--missing", "drop"], "60 different texts"),
    ],
)
def test_what_does_not_fit_the_table_is_refused(options, words, capsys, tmp_path):
    line = refused(capsys, "train", "--data", "people.csv", *options, "--out", "run")
    assert words in line
    assert not (tmp_path / "run").exists()
    assert not {"label_column", "drop=", "missing="} & set(line.replace('"', " ").split())


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("command", ["encode", "score"])
def test_new_data_are_advised_on_without_flags_that_the_command_lacks(
    command, suffix, tmp_path, capsys
):
    write_new("people.csv", [[f"{i}", f"{i % 7}.5", i % 5, "uv"[i % 2]] for i in range(N)])
    assert run("train", "--data", "people.csv", "--drop", "name", *SMALL, "--out", "run") == 0
    capsys.readouterr()
    for row in (["a", "", "1", "u"], ["a", "x", "1", "u"], ["a", "05", "1", "u"]):
        write_new("new.csv", [["b", "2", "2", "v"], row])
        if suffix == "parquet":
            frame = pytest.importorskip("pandas").read_csv("new.csv")
            pytest.importorskip("pyarrow")
            frame.to_parquet("new.parquet")
            if row[1] == "05":  # a number there
                continue
        line = refused(capsys, command, "run", "--data", f"new.{suffix}", "--out", "out.csv")
        assert not any(flag in line for flag in ("--drop", "--label-column", "label_column"))
        assert ("--missing drop" in line) == ("train again" in line) == (row[1] == "")
        assert "missing=" not in line


def write_new(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([["name", "size", "count", "class"], *rows])
