import io
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import measured_runs
import numpy as np
import pytest
import run_files
import tqdm
from measured_runs import refused, run

from npvae import Split, evaluate, log_likelihood
from npvae.evaluation.fine_print import likelihood_protocol
from npvae.runs import metrics as measuring
from npvae.runs.folder import RunFolder, resume_command
from npvae.storage.lock import locked

SAMPLES = ["--samples", "20"]
PROTOCOL = ("formula", "split", "draws", "data")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of small data and runs, which the tests leave as they are."""
    folder = tmp_path_factory.mktemp("trained")
    measured_runs.save_data(folder)
    measured_runs.train(folder, *(name for name in measured_runs.RUNS if name != "numbers"))
    return folder


@pytest.fixture(autouse=True)
def elsewhere(trained, monkeypatch):
    """Every test works in the folder of the runs."""
    monkeypatch.chdir(trained)


@pytest.fixture
def copy(tmp_path, trained):
    """Return a copy of a run that a test may change."""

    def copied(name="vae"):
        return shutil.copytree(trained / name, tmp_path / name)

    return copied


def files_of(folder):
    return {path.name: path.read_bytes() for path in run_files.visible(folder).values()}


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


# ---- what it prints ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vae", "grey", "iwae", "table", "animals"])
def test_every_figure_is_printed_with_its_protocol(copy, capsys, name):
    folder = copy(name)
    assert run("evaluate", folder, *SAMPLES) == 0
    said, found = capsys.readouterr(), metrics_of(folder)["test"]
    assert said.err == ""
    words = " ".join(said.out.split())
    for figure in (
        *(found[key] for key in ("elbo", "reconstruction", "kl")),
        *found["kl_per_latent"],
    ):
        assert f" {figure:.2f} " in words
    assert f"{found['active_units']} of 2 latents" in words
    assert set(found["protocol"]) - {"sigma"} == set(PROTOCOL)
    assert ("sigma" in found["protocol"]) == (name == "table")
    larger, smaller = sorted(found["kl_per_latent"], reverse=True)
    assert f"{larger:.2f} {smaller:.2f}" in words
    estimate = found["log_likelihood"]["20"]
    given = "x | y" if name == "animals" else "x"
    assert f"log p({given}) {estimate['log_px']:.2f} +- {estimate['standard_error']:.2f} " in words
    for protocol in (found["protocol"], estimate["protocol"]):
        for subject, text in protocol.items():
            assert f"{subject} {text}" in words
    for subject, text in estimate["protocol"].items():  # what both share is printed once
        assert words.count(f" {subject} {text}") == 1
    assert f"{folder / 'metrics.json'} as test." in words


def test_the_figures_are_those_of_the_library(copy, capsys):
    folder = copy()
    options = ["--samples", 30, "--seed", 4, "--part", "validation", "--examples", 7]
    assert run("evaluate", folder, *options) == 0
    saved, data = RunFolder.open(folder).load_model(), RunFolder.open(folder).load_data()
    part = Split(data.validation.x, data.validation.rows[:7])
    found = metrics_of(folder)["validation_7_seed4"]
    elbo = evaluate(saved.model, part, saved.scaling, 4)
    expected = elbo.elbo, elbo.reconstruction, elbo.kl, elbo.active_units, list(elbo.kl_per_latent)
    names = ("elbo", "reconstruction", "kl", "active_units", "kl_per_latent")
    assert tuple(found[name] for name in names) == expected
    estimate = log_likelihood(saved.model, part, saved.scaling, 30, seed=4)
    found = found["log_likelihood"]["30"]
    assert (found["log_px"], found["standard_error"]) == (
        estimate.log_px,
        estimate.standard_error,
    )
    assert found["k"] == 30
    words = "1 draw of z per example, seed 4"
    assert words in capsys.readouterr().out
    told = likelihood_protocol(
        saved.model, saved.scaling, estimate, 4, "the beginning of the validation part"
    )
    assert found["protocol"] == told


def test_the_bound_of_several_draws_stands_beside_the_elbo(capsys):
    assert run("evaluate", "iwae", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bound_name"] == "L_5"
    assert found["bound"] > found["elbo"]
    assert run("evaluate", "iwae") == 0
    said = capsys.readouterr().out
    assert f"L_5 {found['bound']:.2f} " in " ".join(said.split())
    assert "L_5 = E[log 1/5 sum(w)], w = p(x | z) p(z) / q(z | x)" in " ".join(said.split())


@pytest.mark.parametrize("name", ["vae", "several"])
def test_what_maximises_the_elbo_has_no_other_bound(capsys, name):
    assert run("evaluate", name, "--json") == 0
    assert "bound" not in json.loads(capsys.readouterr().out)
    assert run("evaluate", name) == 0
    assert "L_" not in capsys.readouterr().out


def test_of_grey_pixels_both_figures_are_no_likelihood(copy, capsys):
    folder = copy("grey")
    assert run("evaluate", folder, *SAMPLES) == 0
    protocol = metrics_of(folder)["test"]["protocol"]["data"]
    assert " ".join(capsys.readouterr().out.split()).count(protocol) == 1


def test_an_autoencoder_has_a_reconstruction_and_no_elbo(capsys):
    for name, code in (("autoencoder", "encoder(x)"), ("denoising", "encoder(corrupted x)")):
        assert run("evaluate", name, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert set(found) == {"reconstruction", "active_units", "protocol"}
        assert run("evaluate", name) == 0
        said = capsys.readouterr().out
        assert f" {found['reconstruction']:.2f} " in said
        assert "ELBO  " not in said
        assert code in said


def test_one_example_has_no_standard_error(copy, capsys):
    folder = copy()
    assert run("evaluate", folder, *SAMPLES, "--examples", 1) == 0
    assert "+-" not in capsys.readouterr().out
    assert metrics_of(folder)["test_1"]["log_likelihood"]["20"]["standard_error"] is None


# ---- which examples ------------------------------------------------------------------------------


@pytest.mark.parametrize(("part", "n"), [("train", 80), ("validation", 10), ("test", 10)])
def test_the_part_that_was_asked_for(copy, capsys, part, n):
    folder = copy()
    assert run("evaluate", folder, *SAMPLES, "--part", part) == 0
    said = capsys.readouterr().out
    assert said.lower().startswith(part)
    assert said.count(f"the {part} part, {n} examples") == 1
    assert set(metrics_of(folder)) & {"train", "validation", "test"} == {part, "test"}


def test_only_the_first_examples(copy, capsys):
    """Their figures do not take the place of those of the whole part."""
    folder = copy("animals")
    before = metrics_of(folder)["test"]
    assert run("evaluate", folder, *SAMPLES, "--examples", 4) == 0
    assert metrics_of(folder)["test"] == before
    assert metrics_of(folder)["test_4"]["elbo"] != before["elbo"]
    words = "the beginning of the test part, 4 examples"
    assert capsys.readouterr().out.count(words) == 1
    assert run("evaluate", folder, "--examples", 10) == 0
    assert "the test part, 10 examples" in capsys.readouterr().out


def test_the_seed_changes_the_figures_and_the_memory_does_not(copy):
    folder, found = copy(), []
    for options in (["--seed", 1], ["--seed", 1], ["--seed", 2], ["--memory-mb", "0.001"], []):
        assert run("evaluate", folder, *SAMPLES, *options) == 0
        entry = f"test_seed{options[1]}" if "--seed" in options else "test"
        found.append(metrics_of(folder)[entry])
    one, same, other, little, much = found
    assert one == same
    for figure in ("elbo", "reconstruction"):
        assert one[figure] != other[figure]
    one, other = (each["log_likelihood"]["20"]["log_px"] for each in (one, other))
    assert one != other
    assert little["elbo"] == much["elbo"]
    little, much = (each["log_likelihood"]["20"]["log_px"] for each in (little, much))
    assert little == pytest.approx(much, rel=1e-6)


def test_the_memory_reaches_the_estimate(copy, monkeypatch):
    given = []
    real = measuring.log_likelihood
    monkeypatch.setattr(
        measuring, "log_likelihood", lambda *a, memory, **b: given.append(memory) or real(*a, **b)
    )
    folder = copy()
    for options in ([], ["--memory-mb", "2.5"]):
        assert run("evaluate", folder, *SAMPLES, *options) == 0
    assert given == [None, 5 << 19]  # None: as much as the device makes good use of


# ---- what it writes ------------------------------------------------------------------------------


def test_without_samples_the_folder_stays_as_it_was(copy):
    folder = copy()
    before = files_of(folder)
    assert run("evaluate", folder) == 0
    assert run("evaluate", folder, "--json", "--part", "train") == 0
    assert files_of(folder) == before


def test_with_samples_only_the_metrics_change_and_keep_what_the_training_wrote(copy):
    folder = copy()
    before, kept = files_of(folder), metrics_of(folder)
    assert run("evaluate", folder, *SAMPLES) == 0
    after, metrics = files_of(folder), metrics_of(folder)
    assert {name for name in after if after[name] != before.get(name)} == {"metrics.json"}
    assert after.keys() == before.keys()
    assert run_files.parts(folder) == []
    likelihood = metrics["test"].pop("log_likelihood")
    assert metrics == kept
    assert {"epochs", "seconds", "train_seconds", "peak_memory_mb"} < metrics.keys()
    assert set(likelihood) == {"20"}
    assert set(likelihood["20"]) == {"name", "log_px", "standard_error", "k", "protocol"}


def test_other_draws_and_other_seeds_stand_beside_each_other(copy):
    """A quick look takes no place of what took minutes."""
    folder = copy()
    assert run("evaluate", folder, "--samples", 50) == 0
    first = metrics_of(folder)["test"]["log_likelihood"]["50"]
    assert run("evaluate", folder, "--samples", 1) == 0
    assert run("evaluate", folder, "--samples", 50, "--seed", 9) == 0
    found = metrics_of(folder)
    assert set(found["test"]["log_likelihood"]) == {"50", "1"}
    assert found["test"]["log_likelihood"]["50"] == first
    assert found["test_seed9"]["log_likelihood"]["50"] != first


def test_figures_stay_with_a_model_that_is_the_same_and_go_with_it(copy, capsys, monkeypatch):
    run_files.draw_quickly(monkeypatch)
    folder = copy()
    assert run("evaluate", folder, *SAMPLES, "--part", "validation") == 0
    found = metrics_of(folder)
    assert run("train", "--resume", folder) == 0  # complete: nothing is trained
    again = metrics_of(folder)
    assert again["validation"] == found["validation"]
    assert "--samples K" not in capsys.readouterr().out
    assert run("train", "--resume", folder, "--epochs", again["epochs"] + 1) == 0
    assert "validation" not in metrics_of(folder)
    said = capsys.readouterr().out
    assert "(validation)" in said
    assert f"npvae evaluate {folder} --samples K" in said
    before = metrics_of(folder)
    (folder / "metrics.json").write_text(json.dumps(before | {"model_crc32": "of another"}))
    assert run("evaluate", folder, *SAMPLES) == 0
    assert set(metrics_of(folder)) == {"model_crc32", "test"}
    assert metrics_of(folder)["model_crc32"] == before["model_crc32"]


def test_the_parts_stand_side_by_side(copy):
    folder = copy()
    assert run("evaluate", folder, *SAMPLES) == 0
    first = metrics_of(folder)["test"]
    assert run("evaluate", folder, *SAMPLES, "--part", "validation") == 0
    assert metrics_of(folder)["test"] == first


def test_the_json_is_what_the_metrics_hold(copy, capsys):
    folder = copy()
    assert run("evaluate", folder, *SAMPLES, "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == metrics_of(folder)["test"]
    assert said.err == ""


def test_a_run_without_metrics_gets_them(copy):
    folder = copy()
    (folder / "metrics.json").unlink()
    assert run("evaluate", folder, *SAMPLES) == 0
    assert set(metrics_of(folder)) == {"model_crc32", "test"}


def test_the_metrics_are_written_whole_or_not_at_all(copy, capsys, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    folder = copy()
    before = files_of(folder)
    monkeypatch.setattr(json, "dump", full)
    assert run("evaluate", folder, *SAMPLES) == 2
    said = capsys.readouterr()
    assert "log p(x) " in said.out  # what took long is not lost
    assert said.err.startswith(f"npvae: {folder / 'metrics.json'} could not be written: No space")
    assert files_of(folder) == before
    assert run_files.parts(folder) == []


# ---- beside a training ---------------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from npvae.storage.lock import locked
with locked(Path(sys.argv[1]) / ".lock", "the run"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_in_which_another_process_trains_is_left_alone(copy, capsys, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("it is refused before anything is measured")

    folder = copy()
    before = files_of(folder)
    monkeypatch.setattr(measuring, "log_likelihood", never)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], **pipes) as holder:
        assert holder.stdout.readline() == "held\n"
        words = refused(capsys, "evaluate", folder, *SAMPLES)
        assert f"{folder} is in use by another npvae (process {holder.pid})" in words
        assert run("evaluate", folder) == 0  # which only reads
        holder.stdin.close()
    assert files_of(folder) == before


def test_while_it_estimates_no_training_can_begin(copy, capsys, monkeypatch):
    folder, real = copy(), measuring.log_likelihood

    def estimate(*arguments, **options):
        again = run("train", "--resume", folder, "--epochs", 2)
        assert again == 2
        assert "is in use by another npvae" in capsys.readouterr().err
        return real(*arguments, **options)

    monkeypatch.setattr(measuring, "log_likelihood", estimate)
    assert run("evaluate", folder, *SAMPLES) == 0
    with locked(folder / ".lock", "it is free again"):
        pass


def test_a_run_that_is_not_at_its_end_is_evaluated_as_it_is(copy, capsys):
    folder = copy()
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["epochs"] = 3
    (folder / "config.json").write_text(json.dumps(config))
    metrics = metrics_of(folder) | {"epochs": 3}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    assert run("evaluate", folder, *SAMPLES) == 0
    said = capsys.readouterr()
    again = resume_command(folder)
    assert "1 of its 3 epochs" in said.err
    assert said.err.endswith(f"{again}\n")
    assert "log p(x) " in said.out


# ---- the bar -------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Bar(tqdm.tqdm):
    """A bar that is drawn anew at every update, not a few times a second."""

    def __init__(self, *given, **options):
        super().__init__(*given, mininterval=0, **options)


@pytest.mark.parametrize(("memory", "shown"), [("0.001", range(11)), ("8", (0, 10))])
def test_a_terminal_gets_a_bar_that_counts_the_examples_and_goes_away(
    copy, monkeypatch, memory, shown
):
    folder, terminal = copy(), Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(tqdm, "tqdm", Bar)
    assert run("evaluate", folder, *SAMPLES, "--memory-mb", memory) == 0
    found = re.findall(r"(\d+)/10 .*example", terminal.getvalue().replace("\r", "\n"))
    assert found == [str(n) for n in shown]
    assert terminal.getvalue().endswith(" \r")


def test_a_file_gets_no_bar(copy, monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    assert run("evaluate", copy(), *SAMPLES) == 0
    assert log.getvalue() == ""


# ---- labels --------------------------------------------------------------------------------------


def test_data_without_labels_are_none_for_a_conditional_model(copy, capsys):
    line = refused(capsys, "evaluate", copy("animals"), "--data", "pixels.npy")
    assert "a conditional model needs labels (3 " in line


def test_labels_that_the_model_does_not_know(copy, capsys):
    line = refused(capsys, "evaluate", copy("animals"), *SAMPLES, "--data", "more-animals.npz")
    assert "to 4, expected 0 to 2" in line


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_figures_that_are_not_finite_are_an_error_and_not_kept(copy, capsys, monkeypatch):
    folder = copy()
    before = files_of(folder)
    real = measuring.evaluate
    monkeypatch.setattr(
        measuring,
        "evaluate",
        lambda *a, **b: replace(real(*a, **b), elbo=float("nan"), kl=float("inf")),
    )
    for options in ([], SAMPLES, ["--json"]):
        assert run("evaluate", folder, *options) == 1
        assert "elbo, kl" in capsys.readouterr().err
    assert files_of(folder) == before


# ---- bad input -----------------------------------------------------------------------------------

BAD = {
    "nothing --samples 20": "nothing is not a run",
    "vae --samples 0": "is 0; choose at least 1",
    "vae --samples=-3": "is -3; choose at least 1",
    "vae --samples 2.5": "is 2.5; expected",
    "vae --samples many": "is 'many'; expected",
    "vae --part all": "invalid choice: 'all'",
    "vae --examples 0": "is 0; choose at least 1",
    "vae --examples 11": "--examples is 11, but the test part has 10",
    "vae --examples 81 --part train": "--examples is 81, but the train part has 80",
    "vae --seed=-1": "is -1; choose at least 0",
    "vae --memory-mb 0": "is 0; expected",
    "vae --samples 1000000000000000000": "--samples",
    "vae --memory-mb 1e308": "--memory-mb",
    "vae --memory-mb inf": "is 'inf'; choose at most",
    "vae --samples 20 --data table.npy": "4 x 5 pixels",
    "autoencoder --samples 20": "autoencoder",
    "denoising --samples 20": "denoising",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_refused_in_one_line(capsys, trained, line):
    folder = trained / line.split()[0]
    before = files_of(folder) if folder.is_dir() else {}
    assert BAD[line] in refused(capsys, "evaluate", *line.split())
    assert (files_of(folder) if folder.is_dir() else {}) == before


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b'"text"', b"\xff\xfe", b"null"])
def test_damaged_metrics_are_refused_before_anything_is_measured(
    copy, capsys, monkeypatch, content
):
    folder = copy()
    (folder / "metrics.json").write_bytes(content)
    monkeypatch.setattr(measuring, "log_likelihood", None)
    line = refused(capsys, "evaluate", folder, *SAMPLES)
    assert "metrics.json cannot be read as a run's metrics" in line
    assert "npvae evaluate" in line
    assert (folder / "metrics.json").read_bytes() == content


def test_a_run_without_a_validation_part(capsys):
    asked = ["evaluate", "all-to-train", "--part", "validation"]
    assert "no examples" in refused(capsys, *asked)
    words = "--examples is 1, but the validation part has 0"
    assert words in refused(capsys, *asked, "--examples", 1)


# ---- new examples --------------------------------------------------------------------------------


def test_new_examples_are_measured_all_and_stored_nowhere(copy, capsys, tmp_path):
    folder, x = copy(), np.random.default_rng(7).integers(0, 256, (12, 4, 5), dtype=np.uint8)
    np.save(tmp_path / "new.npy", x)
    before = files_of(folder)
    assert run("evaluate", folder, "--data", tmp_path / "new.npy", "--samples", 5) == 0
    said = capsys.readouterr().out
    assert said.startswith("new.npy, in nats per example:")
    assert "new.npy, 12 examples" in said
    assert "metrics.json" not in said
    assert files_of(folder) == before
    asked = ["--data", tmp_path / "new.npy", "--examples", 5, "--json"]
    assert run("evaluate", folder, *asked) == 0
    found = json.loads(capsys.readouterr().out)
    saved = RunFolder.open(folder).load_model()
    expected = evaluate(saved.model, Split(x.reshape(12, 20), np.arange(5)), saved.scaling)
    assert found["elbo"] == expected.elbo
    assert found["protocol"]["split"] == "the beginning of new.npy, 5 examples"
