"""A GPU, through CuPy, which is imported when a GPU is asked for."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from npvae.devices.device import Array, Counter, Seed
from npvae.devices.fused import KERNELS
from npvae.devices.kernels import kernels_of
from npvae.devices.philox import CounterGenerator, draw_kernels
from npvae.errors import InputError

EXTRAS = "npvae[cuda13] (npvae[cuda12], where nvidia-smi knows no more than CUDA 12)"
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
        self.about = f"cuda: {card['name'].decode()}, CuPy {xp.__version__}"
        self.array_type: Any = xp.ndarray
        self.working_set = min(MOST_WORK, int(card["totalGlobalMem"]) // 8)
        self._xp, self._draws = xp, draw_kernels(xp)
        KERNELS[xp.ndarray] = kernels_of(xp)

    def zeros(self, size: int, dtype: DTypeLike) -> Array:
        return self._xp.zeros(size, dtype)

    def asarray(self, array: Array, dtype: DTypeLike | None = None) -> Array:
        return self._xp.asarray(array, dtype)

    def to_host(self, array: Array) -> Array:
        return self._xp.asnumpy(array)

    def generator(self, seed: Seed | Counter) -> Any:
        if isinstance(seed, CounterGenerator):
            return seed
        if isinstance(seed, np.random.Generator):
            seed = int(seed.integers(1 << 63))
        counter = seed if isinstance(seed, Counter) else Counter(int(seed) % (1 << 64))
        return CounterGenerator(self._xp, self._draws, counter)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Cuda":
        return self


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
        raise _unusable(f"CuPy {missing}", f"install {EXTRAS}") from error
    version = cupy.__version__
    try:
        cupy.cuda.runtime.getDeviceCount()
        if not cupy.cuda.is_available():
            raise RuntimeError("there is none")
    except Exception as error:
        advice = f"see whether nvidia-smi shows one, and install {EXTRAS}"
        raise _unusable(f"CuPy {version} finds no NVIDIA GPU to use ({error})", advice) from error
    try:
        one = cupy.ones((1, 1), np.float32)
        if float((one @ one + one).sum()) != 2:
            raise ArithmeticError("1 * 1 + 1 is not 2 there")
    except Exception as error:
        why = f"there is a GPU, and CuPy {version} cannot compute on it ({error})"
        raise _unusable(why, f"install CUDA's libraries with {EXTRAS}") from error
    return Cuda(cupy)


def _unusable(why: str, advice: str) -> InputError:
    """Return an error that says in one sentence what is missing, and what to do."""
    why = " ".join(why.split())
    return InputError(f"the device cuda cannot be used: {why}; {advice}, or give the device cpu")
