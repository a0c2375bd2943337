"""The GPU as a device, through CuPy, which is imported when a GPU is asked for."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from npvae.devices.device import Array, DrawCounter, Seed
from npvae.devices.kernels import install, kernels_of
from npvae.devices.philox import CounterGenerator, draw_kernels
from npvae.errors import InputError

INSTALL = "pip install '.[cuda13]' in a clone of npvae ('.[cuda12]' for a driver of CUDA 12)"
MOST_AT_ONCE = 1 << 26  # bytes sent at a time: for a copy CuPy locks as much of the host's memory
MOST_WORK = 1 << 30  # bytes of a chunk: kernels so large that their start no longer counts


class Cuda:
    """The GPU that CuPy computes on: the first, or the one that CUDA_VISIBLE_DEVICES names.

    Parameters
    ----------
    xp : CuPy
    """

    name = "cuda"

    def __init__(self, xp: Any) -> None:
        card = xp.cuda.runtime.getDeviceProperties(xp.cuda.Device().id)
        major, minor = divmod(xp.cuda.get_local_runtime_version(), 1000)
        versions = f"CuPy {xp.__version__}, CUDA {major}.{minor // 10}"
        self.about = f"cuda: {card['name'].decode()}, {versions}"
        self.array_type: Any = xp.ndarray
        self.working_set = min(MOST_WORK, int(card["totalGlobalMem"]) // 8)
        self._xp, self._draws = xp, draw_kernels(xp)
        install(kernels_of(xp), self.array_type)

    def zeros(self, size: int, dtype: DTypeLike) -> Array:
        return self._xp.zeros(size, dtype)

    def asarray(self, array: Array, dtype: DTypeLike | None = None) -> Array:
        if not isinstance(array, np.ndarray) or array.nbytes <= MOST_AT_ONCE or array.ndim == 0:
            return self._xp.asarray(array, dtype)
        there = self._xp.empty(array.shape, array.dtype if dtype is None else dtype)
        rows = max(1, MOST_AT_ONCE * len(array) // array.nbytes)
        for start in range(0, len(array), rows):
            part = slice(start, start + rows)
            there[part] = self._xp.asarray(array[part], there.dtype)
        return there

    def to_host(self, array: Array) -> Array:
        return self._xp.asnumpy(array)

    def generator(self, seed: Seed | DrawCounter) -> Any:
        if isinstance(seed, CounterGenerator):
            return seed
        if isinstance(seed, np.random.Generator):
            seed = int(seed.integers(1 << 63))
        if isinstance(seed, DrawCounter):
            return CounterGenerator(self._xp, self._draws, replace(seed))
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise InputError(f"the seed is {seed!r:.60}; give a whole number, 0 or more")
        return CounterGenerator(self._xp, self._draws, DrawCounter(int(seed) % (1 << 64)))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Cuda":
        return self

    def __reduce__(self) -> Any:
        return open_cuda, ()


@cache
def open_cuda() -> Cuda:
    """Return the GPU, having computed a little on it.

    Raises
    ------
    InputError : if CuPy is not installed, finds no GPU, or cannot compute on it; says which
    """
    try:
        import cupy
    except ImportError as error:
        missing = "is not installed" if error.name == "cupy" else f"cannot load ({error})"
        raise _unusable(f"CuPy {missing}", INSTALL) from error
    version = cupy.__version__
    try:
        cupy.cuda.runtime.getDeviceCount()  # unlike the next, it says why there is none
        if not cupy.cuda.is_available():
            raise RuntimeError("there is none")
    except Exception as error:
        advice = (
            "see whether nvidia-smi shows one, and which CUDA its driver knows: cupy-cuda13x needs "
            "13, cupy-cuda12x 12 (have one of them only)"
        )
        raise _unusable(f"CuPy {version} finds no NVIDIA GPU to use ({error})", advice) from error
    try:
        ones = cupy.ones((2, 2), np.float32)
        if float((ones @ ones + ones).sum()) != 12:
            raise ArithmeticError("a product of two matrices is wrong there")
        return Cuda(cupy)
    except Exception as error:
        why = f"there is a GPU, and CuPy {version} cannot compute on it ({error})"
        raise _unusable(why, f"install CUDA's libraries: {INSTALL}") from error


def _unusable(why: str, advice: str) -> InputError:
    """Return an error that says in one sentence what is missing, and what to do."""
    why = " ".join(why.split())
    return InputError(
        f"the device cuda cannot be used: {why}; {advice}, or compute on the host (--device cpu, "
        'device="cpu")'
    )
