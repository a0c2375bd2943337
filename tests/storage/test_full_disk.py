"""A disk that is full: npvae stops in one clear message, and loses nothing that was saved.

pytest tests/storage/test_full_disk.py --kills 200    (at each operation on the disk in turn)
"""

import os
import shutil
import subprocess
import sys

import pytest
from faults import TAKES_ROOM, Disk
from run_files import (
    AT_EVERY_UPDATE,
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
    visible,
)

from npvae.runs.checkpoints import read_checkpoint

NO_SPACE = "No space left on device"
TWO_UPDATES = ["--batch-size", "120"]  # an epoch
PAGE = 4096  # bytes, by which a tmpfs counts


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return save_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def stride(pytestconfig):
    """Return a function that thins operations out, unless all are asked for."""
    return lambda few: 1 if pytestconfig.getoption("--kills") >= 200 else few


def run_until_full(at, command):
    """Run npvae above a disk that is full from an operation on; return the disk and the status."""
    with Disk("full", at).below() as disk:
        return disk, run(*command)


def count_operations(command):
    """Return the operations of an undisturbed run."""
    with Disk().below() as disk:
        assert run(*command) == 0
    return disk.log


def require_clear_message(said, folder, name):
    """One line names the file, says what is wrong with it and how to go on."""
    assert len(said.splitlines()) == 1, said
    assert said.startswith("npvae: ")
    assert str(folder if name in {"the lock", "the folder"} else folder / name) in said
    assert NO_SPACE in said
    assert "room" in said or "space" in said, said
    has_begun = (folder / "config.json").exists()
    assert (f"npvae train --resume {folder}" in said) == has_begun, said


def require_nothing_lost(disk, status, said, folder):
    """Of an unharmed run the status is 0; of another one all that it had saved is there."""
    harm = [what for what in disk.failed if what != "fsync the folder"]
    if harm:
        assert status == 2, disk.log[-1]
        require_clear_message(said, folder, harm[-1].split(" ", 1)[1])
    else:
        assert (status, said) == (0, ""), disk.log[-1]
    require_whole(folder, disk.log[-1])
    assert not parts(folder), disk.log[-1]
    saved = {what.split()[1] for what in disk.log if what.startswith("replace")}
    assert saved <= visible(folder).keys()


# ---- a disk that says so -------------------------------------------------------------------------


def test_full_at_each_operation_in_turn(data, tmp_path, monkeypatch, capsys, stride):
    draw_quickly(monkeypatch)
    given = arguments(data, *TWO_UPDATES, *AT_EVERY_UPDATE, epochs=2)
    expected = tmp_path / "expected"
    total = len(count_operations(["train", *given, "--out", expected]))
    for at in [*range(1, 11), *range(11, total + 1, stride(41))]:  # the first ones: lock, config
        folder = tmp_path / str(at)
        capsys.readouterr()
        disk, status = run_until_full(at, ["train", *given, "--out", folder])
        require_nothing_lost(disk, status, capsys.readouterr().err, folder)
        assert run(*to_go_on(folder, given)) == 0
        assert not differing_bytes(expected, folder), disk.log[-1]
        shutil.rmtree(folder)


def test_full_as_pictures_and_report_are_written(data, tmp_path, monkeypatch, capsys, stride):
    draw_quickly(monkeypatch)
    expected, trained = straight(data, tmp_path / "expected", 1), tmp_path / "trained"
    shutil.copytree(expected, trained)
    for path in (*trained.glob("*.png"), trained / "metrics.json", *trained.glob("*.html")):
        path.unlink()
    shutil.copytree(trained, tmp_path / "counted")
    log = count_operations(["train", "--resume", tmp_path / "counted"])
    assert not differing_bytes(expected, tmp_path / "counted")
    endings = (".png", ".html")
    writes = [
        at
        for at, what in enumerate(log, 1)
        if what.split()[0] in TAKES_ROOM and what.endswith(endings)
    ]
    assert len(writes) == 3 * 5  # create, write, fsync
    for at in writes[:: stride(5)]:
        folder = tmp_path / str(at)
        shutil.copytree(trained, folder)
        capsys.readouterr()
        disk, status = run_until_full(at, ["train", "--resume", folder])
        require_nothing_lost(disk, status, capsys.readouterr().err, folder)
        assert run("train", "--resume", folder) == 0
        assert not differing_bytes(expected, folder), disk.log[-1]


