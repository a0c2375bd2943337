"""`npvae compare`: what is printed of several runs, what is written, and what is refused."""

import json
import shutil
from dataclasses import replace

import measured_runs
import pytest
import run_files
import untrained_runs
from measured_runs import refused, run

from npvae.runs.folder import RunFolder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of small runs, which the tests leave as they are."""
    folder = tmp_path_factory.mktemp("trained")
    measured_runs.save_data(folder)
    measured_runs.train(folder, "vae", "grey", "iwae", "table", "animals", "autoencoder", epochs=2)
    return folder


@pytest.fixture(autouse=True)
def drawn(trained, monkeypatch):
    """The arguments of the picture, which is a blot; every test works in the folder of the runs."""
    monkeypatch.chdir(trained)
    run_files.draw_quickly(monkeypatch)
    return untrained_runs.catch(monkeypatch)


@pytest.fixture
def compare(tmp_path, capsys):
    """Compare runs, and return what is printed as JSON."""

    def as_json(*runs):
        assert run("compare", *runs, "--json", "--out", tmp_path / "c.png") == 0
        return json.loads(capsys.readouterr().out)

    return as_json


def copied(tmp_path, name, new):
    return shutil.copytree(name, tmp_path / new)


def with_metrics(tmp_path, change, new="spoilt"):
    """Return a copy of a run whose metrics are changed."""
    folder = copied(tmp_path, "vae", new)
    metrics = json.loads((folder / "metrics.json").read_text())
    change(metrics)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


# ---- what is found -------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_runs(compare):
    found = compare("vae", "iwae")
    assert found["part"] == "test"
    assert [one["run"] for one in found["runs"]] == ["vae", "iwae"]
    for one in found["runs"]:
        folder = RunFolder.open(one["run"])
        test = json.loads((folder / "metrics.json").read_text())["test"]
        for name in ("elbo", "kl", "reconstruction", "active_units"):
            assert one[name] == test[name]
        assert one.get("bound") == test.get("bound")
        assert one.get("bound_name") == test.get("bound_name")
        assert one["parameters"] == json.loads((folder / "config.json").read_text())["parameters"]
        assert (one["epochs"], one["epochs_asked"]) == folder.epochs()
        assert one["train_seconds"] == pytest.approx(sum(folder.history()["seconds"]), abs=0.01)


def with_settings(tmp_path, **changed):
    """Return a copy of a run whose config has other settings."""
    folder = RunFolder.open(copied(tmp_path, "vae", "changed"))
    folder.write_settings(replace(folder.settings(), **changed))
    return folder.path


def test_only_settings_that_differ_and_act_are_shown(compare, tmp_path):
    """The KL of an IWAE has no weight beta, and an autoencoder draws no z."""
    weighted = with_settings(tmp_path, beta=4.0)
    betas = [one["settings"]["beta"] for one in compare("vae", weighted, "iwae")["runs"]]
    assert betas == [1, 4, None]
    assert [one["settings"] for one in compare("vae", "iwae")["runs"]] == [
        {"objective": "elbo", "k": 1},
        {"objective": "iwae", "k": 5},
    ]
    of_iwae, of_autoencoder = (one["settings"] for one in compare("iwae", "autoencoder")["runs"])
    assert of_iwae == {"model": "vae", "objective": "iwae", "k": 5}
    assert of_autoencoder == {"model": "autoencoder", "objective": None, "k": None}


def test_the_table_has_each_setting_once_and_says_what_is_the_default(tmp_path, capsys):
    other = with_settings(tmp_path, epochs=5, label_column="kind", patience=3)
    assert run("compare", "vae", other, "--out", tmp_path / "c.png") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert sum(row[:1] == ["epochs"] for row in rows) == 1
    (cells,) = (row for row in rows if row[:2] == ["label", "column"])
    assert cells[-1] == "kind"
    assert "-" not in cells, "a label column that is found by its name is one, too"
    assert ["patience", "-", "3"] in rows


def test_estimates_of_log_px_keep_their_draws_and_their_examples(compare, tmp_path, capsys):
    vae, iwae = copied(tmp_path, "vae", "a"), copied(tmp_path, "iwae", "b")
    assert run("evaluate", vae, "--samples", 3, "--workers", 1) == 0
    assert run("evaluate", vae, "--samples", 3, "--examples", 5, "--workers", 1) == 0
    assert run("evaluate", iwae, "--samples", 4, "--workers", 1) == 0
    capsys.readouterr()
    found = compare(vae, iwae)
    kept = [[(e["entry"], e["k"]) for e in one["log_likelihood"]] for one in found["runs"]]
    assert kept == [[("test", 3), ("test_5", 3)], [("test", 4)]]
    stored = json.loads((iwae / "metrics.json").read_text())["test"]["log_likelihood"]["4"]
    estimate = found["runs"][1]["log_likelihood"][0]
    assert estimate["log_px"] == stored["log_px"]
    assert estimate["standard_error"] == stored["standard_error"]
    (remark,) = found["remarks"]
    assert "number of draws" in remark


# ---- what cannot be compared ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (["iwae"], []),
        (["grey"], ["binarisation (dynamic, none)"]),
        (
            ["table"],
            ["data (pixels.npy, table.npy)", "standardised", "likelihood (bernoulli, gaussian)"],
        ),
        (["animals"], ["conditional (false, true)"]),
        (["autoencoder"], ["reconstruction", "vae, autoencoder"]),
        (
            ["grey", "iwae", "table"],
            ["binarisation (dynamic, none)", "kind of x (pixels, standardised numbers)"],
        ),
    ],
    ids=lambda of: "-".join(of) if of and " " not in of[0] else "",
)
def test_a_sentence_says_what_cannot_be_compared(others, words, compare):
    """Pixels drawn as 0 or 1 beside grey ones, other data, another likelihood."""
    remarks = compare("vae", *others)["remarks"]
    assert bool(remarks) == bool(words)
    for word in words:
        assert word in " ".join(remarks)


def test_the_same_data_split_by_another_seed_are_other_data(compare, tmp_path):
    other = with_settings(tmp_path, seed=1)
    assert "pixels.npy" in "".join(compare("vae", other)["remarks"])


def test_other_numbers_of_examples(compare, tmp_path):
    """Such as those of a training with another --validation; the test part is the same."""
    other = copied(tmp_path, "vae", "other")
    config = json.loads((other / "config.json").read_text())
    config["data"] |= {"train": 79, "validation": 11}
    (other / "config.json").write_text(json.dumps(config))
    assert compare("vae", other)["remarks"] == []
    (other / "metrics.json").unlink()
    assert "validation examples (10, 11)" in " ".join(compare("vae", other)["remarks"])


def test_without_test_figures_of_one_run_the_validation_part_is_compared(compare, tmp_path):
    """Those of a model that was trained on since are not those of the run."""
    stale = with_metrics(tmp_path, lambda metrics: metrics.update(model_crc32="0"), "stale")
    found = compare("iwae", stale)
    assert found["part"] == "validation"
    for one in found["runs"]:
        history = RunFolder.open(one["run"]).history()
        assert one["elbo"] == history["validation_elbo"][-1]
        assert one["kl"] == history["validation_kl"][-1]
    assert "stale" in found["remarks"][0]
    assert "iwae" not in found["remarks"][0]


# ---- what is printed and written -----------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 4, 7])
def test_the_table_fits_80_columns_and_has_every_run(n, tmp_path, capsys):
    names = [f"a-run-with-a-rather-long-name-{i}-of-many" for i in range(n - 1)]
    folders = ["vae", *(copied(tmp_path, "iwae", name) for name in names)]
    assert run("compare", *folders, "--out", tmp_path / "c.svg") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert str(tmp_path / "c.svg") in lines[-1]
    elbos = [cell for line in lines if line.startswith("  ELBO") for cell in line.split()[1:]]
    stored = [json.loads((RunFolder.open(f) / "metrics.json").read_text()) for f in folders]
    assert elbos == [f"{metrics['test']['elbo']:.2f}" for metrics in stored]
    assert len([line for line in lines if line.startswith("  objective")]) == -(-n // 4)


def test_the_picture_has_the_curves_of_each_run_and_the_rates_of_those_with_a_prior(
    drawn, tmp_path
):
    assert run("compare", "vae", "autoencoder", "--out", tmp_path / "c.png") == 0
    (histories, points), how = drawn["comparison"]
    assert [*histories] == ["vae", "autoencoder"]
    assert histories["vae"] == RunFolder.open("vae").history()
    assert "validation_reconstruction" in histories["autoencoder"]
    assert not {"train_kl", "train_elbo", "validation_elbo"} & histories["autoencoder"].keys()
    test = json.loads((RunFolder.open("vae") / "metrics.json").read_text())["test"]
    assert points == {"vae": (test["kl"], test["reconstruction"])}
    assert how["part"] == "test"
    assert "reconstruction" in how["told"]


def test_by_default_the_picture_is_in_the_working_folder(tmp_path, monkeypatch, trained):
    monkeypatch.chdir(tmp_path)
    assert run("compare", trained / "vae", trained / "iwae") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["comparison.png"]


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["vae"], "2 to 10"),
        (["vae", *11 * ["iwae"]], "12 runs"),
        (["vae", "iwae", "vae"], "vae is the same run"),
        (["vae", "./vae/"], "./vae/ is the same run"),
        (["vae", "pixels.npy"], "pixels.npy is not a run"),
        (["vae", "nope"], "nope is not a run"),
        (["vae", "iwae", "--out", "c.txt"], "--out is c.txt"),
        (["vae", "iwae", "--out", "iwae"], "--out is iwae"),
    ],
)
def test_these_are_refused_and_nothing_is_written(given, words, trained, capsys):
    before = sorted(trained.rglob("*"))
    assert words in refused(capsys, "compare", *given)
    assert sorted(trained.rglob("*")) == before


def test_no_run_without_an_epoch(tmp_path, capsys):
    folder = copied(tmp_path, "vae", "new")
    for path in folder.iterdir():
        if path.name != "config.json":
            path.unlink()
    assert "new" in (said := refused(capsys, "compare", "iwae", folder))
    assert "--resume" in said


@pytest.mark.parametrize(
    "change",
    [
        lambda metrics: metrics["test"].pop("kl"),
        lambda metrics: metrics["test"].update(elbo="high"),
        lambda metrics: metrics["test"].update(reconstruction=None),
        lambda metrics: metrics["test"].update(log_likelihood={"ten": {"log_px": -1.0}}),
        lambda metrics: metrics["test"].update(log_likelihood=[1]),
    ],
)
def test_no_damaged_metrics(change, tmp_path, capsys):
    folder = with_metrics(tmp_path, change)
    out = tmp_path / "c.png"
    said = refused(capsys, "compare", "iwae", folder, "--out", out)
    assert str(folder / "metrics.json") in said
    assert not out.exists()
