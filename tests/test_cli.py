import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from npvae import Adam, fit, load_model, training
from npvae.building import build_model
from npvae.cli import VERBS, main, starting
from npvae.datasets import load_dataset, places
from npvae.history import history_columns
from npvae.runs import RunFolder

SMALL = ["--latent", "2", "--hidden", "8", "--epochs", "2", "--batch-size", "16"]
NAMES = [verb.__name__.rpartition(".")[2] for verb in VERBS]


def save_files(folder):
    """Save small data of every form: pictures, a table, numbers in a file."""
    rng = np.random.default_rng(0)
    blobs = rng.integers(0, 256, (60, 5, 7), dtype=np.uint8)
    np.save(folder / "own.npy", blobs)
    np.save(folder / "real.npy", rng.normal(100, 15, (60, 4)))
    np.save(folder / "unit.npy", rng.random((60, 5, 7)))
    rows = [
        ",".join(f"{v:.3f}" for v in row) + f",{i % 2}" for i, row in enumerate(blobs[:, 0, :3])
    ]
    (folder / "people.csv").write_text("\n".join(["height,weight,age,label", *rows]))
    (folder / "missing.csv").write_text("\n".join(["a,b", "1,2", "3,", *["1,2"] * 20]))
    (folder / "text.csv").write_text("\n".join(["a,b", "1,2", "3,tall", *["1,2"] * 20]))
    for name in ("cats", "dogs"):
        (folder / "pets" / name).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(blobs[i]).save(folder / "pets" / name / f"{i}.png")
    bad = {
        "nan": np.where(np.eye(20) > 0, np.nan, 1.0),
        "infinite": np.where(np.eye(20) > 0, np.inf, 1.0),
        "empty": np.zeros((0, 4)),
        "few": np.zeros((3, 4)),
        "flat": np.zeros(50),
        "constant": np.full((20, 4), 7.0),
        "complex": np.zeros((20, 4), complex),
        "words": np.full((20, 4), "word"),
        "objects": np.full((20, 4), None, dtype=object),
    }
    for name, array in bad.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "broken.npy").write_bytes((folder / "own.npy").read_bytes()[:500])
    (folder / "notes.txt").write_text("no data")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with small data and one trained run, `run`; the tests leave it as it is."""
    folder = tmp_path_factory.mktemp("files")
    save_files(folder)
    here = os.getcwd()
    os.chdir(folder)
    try:
        assert main(["train", "--data", "own.npy", *SMALL, "--out", "run"]) == 0
        assert main(["train", "--data", "people.csv", *SMALL, "--out", "table-run"]) == 0
    finally:
        os.chdir(here)
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch, request):
    """Every test works in the folder of the files, with no data, no cache and no network."""
    monkeypatch.setenv(places.VARIABLE, str(tmp_path / "data"))
    monkeypatch.setattr(places, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.chdir(request.getfixturevalue("files"))


def run(*arguments):
    """Return the exit status, argparse's own among them."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as exit_:
        return exit_.code


