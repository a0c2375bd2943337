"""report.html as a file: where it is, the same bytes again, and whole or not at all."""

import os
import shutil
import sys
from pathlib import Path

import browser
import measured_runs
import numpy as np
import pytest
import run_files
from faults import Disk
from measured_runs import SMALL, refused, run

from npvae.datasets.glyphs import draw_glyphs
from npvae.runs import pictures

EARLY = ["--epochs", 60, "--lr", 0.3, "--patience", 3]
DRAW_ALL = pictures.draw_all


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of small data and runs, whose pictures are blots."""
    folder = tmp_path_factory.mktemp("trained")
    measured_runs.save_data(folder)
    measured_runs.train(folder, "vae", "table", "autoencoder", "all-to-train")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_files.draw_quickly(patch)
        assert run("train", "--data", "pixels.npy", *SMALL, *EARLY, "--out", "early") == 0
    return folder


@pytest.fixture(autouse=True)
def elsewhere(trained, monkeypatch):
    """Every test works in the folder of the runs, and draws blots."""
    monkeypatch.chdir(trained)
    run_files.draw_quickly(monkeypatch)


def copy(name, tmp_path):
    return shutil.copytree(name, tmp_path / name)


def page(folder):
    return (Path(folder) / "report.html").read_bytes()


# ---- the same bytes ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vae", "table", "autoencoder", "all-to-train", "early"])
def test_report_writes_the_page_that_train_wrote(tmp_path, name):
    """To the byte: the times are in metrics.json."""
    folder = copy(name, tmp_path)
    assert run("report", folder, "--out", folder / "again.html") == 0
    assert (folder / "again.html").read_bytes() == page(name)


@pytest.mark.parametrize("name", ["vae", "early"])
def test_report_draws_the_run_that_train_drew(tmp_path, monkeypatch, name):
    drawn, draw_all = [], pictures.draw_all

    def note(run):  # now: after its training, a model may go on from where it was
        drawn.append((run, run.model.params.flat.copy(), run.codes.mu, run.take(slice(0, 5))[0]))
        return draw_all(run)

    monkeypatch.setattr(pictures, "draw_all", note)
    options = EARLY if name == "early" else []
    given = ["--data", "pixels.npy", *SMALL, *options, "--out", tmp_path / "run"]
    assert run("train", *given) == 0
    assert run("report", tmp_path / "run") == 0
    (trained, *its), (opened, *of_opened) = drawn
    assert (trained.best, trained.seed) == (opened.best, opened.seed)
    assert (trained.best is None) == (name == "vae")
    assert trained.history == opened.history
    for one, other in zip(its, of_opened, strict=True):
        np.testing.assert_array_equal(one, other)


def test_equal_runs_have_equal_pages(tmp_path):
    for name in ("one", "other"):
        assert run("train", "--data", "pixels.npy", *SMALL, "--out", tmp_path / name) == 0
    one, other = (run_files.content(tmp_path / name / "report.html") for name in ("one", "other"))
    assert one == other
    assert len(one) > 50_000


def test_a_report_of_digits_is_small_and_asks_for_nothing(tmp_path, monkeypatch):
    """With the largest of the pictures of 28x28, which are real: below 5 MB, and no address."""
    glyphs = draw_glyphs(400, np.random.default_rng(0))
    np.savez(tmp_path / "digits.npz", x=glyphs.x.reshape(-1, 28, 28), y=glyphs.labels)
    options = ["--epochs", 1, "--hidden", 50, "--out", tmp_path / "run"]
    assert run("train", "--data", tmp_path / "digits.npz", *options) == 0
    few = {name: pictures.PICTURES[name] for name in ("samples", "scatter", "manifold")}
    monkeypatch.setattr(pictures, "PICTURES", few)
    monkeypatch.setattr(pictures, "draw_all", DRAW_ALL)
    assert run("report", tmp_path / "run") == 0
    written = page(tmp_path / "run")
    assert 5e5 < len(written) < 5e6
    root = browser.read(written.decode())
    assert len(root.all("img")) == len(root.all("source")) == len(few)
    assert b"http:" not in written
    assert b"https:" not in written
    assert [node.attributes["href"] for node in root.all("a")] == ["explorer.html"]
    for node in root.elements():
        assert not {"action", "style"} & node.attributes.keys()
        for name in {"src", "srcset"} & node.attributes.keys():
            assert node.attributes[name].startswith("data:image/png;base64,")


# ---- where it is ---------------------------------------------------------------------------------


def test_out_is_the_only_file_that_is_written(tmp_path, capsys):
    before = Path("vae/report.html").stat().st_mtime_ns
    out = tmp_path / "new" / "folder" / "it.HTM"
    assert run("report", "vae", "--out", out) == 0
    assert capsys.readouterr().out.endswith(f" {out}\n")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [out]
    assert Path("vae/report.html").stat().st_mtime_ns == before


def test_without_out_it_is_in_the_folder_of_the_run(tmp_path, capsys):
    folder = copy("vae", tmp_path)
    (folder / "report.html").unlink()
    assert run("report", folder) == 0
    assert str(folder / "report.html") in capsys.readouterr().out
    run_files.read_page(folder / "report.html")


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.html.gz", ".html", "html"])
def test_a_name_that_is_no_page(tmp_path, capsys, name):
    line = refused(capsys, "report", "vae", "--out", tmp_path / name)
    assert f"--out is {tmp_path / name}; " in line
    assert ".html" in line
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_no_run(tmp_path, capsys):
    assert "it has no config.json" in refused(capsys, "report", tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a name is always text")
def test_names_that_are_no_text(tmp_path):
    name = os.fsdecode(b"a\xff")
    shutil.copy("pixels.npy", tmp_path / f"{name}.npy")
    given = ["--data", tmp_path / f"{name}.npy", *SMALL, "--out", tmp_path / name]
    assert run("train", *given) == 0
    assert run("report", tmp_path / name) == 0
    root = browser.read(page(tmp_path / name).decode())
    assert root.texts("h1") == ["a\ufffd, trained on a\ufffd.npy"]


def test_data_that_are_gone_and_data_that_are_elsewhere(tmp_path, capsys):
    there, elsewhere, folder = (tmp_path / name for name in ("there.npy", "else.npy", "run"))
    shutil.copy("pixels.npy", there)
    assert run("train", "--data", there, *SMALL, "--out", folder) == 0
    before = page(folder)
    there.rename(elsewhere)
    capsys.readouterr()
    assert "--data" in refused(capsys, "report", folder)
    assert page(folder) == before
    (folder / "report.html").write_text("another")
    assert run("report", folder, "--data", elsewhere) == 0
    assert page(folder) == before
    np.save(elsewhere, np.load(elsewhere)[::-1])
    capsys.readouterr()
    assert "else.npy is not the data" in refused(capsys, "report", folder, "--data", elsewhere)
    assert page(folder) == before


@pytest.mark.parametrize("what", ["create", "write", "fsync"])
def test_a_full_disk_leaves_the_page_that_was_there(tmp_path, capsys, what):
    with Disk().below() as disk:
        assert run("report", "vae", "--out", tmp_path / "report.html") == 0
    at = 1 + disk.log.index(f"{what} report.html")
    folder = copy("vae", tmp_path)
    (folder / "report.html").write_text("as it was")
    capsys.readouterr()
    with Disk("full", at).below() as disk:
        assert "report.html could not be written" in refused(capsys, "report", folder)
    assert disk.failed == [f"{what} report.html"]
    assert page(folder) == b"as it was"
    assert not run_files.parts(folder)
