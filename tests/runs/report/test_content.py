"""report.html: each number beside what it is, of every kind of run, unfinished ones among them."""

import csv
import json
import os
import re
import shlex
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import browser
import measured_runs
import numpy as np
import pytest
import run_files
from browser import folded, rows, sections
from measured_runs import SMALL, refused, run

from npvae import load_model
from npvae.figures.style import number
from npvae.runs import pictures
from npvae.runs.folder import RunFolder
from npvae.runs.report.content import DATA, command
from npvae.runs.settings import Settings

ASKED = (  # of `npvae evaluate`, and the entry of metrics.json that it writes
    ("iwae", "test", ["--samples", 3]),
    ("iwae", "test", ["--samples", 7]),
    ("iwae", "test_5", ["--samples", 3, "--examples", 5]),
    ("iwae", "test_seed9", ["--samples", 2, "--seed", 9]),
    ("iwae", "validation", ["--samples", 2, "--part", "validation"]),
    ("animals", "test", ["--samples", 2]),
)
EARLY = ["--epochs", 60, "--lr", 0.3, "--patience", 3]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of small data and runs, some of them evaluated; their pictures are blots."""
    folder = tmp_path_factory.mktemp("trained")
    measured_runs.save_data(folder)
    measured_runs.train(folder, "vae", "iwae", "table", "animals", "autoencoder", "all-to-train")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_files.draw_quickly(patch)
        for name, _, options in ASKED:
            assert run("evaluate", name, *options) == 0
        data = ["--data", "pixels.npy", *SMALL]
        assert run("train", *data, *EARLY, "--out", "early") == 0
    return folder


@pytest.fixture(autouse=True)
def elsewhere(trained, monkeypatch):
    """Every test works in the folder of the runs, and draws blots."""
    monkeypatch.chdir(trained)
    run_files.draw_quickly(monkeypatch)


def report(tmp_path, folder, *options):
    """Return the page that `npvae report` writes, as a tree."""
    out = tmp_path / "of-it.html"
    assert run("report", folder, "--out", out, *options) == 0
    return browser.read(out.read_text(encoding="utf-8"))


def copy(name, tmp_path):
    return shutil.copytree(name, tmp_path / name)


def change(folder, file, **others):
    """Change entries of a JSON file; None takes one out."""
    stored = json.loads((folder / file).read_text()) | others
    kept = {key: value for key, value in stored.items() if value is not None}
    (folder / file).write_text(json.dumps(kept))


# ---- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vae", "iwae", "table", "animals", "autoencoder"])
def test_every_number_stands_there_with_its_protocol(tmp_path, name):
    there = sections(report(tmp_path, name))
    metrics = json.loads(RunFolder.open(name).path.joinpath("metrics.json").read_text())
    for entry, found in metrics.items():
        if not isinstance(found, dict):
            continue
        heading = entry.replace("_", ", ").capitalize()
        told, protocol = there.pop(heading)
        expected = {"Reconstruction (distortion)": f"{found['reconstruction']:.2f} nats"}
        of = f"of {len(found['kl_per_latent'])}" if "kl_per_latent" in found else ""
        expected["Active latents"] = f"{found['active_units']} {of}"
        if name != "autoencoder":
            expected["ELBO"] = f"{number(found['elbo'], 2)} nats"
            expected["KL (rate)"] = f"{found['kl']:.2f} nats"
        if name == "iwae":
            expected["L_5"] = f"{number(found['bound'], 2)} nats"
        assert told == expected
        assert protocol == found["protocol"]
        for k, measured in found.get("log_likelihood", {}).items():
            told, protocol = there.pop(f"{heading}, {k} draws")
            value = f"{number(measured['log_px'], 2)} nats ± {measured['standard_error']:.2f}"
            what = "log p(x | y)" if name == "animals" else "log p(x)"
            assert told == {what: f"{value} (standard error)"}
            assert protocol == measured["protocol"]
    assert not there


def test_what_was_measured_is_there(trained):
    """Or the test above would look at nothing."""
    for name, entry, options in ASKED:
        metrics = json.loads((trained / name / "metrics.json").read_text())
        assert str(options[1]) in metrics[entry]["log_likelihood"]


@pytest.mark.parametrize(("n", "few"), [(49, True), (50, False)])
def test_figures_over_few_test_examples_are_marked(tmp_path, n, few):
    folder = copy("vae", tmp_path)
    config = json.loads((folder / "config.json").read_text())
    change(folder, "config.json", data=config["data"] | {"test": n})
    (told,) = report(tmp_path, folder).texts("p", **{"class": "explained"})
    assert "0.01" in told, "from which variance on a latent is active"
    assert (f"{n} test examples" in told) == few


def test_checksums_have_readable_names(tmp_path):
    heads = folded(report(tmp_path, "animals"), "Data").texts("th")
    assert not [head for head in heads if "_" in head or head == "crc32"]
    assert len([head for head in heads if "CRC-32" in head]) == 3


def test_an_autoencoder_has_no_elbo(tmp_path):
    told, protocol = sections(report(tmp_path, "autoencoder"))["Test"]
    assert list(told) == ["Reconstruction (distortion)", "Active latents"]
    assert told["Active latents"] == "2 ", "of how many is not stored"
    assert "not an ELBO" in protocol["formula"]


@pytest.mark.parametrize(
    ("seconds", "memory", "told"),
    [
        (1234.6, 987.6, "; training took 1,235 s, peak memory 988 MB"),
        (1234.6, None, "; training took 1,235 s"),
        (0.2, "987", "; training took 0.2 s"),
        (9.96, None, "; training took 10.0 s"),
        (None, 987.6, ", peak memory 988 MB"),
        (None, None, ""),
    ],
)
def test_the_head_says_what_the_training_took(tmp_path, seconds, memory, told):
    folder = copy("vae", tmp_path)
    change(folder, "metrics.json", train_seconds=seconds, peak_memory_mb=memory, finished=None)
    page = report(tmp_path, folder)
    assert page.one("header").texts("span", **{"class": "time"}) == [told]
    assert first_lines(page)[2].endswith(told)


@pytest.mark.parametrize(
    ("finished", "told"),
    [
        ("2026-11-03T09:05:07+00:00", "; finished on 3 November 2026 at 09:05 UTC"),
        ("2026-11-03T09:05:07", "; finished on 3 November 2026 at 09:05"),
        ("yesterday", ""),
        (5, ""),
    ],
)
def test_the_head_says_when_the_training_was_finished(tmp_path, finished, told):
    folder = copy("vae", tmp_path)
    change(folder, "metrics.json", finished=finished, train_seconds=None, peak_memory_mb=None)
    page = report(tmp_path, folder)
    assert page.one("header").texts("span", **{"class": "time"}) == [told]


def test_train_says_when_it_was_finished():
    found = json.loads(Path("vae/metrics.json").read_text())["finished"]
    ago = datetime.now(UTC) - datetime.fromisoformat(found)
    assert timedelta(0) <= ago < timedelta(hours=1)


def test_a_model_that_stays_the_same_keeps_its_date(tmp_path):
    folder, long_ago = copy("vae", tmp_path), "2001-02-03T04:05:06+00:00"
    change(folder, "metrics.json", finished=long_ago)
    assert run("train", "--resume", folder) == 0
    assert json.loads((folder / "metrics.json").read_text())["finished"] == long_ago
    assert run("train", "--resume", folder, "--epochs", 2) == 0
    assert json.loads((folder / "metrics.json").read_text())["finished"] != long_ago


@pytest.mark.skipif(os.name == "nt", reason="the command is for a POSIX shell")
@pytest.mark.parametrize("name", ["vae", "iwae", "table", "animals", "autoencoder", "early"])
def test_the_command_repeats_the_training(tmp_path, name):
    """To the same bytes of the model."""
    (told,) = report(tmp_path, name).texts("pre")
    npvae, *arguments = shlex.split(told)
    assert npvae == "npvae"
    assert run(*arguments, "--out", tmp_path / "again") == 0
    one, other = (load_model(Path(folder) / "model.npz") for folder in (name, tmp_path / "again"))
    np.testing.assert_array_equal(one.model.params.flat, other.model.params.flat)


def test_the_command_of_a_recipe_undoes_what_was_overridden():
    """A value that is npvae's default must be given, where the recipe has another one."""
    settings = Settings(data="glyphs", recipe="gated", latent=40, activation="relu", patience=None)
    words = command(settings).split()
    assert words[words.index("--recipe") + 1] == "gated"
    assert words[words.index("--activation") + 1] == "relu"
    assert words[words.index("--patience") + 1] == "none"


