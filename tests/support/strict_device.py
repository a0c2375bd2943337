"""A device without a GPU that refuses what CuPy refuses, and a little more.

Its arrays hold NumPy arrays that nobody else may touch. They mix with Python numbers and with each
other, never with NumPy's arrays or scalars; they become NumPy only through `StrictDevice.to_host`;
and a scalar is read out of one only where `waiting_allowed` says so, which counts. `launches`
counts what would start a kernel on a GPU.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

# what npvae's kernels may use: CuPy has it (looked up by name in CuPy 14.2)
UFUNCS = """
    absolute add divide equal exp expm1 greater greater_equal less less_equal log log1p matmul
    maximum minimum multiply negative not_equal power sign sqrt square subtract tanh
""".split()  # noqa: SIM905
REDUCING = ("add", "multiply")  # the only ufuncs whose .reduce CuPy has
FUNCTIONS = (
    np.concatenate,
    np.cumsum,
    np.full_like,
    np.max,
    np.repeat,
    np.sum,
    np.vdot,
    np.zeros_like,
)

_waits: list[str] | None = None
_launches: Counter[str] = Counter()


class Refused(TypeError):
    """What a GPU's array would have refused, or answered slowly."""


@contextmanager
def waiting_allowed() -> Iterator[list[str]]:
    """Within it, numbers may leave the device; each time is noted in the list it gives."""
    global _waits
    before, _waits = _waits, []
    try:
        yield _waits
    finally:
        _waits = before


@contextmanager
def launches() -> Iterator[Counter[str]]:
    """Count, by name, what starts a kernel within it."""
    before, counted = _launches.copy(), Counter()
    yield counted
    counted.update(_launches - before)


def launch(name: str) -> None:
    """Count the start of a kernel."""
    _launches[name] += 1


def _wait(why: str) -> None:
    if _waits is None:
        raise Refused(f"{why} waits for the device")
    _waits.append(why)


class StrictArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array on the strict device."""

    def __init__(self, host: np.ndarray) -> None:
        self._host = host

    shape = property(lambda self: self._host.shape)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    dtype = property(lambda self: self._host.dtype)
    nbytes = property(lambda self: self._host.nbytes)
    T = property(lambda self: self._wrap(self._host.T))

    @classmethod
    def _wrap(cls, result) -> "StrictArray":
        return cls(np.asarray(result))  # a reduction gives a 0-d array that stays there

    def __len__(self) -> int:
        return len(self._host)  # of a 0-d array: TypeError, as NumPy has it

    def __getitem__(self, key):
        if isinstance(key, StrictArray):
            launch("take")
        return self._wrap(self._host[_key(key)])

    def __setitem__(self, key, value) -> None:
        launch("copy")
        self._host[_key(key)] = _host(value)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        name = ufunc.__name__
        if method not in ("__call__", "reduce") or name not in UFUNCS:
            raise Refused(f"np.{name}, {method}: CuPy may not have it")
        if method == "reduce" and name not in REDUCING:
            raise Refused(f"np.{name}.reduce: CuPy does not have it")
        launch(name if method == "__call__" else f"{name}.{method}")
        out = options.pop("out", (None,))[0]
        if out is not None:
            options["out"] = _host(out, numbers=False)
        result = getattr(ufunc, method)(*map(_host, inputs), **options)
        return self._wrap(result) if out is None else out

    def __array_function__(self, function, types, arguments, options):
        if function not in FUNCTIONS:
            raise Refused(f"np.{function.__name__} is none of those that npvae may use")
        launch(function.__name__)
        unwrapped = [
            [_host(part) for part in a] if isinstance(a, list) else _host(a) for a in arguments
        ]
        out = options.get("out")
        options = {key: _host(value) for key, value in options.items()}
        result = function(*unwrapped, **options)
        return self._wrap(result) if out is None else out

    def reshape(self, *shape):
        return self._wrap(self._host.reshape(*shape))

    def astype(self, dtype):
        launch("astype")
        return self._wrap(self._host.astype(dtype))

    def take(self, indices, axis):
        launch("take")
        return self._wrap(self._host.take(_host(indices, numbers=False), axis=axis))

    def copy(self):
        launch("copy")
        return self._wrap(self._host.copy())

    def sum(self, axis=None, dtype=None):
        launch("sum")
        return self._wrap(self._host.sum(axis=axis, dtype=dtype))

    def __float__(self) -> float:
        _wait("float()")
        return float(self._host)

    def _refuse(self, *arguments, **options):
        raise Refused("device data would become NumPy data or Python objects")

    __array__ = __iter__ = __bool__ = __int__ = __index__ = __complex__ = _refuse
    __contains__ = __repr__ = __str__ = __format__ = item = tolist = _refuse


def _host(value, *, numbers: bool = True):
    """Unwrap what is on the device; let Python's numbers through, and nothing else."""
    if isinstance(value, StrictArray):
        return value._host
    if numbers and type(value) in (bool, int, float, type(None)):
        return value
    raise Refused(f"{type(value).__name__} mixed with device data")


def _key(key):
    parts = key if isinstance(key, tuple) else (key,)
    allowed = (slice, int, type(Ellipsis), type(None))
    host = tuple(p if isinstance(p, allowed) else _host(p, numbers=False) for p in parts)
    return host if isinstance(key, tuple) else host[0]


class HostNoise:
    """NumPy's draws, put on a device; only the keywords that CuPy's Generator knows."""

    def __init__(self, rng: np.random.Generator, asarray) -> None:
        self._rng, self._asarray = rng, asarray
        self.bit_generator = rng.bit_generator  # which a checkpoint keeps

    def random(self, *, size, dtype=np.float64):
        return self._asarray(self._rng.random(size=size, dtype=dtype))

    def standard_normal(self, *, size, dtype=np.float64):
        return self._asarray(self._rng.standard_normal(size=size, dtype=dtype))

    def integers(self, low, high, *, size, dtype):
        return self._asarray(self._rng.integers(low, high, size=size, dtype=dtype))

    def pixels(self, rows, dtype):
        return (self.integers(0, 255, size=rows.shape, dtype=np.uint8) < rows).astype(dtype)

    def permutation(self, n):
        return self._asarray(self._rng.permutation(n))


class StrictDevice:
    """The `Device` of these arrays, with no kernels of its own, and noise from the host."""

    name = about = "strict"
    array_type = StrictArray
    working_set = 1 << 23

    def zeros(self, size, dtype) -> StrictArray:
        launch("zeros")
        return self.array_type(np.zeros(size, dtype))

    def asarray(self, array, dtype=None) -> StrictArray:
        if isinstance(array, StrictArray) and dtype in (None, array.dtype):
            return array
        host = array._host if isinstance(array, StrictArray) else np.array(array)
        return self.array_type(np.asarray(host, dtype))

    def to_host(self, array) -> np.ndarray:
        if not isinstance(array, StrictArray):
            raise Refused(f"to_host of a {type(array).__name__}")
        _wait("to_host()")
        return array._host.copy()

    def generator(self, seed) -> HostNoise:
        if isinstance(seed, HostNoise):
            return seed
        return HostNoise(np.random.default_rng(seed), self.asarray)
