"""What npvae asks of a place where arrays live; everything else NumPy dispatches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from npvae.errors import DataError, InputError

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


# ---- where a generator stands, for a file --------------------------------------------------------

GENERATORS = {"PCG64": np.random.PCG64, "PCG64DXSM": np.random.PCG64DXSM}
COUNTED = "Philox4x32-10"  # of devices other than the host


def generator_state(rng: Any) -> dict[str, Any]:
    """Return all that decides what a generator draws next, as numbers and text.

    Raises
    ------
    InputError : if it is of a kind that `restore_generator` does not know
    """
    if counter := counter_of(rng):
        return {"bit_generator": COUNTED, "key": counter.key, "drawn": counter.drawn}
    state = getattr(getattr(rng, "bit_generator", None), "state", None)
    if not isinstance(state, dict) or state.get("bit_generator") not in GENERATORS:
        raise InputError(
            f"a checkpoint keeps the generators {', '.join(GENERATORS)}, and the rng of this "
            "training is another; use numpy.random.default_rng(seed)"
        )
    return state


def restore_generator(state: Mapping[str, Any]) -> np.random.Generator | DrawCounter:
    """Return a generator, or the counter of one, that stands where `generator_state` says.

    Raises
    ------
    DataError : if no generator can stand there
    """
    if state["bit_generator"] == COUNTED:
        counter = DrawCounter(state["key"], state["drawn"])
        if not all(type(n) is int and 0 <= n < 1 << 64 for n in (counter.key, counter.drawn)):
            raise DataError(
                f"its generator stands at {counter!s:.80}, expected numbers from 0 to 2^64 - 1"
            )
        return counter
    bits, inner = GENERATORS[state["bit_generator"]](0), state["state"]
    words = [inner["state"], inner["inc"], state["has_uint32"], state["uinteger"]]
    whole = all(type(word) is int and 0 <= word < 1 << 128 for word in words)
    # an even increment may repeat one draw for ever, and a loop that rejects it would never end
    if not whole or words[1] % 2 == 0 or words[2] > 1 or words[3] >= 1 << 32:
        raise DataError("its generator has a state that no PCG64 can have")
    bits.state = dict(state)
    return np.random.Generator(bits)
