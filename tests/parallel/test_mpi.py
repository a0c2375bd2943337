"""`mpiexec -n N npvae ...` on this machine: one training, whose first process alone speaks."""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from uuid import uuid4

import pytest
import quick
import run_files
from run_files import differing_bytes, draw_quickly, run, save_data

from npvae.cli import main

MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")
ALL = ["--no-report"]
MARK = "NPVAE_TEST_MARK"  # a variable by which the processes of a test are known
WITHOUT_END = 100_000  # epochs
SOON = 60  # seconds; on idle cores a second or two

pytestmark = [
    pytest.mark.usefixtures("signals_are_heard"),
    pytest.mark.skipif(MPIEXEC is None, reason="no mpiexec: pip install 'npvae[mpi]'"),
    pytest.mark.skipif(
        importlib.util.find_spec("mpi4py") is None, reason="no mpi4py: pip install 'npvae[mpi]'"
    ),
]


def command(n, *given):
    """Return how n processes are started, also by Open MPI, and more of them than cores."""
    version = subprocess.run([MPIEXEC, "--version"], capture_output=True, text=True).stdout
    is_open = "Open MPI" in version or "OpenRTE" in version
    options = ["--oversubscribe", "--allow-run-as-root"] if is_open else []
    return [MPIEXEC, *options, "-n", str(n), sys.executable, *map(str, given)]


def start(n, *given):
    process = subprocess.Popen(
        command(n, *given),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {MARK: (mark := uuid4().hex)},
    )
    process.mark = mark
    return process


def end(process):
    """Return the exit status and what was printed; fail if it hangs, or if a process is left."""
    try:
        out, err = process.communicate(timeout=SOON)
        give_up = time.monotonic() + 5
        while (left := all_of(process)) and time.monotonic() < give_up:
            time.sleep(0.02)
        assert not left
    finally:
        process.kill()
        for number in all_of(process):
            os.kill(number, signal.SIGKILL)
    return process.returncode, out, err


def all_of(process):
    """Return the processes that `mpiexec` has started, by their numbers; those of a rank first."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            given = (path / "environ").read_bytes()
        except OSError:
            continue
        if f"{MARK}={process.mark}".encode() in given:
            found[int(path.name)] = b"RANK=1\0" in given
    return sorted(found, key=found.get, reverse=True)


def arguments(data, *others, epochs=6):
    """Return what a small training is asked for: batches that two processes cannot halve."""
    return run_files.arguments(data, "--batch-size", "5", *others, epochs=epochs)


def npvae(n, *given):
    """Run npvae, whose pictures are blots, in n processes."""
    return end(start(n, quick.__file__, *given))


def measured(folder):
    return json.loads((folder / "metrics.json").read_text())["test"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return save_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A run of two epochs by two processes, and what it printed."""
    folder = tmp_path_factory.mktemp("mpi") / "run"
    done = npvae(2, "train", *arguments(data, epochs=2), "--out", folder)
    return folder, done


@pytest.fixture
def alone(data, tmp_path, monkeypatch):
    """The same run by one process."""
    draw_quickly(monkeypatch)
    assert run("train", *arguments(data, epochs=2), "--workers", 1, "--out", tmp_path / "one") == 0
    return tmp_path / "one"


def test_rank_0_alone_prints_and_writes(trained, alone):
    folder, (status, out, err) = trained
    assert (status, err) == (0, "")
    assert out.count("Folder") == out.count("Finished in") == out.count("\n2/2") == 1
    assert "2 processes" in out
    assert sorted(os.listdir(folder)) == sorted(os.listdir(alone))
    assert json.loads((folder / "config.json").read_text())["settings"]["workers"] == 2


@pytest.mark.parametrize("n", [2, 3])
def test_the_results_are_those_of_workers(data, trained, alone, tmp_path, n):
    folder = trained[0]
    if n != 2:
        folder = tmp_path / "run"
        assert npvae(n, "train", *arguments(data, epochs=2), "--out", folder)[0] == 0
    workers = alone
    if n == 2:
        workers = tmp_path / "workers"
        assert run("train", *arguments(data, epochs=2), "--workers", n, "--out", workers) == 0
    found, expected = measured(folder), measured(workers)
    for name in ("elbo", "reconstruction", "kl"):
        assert found[name] == pytest.approx(expected[name], abs=1e-4)


def test_a_resume_by_as_many_makes_the_same_bits(data, trained, tmp_path):
    folder = tmp_path / "run"
    assert npvae(2, "train", *arguments(data, *ALL, epochs=1), "--out", folder)[0] == 0
    status, out, err = npvae(2, "train", "--resume", folder, "--epochs", 2)
    assert (status, err) == (0, "")
    assert "processes was" not in out
    assert not differing_bytes(trained[0], folder)


def test_a_resume_by_another_number_says_so(trained, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained[0], folder)
    status, out, err = npvae(3, "train", "--resume", folder, "--epochs", 3)
    assert (status, err) == (0, "")
    assert re.search(r"processes was\s+2\s+and\s+is\s+now\s+3", out)
    assert json.loads((folder / "config.json").read_text())["settings"]["workers"] == 3


