"""`npvae plot`, `interpolate`, `traverse` and `manifold`: what is drawn, and where it goes."""

import json
import shutil
from pathlib import Path

import measured_runs
import numpy as np
import pytest
import run_files
import untrained_runs
from measured_runs import SMALL, refused, run
from PIL import Image

from npvae.runs.folder import RunFolder
from npvae.runs.pictures import PICTURES
from npvae.storage.atomic import is_part

FILES = {  # of the verbs that draw one picture
    "interpolate": "interpolation.png",
    "traverse": "traversals.png",
    "manifold": "manifold.png",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of small data and runs, which the tests leave as they are."""
    folder = tmp_path_factory.mktemp("trained")
    measured_runs.save_data(folder)
    measured_runs.train(folder, "vae", "grey", "table", "animals", "autoencoder", epochs=2)
    return folder


@pytest.fixture(autouse=True)
def elsewhere(trained, monkeypatch):
    """Every test works in the folder of the runs."""
    monkeypatch.chdir(trained)


@pytest.fixture
def drawn(monkeypatch):
    """The arguments of every picture, none of which is drawn; the files are blots."""
    run_files.draw_quickly(monkeypatch)
    return untrained_runs.catch(monkeypatch)


def contents(folder):
    """When each file was written, and what is in it."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


def without_data(tmp_path, name="animals"):
    """Return a run whose data are no longer where they were, and where they are now."""
    folder = shutil.copytree(name, tmp_path / name)
    config = json.loads((folder / "config.json").read_text())
    now = shutil.copy(config["settings"]["data"], tmp_path / "now.npz")
    config["settings"]["data"] = "gone.npz"
    (folder / "config.json").write_text(json.dumps(config))
    return folder, now


# ---- plot ----------------------------------------------------------------------------------------


def test_every_picture_of_a_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("npvae.figures.writing.DPI", 40)
    folder = shutil.copytree("vae", tmp_path / "vae")
    before = contents(folder)
    assert run("plot", folder) == 0
    said = capsys.readouterr().out
    words = " ".join(said.split())
    assert all(f"{name}.png {caption}" in words for name, (_, caption) in PICTURES.items())
    assert max(map(len, said.splitlines()[:-1])) <= 80
    assert words.endswith(f"Saved in {folder}")
    pictures = {f"{name}.png" for name in PICTURES}
    for name in pictures:
        with Image.open(folder / name) as image:
            assert min(image.size) > 40
    after = contents(folder)
    assert after.keys() == before.keys() | pictures
    for name in before.keys() - pictures:
        assert after[name] == before[name], name


def test_of_the_missing_it_is_said_why(drawn, tmp_path, capsys):
    assert run("plot", "autoencoder", "--out", tmp_path) == 0
    said = " ".join(capsys.readouterr().out.split())
    reasons = "prior to sample from", "prior, and therefore no KL", "prior, and therefore no rate"
    without = dict(zip(("samples", "kl", "rate-distortion"), reasons, strict=True))
    for name, reason in without.items():
        assert f"not drawn {name}: an autoencoder has no {reason}" in said
    made = {path.stem for path in tmp_path.iterdir()}
    assert made == PICTURES.keys() - without.keys() == drawn_names(drawn)


def drawn_names(drawn):
    """The names of the pictures whose functions were called."""
    of = {"latent_scatter": "scatter", "kl_per_latent": "kl", "rate_distortion": "rate-distortion"}
    return {of.get(name, name) for name in drawn}


def test_before_an_epoch_has_ended_there_is_no_history(drawn, tmp_path, capsys):
    folder = shutil.copytree("vae", tmp_path / "vae")
    (folder / "history.csv").unlink()
    assert run("plot", folder) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("no epoch of this run has ended yet") == 2
    assert drawn_names(drawn) == PICTURES.keys() - {"history", "rate-distortion"}


def test_those_that_are_named_in_the_format_and_the_folder_that_are_named(tmp_path, capsys):
    before, out = contents(Path("vae")), tmp_path / "a" / "b"
    assert run("plot", "vae", "scatter", "kl", "--format", "pdf", "--out", out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["kl.pdf", "scatter.pdf"]
    assert all(path.read_bytes().startswith(b"%PDF") for path in out.iterdir())
    assert contents(Path("vae")) == before
    assert capsys.readouterr().out.splitlines()[-1] == f"Saved in {out}"


def test_names_may_stand_before_flags_and_after_them(drawn, tmp_path):
    assert run("plot", "vae", "kl", "--format", "pdf", "scatter", "--out", tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kl.pdf", "scatter.pdf"]
    assert run("plot", "vae", "--out", tmp_path / "one", "history") == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["history.png"]


@pytest.mark.parametrize("flags", [[], ["--format", "pdf"]], ids=["first", "after flags"])
@pytest.mark.parametrize(
    ("name", "meant"),
    [("portrait", ""), ("scater", "; did you mean scatter?"), ("KL", "")],
)
def test_a_picture_nobody_knows_is_refused_with_those_that_there_are(capsys, flags, name, meant):
    line = refused(capsys, "plot", "vae", *flags, name)
    assert f"{name!r}; choose from {', '.join(PICTURES)}{meant}" in line
    assert ("did you mean" in line) == bool(meant)


@pytest.mark.parametrize("name", ["samples", "kl", "rate-distortion"])
def test_what_was_asked_for_and_cannot_be_drawn_is_refused(tmp_path, capsys, name):
    assert "no prior" in refused(capsys, "plot", "autoencoder", name, "--out", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_picture_that_is_refused_leaves_the_others_whole(tmp_path):
    assert run("plot", "autoencoder", "scatter", "kl", "--out", tmp_path) == 2
    for path in tmp_path.iterdir():
        assert not is_part(path)
        with Image.open(path) as image:
            image.load()


def test_pictures_go_into_a_folder(capsys, drawn):
    for out in ("pixels.npy", "new.png", "new.PDF"):
        line = refused(capsys, "plot", "vae", "--out", out)
        assert line.startswith(f"npvae: --out is {out}; choose a folder")
    assert not Path("new.png").exists()
    line = refused(capsys, "plot", "vae", "kl", "--out", "pixels.npy/deeper")
    assert "kl.png could not be written" in line


@pytest.mark.parametrize("seed", [0, 3])
def test_plot_and_reconstruct_show_the_same_examples(drawn, tmp_path, seed):
    shown = []
    for asked in (["plot", "vae", "reconstructions"], ["reconstruct", "vae"]):
        out = tmp_path if "plot" in asked else tmp_path / "a.png"
        assert run(*asked, "--seed", seed, "--out", out) == 0
        shown.append(drawn.pop("reconstructions")[0][:2])
    np.testing.assert_array_equal(*shown)


@pytest.mark.parametrize("name", ["vae", "animals"])
def test_pictures_that_need_no_data_are_drawn_when_these_are_gone(
    drawn, tmp_path, capsys, monkeypatch, name
):
    """And others end as ever; where they are there, they are not even read."""
    folder, _ = without_data(tmp_path, name)
    asked = ["history", "rate-distortion", "samples"]
    assert run("plot", folder, *asked) == 0
    assert drawn_names(drawn) == set(asked)
    capsys.readouterr()
    others = PICTURES.keys() - set(asked)
    for other in (*others, None):
        line = refused(capsys, "plot", folder, *filter(None, [other]))
        assert "gone.npz" in line
        assert "--data" in line
    loaded, load = [], RunFolder.load_data
    monkeypatch.setattr(RunFolder, "load_data", lambda *of: loaded.append(1) or load(*of))
    assert run("plot", name, *asked, "--out", tmp_path / "a") == 0
    assert not loaded
    assert run("plot", name, "--out", tmp_path / "b") == 0
    assert loaded == [1]


def test_plot_finds_data_that_were_moved(drawn, tmp_path, capsys):
    folder, now = without_data(tmp_path)
    assert "--data" in refused(capsys, "plot", folder, "kl")
    assert run("plot", folder, "kl", "--data", now) == 0
    assert (folder / "kl.png").exists()


def test_the_best_epoch_of_early_stopping_is_marked(drawn, tmp_path):
    """The one that metrics.json names, which the training has gone beyond."""
    early, out = tmp_path / "early", tmp_path / "pictures"
    asked = ["--epochs", 60, "--lr", 0.3, "--patience", 3]
    assert run("train", "--data", "pixels.npy", *SMALL, *asked, "--out", early) == 0
    metrics = json.loads((early / "metrics.json").read_text())
    assert run("plot", early, "history", "rate-distortion", "--out", out) == 0
    columns, named = drawn["history"][0][0], drawn["history"][1]
    assert named["best"] == metrics["best_epoch"] == RunFolder.open(early).best_epoch()
    assert metrics["best_epoch"] < len(columns["epoch"]) == metrics["epochs"]
    names = drawn["rate_distortion"][0][2]
    assert names[metrics["best_epoch"] - 1] == f"epoch {metrics['best_epoch']}"


# ---- what no verb writes over --------------------------------------------------------------------

VERBS = {  # and how a file of one's own can have the ending that each asks for
    "sample": "csv",
    "reconstruct": "png",
    "interpolate": "png",
    "traverse": "png",
    "manifold": "png",
    "report": "html",
}


def own_data(tmp_path, ending):
    """Return a run of a folder of images, in which a file has this name, and the file."""
    folder, images = shutil.copytree("vae", tmp_path / "vae"), tmp_path / "images"
    images.mkdir()
    own = images / f"1.{ending}"
    own.write_text("mine")
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["data"] = str(images)
    (folder / "config.json").write_text(json.dumps(config))
    return folder, own


@pytest.mark.parametrize("verb", VERBS)
def test_the_data_of_the_run_are_not_written_over(drawn, tmp_path, capsys, verb):
    folder, own = own_data(tmp_path, VERBS[verb])
    for out in (own, own.with_name(f"new.{VERBS[verb]}")):
        assert f"--out {out}" in refused(capsys, verb, folder, "--out", out)
    assert own.read_text() == "mine"
    assert len(list(own.parent.iterdir())) == 1


def test_nor_by_plot_nor_where_they_are_now(drawn, tmp_path, capsys):
    folder, own = own_data(tmp_path, "png")
    assert f"--out {own.parent}" in refused(capsys, "plot", folder, "kl", "--out", own.parent)
    now = tmp_path / "now"
    now.mkdir()
    for asked in (["manifold"], ["plot", "kl"]):
        out = now / "kl.png" if "plot" not in asked else now
        line = refused(capsys, asked[0], folder, *asked[1:], "--data", now, "--out", out)
        assert f"--out {now}" in line
    assert not list(now.iterdir())


@pytest.mark.parametrize("way", ["itself", "a link", "a hard link", "from its folder"])
def test_a_table_is_not_written_over_by_any_name(tmp_path, capsys, monkeypatch, way):
    folder = shutil.copytree("table", tmp_path / "run")
    data = tmp_path / "own.csv"
    data.write_text("a,b")
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["data"] = str(data)
    (folder / "config.json").write_text(json.dumps(config))
    out = tmp_path / "other.csv"
    if way == "a link":
        out.symlink_to(data)
    elif way == "a hard link":
        out.hardlink_to(data)
    else:
        monkeypatch.chdir(tmp_path)
        out = data if way == "itself" else Path("own.csv")
    line = refused(capsys, "sample", folder, "--out", out)
    assert f"--out {out}" in line
    assert "a file in" not in line
    assert data.read_text() == "a,b"


@pytest.mark.parametrize("name", ["history.csv", "History.CSV"])
def test_the_files_of_a_run_are_not_written_over(tmp_path, capsys, name):
    """Those of another run neither."""
    folder = shutil.copytree("table", tmp_path / "run")
    before = contents(folder)
    for of in (folder, "vae"):
        assert f"--out {folder / name}" in refused(capsys, "sample", of, "--out", folder / name)
    assert contents(folder) == before
    assert run("sample", "vae", "--out", tmp_path / name) == 0, "elsewhere it is a name like others"


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("explore table", "report.html"),
        ("report table", "explorer.html"),
        ("encode table", "scores.csv"),
        ("score table", "Codes.csv"),
        ("sample table", "codes.csv"),
    ],
)
def test_a_command_does_not_replace_what_another_command_wrote(tmp_path, capsys, line, out):
    folder = shutil.copytree("table", tmp_path / "run")
    (folder / out).write_text("of another command")
    assert f"--out {folder / out}" in refused(capsys, *line.split(), "--out", folder / out)
    assert (folder / out).read_text() == "of another command"


def test_a_command_writes_its_own_file_again_also_in_another_run(tmp_path):
    folder = shutil.copytree("table", tmp_path / "run")
    for _ in range(2):
        assert run("encode", "table", "--out", folder / "codes.csv") == 0


# ---- what all verbs of one picture share ---------------------------------------------------------


@pytest.mark.parametrize("verb", FILES)
def test_the_picture_is_in_the_run_folder_and_nothing_else_changes(drawn, tmp_path, capsys, verb):
    folder = shutil.copytree("vae", tmp_path / "vae")
    before = contents(folder)
    assert run(verb, folder) == 0
    after = contents(folder)
    assert after.keys() - before.keys() == {FILES[verb]}
    assert {name: after[name] for name in before} == before
    assert capsys.readouterr().out.endswith(f" in {folder / FILES[verb]}\n")


@pytest.mark.parametrize("verb", FILES)
@pytest.mark.parametrize("ending", ["svg", "pdf", "PNG"])
def test_the_ending_says_which_kind_of_file(drawn, tmp_path, verb, ending):
    out = tmp_path / "new" / f"a.{ending}"
    assert run(verb, "vae", "--out", out) == 0
    assert out.exists()


@pytest.mark.parametrize("verb", FILES)
def test_where_nothing_can_be_written(drawn, capsys, verb):
    for out in ("a.gif", "a", ".png"):
        line = refused(capsys, verb, "vae", "--out", out)
        assert line.startswith(f"npvae: --out is {out}; ")
        assert line.endswith(".png, .svg or .pdf")
    line = refused(capsys, verb, "vae", "--out", "pixels.npy/a.png")
    assert "a.png could not be written" in line


@pytest.mark.parametrize("verb", [*FILES, "plot"])
def test_what_is_no_run_and_data_that_are_gone(drawn, tmp_path, capsys, verb):
    assert "nowhere is not a run" in refused(capsys, verb, "nowhere")
    folder, now = without_data(tmp_path)
    line = refused(capsys, verb, folder)
    assert "gone.npz" in line
    assert run(verb, folder, "--data", now) == 0


@pytest.mark.parametrize("verb", FILES)
@pytest.mark.parametrize("kind", ["grey", "table", "animals", "autoencoder"])
def test_every_kind_of_run(drawn, tmp_path, verb, kind):
    assert run(verb, kind, "--out", tmp_path / "a.png") == 0
    (x, *_), _ = drawn[FILES[verb].removesuffix(".png")]
    assert x.shape[-1] == (4 if kind == "table" else 20)


@pytest.mark.parametrize(
    "asked",
    [
        ["interpolate", "vae", "--strips", 1, "--steps", 2],
        ["traverse", "vae", "--latents", 1, "--steps", 2],
        ["manifold", "autoencoder", "-n", 2],
    ],
    ids=FILES,
)
def test_the_seed_decides_the_bytes(tmp_path, monkeypatch, asked):
    """Pixels are drawn, where these are dynamic, and so are the examples of strips."""
    monkeypatch.setattr("npvae.figures.writing.DPI", 40)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert run(*asked, "--seed", seed, "--out", tmp_path / f"{name}.png") == 0
    a, b, c = (tmp_path.joinpath(f"{name}.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c
