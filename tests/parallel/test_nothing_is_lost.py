"""A worker or its parent that ends, signals, and programs that cannot be shared."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import run_files
from faults import Disk
from run_files import (
    arguments,
    differing_bytes,
    draw_quickly,
    end,
    quick,
    require_whole,
    run,
    save_data,
    to_go_on,
)
from tiny_trainings import make_training

from npvae import VAE, Dataset, InputError, Pixels, TrainingError, fit
from npvae.parallel import shared_memory
from npvae.parallel.processes import Processes

SOON = 30  # seconds within which everything has ended; on an idle machine it takes one or two
TWO = ["--workers", "2"]
WITHOUT_END = 100_000  # epochs

pytestmark = pytest.mark.usefixtures("signals_are_heard")
posix_only = pytest.mark.skipif(os.name == "nt", reason="a test cannot send signals there")
linux_only = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks into /proc")


def data_of(n=60, n_x=6):
    return Dataset.from_arrays(np.random.default_rng(0).integers(0, 256, (n, n_x), np.uint8))


# ---- a worker that fails -------------------------------------------------------------------------


class Faulty(Pixels):
    """A scaling that does something odd in a worker, at its third batch."""

    def __init__(self, act, where=1):
        super().__init__("dynamic")
        self.act, self.where, self.left = act, where, 3

    def encode(self, rows, rng=None, dtype=np.float32):
        self.left -= 1
        in_worker = shared_memory.parent_process() is not None
        if self.left < 0 and in_worker:
            self.act()
        return super().encode(rows, rng, dtype)


def refuse():
    raise InputError("the worker does not like it")


def fail():
    raise ValueError("odd number")


def leave():
    os._exit(5)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("act", "kind", "words"),
    [
        (refuse, InputError, ["the worker does not like it"]),
        (fail, TrainingError, ["worker process 1 of 1", "ValueError: odd number"]),
        (leave, TrainingError, ["worker process 1 of 1", "exit status 5"]),
        pytest.param(die, TrainingError, ["worker process 1 of 1", "SIGKILL"], marks=posix_only),
    ],
)
def test_what_ends_a_worker_ends_the_training(act, kind, words, capfd, nothing_left):
    begin = time.monotonic()
    with pytest.raises(kind) as caught:
        fit(VAE.dense(6, 5, 2), data_of(), scaling=Faulty(act), workers=2, batch_size=8)
    assert time.monotonic() - begin < SOON
    for word in words:
        assert word in str(caught.value)
    if act is fail:  # where in the worker it happened
        assert "in fail" in str(caught.value.__cause__)
    assert capfd.readouterr().err == ""


def test_of_three_the_one_that_fails_is_named(nothing_left):
    with pytest.raises(TrainingError, match=r"worker process \d of 2"):
        fit(VAE.dense(6, 5, 2), data_of(), scaling=Faulty(leave), workers=3, batch_size=8)


@posix_only
@pytest.mark.parametrize("steps", [0, 1], ids=["as it starts", "between two steps"])
def test_a_worker_that_dies_is_noticed_at_the_next_step(steps, nothing_left):
    with Processes(2) as comm:
        trainer = make_training(comm=comm)
        for _ in range(steps):
            trainer.step()
        comm._processes[0].kill()
        with pytest.raises(TrainingError, match=r"worker process 1 of 1.*SIGKILL"):
            trainer.step()
    assert comm.trainer is trainer or not steps


def test_processes_that_cannot_be_started_are_an_input_error(monkeypatch, nothing_left):
    """And those that were started before it do not remain."""
    process, started = shared_memory.SPAWN.Process, []

    def start(self):
        if started:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        process_start(self)
        started.append(self.pid)

    process_start = process.start
    monkeypatch.setattr(process, "start", start)
    with pytest.raises(InputError, match="unavailable"), Processes(3):
        pass
    assert not is_alive(started[0])


# ---- programs that cannot be shared --------------------------------------------------------------

SCRIPT = """
    import numpy as np
    from npvae import VAE, Dataset, fit

    data = Dataset.from_arrays(np.random.default_rng(0).integers(0, 256, (60, 6), np.uint8))


    class Own(VAE):
        pass