@pytest.mark.parametrize("odd", ["null", "NaN", "Infinity", "-Infinity", '"7"', "[]", "{}"])
def test_a_number_that_is_none_is_a_question_mark(tmp_path, odd):
    folder = copy("iwae", tmp_path)
    text = (folder / "metrics.json").read_text()
    for name in ("elbo", "bound", "kl", "reconstruction", "log_px", "standard_error"):
        text = re.sub(rf'"{name}": [-\d.e]+', f'"{name}": {odd}', text)
    (folder / "metrics.json").write_text(text)
    there = sections(report(tmp_path, folder))
    told, _ = there["Test"]
    assert told.pop("Active latents") == "2 of 2"
    assert set(told.values()) == {"?"}
    assert len(told) == 4
    assert there["Test, 3 draws"][0] == {"log p(x)": "?"}


def test_no_numbers_of_a_model_that_has_been_trained_further(tmp_path):
    """They are of another model than the pictures beside them."""
    folder = copy("vae", tmp_path)
    assert run("train", "--resume", folder, "--epochs", 2) == 0
    shutil.copy("vae/metrics.json", folder / "metrics.json")
    there = sections(report(tmp_path, folder))
    assert not any("ELBO" in told for told, _ in there.values())


def test_train_keeps_what_was_measured_of_the_same_model(tmp_path):
    """A complete run that is gone on with has the page that `npvae report` makes of it."""
    folder = copy("iwae", tmp_path)
    assert run("train", "--resume", folder) == 0
    there = sections(browser.read((folder / "report.html").read_text(encoding="utf-8")))
    assert {"Test, 3 draws", "Test, 7 draws", "Validation", "Test, seed9"} <= there.keys()
    assert there == sections(report(tmp_path, folder))


