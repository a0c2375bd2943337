"""How the processes of one training share it, whatever the transport between them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from operator import is_
from typing import Any, TypeVar

import numpy as np

from npvae.devices import CPU, Array
from npvae.errors import InputError

R = TypeVar("R")
ALIGNED_TO = 16  # numbers of float32; slices begin on a cache line


def everywhere(method: Callable[..., R]) -> Callable[..., R]:
    """Make a method of a trainer run in all processes when rank 0 calls it.

    All processes hold the same trainer, so they make the same calls within it in the same order.
    That is what allows them to exchange numbers there. A method that is called twice in a row has
    to exchange something, because the second call is announced by a signal without a message.
    """

    @wraps(method)
    def led(trainer: Any) -> R:
        with trainer.comm.leading(trainer, method.__name__):
            return method(trainer)

    return led


class Communicator(ABC):
    """The connection of this process with the others that share its training.

    Attributes
    ----------
    rank, size : int
        Number of this process, from 0, and how many there are.
    weights : (size,) float array
        The share of each process in the current batch; the sum is 1.
    even : bool
        Whether all shares are the same.
    trainer : Trainer or None
        The trainer that the processes share.
    """

    rank: int = 0
    size: int = 1

    def __init__(self) -> None:
        self.weights, self.even = np.full(self.size, 1 / self.size), True
        self.trainer: Any = None
        self._shard: Shard | None = None
        self._before: Any = None  # what the trainer had after the last task
        self._busy = False  # whether all processes are within the same task
        self._broken = False  # whether a task was left by an error, with the others still in it
        self._closed = False

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy of a model is alone."""
        return _alone, ()

    # ---- the transport ---------------------------------------------------------------------------

    @abstractmethod
    def pack(self, task: Any) -> Any:
        """On rank 0: return a task as a message; raise `InputError` if it cannot be sent."""

    @abstractmethod
    def deliver(self, message: Any) -> None:
        """On rank 0: give the message to all other processes."""

    @abstractmethod
    def receive(self) -> Any:
        """On the others: wait for the next task and return it."""

    @abstractmethod
    def all_gather(self, thing: Any) -> list[Any]:
        """Return the things that the processes have given, in the order of their ranks."""

    @abstractmethod
    def exchange(self, numbers: Array) -> Array:
        """Return the short vectors of all processes, (size, n), in float64."""

    @abstractmethod
    def adopt(self, trainer: Any) -> None:
        """Give the trainer's parameters and gradient the memory in which they are exchanged."""

    @abstractmethod
    def reduce_scatter(self, grad: Array, mine: slice, total: Array) -> None:
        """Write this process's slice of the sum of all gradients, weighted, into `total`."""

    @abstractmethod
    def all_gather_slices(self, flat: Array) -> None:
        """Give each process the slices that the others have updated."""

    # ---- tasks -----------------------------------------------------------------------------------

    @contextmanager
    def leading(self, trainer: Any, name: str) -> Iterator[None]:
        """On rank 0, make the other processes call the trainer's method `name`, too.

        Within a task nothing is sent, because all processes make the same calls there.
        """
        if self._busy:
            yield
            return
        if self._closed and self.trainer is not trainer:
            trainer.comm = _alone()
            yield
            return
        self.require_workers()
        params = trainer.model.params
        if params.device.name != CPU.name:
            raise InputError(f"{self.size} processes cannot share the device {params.device.name}")
        params.follow()  # now, because the others do not see what was assigned to a layer
        changed = self._changed(trainer)
        if changed is None:
            self.release()
            message = self.pack(trainer)
        with self._within_task():
            if changed is None:
                self.deliver(message)
                self.share(trainer)
            elif changed:
                self.deliver(self.pack((_set_numbers, (changed,), {})))
            self.deliver(self.pack(name))
            yield
            self.remember(trainer)

    def remember(self, trainer: Any) -> None:
        """Remember what the trainer has after a task, to see later what the user has changed."""
        self._before = _contents(trainer)

    def _changed(self, trainer: Any) -> dict[tuple[str, str], Any] | None:
        """Return the numbers, such as lr and beta, that the user has changed since the last task.

        If the others have another trainer, or parts that were replaced, return None.
        """
        if self.trainer is not trainer or self._before is None:
            return None
        (own, state, *old), (parts, now, *new) = self._before, _contents(trainer)
        if state != now or not _same(own, parts):
            return None
        if all(map(_same, old, new)):
            return {}
        numbers = {}
        for where, before, after in zip(("optimizer", "model"), old, new, strict=True):
            for name, value in after.items():
                if value is before.get(name):
                    continue
                if isinstance(value, int | float | np.generic):
                    numbers[where, name] = value
                elif where == "optimizer" or not hasattr(value, "shape"):
                    return None  # an array of the model is one that its last forward pass has left
        return numbers

    def run(self, function: Callable[..., R], *arguments: Any, **options: Any) -> R:
        """Call a function in all processes, with this communicator as its option `comm`.

        Everything that is given is copied to the other processes. An error within the function ends
        them.

        Returns
        -------
        object
            What the function has returned on rank 0.
        """
        if self._closed and self.trainer is None:
            return function(*arguments, comm=_alone(), **options)
        self.require_workers()
        message = self.pack((function, arguments, options))
        with self._within_task():
            self.deliver(message)
            return function(*arguments, comm=self, **options)

    @contextmanager
    def _within_task(self) -> Iterator[None]:
        """Note whether an error leaves the other processes within a task."""
        self._busy = self._broken = True
        try:
            yield
            self._broken = False
        finally:
            self._busy = False

    def require_workers(self) -> None:
        """Raise `InputError` if the processes can share no more work."""
        if self._broken or self._closed:
            raise InputError(
                "the worker processes have ended after an error, and with them a part of the "
                "optimiser's state; restore what was saved, in a new with block"
            )

    def follow(self) -> None:
        """On all ranks but 0: do each task that rank 0 sends, until it sends None."""
        self._busy = True
        while (task := self.receive()) is not None:
            if isinstance(task, str):
                getattr(self.trainer, task)()
            elif isinstance(task, tuple):
                function, arguments, options = task
                function(*arguments, comm=self, **options)
            else:
                self.share(task)

    def map(self, function: Callable[[Any], R], items: Sequence[Any]) -> list[R]:
        """Return [function(item) for item in items], each computed by one of the processes."""
        if not self._busy:  # this process alone makes the call, outside of a task
            return [function(item) for item in items]
        own = [function(item) for item in items[self.rank :: self.size]]
        results = self.all_gather(own)
        return [results[i % self.size][i // self.size] for i in range(len(items))]

    # ---- the trainer that the processes share ----------------------------------------------------

    def share(self, trainer: Any) -> None:
        """From now on, share this trainer; each process keeps a slice of the optimiser's state."""
        self.trainer, params, self._shard = trainer, trainer.model.params, None
        self.adopt(trainer)
        params.join(self)
        mine, whole = self.slice_of(params.size), params.flat.shape
        for name, vector in vars(trainer.optimizer).items():
            if getattr(vector, "shape", None) == whole:
                setattr(trainer.optimizer, name, vector[mine].copy())

    def release(self) -> None:
        """On rank 0: share the trainer no longer; it then holds the whole state again."""
        if self.rank == 0 and self.trainer is not None and not self._busy:
            if self._closed:
                self.trainer = None
            else:
                self.run(_leave)

    def leave(self) -> None:
        """Make the trainer what it was before it was shared."""
        trainer, self.trainer, self._before = self.trainer, None, None
        for name, vector in self.join_states(self._slices(trainer)).items():
            setattr(trainer.optimizer, name, vector)
        self._let_go(trainer.model.params)

    def finish(self) -> None:
        """On rank 0: release the trainer, and send None, the end of all tasks.

        After an error within a task the other processes do not wait for a message, so none is sent.
        """
        if not self._broken:
            self.release()
            self.deliver(self.pack(None))

    def abandon(self) -> None:
        """After the end, trainers continue alone, unless an error has lost part of their state."""
        self._closed, self._before = True, None
        if (trainer := self.trainer) is not None:
            for name in self._slices(trainer):
                setattr(trainer.optimizer, name, None)
            self._let_go(trainer.model.params)

    def _slices(self, trainer: Any) -> dict[str, Any]:
        """Return the vectors of the optimiser of which each process has a slice."""
        size = self.shard(trainer.model.params).flat.shape
        state = vars(trainer.optimizer)
        return {k: v for k, v in state.items() if getattr(v, "shape", None) == size}

    def _let_go(self, params: Any) -> None:
        params.move(*(params.device.zeros(params.size, params.dtype) for _ in range(2)))
        params.join(_alone())
        self._shard = None

    def join_states(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return an optimiser's state of which each process has a slice of every vector."""
        states = self.all_gather(state)
        return {
            name: np.concatenate([one[name] for one in states]) if np.ndim(value) else value
            for name, value in state.items()
            if all(name in one for one in states)  # rank 0 may have been given another state
        }

    # ---- one update ------------------------------------------------------------------------------

    def share_out(self, n: int, rng: Any) -> tuple[slice, Any]:
        """Return this process's rows of a batch of n, and a generator that draws for them.

        A process for which no row is left computes another one with a weight of zero, because all
        of them take part in what follows.
        """
        self.weights, self.even = _weights(n, self.size), n % self.size == 0
        begin, end = (n * rank // self.size for rank in (self.rank, self.rank + 1))
        mine = slice(begin, max(begin + 1, end))
        return mine, RowsOf(rng, n, mine)

    def mean(self, values: Any) -> Any:
        """Return the mean over the whole batch of values that are means over its shares."""
        if not self._busy:  # this process alone makes the call, outside of a task
            return values
        values = np.asarray(values)
        total = self.weights @ self.exchange(values.ravel())
        return total.reshape(values.shape).astype(values.dtype)

    def update(self, optimizer: Any, params: Any) -> None:
        """Add up the gradients, and update the parameters: a slice in each process."""
        shard = self.shard(params)
        self.reduce_scatter(params.grad, shard.mine, shard.grad)
        optimizer.step(shard)
        self.all_gather_slices(params.flat)

    def starts(self, n: int) -> list[int]:
        """Return where the slice of each process begins in a vector of n numbers."""
        return [n * rank // self.size // ALIGNED_TO * ALIGNED_TO for rank in range(self.size)]

    def slice_of(self, n: int) -> slice:
        """Return this process's slice of a vector of n numbers."""
        return slice(*[*self.starts(n), n][self.rank : self.rank + 2])

    def shard(self, params: Any) -> Any:
        """Return this process's slice of the parameters, for an optimiser."""
        if self._shard is None:
            self._shard = Shard(params, self.slice_of(params.size))
        return self._shard


@cache
def _weights(n: int, size: int) -> Array:
    """Return the share of each process in a batch of n."""
    return np.diff([n * rank // size for rank in range(size + 1)]) / n


class Shard:
    """A slice of the parameters, with the attributes that an optimiser uses.

    Attributes
    ----------
    flat, grad : (size,) float arrays
        A view of the parameters, and the gradient of the whole batch.
    """

    def __init__(self, params: Any, mine: slice) -> None:
        self.mine, self.flat = mine, params.flat[mine]
        self.device, self.dtype, self.size = params.device, params.dtype, self.flat.size
        self.grad = self.device.zeros(self.size, self.dtype)


class RowsOf:
    """A generator that draws for a whole batch, and returns the rows of one process.

    All processes draw the same numbers, so that neither the noise nor the generator's state depends
    on how many there are.
    """

    def __init__(self, rng: Any, n: int, mine: slice) -> None:
        self._rng, self._n, self._mine = rng, n, mine

    def __getattr__(self, name: str) -> Any:
        draw, rows = getattr(self._rng, name), self._mine.stop - self._mine.start
        if not callable(draw):
            return draw

        def draw_rows(*arguments: Any, size: Any = None, **options: Any) -> Array:
            shape = size if isinstance(size, tuple) else (size,)
            if shape[0] != rows:
                raise InputError(
                    f"{name} was called with size={size}, but processes that share a batch draw "
                    f"row by row; give size=({rows}, ...), the number of examples first"
                )
            return draw(*arguments, size=(self._n, *shape[1:]), **options)[self._mine]

        return draw_rows


# ---- what a user may change between two steps ----------------------------------------------------


def _contents(trainer: Any) -> tuple[Any, ...]:
    """Return the attributes of a trainer, its generator's state, and those of its other parts."""
    state = str(trainer.rng.bit_generator.state)
    return vars(trainer).copy(), state, vars(trainer.optimizer).copy(), vars(trainer.model).copy()


def _same(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether all attributes are still the same objects."""
    return len(before) == len(now) and all(map(is_, before.values(), now.values()))


def _set_numbers(numbers: dict[tuple[str, str], Any], *, comm: Communicator) -> None:
    for (part, name), value in numbers.items():
        setattr(getattr(comm.trainer, part), name, value)


def _leave(comm: Communicator) -> None:
    comm.leave()


def _alone() -> Communicator:
    from npvae.parallel.alone import ALONE

    return ALONE
