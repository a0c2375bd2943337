"""The host as a device: NumPy arrays in its own memory."""

from functools import cache
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike

from npvae.devices.device import Array, DrawCounter, Seed, counter_of
from npvae.errors import InputError

CACHE_LINE = 64  # bytes
LARGEST_KEPT = (1 << 25) - (1 << 16)  # bytes


@cache
def keep_freed_memory() -> None:
    """Make this process keep the memory of freed arrays, because the next ones need it again.

    Otherwise glibc gives memory back to the system once more is free than twice the largest block
    that was freed before, and every page that has to come back costs a fault: a third of the time
    of an estimate of log p(x). A block of the largest size that counts, allocated and freed without
    being touched, raises that limit.
    """
    np.empty(LARGEST_KEPT, np.uint8)


class Cpu:
    """The host as a device; see `Device`."""

    name = about = "cpu"
    array_type: Any = np.ndarray
    working_set = 1 << 22  # larger chunks no longer fit into the caches

    def zeros(self, size: int, dtype: DTypeLike) -> Array:
        """Return zeros aligned to a cache line, over which long passes are a quarter faster."""
        n_bytes = size * np.dtype(dtype).itemsize
        block = np.zeros(n_bytes + CACHE_LINE, np.uint8)
        start = -block.ctypes.data % CACHE_LINE
        return block[start : start + n_bytes].view(dtype)

    def asarray(self, array: Array, dtype: DTypeLike | None = None) -> Array:
        return np.asarray(array, dtype)

    def to_host(self, array: Array) -> Array:
        return array

    def generator(self, seed: Seed | DrawCounter) -> np.random.Generator:
        if counter := counter_of(seed):
            return np.random.default_rng([counter.key, counter.drawn])
        try:
            return np.random.default_rng(cast(Seed, seed))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"the seed is {seed!r:.60}, expected a whole number, at least 0, or a generator"
            ) from error

    def __reduce__(self) -> str:
        """Copy and pickle by name: there is only one host."""
        return "CPU"


CPU = Cpu()