def test_evaluate_shares_out_with_the_same_result(trained, capsys):
    given = ["evaluate", trained[0], "--samples", 30, "--part", "train", "--json"]
    status, out, err = npvae(2, *given)
    assert (status, err) == (0, "")
    assert run(*given, "--workers", 1) == 0
    found, expected = json.loads(out), json.loads(capsys.readouterr().out)
    assert found["elbo"] == pytest.approx(expected["elbo"], rel=1e-9)
    likelihoods = [each["log_likelihood"]["30"]["log_px"] for each in (found, expected)]
    assert likelihoods[0] == pytest.approx(likelihoods[1], rel=1e-9)


# ---- errors --------------------------------------------------------------------------------------


def test_an_odd_setting_is_refused_once():
    status, out, err = npvae(2, "train", "--latent", 0)
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert "--latent" in line


def test_workers_that_contradict_are_refused(data, tmp_path):
    given = arguments(data, "--workers", 3)
    status, out, err = npvae(2, "train", *given, "--out", tmp_path / "run")
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert "--workers" in line
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_ends_all_with_one_message(data, tmp_path):
    odd = ["--likelihood", "gaussian", "--optimizer", "sgd", "--lr", "1e12", "--quiet"]
    status, out, err = npvae(2, "train", *arguments(data, *odd), "--out", tmp_path / "run")
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("npvae: in epoch")
    assert str(tmp_path / "run") in line


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_fails_alone_ends_all(rank):
    """The other one waits for it within an update."""
    code = f"""
        import numpy as np
        from npvae import VAE, Dataset, InputError, Pixels, trainer_for
        from npvae.parallel.mpi import Machines

        class Faulty(Pixels):
            left = 3

            def encode(self, rows, rng=None, dtype=np.float32):
                from mpi4py import MPI
                self.left -= 1
                if self.left < 0 and MPI.COMM_WORLD.rank == {rank}:
                    raise InputError("the process does not like it")
                return super().encode(rows, rng, dtype)

        x = np.random.default_rng(0).integers(0, 256, (60, 6), np.uint8)
        with Machines() as comm:
            scaling = Faulty("dynamic")
            data = Dataset.from_arrays(x)
            model = VAE.dense(6, 5, 2)
            trainer_for(model, data, scaling=scaling, comm=comm, batch_size=8).run_epoch()
    """
    status, _, err = end(start(2, "-c", textwrap.dedent(code)))
    assert status != 0
    assert err.count("the process does not like it") == 1
    assert rank == 0 or "(process 1)" in err


def test_what_the_user_changes_between_two_steps_reaches_all():
    """Each process has parameters of its own here, which no shared memory keeps alike."""
    code = """
        import numpy as np
        from npvae import VAE, Dataset, trainer_for
        from npvae.parallel.mpi import Machines

        def changed(**given):
            x = np.random.default_rng(0).integers(0, 256, (60, 6), np.uint8)
            model = VAE.dense(6, 5, 2, dtype=np.float64)
            trainer = trainer_for(model, Dataset.from_arrays(x), batch_size=8, **given)
            trainer.step()
            layer = model.decoder.layers[0]
            layer.W = np.full_like(layer.W, 0.125)
            trainer.step()
            model.params.flat *= 0.5
            trainer.step()
            return model.params.flat.copy()

        with Machines() as comm:
            print(np.abs(changed(comm=comm) - changed()).max() < 1e-12)
    """
    assert end(start(2, "-c", textwrap.dedent(code))) == (0, "True\n", "")


def start_without_end(data, folder):
    """Start a run of two processes, and return when its first epoch is saved."""
    given = arguments(data, epochs=WITHOUT_END)
    process = start(2, quick.__file__, "train", *given, "--out", folder)
    give_up = time.monotonic() + SOON
    while not (folder / "history.csv").exists() and time.monotonic() < give_up:
        time.sleep(0.01)
    return process


def test_ctrl_c_saves_and_says_how_to_go_on(data, tmp_path):
    """`mpiexec` hands it on to all processes."""
    folder = tmp_path / "run"
    process = start_without_end(data, folder)
    process.send_signal(signal.SIGINT)
    status, _, err = end(process)
    assert status == 130
    assert err.count("Saved at") == 1
    assert f"npvae train --resume {folder}\n" in err
    assert "Traceback" not in err


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks into /proc")
def test_a_killed_process_ends_all(data, tmp_path):
    process = start_without_end(data, tmp_path / "run")
    os.kill(all_of(process)[0], signal.SIGKILL)
    status, _, _ = end(process)
    assert status != 0


# ---- other commands ------------------------------------------------------------------------------


def test_other_commands_run_once():
    status, out, err = npvae(2, "datasets")
    assert (status, err) == (0, "")
    assert out.count("glyphs\n") == 1


def test_mpi4py_that_is_missing_is_one_message(monkeypatch, capsys):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert main(["datasets"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "npvae[mpi]" in line
