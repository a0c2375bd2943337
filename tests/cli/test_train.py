"""`npvae train`: what it says, writes and repeats."""

import numpy as np
import pytest
from cli_files import SMALL, run
from run_files import differing_bytes, visible

from npvae import Adam, figures, fit
from npvae.datasets import load_dataset
from npvae.runs import finish, pictures
from npvae.runs.building import build_model
from npvae.runs.folder import RunFolder
from npvae.runs.history import history_columns
from npvae.runs.recipes import flag

DRAWING = [(pictures, "draw_all"), (pictures, "save"), (figures, "save")]
REAL = [getattr(of, name) for of, name in DRAWING]
GIVEN = [
    "--likelihood gaussian --sigma 0.2 --hidden 6,5 --activation tanh --init he --beta 0.5 "
    "--lr 0.01 --seed 4 --validation 9",
    "--hidden none --objective dreg --k 3 --mean-bias --optimizer adagrad --lr-schedule stages",
    "--conditional --activation gated --logvar-range=-6,2 --warm-up 1 --free-bits 0.1 "
    "--patience 1 --lr-schedule cosine --adam-beta1 0.5 --adam-eps 1e-4",
    "--model denoising --corruption gaussian --noise 0.2 --binarize none",
]


pytestmark = pytest.mark.usefixtures("offline")


def said_of_the_test(output):
    return output.partition("Test part")[2].partition("\n\n")[0]


def fail(*_):
    raise RuntimeError("no ink")