"""
GUARDED = 'if __name__ == "__main__":\n    '


def script(tmp_path, *lines):
    """Run a script; return its exit status and what it printed."""
    path = tmp_path / "script.py"
    path.write_text("\n".join([textwrap.dedent(SCRIPT), *lines]))
    return finished([path])


def finished(command, **options):
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, timeout=60, **options
    )
    return done.returncode, done.stdout, done.stderr


def test_a_script_with_a_guard_prints_nothing_but_its_own(tmp_path):
    """Even if it trains a class of its own, and leaves the block open as it ends."""
    status, out, err = script(
        tmp_path,
        f"{GUARDED}fit(Own.dense(6, 5, 2), data, epochs=1, workers=2)",
        "    from npvae import trainer_for",
        "    from npvae.parallel.processes import Processes",
        "    with Processes(2) as comm:",
        "        trainer = trainer_for(Own.dense(6, 5, 2), data, comm=comm)",
        "        trainer.run_epoch()",
        "    print('done')",
    )
    assert (status, out, err) == (0, "done\n", "")


def test_a_script_without_a_guard_is_told_so_once(tmp_path):
    status, _, err = script(tmp_path, "fit(VAE.dense(6, 5, 2), data, epochs=1, workers=3)")
    assert status == 1
    assert err.count("Traceback") == 1
    assert "__main__" in err.splitlines()[-1]


def test_a_lambda_is_refused_in_one_message(tmp_path):
    call = "fit(VAE.dense(6, 5, 2), data, epochs=1, workers=2, lr=lambda epoch: 1e-3)"
    status, _, err = script(tmp_path, GUARDED + call)
    assert status == 1
    assert "lambda" in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("npvae.errors.InputError")
    assert "Exception ignored" not in err
    assert "leaked" not in err


def test_a_class_of_a_notebook_is_refused_in_one_message():
    """A notebook has no file that another process could import; nor has a command."""
    code = textwrap.dedent(SCRIPT) + "\nfit(Own.dense(6, 5, 2), data, epochs=1, workers=2)"
    status, _, err = finished(["-c", code])
    assert status == 1
    assert err.count("Traceback (most") == 1
    assert err.splitlines()[-1].startswith("npvae.errors.InputError")
    assert "Own" in err.splitlines()[-1]


def test_models_of_a_notebook_train(tmp_path):
    code = textwrap.dedent(SCRIPT) + "\nfit(VAE.dense(6, 5, 2), data, epochs=1, workers=2)"
    assert finished(["-c", code]) == (0, "", "")


@linux_only
def test_no_file_stays_open(nothing_left):
    """After a second training; the first one imports, and starts the resource tracker."""

    def train():
        fit(VAE.dense(6, 5, 2), data_of(), epochs=1, workers=2)
        return len(os.listdir("/proc/self/fd"))

    first = train()
    gc.collect()
    gc.disable()  # nor has the garbage collector anything to close
    try:
        assert train() == first
    finally:
        gc.enable()


# ---- the command line ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return save_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def quick_pictures(monkeypatch, signals_are_heard):
    draw_quickly(monkeypatch)


def start(data, folder, *others, epochs=WITHOUT_END):
    """Start a run with two processes, in a group of its own."""
    command = ["train", *arguments(data, *TWO, *others, epochs=epochs), "--out", folder]
    return subprocess.Popen(
        [sys.executable, quick.__file__, *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def start_without_end(data, folder):
    """Start a run, and return it when its first epoch is saved."""
    process = start(data, folder)
    wait_until((folder / "history.csv").exists)
    return process


def wait_until(condition, seconds=60):
    give_up = time.monotonic() + seconds
    while not condition() and time.monotonic() < give_up:
        time.sleep(0.01)
    return condition()


def workers_of(process):
    """Return the worker processes of a process, by /proc."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = status.parent.name, status.read_text().rpartition(")")[2].split()
            command = Path("/proc", pid, "cmdline").read_bytes()
        except OSError:
            continue
        if int(rest[1]) == process.pid and b"spawn_main" in command:
            found.append(int(pid))
    return found


def is_alive(pid):
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def in_group(process):
    """Return the processes that are left of a group."""
    try:
        os.killpg(process.pid, 0)
    except OSError:
        return False
    return True