# ---- the training --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["early", "table", "iwae", "autoencoder", "all-to-train"])
def test_every_epoch_has_its_row(tmp_path, name):
    with open(f"{name}/history.csv", newline="") as file:
        epochs = list(csv.DictReader(file))
    page = report(tmp_path, name)
    found = folded(page, f"{len(epochs)} epoch{'s' * (len(epochs) > 1)}, in nats per example")
    bound = {"iwae": "L_5", "autoencoder": "log p(x|z)"}.get(name, "ELBO")
    of_all = ("train ELBO", "train_elbo") if bound == "ELBO" else ("train loss", "train_loss")
    columns = {
        "epoch": "epoch",
        of_all[0]: of_all[1],
        "train reconstruction": "train_reconstruction",
        "train KL": "train_kl",
        f"validation {bound}": "validation_bound",
        "validation reconstruction": "validation_reconstruction",
        "validation KL": "validation_kl",
        "active latents": "validation_active_units",
    }
    if name == "all-to-train":
        columns = dict(list(columns.items())[:4])
    assert found.one("thead").texts("th") == list(columns)
    whole = ("epoch", "validation_active_units")
    assert rows(found) == [
        [epoch[key] if key in whole else f"{float(epoch[key]):.2f}" for key in columns.values()]
        for epoch in epochs
    ]


def test_an_epoch_without_numbers(tmp_path):
    folder = copy("vae", tmp_path)
    names = "epoch,train_loss,train_elbo,train_reconstruction,train_kl"
    (folder / "checkpoint.npz").unlink()  # with which a history has to agree
    (folder / "history.csv").write_text(f"{names}\n1,nan,-inf,inf,nan\n2,3,4,5,6\n")
    assert rows(folded(report(tmp_path, folder), "2 epochs, in nats per example")) == [
        ["1", "?", "?", "?"],
        ["2", "4.00", "5.00", "6.00"],
    ]


def first_lines(page):
    return page.one("header").texts("p")


