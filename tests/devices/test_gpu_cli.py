"""`npvae ... --device cuda`, on the stand-in in the place of CuPy."""

import json
import signal
import sys

import numpy as np
import pytest
from cli_files import SMALL, assert_one_clear_message, run, save_files, work_offline
from gpus import open_backend
from run_files import differing_bytes
from strict_device import StrictArray, waiting_allowed

from npvae.devices.cuda import open_cuda
from npvae.runs.checkpoints import read_checkpoint
from npvae.runs.folder import RunFolder
from npvae.training import Trainer

pytestmark = pytest.mark.gpu
ON_GPU = ["--device", "cuda"]
SHOWN = ("reconstruct", "interpolate", "traverse", "report", "explore")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    save_files(folder)
    return folder


@pytest.fixture(autouse=True)
def on_the_stand_in(tmp_path, monkeypatch, files):
    """Every test works in the folder of the files, with the stand-in in the place of CuPy."""
    work_offline(monkeypatch, files, tmp_path)
    monkeypatch.setitem(sys.modules, "cupy", open_backend("stand-in"))
    open_cuda.cache_clear()
    with waiting_allowed():
        yield
    open_cuda.cache_clear()


def train(out, *options, data="labelled.npz"):
    return run("train", "--data", data, *SMALL, *options, "--out", out)


@pytest.mark.parametrize("options", [[], ["--conditional", "--k", "3", "--objective", "iwae"]])
def test_a_run_is_trained_evaluated_and_shown_there(tmp_path, capsys, options):
    out = tmp_path / "run"
    assert train(out, *ON_GPU, *options) == 0
    said = capsys.readouterr()
    words = " ".join(said.out.split())
    assert "Device cuda: no card, CuPy 14.2.0, a stand-in, CUDA 13.2" in words
    assert "device cuda: no card" in words  # of the test figures
    assert said.err == ""
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["test"]["protocol"]["device"].startswith("cuda: no card")
    for k in (3, 4):
        assert run("evaluate", out, "--samples", k, "--device", "cuda" if k == 3 else "cpu") == 0
    found = json.loads((out / "metrics.json").read_text())["test"]["log_likelihood"]
    assert found["3"]["protocol"]["device"].startswith("cuda: no card")
    assert "device" not in found["4"]["protocol"]
    capsys.readouterr()
    config = json.loads((out / "config.json").read_text())
    assert config["settings"]["device"] == "cuda"
    assert config["versions"]["device"].startswith("cuda: ")
    for verb in (
        ["evaluate", out, "--samples", 7, "--examples", 4],
        ["sample", out, "-n", 9],
        ["sample", out, "-n", 9, "--draw", "--out", tmp_path / "x.npy"],
        *([verb, out] for verb in SHOWN if options),
        ["manifold", out, "-n", 3],
    ):
        assert run(*verb, *ON_GPU) == 0, verb
    assert run("sample", out, "-n", 9, "--device", "cpu") == 0
    assert capsys.readouterr().err == ""


def test_the_same_command_gives_the_same_bits(tmp_path):
    for out in ("a", "b"):
        assert train(tmp_path / out, *ON_GPU, "--seed", 3) == 0
    a, b = (RunFolder.open(tmp_path / out) for out in "ab")
    assert not any(differing_bytes(a.path, b.path).values())


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    assert train(tmp_path / "never", *ON_GPU) == 0
    with monkeypatch.context() as patch:
        stop_after(patch, 4)
        assert train(tmp_path / "run", *ON_GPU) == 128 + signal.SIGTERM
    checkpoint = read_checkpoint(tmp_path / "run" / "checkpoint.npz")
    assert checkpoint.header["progress"]["rng"]["drawn"] > 0
    assert run("train", "--resume", tmp_path / "run") == 0
    assert "and is now" not in capsys.readouterr().out
    assert not any(differing_bytes(tmp_path / "never", tmp_path / "run").values())


def test_a_run_goes_on_on_the_other_device_and_says_so(tmp_path, capsys):
    assert train(tmp_path / "run", *ON_GPU) == 0
    assert run("train", "--resume", tmp_path / "run", "--epochs", 3, "--device", "cpu") == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "device was cuda: no card, CuPy 14.2.0, a stand-in, CUDA 13.2 and is now cpu" in words
    assert RunFolder.open(tmp_path / "run").settings().device == "cpu"
    assert run("train", "--resume", tmp_path / "run", "--epochs", 4, *ON_GPU) == 0
    assert "device was cpu and is now cuda: no card" in " ".join(capsys.readouterr().out.split())
    assert RunFolder.open(tmp_path / "run").epochs() == (4, 4)


def test_an_older_run_was_trained_on_the_host(tmp_path, capsys, monkeypatch):
    from npvae.runs import environment as module

    def without_device(device="cpu"):
        return {name: value for name, value in before(device).items() if name != "device"}

    before = module.versions
    with monkeypatch.context() as patch:
        patch.setattr("npvae.runs.checkpoints.versions", without_device)
        assert train(tmp_path / "run") == 0
    assert run("train", "--resume", tmp_path / "run", "--epochs", 3) == 0
    assert "device was" not in capsys.readouterr().out


def stop_after(patch, updates):
    """Let a training hear SIGTERM after so many updates."""
    step = Trainer.step

    def step_and_stop(trainer):
        loss = step(trainer)
        if trainer.steps == updates:
            signal.raise_signal(signal.SIGTERM)
        return loss

    patch.setattr(Trainer, "step", step_and_stop)


@pytest.mark.parametrize("data", ["own.npy", "people.csv", "real.npy", "unit.npy"])
def test_own_data_of_every_form(tmp_path, data):
    assert train(tmp_path / "run", *ON_GPU, data=data) == 0


@pytest.mark.parametrize("verb", ["train", "evaluate", "sample", "report"])
def test_without_a_gpu_the_status_is_2_and_nothing_is_written(tmp_path, monkeypatch, capsys, verb):
    assert train(tmp_path / "run") == 0
    monkeypatch.setitem(sys.modules, "cupy", None)
    open_cuda.cache_clear()
    monkeypatch.setattr("npvae.runs.run.default_dataset", None)  # which would take its time
    capsys.readouterr()
    what = tmp_path / "run"
    if verb == "train":
        what = "--out", tmp_path / "other"
    given = what if isinstance(what, tuple) else (what,)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
    assert run(verb, *given, *ON_GPU) == 2
    assert_one_clear_message(capsys.readouterr(), "CuPy is not installed")
    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
    assert not (tmp_path / "other").exists()


def test_a_run_of_a_gpu_without_one_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    assert train(tmp_path / "run", *ON_GPU) == 0
    monkeypatch.setitem(sys.modules, "cupy", None)
    open_cuda.cache_clear()
    capsys.readouterr()
    assert run("train", "--resume", tmp_path / "run", "--epochs", 3) == 2
    assert "--device cpu" in capsys.readouterr().err
    assert run("train", "--resume", tmp_path / "run", "--epochs", 3, "--device", "cpu") == 0
    assert run("evaluate", tmp_path / "run") == 0


def test_data_that_do_not_fit_there_are_refused(tmp_path, monkeypatch, capsys):
    real = StrictArray.__init__

    def small(self, host):
        if np.asarray(host).dtype == np.uint8:
            raise MemoryError("Out of memory allocating 2,100 bytes")
        real(self, host)

    monkeypatch.setattr(StrictArray, "__init__", small)
    assert train(tmp_path / "run", *ON_GPU) == 2
    err = capsys.readouterr().err
    assert "0 MB" in err
    assert "cuda (Out of memory allocating" in err
