import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npvae import VAE, DataError, Dataset, InputError, Pixels, Split, save_model
from npvae.runs.building import load_data, resolve
from npvae.runs.config import read_config, what_differs, write_config
from npvae.runs.environment import peak_memory_mb, versions
from npvae.runs.folder import RunFolder
from npvae.runs.settings import Settings
from npvae.storage.json_files import write_json


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every test works in a folder of its own."""
    monkeypatch.chdir(tmp_path)


def save_own(n=40, seed=0, path="own.npy"):
    np.save(path, np.random.default_rng(seed).normal(10, 3, (n, 4)))
    return path


def make_run(**options):
    """A run's folder with its config, as `npvae train` writes it before it trains."""
    settings = Settings(data=save_own(), latent=2, hidden=(5, 3), seed=3, **options)
    dataset = load_data(settings)
    settings = resolve(settings, dataset)
    folder = RunFolder.create("run", dataset.name)
    folder.write_config(settings, dataset, 123)
    return folder, settings, dataset


# ---- the folder ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "folders"),
    [
        ("mnist", ["mnist-001", "mnist-002"]),
        ("fashion-mnist", ["fashion-mnist-001", "fashion-mnist-002"]),
        ("data/My Faces (2).npy", ["my-faces-2-001", "my-faces-2-002"]),
        ("/some/folder/", ["folder-001", "folder-002"]),
        (".", ["data-001", "data-002"]),
        ("../..", ["data-001", "data-002"]),
        ("数.csv", ["data-001", "data-002"]),
    ],
)
def test_without_out_the_folder_is_a_fresh_one_under_runs(tmp_path, name, folders):
    made = [RunFolder.create(None, name).path for _ in folders]
    assert [path.as_posix() for path in made] == [f"runs/{folder}" for folder in folders]
    assert all((tmp_path / path).is_dir() for path in made)


def test_a_gap_is_filled_without_touching_what_is_there(tmp_path):
    old = tmp_path / "runs" / "mnist-002"
    old.mkdir(parents=True)
    (old / "model.npz").write_bytes(b"dear")
    made = [RunFolder.create(None, "mnist").path.name for _ in range(2)]
    assert made == ["mnist-001", "mnist-003"]
    assert (old / "model.npz").read_bytes() == b"dear"


def test_out_may_be_new_or_empty(tmp_path):
    (tmp_path / "empty").mkdir()
    for out in ("empty", "new/and/deep"):
        assert RunFolder.create(out, "mnist").path.is_dir()


def test_out_that_holds_anything_is_refused(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "config.json").write_text("{}")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out file is a file; choose another name"):
        RunFolder.create("file", "mnist")
    advice = "choose another, or go on with it: npvae train --resume full"
    with pytest.raises(InputError, match=f"--out full already exists and is not empty; {advice}"):
        RunFolder.create("full", "mnist")
    assert (tmp_path / "full" / "config.json").read_text() == "{}"


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
def test_a_runs_that_is_no_folder():
    os.symlink("nowhere", "runs")
    with pytest.raises(InputError, match="a folder under runs/ here cannot be made"):
        RunFolder.create(None, "mnist")


def test_a_folder_with_hidden_files_of_the_users_is_not_empty(tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / ".film.mkv.part").write_bytes(b"dear")
    with pytest.raises(InputError, match="is not empty"):
        RunFolder.create("films", "mnist")


def test_the_model_of_another_run():
    folder, _, _ = make_run()
    save_model(folder / "model.npz", VAE.dense(5, 3, 2), Pixels(), (5,))
    with pytest.raises(DataError, match="is of another run"):
        folder.load_model()


def test_names_of_columns_that_are_none():
    folder, _, _ = make_run()
    for columns, names in ((3, []), ([1, "\ud800"], ["1", "?"])):
        config = json.loads((folder / "config.json").read_text())
        config["data"]["columns"] = columns
        (folder / "config.json").write_text(json.dumps(config))
        assert folder.columns() == names


@pytest.mark.parametrize("path", ["nothing", "own.npy", "."])
def test_what_is_no_run_is_refused(path):
    save_own()
    with pytest.raises(InputError, match=r"is no run: it has no config\.json"):
        RunFolder.open(path)


# ---- what is in it -------------------------------------------------------------------------------


