"""Start worker processes on this machine, and end them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

from npvae.errors import InputError, NpvaeError, require_whole
from npvae.parallel.alone import ALONE
from npvae.parallel.communicator import Communicator

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
IGNORED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # the parent hears them, and decides


def available_cores() -> int:
    """Return the number of cores that this process may use.

    A smaller number of threads in OMP_NUM_THREADS or OPENBLAS_NUM_THREADS counts as well.
    """
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    asked = (os.environ.get(name, "") for name in THREAD_VARIABLES)
    return min([cores, *(int(n) for n in asked if n.isdecimal() and int(n) > 0)])


class Processes:
    """Worker processes on this machine, for the duration of a `with` block.

    Parameters
    ----------
    size : int
        Number of processes, this one included. With 1 there is nothing to start.

    Raises
    ------
    InputError
        If the processes cannot be started.

    Notes
    -----
    Several processes compute their matrix products with one thread each. A script that starts
    processes needs the guard `if __name__ == "__main__":`, because each of them imports the script.
    """

    def __init__(self, size: int) -> None:
        self.size = require_whole("workers", size)
        self._comm: Any = ALONE

    def __enter__(self) -> Communicator:
        if self.size == 1:
            return ALONE
        from threadpoolctl import threadpool_limits

        from npvae.parallel.shared_memory import start

        try:
            with without_signals():
                self._comm = start(self.size)
                self._limits = threadpool_limits(1)
        except (OSError, ImportError, AssertionError) as error:
            raise InputError(
                f"{self.size} processes cannot be started here ({error}); try fewer workers"
            ) from error
        except KeyboardInterrupt:  # which came while they were started
            if self._comm is not ALONE:
                self._comm.close()
            raise
        return self._comm

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.size == 1:
            return
        comm, self._comm = self._comm, ALONE
        try:
            if error is None:
                comm.finish()
            else:
                with suppress(NpvaeError):
                    comm.finish()
        finally:
            comm.close()
            self._limits.restore_original_limits()


def ignore_signals() -> None:
    """Leave the signals that ask to stop to rank 0, which decides what is done."""
    for name in IGNORED:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


@contextmanager
def without_signals() -> Iterator[None]:
    """Within the block no signal arrives, neither here nor in a process that is started there.

    Otherwise Ctrl-C would end a process with a traceback before it can ignore the signal.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    numbers = {getattr(signal, name) for name in IGNORED if hasattr(signal, name)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