def test_training_says_what_it_does_and_where_everything_is(tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", "--data", "own.npy", *SMALL, "--out", out) == 0
    said = capsys.readouterr()
    assert "own.npy" in said.out
    assert "48 training, 6 validation and 6 test examples" in said.out
    assert "VAE 35-8-2-8-35, " in said.out
    n = 35 * 8 + 8 + 8 * 4 + 4 + 2 * 8 + 8 + 8 * 35 + 35
    assert f"{n:,} parameters" in said.out
    assert [line.split()[0] for line in said.out.splitlines() if "/2 " in line] == ["1/2", "2/2"]
    assert f"Saved in {out}:" in said.out
    assert said.err == ""


def test_without_out_it_takes_a_fresh_folder(tmp_path, monkeypatch, files):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        assert run("train", "--data", files / "own.npy", *SMALL) == 0
        assert (tmp_path / "runs" / f"own-00{number}" / "model.npz").is_file()


def test_same_seed_same_model_and_pictures_to_the_bit(tmp_path, monkeypatch):
    options = ["--data", "own.npy", *SMALL, "--out"]
    assert run("train", *options, tmp_path / "other", "--seed", 1) == 0
    few = {name: pictures.PICTURES[name] for name in finish.OWN_PICTURES}
    monkeypatch.setattr(pictures, "PICTURES", few)
    for (of, name), real in zip(DRAWING, REAL, strict=True):
        monkeypatch.setattr(of, name, real)
    for name in ("one", "same"):
        assert run("train", *options, tmp_path / name) == 0
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    assert (one / "model.npz").read_bytes() != (other / "model.npz").read_bytes()
    for name in ("model.npz", "samples.png", "reconstructions.png"):
        assert (one / name).read_bytes() == (same / name).read_bytes()
    blot = (other / "samples.png").read_bytes()
    assert blot != (one / "samples.png").read_bytes(), "or nothing but blots were compared"


@pytest.mark.parametrize("given", GIVEN)
def test_the_config_runs_it_again(tmp_path, given):
    given = [*given.split(), "--latent", 3, "--epochs", 2, "--batch-size", 20]
    assert run("train", "--data", "labelled.npz", *given, "--out", tmp_path / "one") == 0
    settings = RunFolder.open(tmp_path / "one").settings()
    flags = " ".join(flag(*item) for item in vars(settings).items() if item[1] is not None)
    assert run("train", *flags.split(), "--out", tmp_path / "two") == 0
    assert RunFolder.open(tmp_path / "two").settings() == settings
    one, two = ((tmp_path / name / "model.npz").read_bytes() for name in ("one", "two"))
    assert one == two


def test_the_command_line_does_what_the_library_does(tmp_path):
    options = [*SMALL, "--seed", "4", "--lr", "0.01", "--out", tmp_path / "run"]
    assert run("train", "--data", "own.npy", *options) == 0
    folder = RunFolder.open(tmp_path / "run")
    dataset, rng = folder.load_data(), np.random.default_rng(4)
    model = build_model(folder.settings(), dataset, rng)
    records = fit(model, dataset, optimizer=Adam(0.01), epochs=2, batch_size=16, rng=rng)
    assert len(records) == 2
    np.testing.assert_array_equal(folder.load_model().model.params.flat, model.params.flat)
    columns = history_columns(folder / "history.csv")
    assert columns["train_elbo"] == [record.train_elbo for record in records]
    assert columns["validation_elbo"] == [record.held_out.elbo for record in records]


def test_a_drawing_that_fails_loses_no_number(tmp_path, capsys, monkeypatch):
    """The run can be reported as it is, and gone on with as if all had been drawn."""
    straight, failed = tmp_path / "straight", tmp_path / "failed"
    options = ["--data", "own.npy", *SMALL, "--out"]
    assert run("train", *options, straight) == 0
    numbers = said_of_the_test(capsys.readouterr().out)
    assert numbers
    with monkeypatch.context() as patch:
        patch.setattr(pictures, "draw_all", fail)
        with pytest.raises(RuntimeError, match="no ink"):
            run("train", *options, failed)
    said = capsys.readouterr().out
    assert said_of_the_test(said) == numbers
    assert "Saved in" not in said
    left = {"history.png", "reconstructions.png", "report.html", "samples.png"}
    assert visible(straight).keys() - visible(failed).keys() == left
    assert differing_bytes(straight, failed).keys() == left
    assert run("report", failed) == 0
    left.remove("report.html")
    assert differing_bytes(straight, failed).keys() == left
    assert run("train", "--resume", failed) == 0
    assert not differing_bytes(straight, failed)
    for folder in (straight, failed):
        assert run("train", "--resume", folder, "--epochs", 3) == 0
    assert not differing_bytes(straight, failed)


def test_a_report_that_fails_loses_no_picture(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(finish, "write_report", fail)
    with pytest.raises(RuntimeError, match="no ink"):
        run("train", "--data", "own.npy", *SMALL, "--out", tmp_path / "run")
    assert said_of_the_test(capsys.readouterr().out)
    names = RunFolder.open(tmp_path / "run").names()
    assert {"metrics.json", "history.png", "reconstructions.png", "samples.png"} <= set(names)
    assert "report.html" not in names


def test_a_table_gets_the_gaussian_likelihood_and_is_told_so(tmp_path, capsys):
    assert run("train", "--data", "people.csv", *SMALL, "--out", tmp_path / "run") == 0
    said = capsys.readouterr().out
    assert "Gaussian" in said
    assert "'label'" in said
    assert "standardised" in said
    folder = RunFolder.open(tmp_path / "run")
    assert folder.columns() == ["height", "weight", "age"]
    assert folder.settings().likelihood == "gaussian"
    assert folder.load_model().shape == (3,)


def test_a_folder_of_images(tmp_path, capsys):
    assert run("train", "--data", "pets", *SMALL, "--out", tmp_path / "run") == 0
    assert "14 training, 1 validation and 1 test examples" in capsys.readouterr().out


def test_without_a_validation_part(tmp_path):
    options = [*SMALL, "--validation", "0", "--out", tmp_path / "run"]
    assert run("train", "--data", "own.npy", *options) == 0
    columns = history_columns(tmp_path / "run" / "history.csv")
    assert not any(name.startswith("validation") for name in columns)


@pytest.mark.parametrize("binarize", ["dynamic", "threshold", "none"])
def test_every_binarisation_is_named_beside_the_figures(tmp_path, capsys, binarize):
    options = [*SMALL, "--binarize", binarize, "--out", tmp_path / "run"]
    assert run("train", "--data", "own.npy", *options) == 0
    words = {"dynamic": "with probability", "threshold": ">= 128", "none": "likelihood"}
    assert words[binarize] in capsys.readouterr().out.partition("\n  data ")[2]


def test_with_no_dataset_named_it_says_which_and_why(tmp_path, capsys, monkeypatch):
    glyphs = load_dataset("glyphs", n_train=40, n_test=10, progress=False)
    asked = []

    def default(**options):
        asked.append(options)
        return glyphs, "glyphs, since MNIST is missing"

    monkeypatch.setattr("npvae.runs.run.default_dataset", default)
    assert run("train", *SMALL, "--seed", 3, "--out", tmp_path / "run") == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("glyphs, since MNIST is missing")
    assert asked[0]["seed"] == 3
    assert RunFolder.open(tmp_path / "run").settings().data == "glyphs"
    assert "split.npz" not in RunFolder.open(tmp_path / "run").names()


def test_a_label_without_a_training_example_is_told(tmp_path, capsys):
    x = np.load("own.npy")
    np.savez("rare.npz", x=x, y=["rare" if i == 3 else "usual" for i in range(len(x))])
    for seed in range(20):  # until the one is held out
        held_out = 3 not in load_dataset("rare.npz", seed=seed).train.rows
        if held_out:
            break
    options = [*SMALL, "--conditional", "--seed", seed, "--out", tmp_path / "run"]
    assert run("train", "--data", "rare.npz", *options) == 0
    assert "the label rare" in capsys.readouterr().out