def python(*arguments, **options):
    command = [sys.executable, "-m", "npvae", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def in_folder(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def copy_run(tmp_path, name="run"):
    """Return a copy of a run that a test may spoil."""
    copy = tmp_path / name
    copy.mkdir()
    for path in RunFolder.open(name).path.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


# ---- train ---------------------------------------------------------------------------------------


def test_training_says_what_it_does_and_where_everything_is(tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", "--data", "own.npy", *SMALL, "--out", out) == 0
    said = capsys.readouterr()
    assert "own.npy" in said.out
    assert "5x7, 48 to train, 6 to validate, 6 to test" in said.out
    assert "VAE 35-8-2-8-35, relu, Bernoulli likelihood, binarize dynamic" in said.out
    n = 35 * 8 + 8 + 8 * 4 + 4 + 2 * 8 + 8 + 8 * 35 + 35
    assert f"{n:,} parameters" in said.out
    assert [line.split()[0] for line in said.out.splitlines() if "/2 " in line] == ["1/2", "2/2"]
    assert f"everything is in {out}: " in said.out
    assert said.err == ""


def test_the_run_folder(files):
    folder = RunFolder.open("run")
    assert folder.names() == [
        "checkpoint.npz",
        "config.json",
        "history.csv",
        "history.png",
        "metrics.json",
        "model.npz",
        "reconstructions.png",
        "samples.png",
        "split.npz",
    ]
    assert history_columns(folder / "history.csv")["epoch"] == [1, 2]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["epochs"] == 2
    assert set(metrics) >= {"test", "seconds", "train_seconds", "peak_memory_mb"}
    assert set(metrics["test"]["protocol"]) == {"formula", "split", "draws", "data"}
    config = json.loads((folder / "config.json").read_text())
    assert config["settings"]["latent"] == 2
    assert config["settings"]["likelihood"] == "bernoulli"
    for name in ("history", "reconstructions", "samples"):
        with Image.open(folder / f"{name}.png") as image:
            assert np.asarray(image).std() > 1


def test_without_out_it_takes_a_fresh_folder(tmp_path, monkeypatch, files):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        assert run("train", "--data", files / "own.npy", *SMALL) == 0
        assert (tmp_path / "runs" / f"own-00{number}" / "model.npz").is_file()


def test_same_seed_same_model_to_the_bit(tmp_path):
    for name in ("one", "same"):
        assert run("train", "--data", "own.npy", *SMALL, "--out", tmp_path / name) == 0
    assert run("train", "--data", "own.npy", *SMALL, "--seed", 1, "--out", tmp_path / "other") == 0
    for name in ("model.npz", "samples.png", "reconstructions.png"):
        one, same, other = (
            (tmp_path / run_name / name).read_bytes() for run_name in ("one", "same", "other")
        )
        assert one == same
        assert one != other


def test_the_config_runs_it_again(tmp_path):
    given = [
        "--likelihood",
        "gaussian",
        "--sigma",
        "0.2",
        "--hidden",
        "6,5",
        "--activation",
        "tanh",
    ]
    given += ["--init", "he", "--beta", "0.5", "--lr", "0.01", "--seed", "4", "--validation", "9"]
    given += ["--latent", "3", "--epochs", "1", "--batch-size", "20"]
    assert run("train", "--data", "own.npy", *given, "--out", tmp_path / "one") == 0
    flags = []
    for key, value in json.loads((tmp_path / "one" / "config.json").read_text())[
        "settings"
    ].items():
        if value is not None:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            flags += [f"--{key.replace('_', '-')}", text]
    assert run("train", *flags, "--out", tmp_path / "two") == 0
    one, two = ((tmp_path / name / "model.npz").read_bytes() for name in ("one", "two"))
    assert one == two


def test_the_command_line_does_what_the_library_does(tmp_path):
    options = [*SMALL, "--seed", "4", "--lr", "0.01", "--out", tmp_path / "run"]
    assert run("train", "--data", "own.npy", *options) == 0
    folder = RunFolder.open(tmp_path / "run")
    dataset, rng = folder.load_data(), np.random.default_rng(4)
    model = build_model(folder.settings(), dataset.n_x, rng)
    records = list(fit(model, dataset, optimizer=Adam(0.01), epochs=2, batch_size=16, rng=rng))
    np.testing.assert_array_equal(folder.load_model().model.params.flat, model.params.flat)
    columns = history_columns(folder / "history.csv")
    assert columns["train_elbo"] == [record.train_elbo for record in records]
    assert columns["validation_elbo"] == [record.held_out.elbo for record in records]


def test_a_table_gets_the_gaussian_likelihood_and_is_told_so(tmp_path, capsys):
    assert run("train", "--data", "people.csv", *SMALL, "--out", tmp_path / "run") == 0
    said = capsys.readouterr().out
    assert "the likelihood is Gaussian" in said
    assert "The labels are those of the column 'label'" in said
    assert "standardised by the training part" in said
    folder = RunFolder.open(tmp_path / "run")
    assert folder.columns() == ["height", "weight", "age"]
    assert folder.settings().likelihood == "gaussian"
    assert folder.load_model().shape == (3,)


def test_a_folder_of_images(tmp_path, capsys):
    assert run("train", "--data", "pets", *SMALL, "--out", tmp_path / "run") == 0
    assert "5x7, 14 to train, 1 to validate, 1 to test" in capsys.readouterr().out


def test_without_a_validation_part(tmp_path):
    options = [*SMALL, "--validation", "0", "--out", tmp_path / "run"]
    assert run("train", "--data", "own.npy", *options) == 0
    columns = history_columns(tmp_path / "run" / "history.csv")
    assert not any(name.startswith("validation") for name in columns)


@pytest.mark.parametrize("binarize", ["dynamic", "threshold", "none"])
def test_every_binarisation_is_named_beside_the_figures(tmp_path, capsys, binarize):
    options = [*SMALL, "--binarize", binarize, "--out", tmp_path / "run"]
    assert run("train", "--data", "own.npy", *options) == 0
    words = {"dynamic": "drawn with probability", "threshold": "on where v >= 128"}
    assert words.get(binarize, "no likelihood") in capsys.readouterr().out


def test_with_no_dataset_named_it_says_which_and_why(tmp_path, capsys, monkeypatch):
    glyphs = load_dataset("glyphs", n_train=40, n_test=10, progress=False)
    asked = []

    def default(**options):
        asked.append(options)
        return glyphs, "glyphs, since MNIST could not be had"

    monkeypatch.setattr(starting, "default_dataset", default)
    assert run("train", *SMALL, "--seed", 3, "--out", tmp_path / "run") == 0
    assert capsys.readouterr().out.splitlines()[0] == "glyphs, since MNIST could not be had"
    assert asked == [{"seed": 3}]
    assert RunFolder.open(tmp_path / "run").settings().data == "glyphs"
    assert "split.npz" not in RunFolder.open(tmp_path / "run").names()


# ---- what one does with a run --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run", "table-run"])
def test_evaluate_repeats_the_figures_of_the_training(capsys, files, name):
    before = in_folder(files)
    assert run("evaluate", name, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads((RunFolder.open(name) / "metrics.json").read_text())["test"]
    assert run("evaluate", name) == 0
    said = capsys.readouterr().out
    assert f"-ELBO {-found['elbo']:.2f} nats" in said
    for text in found["protocol"].values():
        assert text in said
    assert in_folder(files) == before


def test_sample_as_numbers(tmp_path):
    for seed, name in ((1, "a.npy"), (1, "b.npy"), (2, "c.npy")):
        assert run("sample", "run", "-n", 5, "--seed", seed, "--out", tmp_path / name) == 0
    a, b, c = (np.load(tmp_path / f"{name}.npy") for name in "abc")
    assert a.shape == (5, 5, 7)
    assert (a >= 0).all()
    assert (a <= 1).all()
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
    expected = load_model("run/model.npz").model.sample(5, 1)
    np.testing.assert_array_equal(a.reshape(5, 35), expected)
    assert run("sample", "run", "-n", 5, "--draw", "--out", tmp_path / "drawn.npy") == 0
    assert set(np.unique(np.load(tmp_path / "drawn.npy"))) == {0, 1}


def test_samples_of_a_table_are_in_its_own_units_under_its_own_names(tmp_path):
    out = tmp_path / "people.csv"
    assert run("sample", "table-run", "-n", 200, "--draw", "--out", out) == 0
    header, *rows = out.read_text().splitlines()
    assert header == "height,weight,age"
    table = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    assert table.shape == (200, 3)
    saved = RunFolder.open("table-run").load_model()
    expected = saved.scaling.decode(saved.model.sample(200, 0, draw=True))
    np.testing.assert_allclose(table, expected, rtol=1e-5)
    assert (table.std(axis=0) > 20).all()  # of bytes, not of standardised numbers


@pytest.mark.parametrize("n", [1, 3, 64])
@pytest.mark.parametrize("name", ["run", "table-run"])
def test_pictures_of_samples_and_reconstructions(tmp_path, name, n):
    copy = copy_run(tmp_path, name)
    for picture in ("samples.png", "reconstructions.png"):
        (copy / picture).unlink()
    assert run("sample", copy, "-n", n) == 0
    assert run("reconstruct", copy, "--seed", 3) == 0
    assert run("reconstruct", copy, "--out", tmp_path / "elsewhere.png") == 0
    for path in (copy / "samples.png", copy / "reconstructions.png", tmp_path / "elsewhere.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_datasets_lists_what_there_is(capsys):
    assert run("datasets") == 0
    said = capsys.readouterr().out
    for words in ("mnist", "fashion-mnist", "glyphs", "28x28", "not on disk", "folder of images"):
        assert words in said


def test_gradcheck_prints_a_table_and_finds_nothing_wrong(capsys):
    assert run("gradcheck") == 0
    said = capsys.readouterr().out
    for words in ("Dense", "relu", "Bernoulli likelihood", "VAE", "worst error", "agree"):
        assert words in said
    assert "WRONG" not in said


def test_gradcheck_finds_what_is_wrong(capsys, monkeypatch):
    from npvae.layers import Tanh

    monkeypatch.setattr(Tanh, "backward", lambda self, dy: dy * (1 - self.y))
    assert run("gradcheck", "--seed", 1) == 1
    wrong = [line for line in capsys.readouterr().out.splitlines() if line.endswith("WRONG")]
    assert len(wrong) > 3
    assert not [line for line in wrong if "relu" in line]


# ---- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_has_help_with_an_example_that_parses(capsys, name):
    from npvae.cli import build_parser

    assert run(name, "--help") == 0
    said = capsys.readouterr().out
    example = said.strip().splitlines()[-1].removeprefix("example:").split()
    assert example[:2] == ["npvae", name]
    build_parser().parse_args(example[1:])


def test_help_and_version(capsys):
    assert run("--help") == 0
    said = capsys.readouterr().out
    assert all(name in said for name in NAMES)
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("npvae ")


# ---- bad input -----------------------------------------------------------------------------------

BAD = {
    "": "required",
    "fly": "invalid choice: 'fly'",
    "train --data mnits": "did you mean mnist",
    "train --data nothing.npy": "no file 'nothing.npy'",
    "train --data notes.txt": "of no form that npvae reads",
    "train --data missing.csv": "line 3, column 'b': the value is missing",
    "train --data text.csv": "'tall' is not a number",
    "train --data people.csv --label-column name": "no column 'name'",
    "train --data own.npy --label-column y": "(--label-column) is for .csv",
    "train --data broken.npy": "broken.npy",
    "train --data nan.npy": "no finite number",
    "train --data infinite.npy": "no finite number",
    "train --data empty.npy": "empty.npy",
    "train --data few.npy": "at least 10",
    "train --data flat.npy": "flat.npy",
    "train --data constant.npy": "every number in it is 7.0",
    "train --data complex.npy": "complex",
    "train --data words.npy": "words.npy",
    "train --data objects.npy": "objects.npy",
    "train --data real.npy --likelihood bernoulli": "takes data in [0, 1]",
    "train --data real.npy --binarize dynamic": "is for pixels",
    "train --data own.npy --validation 1000": "(--validation) is 1000",
    "train --data own.npy --latent 0": "'0' given, expected a whole number, at least 1",
    "train --data own.npy --latent two": "'two' given, expected a whole number",
    "train --data own.npy --latent 99999999999999": "choose smaller --hidden or --latent",
    "train --data own.npy --hidden 0": "expected sizes such as 400 or 500,300",
    "train --data own.npy --hidden 5,,3": "expected sizes",
    "train --data own.npy --hidden -5": "expected",
    "train --data own.npy --epochs 0": "at least 1",
    "train --data own.npy --epochs 1.5": "at least 1",
    "train --data own.npy --batch-size 0": "at least 1",
    "train --data own.npy --lr 0": "above 0",
    "train --data own.npy --lr nan": "'nan' given, expected a number",
    "train --data own.npy --lr inf": "'inf' given, expected a number",
    "train --data own.npy --lr=-1": "above 0",
    "train --data own.npy --seed=-1": "at least 0",
    "train --data own.npy --seed 0.5": "at least 0",
    "train --data own.npy --beta=-1": "at least 0",
    "train --data own.npy --sigma 0": "above 0",
    "train --data own.npy --likelihood gaussian --sigma 1e-300": "sigma is 1e-300",
    "train --data own.npy --likelihood gaussian --sigma 1e300": "sigma is 1e+300",
    "train --data own.npy --activation gelu": "invalid choice: 'gelu'",
    "train --data own.npy --likelihood poisson": "invalid choice: 'poisson'",
    "train --data own.npy --binarize maybe": "invalid choice: 'maybe'",
    "train --data own.npy --init zero": "invalid choice: 'zero'",
    "train --data own.npy --out run": "already exists and is not empty",
    "train --data own.npy --out own.npy": "is a file; choose another name",
    "train --data own.npy --out own.npy/run": "own.npy",
    "train --data own.npy --speed 9": "unrecognized arguments",
    "evaluate": "required",
    "evaluate nothing": "nothing is no run",
    "evaluate pets": "pets is no run",
    "evaluate own.npy": "own.npy is no run",
    "sample nothing": "no run",
    "sample run -n 0": "at least 1",
    "sample run --seed x": "at least 0",
    "sample run --out digits.jpg": "ends in .png, .npy or .csv",
    "sample run --out notes.txt": "ends in .png, .npy or .csv",
    "reconstruct nothing": "no run",
    "gradcheck --seed=-2": "at least 0",
    "datasets mnist": "unrecognized arguments",
}


def assert_one_clear_message(captured, words):
    """The last line says what is wrong; before it stands nothing but argparse's usage."""
    *before, last = captured.err.splitlines()
    assert words in last
    assert last.startswith("npvae")
    assert before == [] or before[0].startswith("usage: npvae")
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_refused_in_one_clear_message(capsys, files, line):
    before = in_folder(files)
    arguments = line.split()
    if arguments[:1] == ["train"]:
        arguments[1:1] = [*SMALL, "--out", "never"]  # the line's own --out comes later and wins
    assert run(*arguments) == 2
    assert_one_clear_message(capsys.readouterr(), BAD[line])
    assert in_folder(files).keys() - before.keys() == set()


def test_a_named_dataset_is_never_replaced_nor_a_wrong_file_believed(capsys, tmp_path):
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    (tmp_path / "data" / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"<html>403</html>")
    assert run("train", "--data", "mnist", *SMALL, "--out", tmp_path / "run") == 2
    assert_one_clear_message(capsys.readouterr(), "not the official file")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("model.npz", b"", "model.npz cannot be read"),
        ("model.npz", b"PK\x03\x04", "model.npz cannot be read"),
        ("config.json", b"{", "config.json cannot be read"),
        ("config.json", b"\xff\xfe", "config.json cannot be read"),
        ("split.npz", b"PK", "split.npz cannot be read"),
    ],
)
@pytest.mark.parametrize("verb", ["evaluate", "reconstruct"])
def test_a_spoilt_run_is_refused(tmp_path, capsys, verb, name, content, words):
    copy = copy_run(tmp_path)
    if content is None:
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(content)
    assert run(verb, copy) == 2
    assert_one_clear_message(capsys.readouterr(), words)


def test_data_that_changed_or_went_are_refused(tmp_path, capsys, monkeypatch, files):
    monkeypatch.chdir(tmp_path)
    np.save("own.npy", np.load(files / "own.npy"))
    copy_run_of = tmp_path / "copy"
    assert run("train", "--data", "own.npy", *SMALL, "--out", copy_run_of) == 0
    capsys.readouterr()
    np.save("own.npy", np.load(files / "own.npy")[:50])
    assert run("evaluate", copy_run_of) == 2
    assert_one_clear_message(capsys.readouterr(), "has changed since this run was trained")
    os.unlink("own.npy")
    assert run("evaluate", copy_run_of) == 2
    assert_one_clear_message(
        capsys.readouterr(), "are not there; bring them back, or say with --data where they are now"
    )


def test_a_training_that_diverges_ends_in_npvaes_words(tmp_path):
    options = [*SMALL, "--epochs", "5", "--lr", "1e30", "--out", tmp_path / "run"]
    done = python("train", "--data", "own.npy", *options)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "try a smaller learning rate" in done.stderr
    assert (tmp_path / "run" / "config.json").is_file()
    assert np.isfinite(load_model(tmp_path / "run" / "model.npz").model.params.flat).all()


def test_a_training_that_diverges_keeps_its_last_good_epoch(tmp_path, capsys, monkeypatch, files):
    """The second epoch's validation ELBO is no number: the model after the first is saved."""
    real, evaluated = training.evaluate, []

    def evaluate(model, *arguments):
        evaluated.append(model.params.flat.copy())
        measured = real(model, *arguments)
        return measured if len(evaluated) == 1 else replace(measured, elbo=float("nan"))

    monkeypatch.setattr(training, "evaluate", evaluate)
    out = tmp_path / "run"
    assert run("train", "--data", files / "own.npy", *SMALL, "--epochs", "5", "--out", out) == 2
    assert_one_clear_message(capsys.readouterr(), "as it was after epoch 1, it is in")
    np.testing.assert_array_equal(load_model(out / "model.npz").model.params.flat, evaluated[0])
    assert len((out / "history.csv").read_text().splitlines()) == 2


def test_as_a_program():
    done = python("evaluate", "nothing")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("npvae: nothing is no run")
    done = python("evaluate", "run", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["protocol"]


def test_ctrl_c_outside_the_training_is_130_too(capsys, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(starting, "load_data", interrupt)
    assert run("train", "--data", "own.npy", *SMALL) == 130
    assert capsys.readouterr().err == "npvae: interrupted\n"


def test_a_model_that_memory_cannot_hold(capsys, monkeypatch, tmp_path):
    def too_much(*arguments, **options):
        raise MemoryError("Unable to allocate 99 GiB")

    monkeypatch.setattr(starting, "build_model", too_much)
    assert run("train", "--data", "own.npy", *SMALL, "--out", tmp_path / "run") == 2
    assert_one_clear_message(capsys.readouterr(), "Unable to allocate 99 GiB; not enough memory")
