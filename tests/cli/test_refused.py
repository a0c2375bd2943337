"""What `npvae train` refuses, each in one clear message, and leaves nothing behind."""

from dataclasses import replace

import numpy as np
import pytest
from cli_files import (
    SMALL,
    assert_one_clear_message,
    in_folder,
    python,
    run,
    save_files,
)

from npvae import InputError, evaluate, load_model
from npvae.runs import run as runs_run

BAD = {
    "train --data mnits": "did you mean mnist",
    "train --data nothing.npy": "'nothing.npy'",
    "train --data notes.txt": "notes.txt",
    "train --data missing.csv": "line 3, column 'b'",
    "train --data text.csv": "'tall'",
    "train --data people.csv --label-column name": "no column 'name'",
    "train --data own.npy --label-column y": "--label-column",
    "train --data broken.npy": "broken.npy",
    "train --data nan.npy": "which is nan",
    "train --data infinite.npy": "which is inf",
    "train --data empty.npy": "empty.npy",
    "train --data few.npy": "at least 10",
    "train --data flat.npy": "flat.npy",
    "train --data constant.npy": "7.0",
    "train --data complex.npy": "complex",
    "train --data words.npy": "words.npy",
    "train --data objects.npy": "objects.npy",
    "train --data real.npy --likelihood bernoulli": "data in [0, 1]",
    "train --data real.npy --binarize dynamic": "--binarize dynamic",
    "train --data own.npy --validation 1000": "--validation is 1000",
    "train --data own.npy --latent 0": "at least 1",
    "train --data own.npy --latent two": "is 'two'; expected",
    "train --data own.npy --latent 99999999999999": "at most 1000000000",
    "train --data own.npy --hidden 0": "sizes such as 400 or 500,300",
    "train --data own.npy --hidden 5,,3": "sizes such as",
    "train --data own.npy --hidden -5": "expected",
    "train --data own.npy --epochs 0": "at least 1",
    "train --data own.npy --epochs 1.5": "at least 1",
    "train --data own.npy --batch-size 0": "at least 1",
    "train --data own.npy --lr 0": "above 0",
    "train --data own.npy --lr nan": "is 'nan'; expected",
    "train --data own.npy --lr inf": "is 'inf'; choose at most 1e+12",
    "train --data own.npy --lr=-1": "above 0",
    "train --data own.npy --seed=-1": "at least 0",
    "train --data own.npy --seed 0.5": "at least 0",
    "train --data own.npy --beta=-1": "at least 0",
    "train --data own.npy --sigma 0": "above 1e-15",
    "train --data own.npy --likelihood gaussian --sigma 1e-300": "is 1e-300",
    "train --data own.npy --likelihood gaussian --sigma 1e300": "is 1e300",
    "train --data own.npy --activation gelu": "is 'gelu'; expected",
    "train --data own.npy --likelihood poisson": "is 'poisson'; expected",
    "train --data own.npy --binarize maybe": "is 'maybe'; expected",
    "train --data own.npy --init zero": "is 'zero'; expected",
    "train --data own.npy --out run": "--out run",
    "train --data own.npy --out own.npy": "--out own.npy",
    "train --data own.npy --out own.npy/run": "own.npy",
    "train --data own.npy --speed 9": "--speed",
    "train --data own.npy --recipe soup": "'soup'",
    "train --data own.npy --k 0": "--k is 0; choose at least 1",
    "train --data own.npy --k 99999999999": "at most 1048576",
    "train --data own.npy --objective best": "is 'best'; expected",
    "train --data own.npy --model gan": "is 'gan'; expected",
    "train --data own.npy --conditional": "--conditional",
    "train --data own.npy --conditional=3": "ignored explicit argument '3'",
    "train --data own.npy --warm-up 3": "--warm-up 3",
    "train --data own.npy --warm-up=-1": "at least 0",
    "train --data own.npy --patience 0": "at least 1",
    "train --data own.npy --patience 2 --validation 0": "--patience 2",
    "train --data own.npy --free-bits=-1": "at least 0",
    "train --data own.npy --k 3 --beta 2": "--beta 2 and --k 3",
    "train --data own.npy --logvar-range 1": "expected two numbers",
    "train --data own.npy --logvar-range 1,2,3": "expected two numbers",
    "train --data own.npy --logvar-range=2,-6": "expected two numbers",
    "train --data own.npy --sigma best": "or one of learned, optimal",
    "train --data own.npy --noise 0.5": "--noise 0.5",
    "train --data own.npy --model denoising --noise 1": "below 1",
    "train --data own.npy --model denoising --corruption fog": "is 'fog'; expected",
    "train --data own.npy --model autoencoder --k 5": "--k 5",
    "train --data own.npy --optimizer rmsprop": "is 'rmsprop'; expected",
    "train --data own.npy --lr-schedule linear": "is 'linear'; expected",
    "train --data own.npy --adam-beta1 1": "is 1; expected",
    "train --data own.npy --adam-eps 0": "above 0",
    f"train --data own.npy --epochs {10**30}": "at most 1000000000",
    f"train --data own.npy --epochs {10**18}": "at most 1000000000",
    f"train --data own.npy --batch-size {'9' * 400}": "at most 1000000000",
    f"train --data own.npy --seed {'9' * 5000}": "at most 9223372036854775807",
    "train --data own.npy --beta 1e308": "at most 1e+12",
    f"train --data own.npy --lr {'9' * 400}": "at most 1e+12",
    f"train --data own.npy --hidden 5,{10**18}": "sizes such as",
    "train --data own.npy --checkpoint-minutes 1e308": "is 1e308; choose at most",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with small data; the tests leave it as it is."""
    folder = tmp_path_factory.mktemp("files")
    save_files(folder)
    (folder / "run").mkdir()
    (folder / "run" / "config.json").write_text("{}")
    return folder


pytestmark = pytest.mark.usefixtures("offline")


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_refused_in_one_clear_message(capsys, files, line):
    before = in_folder(files)
    given = line.split()[1:]
    assert run("train", *SMALL, "--out", "never", *given) == 2  # the line's own --out wins
    assert_one_clear_message(capsys.readouterr(), BAD[line])
    assert in_folder(files) == before


def test_a_named_dataset_is_never_replaced_nor_a_wrong_file_believed(capsys, tmp_path):
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    (tmp_path / "data" / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"<html>403</html>")
    assert run("train", "--data", "mnist", *SMALL, "--out", tmp_path / "run") == 2
    assert_one_clear_message(capsys.readouterr(), "not the official file")


def test_a_training_that_diverges_ends_in_npvaes_words(tmp_path):
    options = [*SMALL, "--epochs", "5", "--lr", "1e10", "--out", tmp_path / "run"]
    done = python("train", "--data", "own.npy", *options)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert str(tmp_path / "run") in done.stderr
    assert (tmp_path / "run" / "config.json").is_file()
    assert not (tmp_path / "run" / "model.npz").exists()  # not one update was sound


def test_a_training_that_diverges_keeps_its_last_good_epoch(tmp_path, capsys, monkeypatch, files):
    """The second epoch's validation is no number: the model after the first is saved."""
    evaluated = []

    def ruined(model, *arguments, **options):
        evaluated.append(model.params.flat.copy())
        measured = evaluate(model, *arguments, **options)
        return measured if len(evaluated) == 1 else replace(measured, bound=float("nan"))

    monkeypatch.setattr("npvae.runs.fit.evaluate", ruined)
    out = tmp_path / "run"
    assert run("train", "--data", files / "own.npy", *SMALL, "--epochs", "5", "--out", out) == 2
    assert_one_clear_message(capsys.readouterr(), "the end of epoch 1")
    np.testing.assert_array_equal(load_model(out / "model.npz").model.params.flat, evaluated[0])
    assert len((out / "history.csv").read_text().splitlines()) == 2


def test_ctrl_c_outside_the_training_is_130_too(capsys, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("npvae.runs.run.load_data", interrupt)
    assert run("train", "--data", "own.npy", *SMALL) == 130
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_model_that_memory_cannot_hold(capsys, monkeypatch, tmp_path):
    def too_much(*arguments, **options):
        raise MemoryError("Unable to allocate 99 GiB")

    monkeypatch.setattr("npvae.runs.run.build_model", too_much)
    assert run("train", "--data", "own.npy", *SMALL, "--out", tmp_path / "run") == 2
    assert_one_clear_message(capsys.readouterr(), "99 GiB")


def test_a_device_that_is_not_there_is_refused_before_the_data_are_read(monkeypatch, capsys):
    def find_none(device):
        raise InputError(f"there is no {device}")

    monkeypatch.setattr(runs_run, "find_device", find_none)
    assert run("train", "--data", "nothing.npy", "--device", "cuda") == 2
    assert_one_clear_message(capsys.readouterr(), "there is no cuda")
