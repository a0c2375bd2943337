import json
import shutil

import measured_runs
import numpy as np
import pytest
import run_files
from measured_runs import NAMES, refused, run

from npvae import figures
from npvae.runs.folder import RunFolder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of small data and runs, which the tests leave as they are."""
    folder = tmp_path_factory.mktemp("trained")
    measured_runs.save_data(folder)
    measured_runs.train(folder, "vae", "animals", "numbers", "autoencoder", "denoising")
    return folder


@pytest.fixture(autouse=True)
def elsewhere(trained, monkeypatch):
    """Every test works in the folder of the runs."""
    monkeypatch.chdir(trained)


@pytest.fixture
def drawn(monkeypatch):
    """Return the arguments of every picture, none of which is drawn."""
    seen = []
    run_files.draw_quickly(monkeypatch)
    for name in ("samples", "reconstructions"):
        monkeypatch.setattr(figures, name, lambda *given, **named: seen.append((given, named)))
    return seen


def numbers(tmp_path, *options):
    """Return the numbers that `npvae sample` writes."""
    assert run("sample", *options, "--out", tmp_path / "x.npy") == 0
    return np.load(tmp_path / "x.npy")


def expected(name, n, labels=None, **options):
    """Return the same samples from the model itself."""
    model = RunFolder.open(name).load_model().model
    y = None if labels is None else model.one_hot(np.array(labels))
    return model.sample(n, 0, y=y, **options).reshape(n, 4, 5)


# ---- labels --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "label"), [("dog", 1), ("emu", 2)])
def test_a_label_by_its_name(tmp_path, given, label):
    x = numbers(tmp_path, "animals", "--label", given, "-n", 5)
    np.testing.assert_array_equal(x, expected("animals", 5, [label] * 5))


@pytest.mark.parametrize(("given", "label"), [("0", 0), ("2", 1), ("10", 2)])
def test_where_names_are_numbers_the_names_count(tmp_path, given, label):
    x = numbers(tmp_path, "numbers", "--label", given, "-n", 5)
    np.testing.assert_array_equal(x, expected("numbers", 5, [label] * 5))


def test_without_a_label_each_comes_in_turn(tmp_path):
    x = numbers(tmp_path, "animals", "-n", 5)
    np.testing.assert_array_equal(x, expected("animals", 5, [0, 1, 2, 0, 1]))


def test_with_draw_x_is_drawn_of_that_label(tmp_path):
    x = numbers(tmp_path, "animals", "--label", "dog", "-n", 5, "--draw")
    np.testing.assert_array_equal(x, expected("animals", 5, [1] * 5, draw=True))
    assert set(np.unique(x)) == {0, 1}


def test_in_a_picture_each_label_has_its_columns(drawn, tmp_path):
    """With three labels there are nine columns, so that each holds one of them."""
    assert run("sample", "animals", "--out", tmp_path / "a.png") == 0
    assert run("sample", "animals", "--label", "emu", "--out", tmp_path / "b.png") == 0
    assert run("sample", "vae", "--out", tmp_path / "c.png") == 0
    (turn, in_turn), (one, of_one), (plain, of_plain) = drawn
    assert [len(given[0]) for given in (turn, one, plain)] == [81, 64, 64]
    by_column = turn[0].reshape(9, 9, 20)
    labels = np.arange(81) % 9 % 3
    same = expected("animals", 81, labels).reshape(9, 9, 20)
    np.testing.assert_array_equal(by_column, same)
    assert in_turn["told"].startswith("81 ")
    assert "given each label in turn" in in_turn["told"]
    np.testing.assert_array_equal(in_turn["labels"], labels)
    assert in_turn["classes"] == list(NAMES)
    assert of_one["told"].startswith("64 ")
    assert "given label emu" in of_one["told"]
    assert "given" not in of_plain["told"]
    assert all("means of p(x | z)" in named["told"] for _, named in drawn)


def test_a_number_is_no_name(capsys):
    line = refused(capsys, "sample", "animals", "--label", "1")
    assert "--label is 1, but the labels of animals are cat, dog, emu" in line


def test_drawn_pixels_are_called_so(drawn, tmp_path):
    asked = ["--label", "dog", "-n", 3, "--draw", "--out", tmp_path / "a.png"]
    assert run("sample", "animals", *asked) == 0
    assert "given label dog" in drawn[0][1]["told"]
    assert "x drawn from p(x | z)" in drawn[0][1]["told"]


def test_numbers_of_a_conditional_model_come_with_their_labels(tmp_path):
    assert run("sample", "animals", "-n", 4, "--out", tmp_path / "a.csv") == 0
    rows = [line.split(",") for line in (tmp_path / "a.csv").read_text().split()]
    assert [row[-1] for row in rows] == ["cat", "dog", "emu", "cat"]
    found = np.array([row[:-1] for row in rows], float)
    np.testing.assert_allclose(found, expected("animals", 4, [0, 1, 2, 0]).reshape(4, -1))


def test_names_in_a_table_are_no_formulas(tmp_path):
    """Numbers are numbers, those below zero, too."""
    folder = shutil.copytree("animals", tmp_path / "animals")
    config = json.loads((folder / "config.json").read_text())
    config["data"]["classes"] = ["=1+1", "-5", "@x"]
    config["data"]["columns"] = ["+a", "-b", "c", *map(str, range(17))]
    (folder / "config.json").write_text(json.dumps(config))
    assert run("sample", folder, "-n", 3, "--out", tmp_path / "a.csv") == 0
    head, *rows = [line.split(",") for line in (tmp_path / "a.csv").read_text().splitlines()]
    assert head[:3] == ["'+a", "'-b", "c"]
    assert [row[-1] for row in rows] == ["'=1+1", "-5", "'@x"]


def test_a_picture_of_too_many(capsys, tmp_path):
    line = refused(capsys, "sample", "vae", "-n", 2501, "--out", tmp_path / "a.png")
    assert "-n 2501 " in line
    assert "at most 2500" in line


def test_a_run_that_lost_the_names_knows_the_numbers(tmp_path, capsys):
    folder = shutil.copytree("animals", tmp_path / "animals")
    config = json.loads((folder / "config.json").read_text())
    config["data"]["classes"] = []
    (folder / "config.json").write_text(json.dumps(config))
    x = numbers(tmp_path, folder, "--label", "1", "-n", 5)
    np.testing.assert_array_equal(x, expected("animals", 5, [1] * 5))
    capsys.readouterr()
    assert " are 0 to 2" in refused(capsys, "sample", folder, "--label", "dog")


@pytest.mark.parametrize("label", ["cow", "3", "-1", "", "Dog", "²", "1.0"])
def test_a_label_that_nobody_knows(capsys, label):
    line = refused(capsys, "sample", "animals", f"--label={label}")
    assert line.startswith("npvae: --label is ")
    assert f"labels of animals are {', '.join(NAMES)}" in line


@pytest.mark.parametrize("label", ["1", "3", "11"])
def test_a_number_that_is_no_name_among_numbers(capsys, label):
    line = refused(capsys, "sample", "numbers", "--label", label)
    assert line.startswith(f"npvae: --label is {label}, but the labels of numbers are 0, 2, 10")


def test_many_labels_are_not_all_listed(tmp_path, capsys):
    folder = shutil.copytree("animals", tmp_path / "animals")
    config = json.loads((folder / "config.json").read_text())
    config["data"]["classes"] = ["a" * 90, "b" * 90, "c" * 90]
    (folder / "config.json").write_text(json.dumps(config))
    line = refused(capsys, "sample", folder, "--label", "dog")
    assert "a" * 90 in line
    assert "c" * 90 not in line


def test_a_label_for_a_model_that_is_told_none(capsys):
    line = refused(capsys, "sample", "vae", "--label", "1")
    assert line.startswith("npvae: --label 1 needs a conditional model, but the model in vae ")


@pytest.mark.parametrize("name", ["autoencoder", "denoising"])
def test_an_autoencoder_has_nothing_to_sample_from(capsys, name):
    line = refused(capsys, "sample", name)
    assert line.startswith(f"npvae: {name} contains an autoencoder, which has no prior")


# ---- reconstructions -----------------------------------------------------------------------------


def test_a_conditional_model_reconstructs_each_example_with_its_own_label(drawn, tmp_path):
    assert run("reconstruct", "animals", "--out", tmp_path / "a.png") == 0
    (x, made, *_), _ = drawn[0]
    folder = RunFolder.open("animals")
    model, test = folder.load_model().model, folder.load_data().test
    chosen = np.random.default_rng(0).permutation(10)
    y = model.one_hot(test.labels[chosen])
    np.testing.assert_array_equal(made, model.reconstruct(x, y=y))


def test_a_denoising_model_is_shown_with_what_it_was_given(drawn, tmp_path):
    """The picture has the corrupted x, not x: some of its bright pixels are dark."""
    assert run("reconstruct", "denoising", "--out", tmp_path / "a.png") == 0
    (clean, made, *_), options = drawn[0]
    x = options["corrupted"]
    assert options["how"] == "decoded from the code"
    assert run("reconstruct", "autoencoder", "--out", tmp_path / "b.png") == 0
    assert drawn[1][1]["corrupted"] is None
    model = RunFolder.open("denoising").load_model().model
    assert (x <= clean).all()
    assert x.sum() < 0.9 * clean.sum()
    np.testing.assert_array_equal(made, model.reconstruct(x))


def test_a_conditional_model_cannot_reconstruct_without_labels(capsys):
    assert "a conditional model needs labels (3 " in refused(
        capsys, "reconstruct", "animals", "--data", "pixels.npy"
    )
    line = refused(capsys, "reconstruct", "animals", "--data", "more-animals.npz")
    assert "expected 0 to 2" in line
