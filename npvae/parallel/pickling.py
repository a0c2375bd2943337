"""How objects travel between processes: pickled, but for what every process has itself."""

import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np

from npvae.errors import InputError
from npvae.parallel.communicator import Communicator

Buffers = list[pickle.PickleBuffer]


class _Pickler(pickle.Pickler):
    """Pickles a communicator as a reference, and a memory-mapped array as the name of its file."""

    def __init__(self, file: BytesIO, comm: Communicator, **options: Any) -> None:
        super().__init__(file, protocol=5, **options)
        self._comm = comm

    def persistent_id(self, thing: Any) -> str | None:
        return "communicator" if thing is self._comm else None

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, np.memmap) and thing.filename and thing.flags.c_contiguous:
            return _mapped, (thing.filename, thing.dtype, _offset(thing), thing.shape)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BytesIO, comm: Communicator, **options: Any) -> None:
        super().__init__(file, **options)
        self._comm = comm

    def persistent_load(self, name: str) -> Communicator:
        return self._comm


def dumps(thing: Any, comm: Communicator, keep: Callable[[Any], Any] | None = None) -> bytes:
    """Return an object as bytes.

    Raises
    ------
    InputError
        If it cannot be sent to another process.
    """
    file = BytesIO()
    try:
        _Pickler(file, comm, buffer_callback=keep).dump(thing)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise InputError(
            f"this training cannot be sent to other processes ({error}); models, schedules and "
            "other parts must be made of classes and functions of an importable module, not of "
            "lambdas, or train with workers=1"
        ) from error
    return file.getvalue()


def loads(message: bytes, comm: Communicator, buffers: Any = ()) -> Any:
    """Return the object that `dumps` made bytes of."""
    return _Unpickler(BytesIO(message), comm, buffers=buffers).load()


def _offset(array: np.memmap) -> int:
    """Return where the numbers of a memory-mapped array begin in its file."""
    base: Any = array
    while isinstance(base.base, np.memmap):
        base = base.base
    return int(base.offset) + array.ctypes.data - base.ctypes.data


def _mapped(filename: str, dtype: Any, offset: int, shape: tuple[int, ...]) -> Any:
    return np.memmap(filename, dtype, "r", offset, shape)
