"""Worker processes that many tests share, because starting them takes half a second."""

import gc
import os
from multiprocessing import synchronize
from pathlib import Path

import pytest

from npvae.parallel import shared_memory
from npvae.parallel.processes import Processes

SHARED_MEMORY = Path("/dev/shm")  # where Linux lists it


class Started:
    """Processes that are started when a test first needs them, and again after an error."""

    def __init__(self, size):
        self.size, self.block, self.comm = size, None, None

    def communicator(self):
        if self.comm is None or self.comm._broken:
            self.end()
            self.block = Processes(self.size)
            self.comm = self.block.__enter__()
        return self.comm

    def end(self):
        if self.block is not None:
            self.block.__exit__(None, None, None)
        self.block = self.comm = None


@pytest.fixture(scope="module")
def started():
    """Processes by their number."""
    by_number = {size: Started(size) for size in (2, 3)}
    yield by_number
    for each in by_number.values():
        each.end()


@pytest.fixture
def two(started):
    """The communicator of two processes."""
    return started[2].communicator()


@pytest.fixture
def three(started):
    """The communicator of three processes."""
    return started[3].communicator()


@pytest.fixture
def nothing_left(monkeypatch):
    """Of the shared memory and the semaphores that the test makes, nothing is left after it."""
    names = []

    class Noted(shared_memory.SharedMemory):
        def __init__(self, *given, **options):
            super().__init__(*given, **options)
            names.append(self.name)

    def make_name():
        names.append(f"sem.{(name := make()).strip('/')}")
        return name

    make = synchronize.SemLock._make_name
    monkeypatch.setattr(shared_memory, "SharedMemory", Noted)
    monkeypatch.setattr(synchronize.SemLock, "_make_name", staticmethod(make_name))
    yield
    gc.collect()
    if SHARED_MEMORY.is_dir():
        assert not set(names) & set(os.listdir(SHARED_MEMORY))
