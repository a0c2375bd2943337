import json
import os

import numpy as np
import pytest
from cli_files import (
    SMALL,
    assert_one_clear_message,
    in_folder,
    python,
    run,
    save_files,
)
from PIL import Image
from run_files import draw_quickly

from npvae import load_model
from npvae.cli import VERBS, build_parser
from npvae.datasets import places
from npvae.layers import Tanh
from npvae.runs import finish, pictures
from npvae.runs.folder import RunFolder
from npvae.runs.history import history_columns
from npvae.selfcheck import SUBJECTS

NAMES = list(VERBS)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with small data and two trained runs; the tests leave it as it is."""
    folder = tmp_path_factory.mktemp("files")
    save_files(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        few = {name: pictures.PICTURES[name] for name in finish.OWN_PICTURES}
        patch.setattr(pictures, "PICTURES", few)  # which are files of their own
        assert run("train", "--data", "own.npy", *SMALL, "--out", "run") == 0
        draw_quickly(patch)
        assert run("train", "--data", "people.csv", *SMALL, "--out", "table-run") == 0
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch, files):
    """Every test works in the folder of the files, with no data, no cache and no network."""
    monkeypatch.setenv(places.VARIABLE, str(tmp_path / "data"))
    monkeypatch.setattr(places, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.chdir(files)


def copy_run(tmp_path, name="run"):
    """Return a copy of a run that a test may spoil."""
    copy = tmp_path / name
    copy.mkdir()
    for path in RunFolder.open(name).path.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


# ---- what one does with a run --------------------------------------------------------------------


def test_the_run_folder(files):
    folder = RunFolder.open("run")
    assert folder.names() == [
        "checkpoint.npz",
        "config.json",
        "explorer.html",
        "history.csv",
        "history.png",
        "metrics.json",
        "model.npz",
        "reconstructions.png",
        "report.html",
        "samples.png",
        "split.npz",
    ]
    assert history_columns(folder / "history.csv")["epoch"] == [1, 2]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["epochs"] == 2
    assert set(metrics) >= {"test", "seconds", "train_seconds", "peak_memory_mb"}
    assert set(metrics["test"]["protocol"]) == {"formula", "split", "draws", "data"}
    config = json.loads((folder / "config.json").read_text())
    assert config["settings"]["latent"] == 2
    assert config["settings"]["likelihood"] == "bernoulli"
    for name in ("history", "reconstructions", "samples"):
        with Image.open(folder / f"{name}.png") as image:
            assert np.asarray(image).std() > 1


@pytest.mark.parametrize("name", ["run", "table-run"])
def test_evaluate_repeats_the_figures_of_the_training(capsys, files, name):
    before = in_folder(files)
    assert run("evaluate", name, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads((RunFolder.open(name) / "metrics.json").read_text())["test"]
    assert run("evaluate", name) == 0
    said = capsys.readouterr().out
    assert f"{found['elbo']:.2f}" in said
    for text in found["protocol"].values():
        assert text in " ".join(said.split())
    assert in_folder(files) == before


def test_sample_as_numbers(tmp_path):
    for seed, name in ((1, "a.npy"), (1, "b.npy"), (2, "c.npy")):
        assert run("sample", "run", "-n", 5, "--seed", seed, "--out", tmp_path / name) == 0
    a, b, c = (np.load(tmp_path / f"{name}.npy") for name in "abc")
    assert a.shape == (5, 5, 7)
    assert (a >= 0).all()
    assert (a <= 1).all()
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
    expected = load_model("run/model.npz").model.sample(5, 1)
    np.testing.assert_array_equal(a.reshape(5, 35), expected)
    assert run("sample", "run", "-n", 5, "--draw", "--out", tmp_path / "drawn.npy") == 0
    assert set(np.unique(np.load(tmp_path / "drawn.npy"))) == {0, 1}


def test_samples_of_a_table_are_in_its_own_units_under_its_own_names(tmp_path):
    out = tmp_path / "people.csv"
    assert run("sample", "table-run", "-n", 200, "--draw", "--out", out) == 0
    header, *rows = out.read_text().splitlines()
    assert header == "height,weight,age"
    table = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    assert table.shape == (200, 3)
    saved = RunFolder.open("table-run").load_model()
    expected = saved.scaling.decode(saved.model.sample(200, 0, draw=True))
    np.testing.assert_allclose(table, expected, rtol=1e-5)
    assert (table.std(axis=0) > 20).all()  # of bytes, not of standardised numbers


@pytest.mark.parametrize(("name", "n"), [("run", 9), ("table-run", 3)])
def test_pictures_of_samples_and_reconstructions(tmp_path, name, n):
    copy = copy_run(tmp_path, name)
    for picture in ("samples.png", "reconstructions.png"):
        (copy / picture).unlink()
    assert run("sample", copy, "-n", n) == 0
    assert run("reconstruct", copy, "--seed", 3) == 0
    assert run("reconstruct", copy, "--out", tmp_path / "elsewhere.png") == 0
    for path in (copy / "samples.png", copy / "reconstructions.png", tmp_path / "elsewhere.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_datasets_lists_what_there_is(capsys):
    assert run("datasets") == 0
    said = capsys.readouterr().out
    for words in (
        "mnist",
        "fashion-mnist",
        "glyphs",
        "28x28",
        "tunes",
        "not on disk",
        ".npy, .npz, .csv",
    ):
        assert words in said


@pytest.fixture
def few_subjects(monkeypatch):
    """Some of what `npvae gradcheck` checks; the tests of gradients check all of it."""
    few = {name: make for name, make in SUBJECTS.items() if "tanh" in name or "relu" in name}
    monkeypatch.setattr("npvae.cli.gradcheck.SUBJECTS", few)
    return few


def test_gradcheck_prints_a_table_and_finds_nothing_wrong(capsys, few_subjects):
    assert run("gradcheck") == 0
    said = capsys.readouterr().out
    for words in (*few_subjects, "worst", "agree"):
        assert words in said
    assert "WRONG" not in said


def test_gradcheck_finds_what_is_wrong(capsys, monkeypatch, few_subjects):
    monkeypatch.setattr(Tanh, "backward", lambda self, dy: dy * (1 - self.y))
    assert run("gradcheck", "--seed", 1) == 1
    lines = capsys.readouterr().out.splitlines()
    wrong = [line for line in lines if line.endswith("WRONG")]
    assert len(wrong) >= 3
    assert not [line for line in wrong if "tanh" not in line]


# ---- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_has_help_with_examples_that_parse(capsys, name):
    assert run(name, "--help") == 0
    said = capsys.readouterr().out
    assert said.index("Example:") < said.index("--help ")
    assert max(map(len, said.splitlines())) <= 80
    lines = [line.strip() for line in said.partition("Example:")[2].splitlines()]
    examples = [line for line in lines if line.startswith("npvae ")]
    assert examples[0].split()[:2] == ["npvae", name]
    for example in examples:
        build_parser().parse_args(example.split()[1:])


def test_help_and_version(capsys):
    for line in ([], ["--help"]):
        assert run(*line) == 0
        said = capsys.readouterr().out
        assert all(f"\n  {name} " in said for name in NAMES)
        assert max(map(len, said.splitlines())) <= 80
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("npvae ")


# ---- bad input -----------------------------------------------------------------------------------

BAD = {
    "fly": "'fly'",
    "evaluate": "required",
    "evaluate nothing": "nothing",
    "evaluate pets": "pets",
    "evaluate own.npy": "config.json",
    "sample nothing": "nothing",
    "sample run -n 0": "-n is 0; choose at least 1",
    "sample run --seed x": "--seed is 'x'; expected",
    "sample run --out digits.jpg": ".npy",
    "sample run --out notes.txt": ".npy",
    "reconstruct nothing": "nothing",
    "manifold run --out map.csv": "npvae encode",
    "gradcheck --seed=-2": "--seed is -2; choose at least 0",
    "datasets mnist": "mnist",
    "train --data own.npy --label-column y": "npvae: --label-column",
    "train --hiden 8": "--hiden",
    "plot run kl --columns 3": "--columns",
    "plot run scater": "scatter",
    "plot run --format pdf scater": "scatter",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_refused_in_one_clear_message(capsys, files, line):
    before = in_folder(files)
    assert run(*line.split()) == 2
    assert_one_clear_message(capsys.readouterr(), BAD[line])
    assert in_folder(files) == before


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("model.npz", b"", "model.npz"),
        ("model.npz", b"PK\x03\x04", "model.npz"),
        ("config.json", b"{", "config.json"),
        ("config.json", b"\xff\xfe", "config.json"),
        ("split.npz", b"PK", "split.npz"),
    ],
)
@pytest.mark.parametrize("verb", ["evaluate", "reconstruct"])
def test_a_spoilt_run_is_refused(tmp_path, capsys, verb, name, content, words):
    copy = copy_run(tmp_path)
    if content is None:
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(content)
    assert run(verb, copy) == 2
    assert_one_clear_message(capsys.readouterr(), words)


def test_data_that_changed_or_went_are_refused(tmp_path, capsys, monkeypatch, files):
    monkeypatch.chdir(tmp_path)
    np.save("own.npy", np.load(files / "own.npy"))
    draw_quickly(monkeypatch)
    copy_run_of = tmp_path / "copy"
    assert run("train", "--data", "own.npy", *SMALL, "--out", copy_run_of) == 0
    capsys.readouterr()
    np.save("own.npy", np.load(files / "own.npy")[:50])
    assert run("evaluate", copy_run_of) == 2
    assert_one_clear_message(capsys.readouterr(), "own.npy")
    os.unlink("own.npy")
    assert run("evaluate", copy_run_of) == 2
    assert_one_clear_message(capsys.readouterr(), "--data")


def test_as_a_program():
    done = python("evaluate", "nothing")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("npvae: nothing")
    done = python("evaluate", "run", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["protocol"]
