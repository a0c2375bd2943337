"""The communicator of processes on one machine, which share memory."""

import os
import pickle
import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import current_process, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from pickle import PickleBuffer
from traceback import format_exc
from typing import Any

import numpy as np

from npvae.devices import Array
from npvae.errors import InputError, NpvaeError, TrainingError
from npvae.parallel.communicator import ALIGNED_TO, Communicator
from npvae.parallel.pickling import dumps, loads
from npvae.parallel.processes import ignore_signals, without_signals

SPINS = 2000  # times that a process looks whether the others are there, before it sleeps
PATIENCE = 0.2  # seconds of sleep between two looks at whether the others are alive
ROOM = 1024  # numbers that are exchanged at once
LARGE = 1 << 20  # bytes of an array that is worth sharing
UNGUARDED = 77  # exit status of a worker whose import of the script starts processes again
SPAWN = get_context("spawn")  # the only way to start a process that every system has


class SharedProcesses(Communicator):
    """The communicator of one of several processes on a machine.

    Parameters
    ----------
    rank, size : int
    gates : for each rank a list of semaphores, at which it waits in a barrier
    go : for each rank a semaphore, at which it waits for a task
    repeat : shared number: 1 to do the last task again, 0 to read a message from the pipe
    messages : memory for short vectors
    pipes : on rank 0 a connection to each other process, else one to rank 0
    processes : on rank 0 the other processes
    """

    def __init__(
        self,
        rank: int,
        size: int,
        gates: list[list[Any]],
        go: list[Any],
        repeat: Any,
        messages: Any,
        pipes: list[Connection],
        processes: Sequence[Any] = (),
    ) -> None:
        self.rank, self.size = rank, size
        super().__init__()
        self._gates, self._go, self._repeat, self._pipes = gates, go, repeat, pipes
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
                os._exit(1)  # no process is left that could report an error
            return
        for rank, (process, pipe) in enumerate(zip(self._processes, self._pipes, strict=True)):
            while pipe.poll() or not process.is_alive():
                self._inbox[rank].append(self._read(rank))

    def _read(self, i: int) -> Any:
        """Return what worker i + 1 has sent, or raise the error that ended it."""
        worker = f"worker process {i + 1} of {self.size - 1}"
        pipe, process = self._pipes[i], self._processes[i]
        try:
            while not pipe.poll(PATIENCE):
                if not process.is_alive() and not pipe.poll():
                    raise EOFError
            failed, content = loads(pipe.recv_bytes(), self)
        except (EOFError, OSError):
            self._processes[i].join(1)
            status = self._processes[i].exitcode
            if status == UNGUARDED:
                raise InputError(
                    "each worker process imports this script, which started processes once more; "
                    'put the code that trains below `if __name__ == "__main__":`, or train with '
                    "workers=1"
                ) from None
            how = f"{worker} has ended without a message ({_how_it_ended(status)})"
            raise TrainingError(how) from None
        if not failed:
            return content
        kind, text, traceback = content
        if kind is not None:
            raise kind(text)
        raise TrainingError(f"{worker} failed: {text}") from _Elsewhere(traceback)

    # ---- tasks -----------------------------------------------------------------------------------

    def pack(self, task: Any) -> tuple[Any, bytes, list[SharedMemory]]:
        """Return a task as bytes, and large arrays of pixels in shared memory, for all to read.

        A method that is called once more, such as the next step, needs no message.
        """
        blocks: list[SharedMemory] = []
        if isinstance(task, str) and task == self._last:
            return task, b"", blocks
        sizes = []

        def keep(buffer: PickleBuffer) -> bool:
            with memoryview(buffer) as view:
                if view.format != "B" or view.nbytes < LARGE:
                    return True
                blocks.append(block := _new_block(view.nbytes))
                sizes.append((block.name, view.nbytes))
                np.ndarray(view.nbytes, np.uint8, block.buf)[:] = np.frombuffer(view, np.uint8)
            return False

        try:
            return task, pickle.dumps((dumps(task, self, keep), sizes)), blocks
        except BaseException:
            _unlink(blocks)
            raise

    def deliver(self, message: tuple[Any, bytes, list[SharedMemory]]) -> None:
        task, content, blocks = message
        self._last, self._repeat.value = task if isinstance(task, str) else None, not content
        try:
            for go in self._go[1:]:
                go.release()
            if content:
                for pipe in self._pipes:
                    with suppress(OSError):  # at the barrier it is seen how the process has ended
                        pipe.send_bytes(content)
                if task is not None:
                    self.barrier()
        finally:
            _unlink(blocks)

    def receive(self) -> Any:
        self._wait(self._go[self.rank])
        if not self._repeat.value:
            self._last = self._unpacked(self._pipes[0].recv_bytes())
            if self._last is not None:
                self.barrier()
        return self._last

    def _unpacked(self, message: bytes) -> Any:
        task, sizes = pickle.loads(message)
        blocks = [(SharedMemory(name), size) for name, size in sizes]
        # the system may have made a block larger than it was asked for
        views = [memoryview(block.buf or b"")[:size].toreadonly() for block, size in blocks]
        task = loads(task, self, views)
        for block, _ in blocks:
            _free_when_unused(block)
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
            with suppress(OSError):
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
        n = -(-params.size // ALIGNED_TO) * ALIGNED_TO
        shape, dtype = (1 + self.size, n), params.dtype
        new: list[SharedMemory] = []
        try:
            if self.rank == 0:
                new.append(_new_block(max(1, int(np.prod(shape)) * dtype.itemsize)))
            name = self.all_gather(new[0].name if new else None)[0]
            block = new[0] if new else SharedMemory(name)
            rows: Array = np.ndarray(shape, dtype, buffer=block.buf)
            self._grads = rows[1:, : params.size]
            params.move(rows[0, : params.size], self._grads[self.rank])
            self.barrier()
            if not new:
                _free_when_unused(block)
        finally:
            _unlink(new)

    def reduce_scatter(self, grad: Array, mine: slice, total: Array) -> None:
        self.barrier()
        grads = self._grads[:, mine]
        if not self.even:
            np.matmul(self.weights.astype(total.dtype), grads, out=total)
            return
        first, second, *others = grads
        np.add(first, second, out=total)  # in half the time of the product
        for other in others:
            total += other
        total *= 1 / self.size

    def all_gather_slices(self, flat: Array) -> None:
        self.barrier()  # all of them are in the shared vector

    def leave(self) -> None:
        super().leave()
        self._grads = None

    def close(self) -> None:
        """On rank 0: end the other processes, whatever they do."""
        _kill(self._processes)
        for pipe in self._pipes:
            pipe.close()
        self.abandon()
        self._gates, self._go, self._grads = [], [], None  # the system's semaphores end with these


def start(size: int) -> SharedProcesses:
    """Return the communicator of rank 0 with as many processes, all others new.

    Call it inside `without_signals`: an interrupted start would leave processes behind.
    """
    if getattr(current_process(), "_inheriting", False):
        os._exit(UNGUARDED)  # this is a worker process, which imports the script of rank 0
    rounds = (size - 1).bit_length()
    with without_signals():  # the first semaphore starts a process, and then lets signals through
        gates = [[SPAWN.Semaphore(0) for _ in range(rounds)] for _ in range(size)]
        go = [SPAWN.Semaphore(0) for _ in range(size)]
    shared = gates, go, SPAWN.RawValue("b"), SPAWN.RawArray("d", 2 * size * ROOM)
    processes: list[Any] = []
    pipes: list[Connection] = []
    try:
        for rank in range(1, size):
            ours, theirs = SPAWN.Pipe()
            pipes.append(ours)
            process = SPAWN.Process(target=work, args=(rank, size, *shared, theirs))
            with theirs:
                process.start()
                processes.append(process)
    except BaseException:
        _kill(processes)
        for pipe in pipes:
            pipe.close()
        raise
    return SharedProcesses(0, size, *shared, pipes, processes)


def work(rank: int, size: int, *shared: Any) -> None:
    """Do the tasks of rank 0, in a process of its own."""
    from threadpoolctl import threadpool_limits

    ignore_signals()
    threadpool_limits(1)
    gates, go, repeat, messages, pipe = shared
    comm = SharedProcesses(rank, size, gates, go, repeat, messages, [pipe])
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            comm.follow()
    except BaseException as error:
        known = type(error) if isinstance(error, NpvaeError) else None
        text = str(error) if known else f"{type(error).__name__}: {error}"
        with suppress(OSError):  # rank 0 has ended
            pipe.send_bytes(dumps((True, (known, text, format_exc())), comm))
    pipe.close()
    os._exit(0)  # without closing shared memory that arrays still look at


class _Elsewhere(Exception):
    """The traceback of an error in another process, to be printed as the cause of one here."""

    def __str__(self) -> str:
        return f"\n{super().__str__()}"


def _kill(processes: Sequence[Any]) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.join()
        process.close()


def _how_it_ended(status: int | None) -> str:
    """Return the exit status of a process in words."""
    if status is not None and status < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def _new_block(size: int) -> SharedMemory:
    """Return new shared memory, or raise `InputError` if there is not as much."""
    block = None
    try:
        block = SharedMemory(create=True, size=size)
        if hasattr(os, "posix_fallocate"):  # else the first access beyond the limit is a bus error
            os.posix_fallocate(block._fd, 0, size)  # type: ignore[attr-defined]
    except OSError as error:
        _unlink([] if block is None else [block])
        raise InputError(
            f"the system has no {size / 1e6:.0f} MB of shared memory left ({error.strerror}); "
            "make its limit larger (in a container, docker run --shm-size=1g), or train with "
            "workers=1"
        ) from error
    return block


def _unlink(blocks: Sequence[SharedMemory]) -> None:
    """Let shared memory end with the last array that looks at it; no other process can open it."""
    for block in blocks:
        block.unlink()
        _free_when_unused(block)


def _free_when_unused(block: SharedMemory) -> None:
    """Free shared memory as soon as no array looks at it any more.

    `SharedMemory.close` would free it at once, and such an array would then end the process.
    """
    block.close = lambda: None  # type: ignore[method-assign]
    if (file := getattr(block, "_fd", -1)) >= 0:  # where there is one, close would close it
        os.close(file)
