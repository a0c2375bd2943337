"""A counter-based random number generator for a device.

Philox 4x32-10 turns a key and a counter into four random words, so that each number is a function
of the key and of its position in the stream. No thread waits for another, and a `DrawCounter` is
the complete state that a checkpoint has to store, whereas CuPy's own generators cannot be saved.

References
----------
Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3",
doi:10.1145/2063384.2063405.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from npvae.devices.device import Array, DrawCounter
from npvae.errors import InputError

PHILOX = """
__device__ void philox(unsigned long long key, unsigned long long number, unsigned int* word) {
  unsigned int k0 = key, k1 = key >> 32;
  word[0] = number;
  word[1] = number >> 32;
  word[2] = word[3] = 0;
  for (int round = 0; round < 10; ++round) {
    const unsigned long long p = 0xD2511F53ull * word[0], q = 0xCD9E8D57ull * word[2];
    word[0] = (unsigned int)(q >> 32) ^ word[1] ^ k0;
    word[1] = q;
    word[2] = (unsigned int)(p >> 32) ^ word[3] ^ k1;
    word[3] = p;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

// uniform in [0, 1): 24 bits of one word, or 53 of two
__device__ void uniform(const unsigned int* word, float& u) {
  u = (word[0] >> 8) * (1.0f / 16777216);
}
__device__ void uniform(const unsigned int* word, double& u) {
  u = ((word[0] >> 5) * 67108864.0 + (word[1] >> 6)) * (1.0 / 9007199254740992);
}

// standard normal, by Box and Muller: radius from one uniform number, in (0, 1], angle from another
__device__ void normal(const unsigned int* word, float& z) {
  const float u = (word[0] + 0.5f) * (1.0f / 4294967296), v = word[1] * (1.0f / 4294967296);
  z = sqrt(-2 * log(u)) * cos(6.28318530717958648f * v);
}
__device__ void normal(const unsigned int* word, double& z) {
  double u, v;
  uniform(word, u);
  uniform(word + 2, v);
  z = sqrt(-2 * log(u + 0.5 / 9007199254740992)) * cos(6.28318530717958648 * v);
}
"""
DRAWS = {  # C++ that computes y, of type T, from the four words of its position
    "uniform": "uniform(word, y);",
    "normal": "normal(word, y);",
    "whole": "y = low + (T)(((unsigned long long)word[0] * span) >> 32);",
    "pixels": "y = (((unsigned long long)word[0] * 255) >> 32) < v;",
    "bits": "y = ((unsigned long long)word[1] << 32) | word[0];",
}
PARAMETERS = {"whole": ", int64 low, uint64 span", "pixels": ", uint8 v"}
WORDS = "unsigned int word[4]; philox(key, drawn + i, word);"


def draw_kernels(xp: Any) -> dict[str, Any]:
    """Return the kernels that fill an array with draws, by name; `xp` is CuPy."""
    return {
        name: xp.ElementwiseKernel(
            f"uint64 key, uint64 drawn{PARAMETERS.get(name, '')}",
            "T y",
            f"{WORDS} {operation}",
            f"npvae_{name}",
            preamble=PHILOX,
        )
        for name, operation in DRAWS.items()
    }


class CounterGenerator:
    """The methods of `numpy.random.Generator` that npvae uses, on a device.

    Parameters
    ----------
    xp : module
        CuPy.
    kernels : dict
        The result of `draw_kernels`.
    counter : DrawCounter
        The state, which every draw advances.
    """

    def __init__(self, xp: Any, kernels: dict[str, Any], counter: DrawCounter) -> None:
        self._xp, self._kernels, self.counter = xp, kernels, counter

    def __deepcopy__(self, memo: dict[int, Any]) -> "CounterGenerator":
        return CounterGenerator(self._xp, self._kernels, replace(self.counter))

    def random(self, *, size: int | tuple[int, ...], dtype: DTypeLike = np.float64) -> Array:
        """Return floats, uniform in [0, 1)."""
        return self._fill("uniform", size, dtype)

    def standard_normal(
        self, *, size: int | tuple[int, ...], dtype: DTypeLike = np.float64
    ) -> Array:
        """Return floats from N(0, 1)."""
        return self._fill("normal", size, dtype)

    def integers(
        self, low: int, high: int, *, size: int | tuple[int, ...], dtype: DTypeLike = np.int64
    ) -> Array:
        """Return integers, low <= k < high, with equal probabilities up to 2^-32.

        Raises
        ------
        InputError
            If the range is empty or larger than 2^32.
        """
        if not 0 < high - low <= 1 << 32:
            raise InputError(f"integers from {low} to {high}: choose a range of 1 to 2^32 numbers")
        return self._fill("whole", size, dtype, low, np.uint64(high - low))

    def pixels(self, rows: Array, dtype: DTypeLike) -> Array:
        """Return 1 where a draw of `integers(0, 255)` is below the byte, else 0, in one kernel."""
        return self._fill("pixels", rows.shape, dtype, rows)

    def permutation(self, n: int) -> Array:
        """Return 0 .. n - 1 in random order, by sorting n random 64-bit words."""
        return self._xp.argsort(self._fill("bits", n, np.uint64))

    def _fill(self, name: str, size: int | tuple[int, ...], dtype: DTypeLike, *more: Any) -> Array:
        y, counter = self._xp.empty(size, dtype), self.counter
        self._kernels[name](np.uint64(counter.key), np.uint64(counter.drawn), *more, y)
        counter.drawn = (counter.drawn + int(y.size)) % (1 << 64)
        return y
