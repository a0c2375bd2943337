"""The ordinary case: a training in a single process."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from npvae.devices import Array
from npvae.parallel.communicator import Communicator

R = TypeVar("R")


class Alone(Communicator):
    """A communicator of size 1: every exchange returns what it was given."""

    @contextmanager
    def leading(self, trainer: Any, name: str) -> Iterator[None]:
        yield

    def run(self, function: Callable[..., R], *arguments: Any, **options: Any) -> R:
        return function(*arguments, comm=self, **options)

    def share_out(self, n: int, rng: Any) -> tuple[slice, Any]:
        return slice(None), rng

    def mean(self, values: Any) -> Any:
        return values

    def update(self, optimizer: Any, params: Any) -> None:
        optimizer.step(params)

    def shard(self, params: Any) -> Any:
        return params

    def join_states(self, state: dict[str, Any]) -> dict[str, Any]:
        return state

    def map(self, function: Callable[[Any], R], items: Sequence[Any]) -> list[R]:
        return [function(item) for item in items]

    def pack(self, task: Any) -> None: ...

    def deliver(self, message: Any) -> None: ...

    def receive(self) -> None: ...

    def all_gather(self, thing: Any) -> list[Any]:
        return [thing]

    def exchange(self, numbers: Array) -> Array:
        return numbers[None]

    def adopt(self, trainer: Any) -> None: ...

    def reduce_scatter(self, grad: Array, mine: slice, total: Array) -> None: ...

    def all_gather_slices(self, flat: Array) -> None: ...


ALONE = Alone()
