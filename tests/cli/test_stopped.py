"""Runs that are gone on with, stopped by a signal, started twice: each ends with the same bits."""

import os
import signal
import time

import pytest
from faults import Disk
from run_files import (
    KILLED,
    arguments,
    differing_bytes,
    draw_quickly,
    end,
    parts,
    require_whole,
    run,
    save_data,
    start,
    straight,
    to_go_on,
)

from npvae.runs.checkpoints import read_checkpoint

WITHOUT_END = 100_000  # epochs

posix_only = pytest.mark.skipif(os.name == "nt", reason="a test cannot send signals there")


pytestmark = pytest.mark.usefixtures("signals_are_heard")


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch):
    """In this process, where what is compared was drawn in it, too."""
    draw_quickly(monkeypatch)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return save_data(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("first", [1, 3, 5])
def test_going_on_for_more_epochs_is_the_same_as_more_epochs_at_once(data, tmp_path, first):
    folder = straight(data, tmp_path / "run", first)
    assert run("train", "--resume", folder, "--epochs", 6) == 0
    assert not differing_bytes(straight(data, tmp_path / "expected", 6), folder)


def start_without_end(data, folder):
    """Start a run in another process, and return when its first epoch is saved."""
    process = start(["train", *arguments(data, epochs=WITHOUT_END), "--out", folder])
    give_up = time.monotonic() + 30
    while not (folder / "history.csv").exists() and time.monotonic() < give_up:
        time.sleep(0.01)
    return process


def require_same_as_straight(data, folder, tmp_path):
    """Let a run that was stopped end the epoch at hand and one more, and compare."""
    epochs = len(read_checkpoint(folder / "checkpoint.npz").records) + 2
    assert run("train", "--resume", folder, "--epochs", epochs) == 0
    assert not differing_bytes(straight(data, tmp_path / "expected", epochs), folder)


@posix_only
def test_a_signal_saves_first_and_says_how_to_go_on(data, tmp_path):
    """From another process, as the system sends it, and a second one in its wake."""
    folder = tmp_path / "run"
    process = start_without_end(data, folder)
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
    status, said = end(process)
    assert status == 128 + signal.SIGTERM
    assert said.startswith("npvae: ")
    assert said.endswith(f"npvae train --resume {folder}\n")
    assert len(said.splitlines()) == 1
    require_same_as_straight(data, folder, tmp_path)


def test_a_ctrl_c_in_the_middle_of_a_write_leaves_whole_files(data, tmp_path):
    """Before the training, or after it: what comes through is the exception."""
    expected, given = straight(data, tmp_path / "expected", 1), arguments(data, epochs=1)
    with Disk().below() as disk:
        straight(data, tmp_path / "counted", 1)
    for at in range(1, len(disk.log) + 1, 7):
        folder = tmp_path / str(at)
        with Disk("interrupt", at).below() as disk:
            assert run("train", *given, "--out", folder) == 130
        require_whole(folder, disk.failed)
        assert not parts(folder), disk.failed
        assert run(*to_go_on(folder, given)) == 0, disk.failed
        assert not differing_bytes(expected, folder), disk.failed


# ---- two at a time -------------------------------------------------------------------------------


def test_a_second_process_is_refused_and_the_first_goes_on(data, tmp_path):
    folder = tmp_path / "run"
    process = start_without_end(data, folder)
    try:
        status, said = end(start(["train", "--resume", folder]), timeout=30)
        assert status == 2
        assert str(process.pid) in said
        assert run("train", *arguments(data), "--out", folder) == 2
        assert process.poll() is None
    finally:
        process.kill()
    status, said = end(process)
    assert status in KILLED
    assert said == ""
    require_same_as_straight(data, folder, tmp_path)  # past the lock of the one that was killed


def test_of_two_that_start_at_once_one_is_refused(data, tmp_path):
    folder = tmp_path / "run"
    both = [start(["train", *arguments(data), "--out", folder]) for _ in range(2)]
    (first, nothing), (second, said) = sorted(map(end, both))
    assert (first, nothing, second) == (0, "", 2)
    assert said.startswith("npvae: ")
    assert str(folder) in said
    assert run("train", "--resume", folder) == 0  # which draws its pictures as quickly
    assert not differing_bytes(straight(data, tmp_path / "expected", 6), folder)


def test_what_is_written_in_a_lock_file_is_no_obstacle(data, tmp_path):
    """Its process is dead, or its number was given to another one, such as this."""
    folder = straight(data, tmp_path / "run", 1)
    for words in (f"{os.getpid()}\n", "", "no number", 10_000 * "9"):
        (folder / ".lock").write_text(words)
        assert run("train", "--resume", folder) == 0
