"""Runs that are killed: each goes on, and ends with the same bits.

.venv/bin/pytest tests/runs/test_killed.py --kills 200
"""

import time
from itertools import count

import numpy as np
import pytest
from faults import Disk, Stopped
from run_files import (
    AT_EVERY_UPDATE,
    KILLED,
    READERS,
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

from npvae.runs.history import history_columns

SEED = 0  # of the moments at which runs are killed
OPERATIONS = 1500  # on the disk: at most so many before a kill; a whole run has some 4000


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return save_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two processes"])
def workers(request):
    return request.param


@pytest.fixture(scope="module")
def given(data, workers):
    return arguments(data, "--workers", str(workers), "--keep-epochs", "2")


@pytest.fixture(scope="module")
def undisturbed(given, tmp_path_factory):
    """A run that nothing happened to, and the seconds that it took."""
    folder, begin = tmp_path_factory.mktemp("undisturbed") / "run", time.monotonic()
    assert end(start(["train", *given, "--out", folder])) == (0, "")
    kept = {f"epochs/epoch-000{epoch}.npz" for epoch in (2, 4, 6)}
    assert visible(folder).keys() == READERS.keys() | kept
    assert history_columns(folder / "history.csv")["epoch"] == [1, 2, 3, 4, 5, 6]
    return folder, time.monotonic() - begin


@pytest.fixture
def quick_pictures(monkeypatch):
    draw_quickly(monkeypatch)


def draw_moment(rng, side, seconds):
    """Return a random moment: seconds from the start, or an operation on the disk.

    Of the operations half are drawn by their magnitude, or the first few, which write the config
    and the split, would hardly ever be hit.
    """
    if side == "outside":
        return round(rng.uniform(0.1, 1) * seconds, 3)
    return int(rng.uniform(1, OPERATIONS) if rng.random() < 0.5 else OPERATIONS ** rng.random())


def run_until(side, moment, command):
    """Run npvae, and kill it at a moment if it has not ended before."""
    if side == "inside":
        return end(start(command, fault=("kill", moment)))
    process = start(command)
    time.sleep(moment)
    process.kill()
    return end(process)


def without_python(said):
    """Return what was said but for Python's remark that it has removed semaphores of a process."""
    lines = said.splitlines(keepends=True)
    return "".join(line for line in lines if "resource_tracker" not in line and "warn(" not in line)


def kill_and_go_on(number, given, undisturbed, folder, survived):
    """Kill a run a few times at random moments, let it end, and compare it."""
    expected, seconds = undisturbed
    rng, moments = np.random.default_rng([SEED, number]), []
    for _ in range(min(rng.integers(3, 10), survived.asked - survived.kills)):
        side = min("inside", "outside", key=survived.sides.get)
        moments.append((side, draw_moment(rng, side, seconds)))
        status, said = run_until(*moments[-1], [*to_go_on(folder, given), *AT_EVERY_UPDATE])
        where = f"seed {SEED}, run {number}, killed at {moments}, in {folder}"
        assert status in {0, *KILLED}, f"{where}: status {status}, {said}"
        assert without_python(said) == "", where
        require_whole(folder, where)
        if status == 0:  # it was quicker
            break
        survived.add_kill(side, parts(folder))
    else:
        status, said = end(start([*to_go_on(folder, given), *AT_EVERY_UPDATE]))
        assert (status, said) == (0, ""), where
    differing = differing_bytes(expected, folder)
    survived.add_run(differing)
    assert not differing, where
    assert not parts(folder), where


def test_killed_at_random_moments_a_run_ends_with_the_same_bits(
    given, workers, undisturbed, tmp_path, kills_survived
):
    survived, begin = kills_survived[workers], time.monotonic()
    for number in count():
        if survived.kills >= survived.asked:
            break
        kill_and_go_on(number, given, undisturbed, tmp_path / str(number), survived)
        survived.seconds = time.monotonic() - begin


@pytest.mark.usefixtures("quick_pictures")
def test_killed_at_each_operation_in_turn_a_run_ends_with_the_same_bits(
    data, tmp_path, pytestconfig
):
    """In this process: the disk does nothing more, as if there were no process any more.

    Before and after each renaming, and at some of the other operations, or at all of them.
    """
    expected, given = tmp_path / "expected", arguments(data, "--keep-epochs", "1", epochs=1)
    with Disk().below() as undisturbed:
        assert run("train", *given, "--out", expected) == 0
    stride = 1 if pytestconfig.getoption("--kills") >= 200 else 9
    for at, what in enumerate(undisturbed.log, 1):
        if at % stride and not what.startswith("replace") and what != "fsync the folder":
            continue
        folder, where = tmp_path / str(at), f"killed at operation {at}, {what}"
        with Disk("stop", at).below(), pytest.raises(Stopped):
            run("train", *given, "--out", folder)
        require_whole(folder, where)
        assert run(*to_go_on(folder, given)) == 0, where
        assert not differing_bytes(expected, folder), where


@pytest.mark.usefixtures("quick_pictures")
def test_a_file_is_on_the_disk_before_its_name_is(data, tmp_path):
    """A power cut can be no test here, but the order of the operations can."""
    with Disk().below() as disk:
        straight(data, tmp_path / "run", 1)
    renamed = [at for at, what in enumerate(disk.log) if what.startswith("replace")]
    assert {disk.log[at].split()[1] for at in renamed} == visible(tmp_path / "run").keys()
    for at in renamed:
        name = disk.log[at].split()[1]
        of_file = [what.split()[0] for what in disk.log[:at] if what.endswith(f" {name}")]
        after_writing = of_file[::-1][: of_file[::-1].index("write")]
        assert "fsync" in after_writing, name
        assert disk.log[at + 1] == "fsync the folder", name


@pytest.mark.usefixtures("quick_pictures")
def test_a_run_that_never_began_leaves_a_folder_in_which_it_can_begin(data, tmp_path):
    with Disk("stop", 5).below(), pytest.raises(Stopped):
        run("train", *arguments(data), "--out", tmp_path / "run")
    assert parts(tmp_path / "run")
    straight(data, tmp_path / "run", 1)
    assert not parts(tmp_path / "run")