def test_the_head_says_what_was_trained(tmp_path):
    page = report(tmp_path, "vae")
    assert page.texts("h1") == ["vae, trained on pixels.npy"]
    assert page.one("title").text == "vae, trained on pixels.npy: npvae report"
    model, training, of_run = first_lines(page)
    assert model.startswith("VAE 20-8-2-8-20")
    assert training.startswith("Adam, learning rate 0.001, ")
    assert of_run.startswith("1 epoch")
    assert "best" not in of_run
    found = json.loads(Path("vae/metrics.json").read_text())
    assert f"training took {found['train_seconds']:.1f} s" in of_run


def test_the_best_epoch_after_early_stopping(tmp_path):
    with open("early/history.csv", newline="") as file:
        bounds = [float(epoch["validation_bound"]) for epoch in csv.DictReader(file)]
    best, done = 1 + int(np.argmax(bounds)), len(bounds)
    assert best == done - 3 < 57, "it stopped early, three epochs after the best"
    page = report(tmp_path, "early")
    assert f"{done} of 60 epochs" in first_lines(page)[2]
    assert f"epoch {best} was the best" in first_lines(page)[2]


def unfinished(tmp_path, epochs=3):
    """Return a run as it is when it was stopped after its first epoch."""
    folder = copy("vae", tmp_path)
    opened = RunFolder.open(folder)
    opened.write_settings(replace(opened.settings(), epochs=epochs))
    (folder / "metrics.json").unlink()
    return folder


def test_a_run_that_has_not_ended_says_so(tmp_path):
    page = report(tmp_path, unfinished(tmp_path))
    assert "1 of 3 epochs" in first_lines(page)[2]
    assert any("no results yet" in text for text in page.texts("p"))
    assert not page.all("section")
    assert page.one("header").texts("span", **{"class": "time"}) == [""], "nor what it took"


def test_a_run_of_which_no_epoch_has_ended(tmp_path):
    folder = unfinished(tmp_path)
    (folder / "history.csv").unlink()
    page = report(tmp_path, folder)
    assert "0 of 3 epochs" in first_lines(page)[2]
    assert not rows(folded(page, "0 epochs, in nats per example"))


def test_a_run_that_was_never_trained(tmp_path, capsys):
    folder = unfinished(tmp_path)
    for path in folder.glob("*.npz"):
        path.unlink()
    (folder / "report.html").unlink()
    assert "npvae train --resume" in refused(capsys, "report", folder)
    assert not (folder / "report.html").exists()


# ---- config and pictures -------------------------------------------------------------------------


def shown(value):
    """A value as the page shows it: a number in at most six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("name", ["vae", "table", "animals"])
def test_the_config_is_there(tmp_path, name):
    config = json.loads((RunFolder.open(name) / "config.json").read_text())
    page = report(tmp_path, name)
    for part in ("settings", "data", "versions"):
        assert rows(folded(page, part.capitalize())) == [
            [
                (DATA if part == "data" else {}).get(key, key),
                ", ".join(map(str, value)) if isinstance(value, list) else shown(value),
            ]
            for key, value in config[part].items()
            if value not in (None, [], {}, "")
        ]


def test_every_picture_has_its_caption(tmp_path):
    page = report(tmp_path, "vae")
    captions = {node.attributes["id"]: node.texts("h3") for node in page.all("figure")}
    assert captions == {name: [told.caption] for name, told in pictures.PICTURES.items()}
    assert {text for node in page.all("figure") for text in node.texts("p")} == {"title."}
    assert [image.attributes["alt"] for image in page.all("img")] == [
        told.caption for told in pictures.PICTURES.values()
    ]


def test_a_picture_that_could_not_be_drawn_says_why(tmp_path, monkeypatch):
    draw_all = pictures.draw_all
    why = "no <b>epoch</b> & no model"
    monkeypatch.setattr(pictures, "draw_all", lambda run: draw_all(run) | {"kl": why})
    page = report(tmp_path, "vae")
    figure = page.one("figure", id="kl")
    assert figure.texts("p") == [f"Not drawn: {why}."]
    assert not figure.all("img")
    assert len(page.all("img")) == len(pictures.PICTURES) - 1
