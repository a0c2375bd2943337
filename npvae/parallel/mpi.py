"""Processes that `mpiexec` has started, on one machine or on many."""

import atexit
import os
import sys
from time import monotonic, sleep
from traceback import print_exc
from types import TracebackType
from typing import Any

import numpy as np

from npvae.devices import Array
from npvae.errors import InputError, NpvaeError
from npvae.parallel.communicator import Communicator
from npvae.parallel.pickling import dumps, loads
from npvae.parallel.processes import ignore_signals

FAILED = 1
PATIENCE = 2.0  # seconds until the others have met an error as well
LAUNCHERS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")  # of MPICH and Open MPI


def started_by_mpi() -> int:
    """Return the number of processes that `mpiexec` has started together; 1 without it."""
    for name in LAUNCHERS:
        if (size := os.environ.get(name, "")).isdecimal():
            return int(size)
    return 1


class Machines(Communicator):
    """The communicator of all processes that `mpiexec` has started.

    Raises
    ------
    InputError
        If mpi4py cannot be used.

    Notes
    -----
    Each process computes its matrix products with one thread: start as many as there are cores.
    """

    def __init__(self) -> None:
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as error:
            raise InputError(
                f"this command was started by mpiexec, but mpi4py cannot be used ({error}); "
                "install it with: pip install 'npvae[mpi]'"
            ) from error
        from threadpoolctl import threadpool_limits

        self._MPI, self._world = MPI, MPI.COMM_WORLD
        self._errors = self._world.Dup()  # where processes meet that have met an error
        self.rank, self.size = self._world.rank, self._world.size
        self.status = 0  # the exit status, for the case that all processes have to be ended
        super().__init__()
        threadpool_limits(1)

    def __enter__(self) -> "Machines":
        """On rank 0, return this communicator; on the others, follow rank 0 and then exit."""
        if self.rank == 0:
            return self
        ignore_signals()
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                self.follow()
        except BaseException as error:
            if not self._all_have_failed():
                if isinstance(error, NpvaeError):
                    print(f"npvae: {error} (process {self.rank})", file=sys.stderr, flush=True)
                else:
                    print_exc()
                self._world.Abort(FAILED)
        sys.exit(0)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.finish()
        except BaseException:
            self._broken = True
            raise
        finally:
            self.abandon()
            if self._broken and not self._all_have_failed():
                # the others still wait for this process; its message may not be printed yet
                atexit.register(self._world.Abort, self.status or FAILED)

    def _all_have_failed(self) -> bool:
        """Whether all processes have met an error, as they do when a loss is not finite."""
        meeting, end = self._errors.Ibarrier(), monotonic() + PATIENCE
        while not meeting.Test() and monotonic() < end:
            sleep(0.02)
        return bool(meeting.Test())

    def pack(self, task: Any) -> bytes:
        return dumps(task, self)

    def deliver(self, message: bytes) -> None:
        self._world.bcast(message)

    def receive(self) -> Any:
        return loads(self._world.bcast(None), self)

    def all_gather(self, thing: Any) -> list[Any]:
        return [loads(each, self) for each in self._world.allgather(dumps(thing, self))]

    def exchange(self, numbers: Array) -> Array:
        everything = np.empty((self.size, len(numbers)))
        self._world.Allgather(np.asarray(numbers, np.float64), everything)
        return everything

    def adopt(self, trainer: Any) -> None:
        n = trainer.model.params.size
        self._ends = [*self.starts(n), n]

    def remember(self, trainer: Any) -> None:
        super().remember(trainer)
        self._flat = trainer.model.params.flat.copy()  # which each process has for itself

    def _changed(self, trainer: Any) -> dict[tuple[str, str], Any] | None:
        changed = super()._changed(trainer)
        if changed is None or np.array_equal(self._flat, trainer.model.params.flat):
            return changed
        return None

    def reduce_scatter(self, grad: Array, mine: slice, total: Array) -> None:
        grad *= float(self.weights[self.rank])
        counts = np.diff(self._ends).tolist()
        self._world.Reduce_scatter(grad, total, counts, self._MPI.SUM)

    def all_gather_slices(self, flat: Array) -> None:
        counts = np.diff(self._ends).tolist()
        kind = self._MPI.Datatype.fromcode(flat.dtype.char)
        self._world.Allgatherv(self._MPI.IN_PLACE, [flat, counts, self._ends[:-1], kind])
