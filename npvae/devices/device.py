"""What npvae asks of a place where arrays live; everything else NumPy dispatches."""

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array: TypeAlias = NDArray[Any]


@dataclass
class DrawCounter:
    """Where a counter-based generator stands: all that decides what it draws next.

    Attributes
    ----------
    key : which stream of random numbers, 0 to 2^64 - 1
    drawn : how many of them have been drawn, 0 to 2^64 - 1
    """

    key: int
    drawn: int = 0


Seed: TypeAlias = int | np.random.Generator


class Device(Protocol):
    """A place where arrays live.

    Attributes
    ----------
    name : as `find_device` takes it
    about : the same with what its numbers depend on, such as the card
    array_type : class of its arrays
    working_set : bytes that a chunk of work had best take here
    """

    name: str
    about: str
    array_type: Any
    working_set: int

    def zeros(self, size: int, dtype: DTypeLike) -> Array:
        """Return a vector of `size` zeros on this device."""

    def asarray(self, array: Array, dtype: DTypeLike | None = None) -> Array:
        """Return `array`, from the host or already here, on this device."""

    def to_host(self, array: Array) -> Array:
        """Return `array` as a NumPy array."""

    def generator(self, seed: Seed | DrawCounter) -> np.random.Generator:
        """Return a generator whose draws live on this device; one of its own is passed through.

        A counter-based one goes on where a `DrawCounter` stands. A generator or a counter of
        another kind is the seed of a new generator, which draws other numbers; from a generator of
        the host one number is drawn for that.
        """


def counter_of(rng: Any) -> DrawCounter | None:
    """Return where a counter-based generator stands; None of another, or of a seed."""
    counter = getattr(rng, "counter", rng)
    return counter if isinstance(counter, DrawCounter) else None
