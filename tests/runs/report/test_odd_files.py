"""Runs whose files are odd: of each there is a page, or one line that says what is wrong."""

import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import browser
import measured_runs
import pytest
import quick
import run_files
from hypothesis import example, given, settings
from hypothesis import strategies as st
from measured_runs import run

from npvae.runs import pictures

DRAW_ALL = pictures.draw_all
HUGE = 10**400  # which is no float
WORDS = st.sampled_from(
    ["vae", "autoencoder", "denoising", "bernoulli", "gaussian", "iwae", "dreg", "dynamic", "none"]
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.just(HUGE), st.just(-HUGE))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, st.text(st.characters())),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=6,
)
FIGURES = ["elbo", "bound", "bound_name", "reconstruction", "kl", "kl_per_latent", "active_units"]
MEASURED = st.dictionaries(
    st.sampled_from(["name", "log_px", "standard_error", "k", "protocol"]), JSON, max_size=5
)
LIKELIHOODS = st.fixed_dictionaries({"log_likelihood": st.dictionaries(st.text(), MEASURED | JSON)})
FOUND = st.dictionaries(st.sampled_from([*FIGURES, "protocol", "log_likelihood"]), JSON)
METRICS = st.dictionaries(
    st.sampled_from(
        ["test", "test_500", "validation", "train_seconds", "peak_memory_mb", "finished"]
    ),
    st.one_of(JSON, FOUND, LIKELIHOODS),
)


def drawn_without_layout(ax):
    """In place of a picture's bytes: everything is drawn, but quickly, and blots are returned."""
    ax.figure.set_layout_engine("none")
    ax.figure.draw_without_rendering()
    return quick.blot(), quick.blot()


def outcome(folder):
    """Report a run; return "page" or the one line that it says instead."""
    said = StringIO()
    with redirect_stderr(said), redirect_stdout(StringIO()):
        status = run("report", folder)
    if status == 0:
        browser.read((folder / "report.html").read_text(encoding="utf-8"))
        return "page"
    assert status == 2
    (line,) = said.getvalue().splitlines()
    assert line.startswith("npvae: ")
    return line


def change_config(folder, change):
    config = json.loads(Path("vae/config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of small data and a run, whose pictures are blots."""
    folder = tmp_path_factory.mktemp("trained")
    measured_runs.save_data(folder)
    measured_runs.train(folder, "vae")
    return folder


@pytest.fixture(autouse=True)
def elsewhere(trained, monkeypatch):
    """Every test works in the folder of the run, and draws blots."""
    monkeypatch.chdir(trained)
    run_files.draw_quickly(monkeypatch)


@pytest.fixture
def folder(tmp_path):
    """A run to damage."""
    return shutil.copytree("vae", tmp_path / "vae")


@pytest.fixture(scope="module")
def odd(trained, tmp_path_factory):
    """A run that Hypothesis damages again and again."""
    return shutil.copytree(trained / "vae", tmp_path_factory.mktemp("odd") / "run")


# ---- metrics.json --------------------------------------------------------------------------------


@settings(max_examples=20)
@given(METRICS)
@example({"test": {"log_likelihood": {"3": 5}}})
@example({"test": {"elbo": HUGE}, "train_seconds": -HUGE})
@example({"test": {"elbo": True, "active_units": None, "kl_per_latent": "abc"}})
def test_metrics_of_any_kind_make_a_page(odd, metrics):
    model = json.loads(Path("vae/metrics.json").read_text())["model_crc32"]
    (odd / "metrics.json").write_text(json.dumps(metrics | {"model_crc32": model}))
    assert outcome(odd) == "page"


@pytest.mark.parametrize(
    "text",
    ["", "[", "5", "null", '"test"', "[[1, {}]]", "[[null, {}]]", "[[true, {}]]", 2000 * "["],
)
def test_metrics_that_are_no_metrics(folder, text):
    (folder / "metrics.json").write_text(text)
    outcome(folder)


# ---- config.json -------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.data())
def test_a_config_with_any_entry_changed_makes_a_page_or_is_refused(odd, data):
    def change(config):
        part = config[data.draw(st.sampled_from(["settings", "data", "versions"]))]
        name = data.draw(st.sampled_from(sorted(part.keys() - {"data"})))
        if data.draw(st.booleans()):
            part[name] = data.draw(st.one_of(WORDS, JSON))
        else:
            del part[name]

    change_config(odd, change)
    outcome(odd)


@pytest.mark.parametrize("part", ["settings", "data", "versions", "format", "parameters"])
@pytest.mark.parametrize("value", [None, 5, "a", [], {}, [[1, 2]], [["a", 1], [2, "b"]], HUGE])
def test_a_config_with_a_part_that_is_none(folder, part, value):
    change_config(folder, lambda config: config.update({part: value}))
    outcome(folder)


@pytest.mark.parametrize("kind", ["denoising", "autoencoder"])
def test_a_config_that_names_another_model(folder, kind):
    change_config(folder, lambda config: config["settings"].update(model=kind))
    outcome(folder)


@pytest.mark.parametrize(
    "place", ["", "gone", "a\0b", "\ud800", "a\nb", "vae/config.json", 5, None]
)
def test_a_config_that_names_no_data(folder, place):
    change_config(folder, lambda config: config["settings"].update(data=place))
    assert outcome(folder) != "page"


# ---- history.csv -------------------------------------------------------------------------------


ROWS = "epoch,train_loss,train_elbo,train_reconstruction,train_kl"


@pytest.mark.parametrize(
    "text",
    [
        *("", "epoch\n", "epoch\n1\n", "a,b\n1,2\n", "epoch,epoch\n1,2\n", "epoch,train_loss\n1,2"),
        *(f"{ROWS}\n{row}\n" for row in ("1,2,3,4,5", "nan,1,1,1,1", "inf,1,1,1,1")),
        *(f"{ROWS}\n{row}\n" for row in ("1,nan,nan,nan,nan", "1e300,inf,-inf,1e300,inf", "a,b,c")),
    ],
)
def test_a_history_of_any_kind(folder, monkeypatch, text):
    """The pictures that are made of it are drawn."""
    few = {name: pictures.PICTURES[name] for name in ("history", "rate-distortion")}
    monkeypatch.setattr(pictures, "PICTURES", few)
    monkeypatch.setattr(pictures, "draw_all", DRAW_ALL)
    monkeypatch.setattr("npvae.runs.pictures.light_and_dark", drawn_without_layout)
    (folder / "history.csv").write_text(text)
    outcome(folder)
