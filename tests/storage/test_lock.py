import errno
import os
import subprocess
import sys

import pytest

from npvae import InputError
from npvae.storage import lock
from npvae.storage.lock import locked

HOLD = """
import sys, time
from pathlib import Path
from npvae.storage.lock import locked
with locked(Path(sys.argv[1]), "the run"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_is_refused_and_told_who_has_it(tmp_path, holder):
    expected = rf"the run is in use by another npvae \(process {holder.pid}\)"
    with pytest.raises(InputError, match=expected), locked(tmp_path / ".lock", "the run"):
        pass


def test_what_a_dead_process_held_is_free(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert (tmp_path / ".lock").exists()
    with locked(tmp_path / ".lock", "the run"):
        pass


def test_it_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / ".lock", "the run"):
        raise ZeroDivisionError
    with locked(tmp_path / ".lock", "the run"):
        pass


def test_two_locks_do_not_meet(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with locked(tmp_path / "one" / ".lock", "one"), locked(tmp_path / "two" / ".lock", "two"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="no file that is open can be deleted there")
def test_deleting_the_file_lets_nobody_in(tmp_path, holder):
    (tmp_path / ".lock").unlink()
    for _ in range(2):
        with pytest.raises(InputError, match="in use"), locked(tmp_path / ".lock", "the run"):
            pass


def test_a_lock_file_with_anything_in_it_is_free(tmp_path):
    (tmp_path / ".lock").write_bytes(b"\xff" * 100)
    with locked(tmp_path / ".lock", "the run"):
        assert (tmp_path / ".lock").stat().st_size < 20


def test_where_no_file_can_be_made(tmp_path):
    with (
        pytest.raises(InputError, match="the run cannot be written to"),
        locked(tmp_path / "none" / ".lock", "the run"),
    ):
        pass


@pytest.mark.skipif(lock.sys.platform == "win32", reason="Windows always has locks")
@pytest.mark.parametrize(("error", "free"), [(errno.ENOLCK, True), (errno.EWOULDBLOCK, False)])
def test_a_folder_on_a_network_that_has_no_locks_is_used_all_the_same(
    tmp_path, monkeypatch, error, free
):
    def refuse(*arguments):
        raise OSError(error, "no")

    monkeypatch.setattr("fcntl.flock", refuse)
    if free:
        with locked(tmp_path / ".lock", "the run"):
            return
    with pytest.raises(InputError, match="in use"), locked(tmp_path / ".lock", "the run"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
def test_a_link_is_not_followed(tmp_path):
    """In the folder of a stranger it might lead to a file of one's own."""
    (tmp_path / "thesis.txt").write_text("dear")
    (tmp_path / ".lock").symlink_to(tmp_path / "thesis.txt")
    with pytest.raises(InputError), locked(tmp_path / ".lock", "the run"):
        pass
    assert (tmp_path / "thesis.txt").read_text() == "dear"
