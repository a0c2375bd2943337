"""Worker processes that many tests share, because starting them takes half a second."""

import os
from pathlib import Path

import pytest

from npvae.parallel.processes import Processes

SHARED_MEMORY = Path("/dev/shm")  # where Linux lists it


@pytest.fixture(scope="module")
def two():
    """The communicator of two processes."""
    with Processes(2) as comm:
        yield comm


@pytest.fixture(scope="module")
def three():
    """The communicator of three processes."""
    with Processes(3) as comm:
        yield comm


@pytest.fixture
def nothing_left():
    """Nothing is left in shared memory after the test that was not there before."""
    before = in_shared_memory()
    yield
    assert in_shared_memory() <= before


def in_shared_memory():
    names = os.listdir(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else []
    return {name for name in names if name.startswith(("psm_", "sem.", "pym-"))}