def test_the_config_is_enough_to_run_it_again():
    folder, settings, dataset = make_run(beta=0.5)
    stored = RunFolder.open("run").settings()
    assert stored == replace(settings, data=str(Path("own.npy").resolve()))  # from any folder
    again = load_data(RunFolder.open("run").settings())
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(again, part).rows, getattr(dataset, part).rows)
    config = json.loads((folder / "config.json").read_text())
    assert config["data"]["shape"] == [4]
    assert (config["data"]["train"], config["data"]["test"]) == (32, 4)
    assert config["parameters"] == 123
    assert set(config["versions"]) == set(versions()) >= {"npvae", "numpy", "python"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        '{"settings": 1}',
        '{"settings": {}}',
        '{"settings": {"hidden": 3}}',
    ],
)
def test_a_damaged_config(content):
    folder, _, _ = make_run()
    (folder / "config.json").write_text(content)
    with pytest.raises(DataError, match=r"config\.json"):
        folder.settings()


def test_json_has_no_number_that_is_none():
    folder, _, _ = make_run()
    bad = {"elbo": float("nan"), "kl_per_latent": [1.0, float("inf")], "more": {"kl": -np.inf}}
    write_json(folder / "metrics.json", bad)
    expected = {"elbo": None, "kl_per_latent": [1.0, None], "more": {"kl": None}}
    assert json.loads((folder / "metrics.json").read_text()) == expected


def test_the_model_comes_back():
    folder, _, _ = make_run()
    with pytest.raises(DataError, match="holds no model yet; train it: npvae train --resume run"):
        folder.load_model()
    model = VAE.dense(4, 3, 2)
    save_model(folder / "model.npz", model, Pixels(), (4,))
    np.testing.assert_array_equal(folder.load_model().model.params.flat, model.params.flat)


# ---- the data of the run -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "bounds", "best"),
    [
        ({"patience": 2}, [-5, -4, -4.5, -4.2], 2),
        ({"patience": 2}, [-5, -4, -4], 2),
        ({"patience": 5}, [-5, -4, -3], 3),
        ({"patience": 2, "warm_up": 2}, [-1, -2, -5, -4, -4.5], 4),
        ({"patience": 2, "warm_up": 3}, [-1, -2], None),
        ({"patience": 2}, None, None),
        ({}, [-5, -4, -4.5], None),
    ],
    ids=["past", "equal", "last", "after the warm-up", "within it", "no epoch yet", "no stopping"],
)
def test_the_best_epoch_is_found_in_the_history(options, bounds, best):
    folder, *_ = make_run(**options)
    if bounds is not None:
        names = "epoch,validation_bound,train_loss,train_elbo,train_reconstruction,train_kl"
        lines = [f"{epoch},{bound},0,0,0,0" for epoch, bound in enumerate(bounds, start=1)]
        text = "\n".join([names, *lines])
        (folder / "history.csv").write_text(text)
    assert folder.best_epoch() == best


def test_the_rows_of_ones_own_split_are_kept():
    folder, _, dataset = make_run()
    with np.load(folder / "split.npz") as stored:
        assert set(stored.files) == {"train", "validation", "test"}
        np.testing.assert_array_equal(stored["test"], dataset.test.rows)
    np.testing.assert_array_equal(folder.load_data().test.rows, dataset.test.rows)


@pytest.mark.parametrize("changed", [lambda x: x[:-1], lambda x: x[::-1]])
def test_data_that_have_changed_are_refused(changed):
    """Fewer rows, or the same rows in another order."""
    folder, _, _ = make_run()
    np.save("own.npy", changed(np.load("own.npy")))
    with pytest.raises(DataError, match=r"own\.npy.* has changed since this run was trained"):
        folder.load_data()


def labelled(labels):
    part = Split(np.zeros((4, 2), np.uint8), np.arange(4), np.array(labels))
    return Dataset("own", part, part, part, (2,), "pixels", "a test", classes=("cat", "dog"))


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (labelled([0, 1, 0, 1]), ""),
        (labelled([1, 0, 0, 1]), "labels"),
        (replace(labelled([0, 1, 0, 1]), classes=("dog", "cat")), "labels"),
        (replace(labelled([0, 1, 2, 1]), classes=("cat", "dog", "owl")), ""),  # refused elsewhere
    ],
)
def test_other_labels_are_other_data_where_labels_count(tmp_path, other, differs):
    path = tmp_path / "config.json"
    write_config(path, Settings(data="own"), labelled([0, 1, 0, 1]), 1)
    stored = read_config(path)["data"]
    assert what_differs(other, stored, labels=True) == differs
    assert what_differs(other, stored, labels=False) == ""
    assert what_differs(other, stored | {"classes": 5}, labels=True) == ""  # a damaged config


def test_a_damaged_split():
    folder, _, _ = make_run()
    for content in (b"", b"PK\x03\x04", (folder / "split.npz").read_bytes()[:200]):
        (folder / "split.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"split\.npz cannot be read"):
            folder.load_data()


def test_peak_memory_is_in_megabytes():
    peak = peak_memory_mb()
    assert peak is None or 20 < peak < 100_000