def test_read_only_in_the_middle_and_back(data, tmp_path, monkeypatch, capsys, stride):
    """Nothing can be written or taken away any more; one clear message, and it goes on later."""
    draw_quickly(monkeypatch)
    given = arguments(data, *TWO_UPDATES, *AT_EVERY_UPDATE, epochs=2)
    expected = tmp_path / "expected"
    log = count_operations(["train", *given, "--out", expected])
    begun = 1 + log.index("replace checkpoint.npz")
    for at in range(begun, len(log), stride(29)):
        folder = tmp_path / str(at)
        capsys.readouterr()
        with Disk("read-only", at).below() as disk:
            status = run("train", *given, "--out", folder)
        said = capsys.readouterr().err
        if [what for what in disk.failed if what != "fsync the folder"]:
            assert status == 2, disk.log[-1]
            (line,) = said.splitlines()
            assert "Read-only" in line
            assert f"npvae train --resume {folder}" in line
        require_whole(folder, disk.log[-1])
        assert run("train", "--resume", folder) == 0
        assert not parts(folder)
        assert not differing_bytes(expected, folder), disk.log[-1]
        shutil.rmtree(folder)


@pytest.mark.parametrize("what", ["write checkpoint.npz", "write model.npz", "write metrics.json"])
def test_full_as_a_program(data, tmp_path, monkeypatch, what):
    """Nor does the interpreter have anything to say as it ends."""
    draw_quickly(monkeypatch)
    given, folder = arguments(data, epochs=1), tmp_path / "run"
    log = count_operations(["train", *given, "--out", tmp_path / "counted"])
    command = ["train", *given, "--out", folder]
    status, said = end(start(command, fault=("full", 1 + log.index(what))))
    assert status == 2
    require_clear_message(said, folder, what.split()[1])
    require_whole(folder, what)


# ---- a disk that is ------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that makes a disk of so many bytes, or gives it another size."""
    if not (sys.platform == "linux" and os.geteuid() == 0):
        pytest.skip("only Linux' superuser may mount a disk")
    folder = tmp_path / "disk"
    folder.mkdir()

    def resize(size):
        size = f"size={size},mode=700" + (",remount" if os.path.ismount(folder) else "")
        command = ["mount", "-t", "tmpfs", "-o", size, "npvae-test", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        return folder

    yield resize
    if os.path.ismount(folder):
        subprocess.run(["umount", str(folder)], check=True)


def room_of(folder, *but):
    """Return the bytes that a run's files take on a tmpfs: whole pages, and one for the lock."""
    sizes = [path.stat().st_size for name, path in visible(folder).items() if name not in but]
    return PAGE * (1 + sum(-(-size // PAGE) for size in sizes))


@pytest.mark.parametrize("when", ["training", "drawing"])
def test_a_small_disk_fills_up_in_the_middle(data, tmp_path, monkeypatch, small_disk, when):
    draw_quickly(monkeypatch)
    expected = straight(data, tmp_path / "expected", 6)
    checkpoint = (expected / "checkpoint.npz").stat().st_size
    pictures = [path.name for path in expected.iterdir() if path.suffix in (".html", ".png")]
    # one checkpoint fits and not a second beside it; or both, but not all of the pictures
    room = room_of(expected, *pictures) + checkpoint // 2 // PAGE * PAGE
    if when == "drawing":
        room = room_of(expected) - 2 * PAGE
    disk = small_disk(room)
    folder, given = disk / "run", arguments(data)
    for _ in range(2):  # still full at the second time
        status, said = end(start(to_go_on(folder, given)))
        assert status == 2, said
        assert said.count("\n") == 1
        assert NO_SPACE in said
        assert f"npvae train --resume {folder}" in said
        require_whole(folder, when)
        assert not parts(folder)
        done = len(read_checkpoint(folder / "checkpoint.npz").records)
        assert (done == 6) == (when == "drawing")
    assert end(start(["train", "--resume", small_disk(1 << 22) / "run"])) == (0, "")
    assert not differing_bytes(expected, folder)
