"""A stand-in for the module CuPy on a machine without a GPU, as far as npvae uses it.

`npvae.devices` works with it as with CuPy itself. Its arrays refuse what `strict_device` refuses,
and its kernels are the real ones, compiled for the host.
"""

from types import SimpleNamespace

import host_kernels
import numpy as np
from strict_device import StrictArray, StrictDevice, launch

__version__ = "14.2.0, a stand-in"


class ndarray(StrictArray):
    """An array on the card that is none."""


class _Room(StrictDevice):
    array_type = ndarray


_room = _Room()
zeros, asarray = _room.zeros, _room.asarray


def asnumpy(array) -> np.ndarray:
    """Return what is on the host already, too."""
    return array if isinstance(array, np.ndarray) else _room.to_host(array)


def empty(size, dtype) -> ndarray:
    """Return numbers that nobody should read, so that one who does finds out."""
    return ndarray(np.full(size, 77, dtype))


def ones(size, dtype) -> ndarray:
    """Return ones."""
    launch("ones")
    return ndarray(np.ones(size, dtype))


def argsort(array) -> ndarray:
    launch("argsort")
    return ndarray(np.argsort(array._host))


class ElementwiseKernel(host_kernels.ElementwiseKernel):
    array_type = ndarray

    def launch(self) -> None:
        launch(self.name)


class ReductionKernel(host_kernels.ReductionKernel):
    array_type = ndarray
    elementwise = ElementwiseKernel

    def launch(self) -> None:
        launch(self.name)


CARD = {"name": b"no card", "totalGlobalMem": 1 << 26}
cuda = SimpleNamespace(
    is_available=lambda: True,
    Device=lambda: SimpleNamespace(id=0),
    get_local_runtime_version=lambda: 13020,
    runtime=SimpleNamespace(getDeviceCount=lambda: 1, getDeviceProperties=lambda number: CARD),
)
