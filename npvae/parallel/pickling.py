"""How objects travel between processes: pickled, but for what every process has itself."""

import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np

from npvae.errors import InputError
from npvae.parallel.communicator import Communicator


class _Pickler(pickle.Pickler):
    """Pickles a communicator as a reference, and a memory-mapped array as the name of its file."""

    def __init__(self, file: BytesIO, comm: Communicator, **options: Any) -> None:
        super().__init__(file, protocol=5, **options)
        self._comm = comm

    def persistent_id(self, thing: Any) -> str | None:
        return "communicator" if thing is self._comm else None

    def reducer_override(self, thing: Any) -> Any:
        if not isinstance(thing, np.ndarray) or (file := _file_of(thing)) is None:
            return NotImplemented
        own = {k: v for k, v in getattr(thing, "__dict__", {}).items() if k != "_mmap"}
        offset = file.offset + thing.ctypes.data - file.ctypes.data
        place = file.filename, thing.dtype, thing.shape, int(offset), thing.strides
        return _mapped, (type(thing), own, *place)


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
    """Return the object that `dumps` made bytes of.

    Raises
    ------
    InputError
        If it needs a class or a function that this process cannot import.
    """
    try:
        return _Unpickler(BytesIO(message), comm, buffers=buffers).load()
    except (AttributeError, ImportError) as error:
        raise InputError(
            f"other processes cannot import a part of this training ({error}); define it in a "
            "module, not in a notebook or on a prompt, or train with workers=1"
        ) from error


def _file_of(array: Any) -> Any:
    """Return the memory-mapped array of which this one is a view, if its file has the numbers."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    is_file = isinstance(array, np.memmap) and array.filename and array.mode != "c"
    return array if is_file else None


def _mapped(
    kind: type[np.ndarray[Any, Any]], own: dict[str, Any], filename: str, *place: Any
) -> Any:
    """Return the array that is at this place in a file, with what its class keeps with it."""
    dtype, shape, offset, strides = place
    array = np.ndarray(shape, dtype, np.memmap(filename, np.uint8, "r"), offset, strides).view(kind)
    if own:
        vars(array).update(own)
    return array
