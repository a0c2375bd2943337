"""npvae score: the table, percentiles, thresholds, AUROC and the picture of the oddest."""

import csv
import json
import shutil

import measured_runs
import numpy as np
import pytest
import run_files
from measured_runs import refused, run

from npvae.datasets.dataset import whole
from npvae.evaluation.scores import percentiles, score_examples
from npvae.runs.folder import RunFolder

RNG = np.random.default_rng(6)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of small data and runs, which the tests leave as they are."""
    folder = tmp_path_factory.mktemp("trained")
    measured_runs.save_data(folder)
    measured_runs.train(folder, "vae", "animals", "table", "autoencoder", "all-to-train")
    x = np.concatenate([np.load(folder / "pixels.npy")[:20], 255 * RNG.integers(0, 2, (5, 4, 5))])
    names = np.repeat(["cat", "yak"], [20, 5])
    np.savez(folder / "mixed.npz", x=x.astype(np.uint8), y=names)
    np.save(folder / "new.npy", x.astype(np.uint8))
    return folder


@pytest.fixture(autouse=True)
def elsewhere(trained, monkeypatch):
    """Every test works in the folder of the runs."""
    monkeypatch.chdir(trained)


def columns(path):
    """Return the columns of a .csv file by name, numbers where they are."""
    with open(path, newline="") as file:
        header, *rows = csv.reader(file)
    cells = dict(zip(header, zip(*rows, strict=True), strict=True))
    return {
        name: np.array(column, str if name == "label" else float) for name, column in cells.items()
    }


def scores_of(name, part, k=None, seed=0):
    folder = RunFolder.open(name)
    saved = folder.load_model()
    split = getattr(folder.load_data(), part) if isinstance(part, str) else part
    return score_examples(saved.model, split, saved.scaling, k, seed=seed)


# ---- the table -------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [None, 7])
def test_the_scores_of_the_test_part(tmp_path, capsys, k):
    options = ["--seed", 3, "--out", tmp_path / "a.csv"]
    options += [] if k is None else ["--samples", k, "--workers", 1]
    assert run("score", "vae", *options) == 0
    said = capsys.readouterr().out
    found, expected = columns(tmp_path / "a.csv"), scores_of("vae", "test", k, 3)
    assert list(found) == ["row", "score", "reconstruction", "kl", "percentile"]
    np.testing.assert_array_equal(found["row"], RunFolder.open("vae").load_data().test.rows)
    for name in ("score", "reconstruction", "kl"):
        np.testing.assert_allclose(found[name], getattr(expected, name), rtol=1e-8)
    among = scores_of("vae", "validation", k, 3).score
    np.testing.assert_allclose(found["percentile"], percentiles(expected.score, among))
    assert f"{np.median(expected.score):.2f}" in said
    assert "seed 3" in said
    assert ("log p(x)" if k else "-ELBO") in said


def test_the_scores_of_new_examples_with_labels(tmp_path):
    assert run("score", "vae", "--data", "mixed.npz", "--out", tmp_path / "a.csv") == 0
    found = columns(tmp_path / "a.csv")
    assert found["label"].tolist() == ["cat"] * 20 + ["yak"] * 5
    np.testing.assert_array_equal(found["row"], np.arange(25))
    expected = scores_of("vae", whole(np.load("new.npy").reshape(25, 20)))
    np.testing.assert_allclose(found["score"], expected.score, rtol=1e-8)


def test_an_autoencoder_has_a_score_of_one_part(tmp_path, capsys):
    assert run("score", "autoencoder", "--out", tmp_path / "a.csv") == 0
    found = columns(tmp_path / "a.csv")
    assert "kl" not in found
    np.testing.assert_array_equal(found["score"], found["reconstruction"])
    assert "-log p(x | z)" in capsys.readouterr().out


def test_by_default_the_table_is_in_the_run_folder(tmp_path, capsys):
    folder = shutil.copytree("vae", tmp_path / "run")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert run("score", folder, "--top", 3) == 0
    after = {path: path.read_bytes() for path in folder.iterdir()}
    assert {path.name for path in after.keys() - before.keys()} == {"scores.csv", "oddest.png"}
    assert {path: after[path] for path in before} == before
    assert str(folder / "scores.csv") in capsys.readouterr().out


def test_several_processes_write_the_same_table(tmp_path):
    for workers in (1, 2):
        out = ["--workers", workers, "--out", tmp_path / f"{workers}.csv"]
        assert run("score", "vae", "--samples", 5, *out) == 0
    one, two = columns(tmp_path / "1.csv"), columns(tmp_path / "2.csv")
    np.testing.assert_allclose(one["score"], two["score"], rtol=1e-6)


def test_a_table_with_text_and_missing_values(tmp_path, trained, monkeypatch, capsys):
    """How much of a row was missing stands beside its score."""
    rows = [f"{x:.2f},{'ab'[i % 2]}" for i, x in enumerate(RNG.normal(5, 2, 30))]
    (tmp_path / "own.csv").write_text("\n".join(["size,kind", *rows]))
    (tmp_path / "new.csv").write_text("size,kind\n5.0,a\n,b\n60.0,a\n")
    monkeypatch.chdir(tmp_path)
    options = [*measured_runs.SMALL, "--missing", "mean", "--no-report", "--out", "run"]
    assert run("train", "--data", "own.csv", *options) == 0
    seen = []
    monkeypatch.setattr("npvae.figures.oddest", lambda *_, **named: seen.append(named["missing"]))
    monkeypatch.setattr("npvae.figures.save", lambda *_: None)
    assert run("score", "run", "--data", "new.csv", "--top", 3) == 0
    found = columns("run/scores.csv")
    np.testing.assert_array_equal(found["missing"], [0, 1, 0])
    assert found["score"].argmax() == 2
    in_order = [1 if row == 1 else 0 for row in np.argsort(-found["score"])]
    np.testing.assert_array_equal(seen[0].sum(axis=1), in_order)


# ---- thresholds ------------------------------------------------------------------------------


@pytest.mark.parametrize("quantile", [0, 0.5, 0.9, 1])
def test_what_scores_above_the_quantile_of_the_validation_part_is_flagged(
    tmp_path, capsys, quantile
):
    asked = ["--part", "train", "--threshold", quantile, "--out", tmp_path / "a.csv"]
    assert run("score", "vae", *asked) == 0
    found, among = columns(tmp_path / "a.csv"), scores_of("vae", "validation").score
    threshold = np.quantile(among, quantile)
    np.testing.assert_array_equal(found["flagged"], found["score"] > threshold)
    said = capsys.readouterr().out
    assert f"{threshold:.2f}" in said
    assert f"{100 * (among > threshold).mean():.2f} %" in said  # the contamination
    assert f"{100 * found['flagged'].mean():.2f} %" in said


@pytest.mark.parametrize(("quantile", "flagged"), [(0, 9), (0.8, 2), (1, 0)])
def test_the_own_validation_part_is_flagged_by_its_own_contamination(tmp_path, quantile, flagged):
    asked = ["--part", "validation", "--threshold", quantile, "--out", tmp_path / "a.csv"]
    assert run("score", "vae", *asked) == 0
    assert columns(tmp_path / "a.csv")["flagged"].sum() == flagged  # of ten


# ---- without a validation part, or without the run's data ------------------------------------


def test_without_a_validation_part_there_are_no_percentiles(tmp_path, capsys):
    assert run("score", "all-to-train", "--out", tmp_path / "a.csv") == 0
    assert "no validation part" in capsys.readouterr().out
    assert "percentile" not in columns(tmp_path / "a.csv")
    line = refused(capsys, "score", "all-to-train", "--threshold", 0.9)
    assert "--threshold 0.9" in line


def test_new_examples_are_scored_where_the_own_data_are_gone(tmp_path, capsys):
    folder = shutil.copytree("vae", tmp_path / "run")
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["data"] = "gone.npy"
    (folder / "config.json").write_text(json.dumps(config))
    asked = ["--data", "mixed.npz", "--odd", "yak", "--out", tmp_path / "a.csv"]
    assert run("score", folder, *asked) == 0
    said = capsys.readouterr().out
    assert "gone.npy" in said
    assert "PCA" not in said
    assert "percentile" not in columns(tmp_path / "a.csv")
    line = refused(capsys, "score", folder, *asked, "--threshold", 0.9)
    assert "gone.npy" in line
    assert "with --data" not in line, "it has been given the new examples"
    assert "leave --threshold out" in line


# ---- AUROC -----------------------------------------------------------------------------------


def test_the_auroc_is_that_of_scikit_learn_on_the_table(tmp_path, capsys):
    metrics = pytest.importorskip("sklearn.metrics")
    asked = ["--data", "mixed.npz", "--odd", "yak", "--out", tmp_path / "a.csv"]
    assert run("score", "vae", *asked) == 0
    found, said = columns(tmp_path / "a.csv"), capsys.readouterr().out
    expected = metrics.roc_auc_score(found["label"] == "yak", found["score"])
    assert f"{expected:.3f}   -ELBO" in said
    assert "(5 examples)" in said
    assert "(20 examples)" in said
    assert said.count("reconstruction error") == 2
    assert "PCA with 2 components" in said


def test_an_odd_label_of_the_run_itself(capsys, tmp_path):
    assert run("score", "animals", "--odd", "dog", "--out", tmp_path / "a.csv") == 0
    assert "AUROC of label dog" in capsys.readouterr().out


# ---- the picture -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vae", "table", "animals"])
def test_the_oddest_are_drawn_in_order(tmp_path, monkeypatch, name):
    seen = []
    run_files.draw_quickly(monkeypatch)
    draw = lambda *given, **named: seen.append((given, named)) or "drawn"  # noqa: E731
    monkeypatch.setattr("npvae.figures.oddest", draw)
    assert run("score", name, "--top", 4, "--seed", 2, "--out", tmp_path / "a.csv") == 0
    assert (tmp_path / "oddest.png").exists()
    ((x, x_hat, nats, form, names), named) = seen[0]
    found = columns(tmp_path / "a.csv")
    order = np.argsort(-found["score"])[:4]
    assert [name.split("row ")[1].split("\n")[0] for name in names] == [
        f"{row:.0f}" for row in found["row"][order]
    ]
    assert "4 oddest of 10 examples of the test part" in named["told"]
    assert x.shape == x_hat.shape == nats.shape == (4, form.n_x)
    saved = RunFolder.open(name).load_model()
    test = RunFolder.open(name).load_data().test
    if name == "table":
        np.testing.assert_allclose(x, test.take(order), rtol=1e-4)  # in its own units
    else:
        drawn = saved.scaling.encode(test.take(order), np.random.default_rng(0))
        assert set(np.unique(x)) <= {0, 1}
        assert drawn.shape == x.shape


def test_more_than_there_are_draws_all(tmp_path):
    assert run("score", "table", "--top", 50, "--out", tmp_path / "a.csv") == 0
    assert (tmp_path / "oddest.png").stat().st_size > 5000


# ---- bad input -------------------------------------------------------------------------------

BAD = {
    "vae --threshold 1.1": "--threshold is 1.1",
    "vae --threshold -0.1": "--threshold",
    "vae --threshold nan": "--threshold",
    "vae --threshold high": "--threshold",
    "vae --top 0": "--top is 0",
    "vae --top 51": "at most 50",
    "vae --samples 0": "--samples is 0",
    "autoencoder --samples 5": "leave --samples out",
    "vae --odd cat": "needs labels",
    "vae --data mixed.npz --odd cow": "cat, yak",
    "animals --odd cow": "cat, dog, emu",
    "vae --data table.npy": "4 x 5 pixels",
    "table --data new.npy": "4 columns",
    "vae --data nothing.npy": "nothing.npy",
    "vae --data empty.npy": "empty.npy",
    "animals --data new.npy": "labels",
    "animals --data mixed.npz": "yak",
    "vae --out scores.npy": ".csv",
    "vae --out vae/history.csv": "--out vae/history.csv",
    "vae --data new.npy --part train": "--part train",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_refused_in_one_line_and_writes_nothing(trained, capsys, line):
    np.save("empty.npy", np.zeros((0, 4, 5), np.uint8))
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*")}
    assert BAD[line] in refused(capsys, "score", *line.split())
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*")} == before


def test_all_examples_have_the_odd_label(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", x=np.load("new.npy"), y=np.full(25, "yak"))
    line = refused(capsys, "score", "vae", "--data", tmp_path / "a.npz", "--odd", "yak")
    assert "all of the 25" in line


def test_scores_that_are_not_finite_name_their_row(tmp_path, capsys):
    x = np.load("table.npy")[:5].copy()
    x[3, 1] = 1e200
    np.save(tmp_path / "far.npy", x)
    asked = ["--data", tmp_path / "far.npy", "--out", tmp_path / "a.csv"]
    line = refused(capsys, "score", "table", *asked)
    assert "row 3 " in line
    assert not (tmp_path / "a.csv").exists()


def test_the_picture_does_not_replace_an_image_of_the_data(tmp_path, capsys):
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(12):
        Image.fromarray(np.load("new.npy")[i]).save(folder / f"{i}.png")
    Image.fromarray(np.load("new.npy")[0]).save(folder / "oddest.png")
    before = (folder / "oddest.png").read_bytes()
    asked = ["--data", folder, "--top", 2, "--out", folder / "a.csv"]
    assert f"--out {folder}" in refused(capsys, "score", "vae", *asked)
    assert (folder / "oddest.png").read_bytes() == before
