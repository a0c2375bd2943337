"""explorer.html as a file: where it is, how large, what it may do, and whole or not at all."""

import base64
import json
import os
import re
import shutil
from hashlib import sha256
from pathlib import Path

import browser
import measured_runs
import numpy as np
import pytest
import run_files
from explored_runs import save_data, save_run
from measured_runs import SMALL, refused, run

from npvae.explorer import page
from npvae.runs.folder import RunFolder
from npvae.runs.model_file import save_model

PAGE = "explorer.html"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of small data and runs, whose pictures are blots."""
    folder = tmp_path_factory.mktemp("trained")
    measured_runs.save_data(folder)
    measured_runs.train(folder, "vae", "table", "autoencoder", "animals")
    return folder


@pytest.fixture(autouse=True)
def elsewhere(trained, monkeypatch):
    """Every test works in the folder of the runs, and draws blots."""
    monkeypatch.chdir(trained)
    run_files.draw_quickly(monkeypatch)


def read(path):
    return Path(path).read_text(encoding="utf-8")


def content(path):
    """Return the content that a page holds."""
    return json.loads(browser.read(read(path)).one("script", id="model").text)


# ---- what is written -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vae", "table", "autoencoder", "animals"])
def test_train_writes_the_page_that_explore_writes(tmp_path, capsys, name):
    assert run("explore", name, "--out", tmp_path / "again.html") == 0
    assert str(tmp_path / "again.html") in capsys.readouterr().out
    assert read(tmp_path / "again.html") == read(f"{name}/{PAGE}")
    assert content(f"{name}/{PAGE}")["name"] == name


def test_the_report_links_to_it_where_both_are(tmp_path):
    folder = shutil.copytree("vae", tmp_path / "vae")
    for there in (True, False):
        assert run("report", folder) == 0
        links = browser.read(read(folder / "report.html")).all("a", href=PAGE)
        assert len(links) == there
        (folder / PAGE).unlink(missing_ok=True)
    assert run("report", "vae", "--out", tmp_path / "report.html") == 0
    assert not browser.read(read(tmp_path / "report.html")).all("a")


def test_train_ends_with_its_path(capsys, tmp_path):
    out = tmp_path / "run"
    assert run("train", "--data", "pixels.npy", *SMALL, "--out", out) == 0
    following = capsys.readouterr().out.partition("\nNext:\n")[2]
    assert str(out / PAGE) in following
    assert run("train", "--data", "pixels.npy", *SMALL, "--no-report", "--out", out / "other") == 0
    assert not (out / "other" / PAGE).exists()
    assert PAGE not in capsys.readouterr().out


def test_moved_data_are_given_again(tmp_path, capsys):
    folder = shutil.copytree("table", tmp_path / "table")
    (folder / PAGE).unlink()
    moved = shutil.copy("table.npy", tmp_path / "moved.npy")
    assert run("explore", folder, "--data", moved) == 0
    assert content(folder / PAGE) == content("table/explorer.html")


def test_the_page_of_mnist_has_at_most_two_and_a_half_megabytes(tmp_path):
    """As many numbers as in the default model of MNIST, and as many test examples."""
    x = np.random.default_rng(0).integers(0, 256, (30_000, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", x=x, y=np.arange(len(x)) % 10)
    sizes = {"latent": 20, "hidden": (400,), "batch_size": 128}
    folder = save_run(tmp_path, "own.npz", **sizes)
    assert run("explore", folder.path) == 0
    assert (folder / PAGE).stat().st_size <= 2_500_000
    points = content(folder / PAGE)["points"]
    assert points["n"] == 3000
    assert points["k"] > 300


# ---- what the page may do ------------------------------------------------------------------------


def test_only_its_own_script_and_style_are_allowed(trained):
    text = read("vae/explorer.html")
    policy = browser.read(text).one("meta", **{"http-equiv": "Content-Security-Policy"})
    allowed = dict(part.split(" ", 1) for part in policy.attributes["content"].split("; "))
    assert allowed["default-src"] == "'none'"
    for tag in ("script", "style"):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(sha256(inner.encode()).digest()).decode()
        assert allowed[f"{tag}-src"] == f"'sha256-{digest}'"


def test_it_names_nothing_outside_itself():
    """Addresses of standards, which nothing fetches, are not meant."""
    nodes = list(browser.read(read("vae/explorer.html")).elements())
    assert not {node.tag for node in nodes} & {"link", "img", "iframe", "object", "base"}
    assert not [node for node in nodes if "src" in node.attributes]


def test_markup_in_names_is_text(tmp_path):
    name = "a & </script><script>alert(1)<" if os.name == "posix" else "a &"
    labels = np.array(["</script><b>", "<!--", "\"'&"])[np.arange(60) % 3]
    x = np.random.default_rng(0).integers(0, 256, (60, 4, 5), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", x=x, y=labels)
    out = tmp_path / name
    out.parent.mkdir(parents=True, exist_ok=True)
    assert run("train", "--data", tmp_path / "own.npz", *SMALL, "--out", out) == 0
    text = read(out / PAGE)
    tree = browser.read(text)
    assert tree.one("title").text == f"Explore {out.name}"
    assert len(tree.all("script")) == 2
    assert content(out / PAGE)["name"] == out.name
    assert set(content(out / PAGE)["classes"]) == set(labels.tolist())


# ---- what is refused -----------------------------------------------------------------------------


def test_bad_input_is_one_line_and_nothing_is_written(tmp_path, capsys):
    nothing = tmp_path / "nothing.html"
    for given, named in (
        (["nowhere"], "nowhere"),
        (["vae", "--out", tmp_path / "a.png"], ".html"),
        (["vae", "--data", "nowhere.npy", "--out", nothing], "nowhere.npy"),
        (["vae", "--data", "table.npy", "--out", nothing], "table.npy"),
    ):
        assert named in refused(capsys, "explore", *given)
    assert list(tmp_path.iterdir()) == []


def test_a_model_too_large_for_a_page_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(page, "LARGEST", 100_000)
    told = refused(capsys, "explore", "vae", "--out", tmp_path / "large.html")
    assert "MB" in told
    assert not (tmp_path / "large.html").exists()
    out = tmp_path / "run"
    assert run("train", "--data", "pixels.npy", *SMALL, "--out", out) == 0
    said = capsys.readouterr().out
    assert "explorer is not written" in said
    assert not (out / PAGE).exists()
    assert not browser.read(read(out / "report.html")).all("a")


def test_weights_too_large_for_float16_are_refused(tmp_path, capsys):
    save_data(tmp_path)
    folder = save_run(tmp_path)
    saved = folder.load_model()
    saved.model.params.flat[0] = 1e6
    for name in ("model.npz", "checkpoint.npz"):
        (folder / name).unlink()
    save_model(folder / "model.npz", saved.model, saved.scaling, saved.shape, run_id=folder.run_id)
    assert "float16" in refused(capsys, "explore", folder.path)
    assert not (folder / PAGE).exists()


def test_an_untrained_run_is_refused(tmp_path, capsys):
    folder = shutil.copytree("vae", tmp_path / "vae")
    for name in ("model.npz", "checkpoint.npz", PAGE):
        (folder / name).unlink()
    assert "npvae train --resume" in refused(capsys, "explore", folder)
    assert RunFolder.open(folder).kept_epochs() == {}
