import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npvae import VAE, DataError, Dataset, InputError, Pixels, Split, load_model, save_model
from npvae.runs.building import build_model, load_data, resolve
from npvae.runs.config import read_config, what_differs, write_config
from npvae.runs.environment import peak_memory_mb, versions
from npvae.runs.fit import trainer_for
from npvae.runs.folder import RunFolder
from npvae.runs.model_file import model_checksum
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
    with pytest.raises(InputError, match="--out file"):
        RunFolder.create("file", "mnist")
    with pytest.raises(InputError, match=r"--out full .*npvae train --resume full"):
        RunFolder.create("full", "mnist")
    assert (tmp_path / "full" / "config.json").read_text() == "{}"


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
def test_a_runs_that_is_no_folder():
    os.symlink("nowhere", "runs")
    with pytest.raises(InputError, match="runs/"):
        RunFolder.create(None, "mnist")


def test_a_folder_with_hidden_files_of_the_users_is_not_empty(tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / ".film.mkv.part").write_bytes(b"dear")
    with pytest.raises(InputError, match="--out films"):
        RunFolder.create("films", "mnist")


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
    with pytest.raises(InputError, match=r"config\.json"):
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
    with pytest.raises(DataError, match="npvae train --resume run"):
        folder.load_model()
    model = VAE.dense(4, 3, 2)
    save_model(folder / "model.npz", model, Pixels(), (4,), run_id=folder.run_id)
    np.testing.assert_array_equal(folder.load_model().model.params.flat, model.params.flat)


# ---- one run, one folder -------------------------------------------------------------------------


def test_the_identity_is_that_of_the_data_and_of_the_settings_that_stay():
    """Wherever the data are; so that equal runs are equal, and one that goes on stays the same."""
    first, settings, dataset = make_run()
    for number, (changed, same) in enumerate(
        [
            ({}, True),
            ({"epochs": 99, "patience": 3, "data": "moved.npy"}, True),
            ({"beta": 0.5}, False),
            ({"seed": 4}, False),
        ]
    ):
        path = Path(f"{number}.json")
        write_config(path, replace(settings, **changed), dataset, 1)
        assert (read_config(path)["run"] == first.run_id) == same
    cosine = [replace(settings, lr_schedule="cosine", epochs=epochs) for epochs in (5, 9)]
    assert len({write_config(path, one, dataset, 1) for one in cosine}) == 2  # other rates
    other = replace(dataset, train=replace(dataset.train, x=dataset.train.x + 1))
    assert write_config(Path("other.json"), settings, other, 1) != first.run_id


def trained(folder, settings, dataset, epochs=2, **options):
    """Train in a folder, and save; return the trainer."""
    model = build_model(settings, dataset, np.random.default_rng(settings.seed))
    trainer = trainer_for(model, dataset, batch_size=16, **options)
    for _ in range(epochs):
        trainer.run_epoch()
    folder.save(trainer, dataset, settings)
    return trainer


@pytest.mark.parametrize("change", ["moved", "deleted", "another", "equal"])
def test_what_is_no_longer_the_folder_of_the_run_is_not_written_into(change):
    folder, settings, dataset = make_run()
    with folder.locked():
        trainer = trained(folder, settings, dataset)
        Path("run").rename("away")
        if change == "deleted":
            shutil.rmtree("away")
        if change in ("another", "equal"):
            other = RunFolder.create("run", "own")
            seed = settings.seed + (change == "another")
            other.write_config(replace(settings, seed=seed), dataset, 1)
        before = {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file()}
        with pytest.raises(InputError, match="run is no longer"):
            folder.save(trainer, dataset, settings)
    assert {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file()} == before


@pytest.mark.parametrize("resumed", [False, True])
def test_a_config_that_was_deleted_takes_no_work_away(resumed):
    folder, settings, dataset = make_run()
    before = read_config(folder / "config.json")
    folder = RunFolder.open("run") if resumed else folder
    with folder.locked():
        (folder / "config.json").unlink()
        trained(folder, settings, dataset)
    assert read_config(folder / "config.json") == before
    assert (folder / "model.npz").exists()


@pytest.mark.parametrize("name", ["model.npz", "checkpoint.npz", "history.csv"])
def test_a_file_of_another_run_is_refused(name):
    """Of the same data, with the same settings but for the seed."""
    folder, settings, dataset = make_run()
    trained(folder, settings, dataset)
    other = RunFolder.create("other", "own")
    settings = replace(settings, seed=9)
    other.write_config(settings, dataset, 1)
    trained(other, settings, dataset)
    assert folder.load_model().model.params.size
    assert len(folder.history()["epoch"]) == 2
    shutil.copy(other / name, folder / name)
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        folder.load_model(), folder.history()
    if name != "history.csv":
        with pytest.raises(DataError, match="another run"):
            load_model(folder.path)
    if name == "checkpoint.npz":
        with pytest.raises(DataError, match=r"checkpoint\.npz"):
            folder.read_checkpoint(folder.settings())


def test_the_model_is_that_of_the_checkpoint():
    """Of two runs that differ in nothing but their epochs, for example."""
    folder, settings, dataset = make_run()
    model = trained(folder, settings, dataset).model
    expected = model.params.flat.copy()
    model.params.flat[0] += 1
    save_model(folder / "model.npz", model, Pixels("none"), dataset.shape, run_id=folder.run_id)
    np.testing.assert_array_equal(folder.load_model().model.params.flat, expected)
    (folder / "checkpoint.npz").unlink()
    assert folder.load_model().model.params.flat[0] == model.params.flat[0]


def test_a_history_may_be_behind_its_checkpoint():
    """A process was killed between the two files."""
    folder, settings, dataset = make_run()
    trained(folder, settings, dataset)
    lines = (folder / "history.csv").read_text().splitlines()
    (folder / "history.csv").write_text("\n".join(lines[:-1]) + "\n")
    assert folder.epochs() == (1, settings.epochs)
    (folder / "history.csv").write_text("\n".join([*lines, lines[-1].replace("2", "3", 1), ""]))
    with pytest.raises(DataError, match=r"history\.csv"):
        folder.epochs()


def test_metrics_of_another_model_are_none():
    folder, settings, dataset = make_run()
    model = trained(folder, settings, dataset).model
    write_json(folder / "metrics.json", {"model_crc32": model_checksum(model), "epochs": 2})
    assert folder.metrics_of(model)["epochs"] == 2
    model.params.flat[0] += 1
    assert folder.metrics_of(model) == {}


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
        text = "\n".join([names, *lines, ""])
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
    with pytest.raises(DataError, match=r"own\.npy"):
        folder.load_data()


def labelled(labels):
    part = Split(np.zeros((4, 2), np.uint8), np.arange(4), np.array(labels))
    return Dataset("own", part, part, part, (2,), "pixels", "a test", classes=("cat", "dog"))


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (labelled([0, 1, 0, 1]), ""),
        (labelled([1, 0, 0, 1]), "labels"),
        (replace(labelled([0, 1, 0, 1]), test=labelled([1, 0, 0, 1]).test), "labels"),
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
        with pytest.raises(DataError, match=r"split\.npz"):
            folder.load_data()


def test_peak_memory_is_in_megabytes():
    peak = peak_memory_mb()
    assert peak is None or 20 < peak < 100_000
