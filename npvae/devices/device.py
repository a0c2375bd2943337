"""The interface of a device: what npvae needs that NumPy does not dispatch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from npvae.errors import DataError, InputError

Array: TypeAlias = NDArray[Any]


@dataclass
class DrawCounter:
    """The state of a counter-based generator, which determines all further draws.

    Attributes
    ----------
    key : int
        The stream of random numbers, 0 to 2^64 - 1.
    drawn : int
        How many numbers have been drawn from it, 0 to 2^64 - 1.
    """

    key: int
    drawn: int = 0


Seed: TypeAlias = int | np.random.Generator


class Device(Protocol):
    """A place where arrays live.

    Attributes
    ----------
    name : str
        The name for `find_device`.
    about : str
        The name, with what the results depend on, such as the GPU model and versions.
    array_type : type
        Class of its arrays.
    working_set : int
        Recommended size of a chunk of work, in bytes.
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
        """Return a generator whose draws live on this device.

        A generator of this device is returned unchanged, and a `DrawCounter` is continued by a
        device with counter-based generators. A generator or a counter of another kind seeds a new
        generator, whose draws differ; a generator of the host is advanced by one draw for it.
        """


def counter_of(rng: Any) -> DrawCounter | None:
    """Return the state of a counter-based generator; None for another generator or a seed."""
    counter = getattr(rng, "counter", rng)
    return counter if isinstance(counter, DrawCounter) else None


# ---- saving and restoring a generator ------------------------------------------------------------

GENERATORS = {"PCG64": np.random.PCG64, "PCG64DXSM": np.random.PCG64DXSM}
COUNTED = "Philox4x32-10"  # the generator of devices other than the host


def generator_state(rng: Any) -> dict[str, Any]:
    """Return the state of a generator as numbers and text.

    Raises
    ------
    InputError
        If `restore_generator` does not know its kind.
    """
    if counter := counter_of(rng):
        return {"bit_generator": COUNTED, "key": counter.key, "drawn": counter.drawn}
    state = getattr(getattr(rng, "bit_generator", None), "state", None)
    if not isinstance(state, dict) or state.get("bit_generator") not in GENERATORS:
        raise InputError(
            f"the rng of this training is not one of {', '.join(GENERATORS)} and cannot be saved "
            "in a checkpoint; use numpy.random.default_rng(seed)"
        )
    return state


def restore_generator(state: Mapping[str, Any]) -> np.random.Generator | DrawCounter:
    """Return the generator, or the counter of one, whose state `generator_state` returned.

    Raises
    ------
    DataError
        If no generator can have this state.
    """
    if state["bit_generator"] == COUNTED:
        counter = DrawCounter(state["key"], state["drawn"])
        if not all(type(n) is int and 0 <= n < 1 << 64 for n in (counter.key, counter.drawn)):
            raise DataError(
                f"its generator has the state {counter!s:.80}, expected numbers from 0 to 2^64 - 1"
            )
        return counter
    bits, inner = GENERATORS[state["bit_generator"]](0), state["state"]
    words = [inner["state"], inner["inc"], state["has_uint32"], state["uinteger"]]
    whole = all(type(word) is int and 0 <= word < 1 << 128 for word in words)
    # an even increment could repeat the same draw forever, and a rejection loop would never end
    if not whole or words[1] % 2 == 0 or words[2] > 1 or words[3] >= 1 << 32:
        raise DataError("the state of its generator is not valid for PCG64")
    bits.state = dict(state)
    return np.random.Generator(bits)
