"""The ring of ranks of lesson 25: threads or processes, the same program in each."""

import subprocess
import sys
import textwrap
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest
from lesson_files import LESSONS

from npvae.errors import NpvaeError


@pytest.fixture
def ring(monkeypatch):
    monkeypatch.syspath_prepend(LESSONS)
    import ring

    return ring


def collect(ring, own):
    """Return what this rank gets in each pass, and what it has sent."""
    part, seen = own[ring.rank], []
    for _ in range(ring.size):
        part = ring.pass_on(part)
        seen.append(part[0])
        part = part.copy()
    return seen, ring.messages, ring.bytes


def fails_in_the_last(ring):
    if ring.rank == ring.size - 1:
        return np.zeros(3) @ np.zeros(4)
    return ring.pass_on(np.zeros(3))


def doubled(own):
    return 2 * own


def uses_another(ring, own):
    own += 1  # its own copy
    return doubled(own[ring.rank]), own.sum()


@pytest.mark.parametrize(
    ("way", "size"), [("in_threads", 1), ("in_threads", 2), ("in_threads", 3), ("in_processes", 3)]
)
def test_parts_come_around_and_are_counted(ring, way, size):
    own = [np.full(rank + 1, rank, np.float32) for rank in range(size)]  # of different lengths
    for rank, (seen, messages, sent) in enumerate(getattr(ring, way)(size, collect, own)):
        assert seen == [(rank - 1 - i) % size for i in range(size)]
        assert messages == size
        assert sent == 4 * sum(range(1, size + 1))


def test_each_rank_has_its_own_copy_of_what_it_is_given(ring):
    given = np.array([1.0, 2.0])
    for run in (ring.in_threads, lambda *given: ring.in_processes(*given, functions=[doubled])):
        assert run(2, uses_another, given) == [(4, 5), (6, 5)]
        assert given.tolist() == [1, 2]


def test_a_single_process_needs_no_other(ring):
    assert ring.in_processes(1, uses_another, np.ones(1), functions=[doubled]) == [(4, 2)]


def test_a_rank_that_waits_for_nothing_is_named(ring, monkeypatch):
    monkeypatch.setattr(ring, "PATIENCE", 0.05)

    def program(ring):
        if ring.rank:
            ring.pass_on(np.zeros(1))
            ring.pass_on(np.zeros(1))
        else:
            ring.pass_on(np.zeros(1))

    with pytest.raises(RuntimeError, match="rank 1 of 2"):
        ring.in_threads(2, program)


def test_the_error_of_a_rank_is_reported_and_not_that_others_wait(ring):
    size = 3
    with pytest.raises(ValueError, match="matmul"):
        ring.in_threads(size, fails_in_the_last)
    with pytest.raises(NpvaeError, match=rf"{size - 1}.*matmul"):
        ring.in_processes(size, fails_in_the_last)


def test_an_error_leaves_no_shared_memory(ring, monkeypatch):
    blocks = []

    def remember(*arguments, **options):
        blocks.append(SharedMemory(*arguments, **options))
        return blocks[-1]

    monkeypatch.setattr(ring, "SharedMemory", remember)
    with pytest.raises(NpvaeError):
        ring.in_processes(2, fails_in_the_last)
    (block,) = blocks  # made by rank 0, which is this process
    with pytest.raises(FileNotFoundError):
        SharedMemory(block.name)


def test_a_message_that_does_not_fit_is_refused(ring, monkeypatch):
    monkeypatch.setattr(ring, "ROOM", 16)
    swap = ring.swap_within(bytearray(64), None)
    with pytest.raises(ValueError, match="24 bytes"):
        swap(np.zeros(3))


def test_a_script_without_a_guard_is_run_once(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path.insert(0, {str(LESSONS)!r})
            from ring import in_processes
            print("run")
            def program(ring):
                return ring.rank
            print(in_processes(2, program), __file__ == {str(script)!r})
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "run\n[0, 1] True\n"
    assert done.stderr == ""
