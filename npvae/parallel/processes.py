"""Processes on one machine, which exchange numbers in shared memory."""

import os
import pickle
import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from pickle import PickleBuffer
from traceback import print_exc
from types import TracebackType
from typing import Any

import numpy as np

from npvae.devices import Array
from npvae.errors import NpvaeError, TrainingError, require_whole
from npvae.parallel.alone import ALONE
from npvae.parallel.communicator import CACHE_LINE, Communicator
from npvae.parallel.pickling import dumps, loads

SPINS = 2000  # times that a process looks whether the others are there, before it sleeps
PATIENCE = 0.2  # seconds of sleep between two looks at whether the others are alive
ROOM = 1024  # numbers that are exchanged at once
LARGE = 1 << 20  # bytes of an array that is worth sharing
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
IGNORED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # the parent hears them, and decides
SPAWN = get_context("spawn")  # the only way to start a process that every system has


def available_cores() -> int:
    """Return the number of cores that this process may use.

    A smaller number of threads in OMP_NUM_THREADS or OPENBLAS_NUM_THREADS counts as well.
    """
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    asked = (os.environ.get(name, "") for name in THREAD_VARIABLES)
    return min([cores, *(int(n) for n in asked if n.isdecimal() and int(n) > 0)])


class SharedProcesses(Communicator):
    """The communicator of one of several processes on a machine.

    Parameters
    ----------
    rank, size : int
    gates : for each rank a list of semaphores, at which it waits in a barrier
    go : for each rank a semaphore, at which it waits for a task
    messages : memory for short vectors
    pipes : on rank 0 a connection to each other process, else one to rank 0
    """

    def __init__(
        self,
        rank: int,
        size: int,
        gates: list[list[Any]],
        go: list[Any],
        word: Any,
        messages: Any,
        pipes: list[Connection],
        processes: Sequence[Any] = (),
    ) -> None:
        self.rank, self.size = rank, size
        super().__init__()
        self._gates, self._go, self._word, self._pipes = gates, go, word, pipes
        self._processes = processes
        self._messages = np.frombuffer(messages, np.float64).reshape(2, size, ROOM)
        self._turn = 0
        self._inbox: list[list[Any]] = [[] for _ in processes]
        self._last: Any = None  # the task that a worker repeats
        self._grads: Any = None

    # ---- waiting ---------------------------------------------------------------------------------

    def barrier(self) -> None:
        """Wait until all processes are here.

        In round i each process opens the gate of the one 2^i ranks above, and waits at its own.
        """
        for i, gate in enumerate(self._gates[self.rank]):
            self._gates[(self.rank + 2**i) % self.size][i].release()
            self._wait(gate)

    def _wait(self, gate: Any) -> None:
        """Wait at a gate: look often for a short time, then sleep until it opens."""
        for _ in range(SPINS):
            if gate.acquire(False):
                return
        while not gate.acquire(True, PATIENCE):
            self.require_others()

    def require_others(self) -> None:
        """Raise an error if a process has ended; end this one if rank 0 has."""
        if self.rank:
            parent = parent_process()
            if parent is None or not parent.is_alive():
                os._exit(1)  # nobody is left to hear of it
            return
        for rank, (process, pipe) in enumerate(zip(self._processes, self._pipes, strict=True)):
            while pipe.poll() or not process.is_alive():
                self._inbox[rank].append(self._read(rank))

    def _read(self, i: int) -> Any:
        """Return what worker i + 1 has sent, or raise the error that ended it."""
        worker = f"worker process {i + 1} of {self.size - 1}"
        try:
            failed, content = loads(self._pipes[i].recv_bytes(), self)
        except (EOFError, OSError):
            self._processes[i].join(1)
            how = _how_it_ended(self._processes[i].exitcode)
            raise TrainingError(f"{worker} has ended without a message ({how})") from None
        if not failed:
            return content
        kind, text = content
        raise kind(text) if kind is not None else TrainingError(f"{worker} failed: {text}")

    # ---- tasks -----------------------------------------------------------------------------------

    def send(self, task: Any) -> None:
        # a method that is called once more, such as the next step, needs no message
        repeated = isinstance(task, str) and task == self._last
        self._last = task
        blocks: list[SharedMemory] = []
        message, blocks = (b"", blocks) if repeated else self._packed(task)
        self._word.value = repeated
        for go in self._go[1:]:
            go.release()
        if not repeated:
            for pipe in self._pipes:
                with suppress(OSError):  # at the barrier it will be seen how the process has ended
                    pipe.send_bytes(message)
            if task is not None:
                self.barrier()
        for block in blocks:
            block.unlink()
            _let_go(block)

    def receive(self) -> Any:
        self._wait(self._go[self.rank])
        if not self._word.value:
            self._last = self._unpacked(self._pipes[0].recv_bytes())
            if self._last is not None:
                self.barrier()
        return self._last

    def _packed(self, task: Any) -> tuple[bytes, list[SharedMemory]]:
        """Return a task as bytes, and large arrays of pixels in shared memory, for all to read."""
        blocks: list[SharedMemory] = []
        sizes = []

        def keep(buffer: PickleBuffer) -> bool:
            with memoryview(buffer) as view:
                if view.format != "B" or view.nbytes < LARGE:
                    return True
                block = SharedMemory(create=True, size=view.nbytes)
                np.ndarray(view.nbytes, np.uint8, block.buf)[:] = np.frombuffer(view, np.uint8)
            blocks.append(block)
            sizes.append((block.name, block.size))
            return False

        task = dumps(task, self, keep)
        return pickle.dumps((task, sizes)), blocks

    def _unpacked(self, message: bytes) -> Any:
        task, sizes = pickle.loads(message)
        blocks = [SharedMemory(name) for name, _ in sizes]
        task = loads(task, self, [memoryview(block.buf or b"").toreadonly() for block in blocks])
        for block in blocks:
            _let_go(block)
        return task

    def all_gather(self, thing: Any) -> list[Any]:
        if self.rank:
            self._pipes[0].send_bytes(dumps((False, thing), self))
            while not self._pipes[0].poll(PATIENCE):
                self.require_others()
            return list(loads(self._pipes[0].recv_bytes(), self))
        things = [thing]
        for i, inbox in enumerate(self._inbox):
            things.append(inbox.pop(0) if inbox else self._read(i))
        message = dumps(things, self)
        for pipe in self._pipes:
            pipe.send_bytes(message)
        return things

    # ---- numbers ---------------------------------------------------------------------------------

    def exchange(self, numbers: Array) -> Array:
        pieces = []
        for begin in range(0, len(numbers), ROOM):
            piece = numbers[begin : begin + ROOM]
            room = self._messages[self._turn, :, : len(piece)]
            self._turn = 1 - self._turn  # the others may still read what came before
            room[self.rank] = piece
            self.barrier()
            pieces.append(room.copy())
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)

    def adopt(self, trainer: Any) -> None:
        params = trainer.model.params
        n = -(-params.size // CACHE_LINE) * CACHE_LINE
        shape, dtype = (1 + self.size, n), params.dtype
        name = None
        if self.rank == 0:
            block = SharedMemory(create=True, size=int(np.prod(shape)) * dtype.itemsize)
            name = block.name
        name = self.all_gather(name)[0]
        if self.rank:
            block = SharedMemory(name)
        rows: Array = np.ndarray(shape, dtype, buffer=block.buf)
        _let_go(block)
        self._grads = rows[1:, : params.size]
        params.move(rows[0, : params.size], self._grads[self.rank])
        self.barrier()
        if self.rank == 0:
            block.unlink()

    def reduce_scatter(self, grad: Array, mine: slice, total: Array) -> None:
        self.barrier()
        np.matmul(self.weights.astype(total.dtype), self._grads[:, mine], out=total)

    def all_gather_slices(self, flat: Array) -> None:
        self.barrier()  # all of them are in the shared vector

    def leave(self) -> None:
        super().leave()
        self._grads = None

    def close(self) -> None:
        """On rank 0: end the other processes, whatever they do."""
        for process in self._processes:
            process.kill()
            process.join()
        for pipe in self._pipes:
            pipe.close()
        self.abandon()
        self._grads = None


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
    Each process computes its matrix products with one thread. A script that starts processes needs
    the guard `if __name__ == "__main__":`, because each of them imports the script.
    """

    def __init__(self, size: int) -> None:
        self.size = require_whole("workers", size)
        self._comm: Any = ALONE

    def __enter__(self) -> Communicator:
        if self.size == 1:
            return ALONE
        from threadpoolctl import threadpool_limits

        rounds = (self.size - 1).bit_length()
        gates = [[SPAWN.Semaphore(0) for _ in range(rounds)] for _ in range(self.size)]
        go = [SPAWN.Semaphore(0) for _ in range(self.size)]
        shared = gates, go, SPAWN.RawValue("b"), SPAWN.RawArray("d", 2 * self.size * ROOM)
        processes, pipes = [], []
        for rank in range(1, self.size):
            ours, theirs = SPAWN.Pipe()
            process = SPAWN.Process(target=work, args=(rank, self.size, *shared, theirs))
            process.start()
            theirs.close()
            processes.append(process)
            pipes.append(ours)
        self._limits = threadpool_limits(1)
        self._comm = SharedProcesses(0, self.size, *shared, pipes, processes)
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
                comm.release()
                comm.send(None)
        finally:
            comm.close()
            self._limits.restore_original_limits()


def work(rank: int, size: int, *shared: Any) -> None:
    """Do the tasks of rank 0, in a process of its own."""
    from threadpoolctl import threadpool_limits

    for name in IGNORED:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threadpool_limits(1)
    gates, go, word, messages, pipe = shared
    comm = SharedProcesses(rank, size, gates, go, word, messages, [pipe])
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            comm.follow()
    except BaseException as error:
        known = type(error) if isinstance(error, NpvaeError) else None
        if known is None:
            print_exc()
        text = str(error) if known else f"{type(error).__name__}: {error}"
        with suppress(OSError):
            pipe.send_bytes(dumps((True, (known, text)), comm))
    pipe.close()
    os._exit(0)  # without closing shared memory that arrays still look at


def _how_it_ended(status: int | None) -> str:
    """Return the exit status of a process in words."""
    if status is not None and status < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def _let_go(block: SharedMemory) -> None:
    """Free shared memory as soon as no array looks at it any more.

    `SharedMemory.close` would free it at once, and such an array would then end the process.
    """
    block.close = lambda: None  # type: ignore[method-assign]
    if (file := getattr(block, "_fd", -1)) >= 0:  # where there is one, close would close it
        os.close(file)
