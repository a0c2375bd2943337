"""A GPU as a device, through CuPy, which is imported only when a GPU is requested."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from npvae.devices.device import Array, DrawCounter, Seed
from npvae.devices.kernels import install, kernels_of
from npvae.devices.philox import CounterGenerator, draw_kernels
from npvae.errors import InputError

INSTALL = "pip install '.[cuda13]' in a clone of npvae ('.[cuda12]' for a CUDA 12 driver)"
MOST_AT_ONCE = 1 << 26  # bytes per copy, since CuPy locks as much of the host's memory for it
MOST_WORK = 1 << 30  # bytes per chunk, enough to make the launch time of a kernel negligible


class Cuda:
    """The GPU on which CuPy computes: the first, or the one in CUDA_VISIBLE_DEVICES. See `Device`.

    Parameters
    ----------
    xp : module
        CuPy.
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
        """Return `array` on the GPU; a large one is copied in parts."""
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
            raise InputError(f"the seed is {seed!r:.60}; choose a whole number, at least 0")
        return CounterGenerator(self._xp, self._draws, DrawCounter(int(seed) % (1 << 64)))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Cuda":
        return self

    def __reduce__(self) -> Any:
        return open_cuda, ()


@cache
def open_cuda() -> Cuda:
    """Return the GPU, after a small test computation on it.

    Raises
    ------
    InputError
        If CuPy is not installed, finds no GPU, or cannot compute on it; the message says which.
    """
    try:
        import cupy
    except ImportError as error:
        missing = "is not installed" if error.name == "cupy" else f"cannot load ({error})"
        raise _unusable(f"CuPy {missing}", INSTALL) from error
    version = cupy.__version__
    try:
        cupy.cuda.runtime.getDeviceCount()  # its error says why there is none, unlike the next line
        if not cupy.cuda.is_available():
            raise RuntimeError("none is available")
    except Exception as error:
        advice = (
            "check that nvidia-smi lists a GPU, and that its driver supports the CUDA version of "
            "CuPy (13 for cupy-cuda13x, 12 for cupy-cuda12x; install only one of them)"
        )
        raise _unusable(f"CuPy {version} finds no usable NVIDIA GPU ({error})", advice) from error
    try:
        ones = cupy.ones((2, 2), np.float32)
        if float((ones @ ones + ones).sum()) != 12:
            raise ArithmeticError("a matrix product came out wrong")
        return Cuda(cupy)
    except Exception as error:
        why = f"CuPy {version} finds a GPU but cannot compute on it ({error})"
        raise _unusable(why, f"install the CUDA libraries with {INSTALL}") from error


def _unusable(why: str, advice: str) -> InputError:
    """Return an error that says in one sentence what is missing and what to do."""
    why = " ".join(why.split())
    return InputError(
        f"the device cuda cannot be used: {why}; {advice}, or use the host (--device cpu, "
        'device="cpu")'
    )
