"""Ranks in a ring, for lesson 25: each passes vectors on to the next one.

    results = in_threads(4, program, *arguments)      # simulated: all ranks are in this process
    results = in_processes(4, program, *arguments)    # real processes, with some shared memory

Every rank calls `program(ring, *arguments)` with its own copy of the arguments. The results are
a list of what these calls return, in the order of the ranks.
"""

import inspect
import queue
import sys
import threading
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from npvae.parallel.processes import Processes

PATIENCE = 5  # seconds that a simulated rank waits for a message
ROOM = 1 << 22  # bytes of the longest message between processes


class Ring:
    """What one rank knows about its ring: its number, its neighbours, and what it has sent.

    Parameters
    ----------
    rank, size : int
        The number of this rank, from 0, and how many there are.
    swap : callable
        Sends a vector to the next rank, and returns the one that the previous rank has sent.

    Attributes
    ----------
    messages, bytes : int
        What this rank has sent so far.
    """

    def __init__(self, rank=0, size=1, swap=None):
        self.rank, self.size, self._swap = rank, size, swap
        self.messages = self.bytes = 0

    def pass_on(self, part):
        """Send a vector to the next rank, and return the one that the previous rank has sent."""
        self.messages += 1
        self.bytes += part.nbytes
        return self._swap(part)


# ---- simulated -----------------------------------------------------------------------------------


def in_threads(size, program, *arguments):
    """Return what `program(ring, *arguments)` returns in each of `size` ranks of this process."""
    inboxes = [queue.Queue() for _ in range(size)]
    results, errors = [None] * size, []

    def run(rank, own):
        def swap(part):
            inboxes[(rank + 1) % size].put(part.copy())
            try:
                received = inboxes[rank].get(timeout=PATIENCE)
            except queue.Empty:
                raise RuntimeError(
                    f"rank {rank} of {size} waits for a message that is never sent; all ranks must "
                    "call pass_on the same number of times"
                ) from None
            if received is None:
                raise RuntimeError("another rank has stopped")
            return received

        try:
            results[rank] = program(Ring(rank, size, swap), *own)
        except BaseException as error:
            errors.append(error)
            for inbox in inboxes:
                inbox.put(None)

    threads = [
        threading.Thread(target=run, args=(rank, deepcopy(arguments)), daemon=True)
        for rank in range(size)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.1)  # for a short time, so that Ctrl-C is noticed
    if errors:
        raise errors[0]
    return results


# ---- processes -----------------------------------------------------------------------------------


@contextmanager
def processes(size):
    """Start npvae's processes for a `with` block of a lesson, without the usual guard.

    A new process imports the script that has started it, which would run the lesson once more.
    To prevent this, the name of the script is hidden while the processes start.
    """
    main = vars(sys.modules["__main__"])
    with ExitStack() as stack:
        script = main.pop("__file__", None)
        try:
            comm = stack.enter_context(Processes(size))
        finally:
            if script is not None:
                main["__file__"] = script
        yield comm


def in_processes(size, program, *arguments, functions=()):
    """Return what `program(ring, *arguments)` returns in each of `size` processes.

    Rank 0 is this process. The others do not know the lesson, so they are sent the text of its
    program.

    Parameters
    ----------
    functions : functions of the lesson that the program uses
        Besides these it may use `np`, and what it imports itself.
    """
    texts = [text_of(function) for function in (*functions, program)]
    with processes(size) as comm:
        return comm.run(work, texts, program.__name__, deepcopy(arguments))


def text_of(function):
    """Return the text of a function and its file; blank lines keep its line number for errors."""
    lines, first = inspect.getsourcelines(function)
    return "\n" * (first - 1) + "".join(lines), inspect.getsourcefile(function)


def work(texts, name, arguments, *, comm):
    """Run the program that was sent, in each process; return the results of all of them."""
    known = {"np": np}
    for text, file in texts:
        exec(compile(text, file, "exec"), known)
    with memory(comm) as block:
        ring = Ring(comm.rank, comm.size, swap_within(block, comm))
        return comm.all_gather(known[name](ring, *arguments))


@contextmanager
def memory(comm):
    """Yield memory that all processes share: room for two messages of each of them."""
    if comm.size == 1:
        yield None
        return
    new = SharedMemory(create=True, size=2 * comm.size * ROOM) if comm.rank == 0 else None
    try:
        (name, *_) = comm.all_gather(new and new.name)
        block = new or SharedMemory(name)
        yield block.buf
        block.close()
    finally:
        if new is not None:
            new.unlink()


def swap_within(memory, comm):
    """Return the function that swaps vectors with both neighbours, through the shared memory.

    Each process has two rooms and writes into them by turns, so that nothing is overwritten while
    it is being read.
    """
    turn = 0

    def room_of(rank):
        return (2 * (rank % comm.size) + turn) * ROOM

    def swap(part):
        nonlocal turn
        if part.nbytes > ROOM:
            raise ValueError(f"a message has {part.nbytes} bytes; at most {ROOM} fit")
        turn = 1 - turn
        mine, previous = room_of(comm.rank), room_of(comm.rank - 1)
        memory[mine : mine + part.nbytes] = part.tobytes()
        sizes = comm.exchange(np.array([part.nbytes]))  # returns when all messages are there
        end = previous + int(sizes[comm.rank - 1, 0])
        return np.frombuffer(bytes(memory[previous:end]), part.dtype)

    return swap