@posix_only
@linux_only
@pytest.mark.parametrize(
    ("name", "to_all"),
    [("SIGINT", True), ("SIGTERM", False), ("SIGHUP", True)],
)
def test_a_signal_saves_and_says_how_to_go_on(data, tmp_path, name, to_all):
    number, folder = getattr(signal, name), tmp_path / "run"
    process = start_without_end(data, folder)
    (worker,) = workers_of(process)
    (os.killpg if to_all else os.kill)(process.pid, number)
    status, said = end(process, timeout=SOON)
    assert status == 128 + number
    assert said.startswith("npvae: ")
    assert said.endswith(f"npvae train --resume {folder}\n")
    assert len(said.splitlines()) == 1
    assert not is_alive(worker)
    assert wait_until(lambda: not in_group(process), SOON)


@posix_only
@linux_only
@pytest.mark.parametrize("seconds", [0.0, 0.4])
def test_ctrl_c_while_the_processes_start(data, tmp_path, seconds):
    """Nobody prints a traceback, and nobody remains."""
    folder = tmp_path / "run"
    process = start(data, folder, "--quiet")
    assert wait_until(lambda: workers_of(process))
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    status, said = end(process, timeout=SOON)
    assert status == 130, said
    assert len(said.splitlines()) == 1, said
    assert said.startswith("npvae: ")
    assert wait_until(lambda: not in_group(process), SOON)


@posix_only
@linux_only
def test_a_killed_worker_ends_the_run_with_a_message(data, tmp_path, quick_pictures):
    folder = tmp_path / "run"
    process = start_without_end(data, folder)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    status, said = end(process, timeout=SOON)
    assert status == 2
    (line,) = said.splitlines()
    assert line.startswith("npvae: worker process 1 of 1")
    assert "SIGKILL" in line
    assert str(folder) in line
    assert "Saved at" in line
    epochs = 2 + int((folder / "history.csv").read_text().splitlines()[-1].split(",")[0])
    assert run("train", "--resume", folder, "--epochs", epochs) == 0
    straight = tmp_path / "straight"
    assert run("train", *arguments(data, *TWO, epochs=epochs), "--out", straight) == 0
    assert not differing_bytes(straight, folder)


@posix_only
@linux_only
def test_a_killed_parent_leaves_nothing(data, tmp_path):
    process = start_without_end(data, tmp_path / "run")
    (worker,) = workers_of(process)
    memory = {
        Path(line.split()[-1]).name
        for line in Path("/proc", str(worker), "maps").read_text().splitlines()
        if "/dev/shm/sem." in line
    }
    assert memory
    process.kill()
    process.communicate(timeout=SOON)
    assert wait_until(lambda: not is_alive(worker), SOON)
    assert wait_until(lambda: not memory & set(os.listdir("/dev/shm")), SOON)
    assert wait_until(lambda: not in_group(process), SOON)


@posix_only
def test_a_loss_that_is_not_finite_ends_the_run_with_a_message(data, tmp_path):
    odd = ["--likelihood", "gaussian", "--optimizer", "sgd", "--lr", "1e12"]
    status, said = end(start(data, tmp_path / "run", *odd))
    assert status == 2
    (line,) = said.splitlines()
    assert line.startswith("npvae: in epoch 1")


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    """The settings of a run, its folder, and what it did on the disk."""
    given, folder = arguments(data, *TWO, epochs=2), tmp_path_factory.mktemp("runs") / "expected"
    with pytest.MonkeyPatch.context() as patch, Disk().below() as disk:
        draw_quickly(patch)
        assert run("train", *given, "--out", folder) == 0
    return given, folder, disk


@pytest.mark.parametrize("file", ["config.json", "checkpoint.npz", "metrics.json"])
def test_a_full_disk_ends_the_run_with_a_message(undisturbed, tmp_path, quick_pictures, file):
    """As with one process: nothing is lost, and it goes on once there is room."""
    (given, expected, disk), folder = undisturbed, tmp_path / "run"
    command = ["train", *given, "--out", folder]
    status, said = end(
        run_files.start(command, fault=("full", 1 + disk.log.index(f"write {file}")))
    )
    assert status == 2
    (line,) = said.splitlines()
    assert line.startswith("npvae: ")
    assert str(folder / file) in line
    require_whole(folder, file)
    assert run(*to_go_on(folder, given)) == 0
    assert not differing_bytes(expected, folder)
