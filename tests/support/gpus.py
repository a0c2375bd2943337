"""What stands for a GPU in the tests: the stand-in everywhere, CuPy's where there is one."""

import sys

import host_kernels
import numpy as np
import pytest
import strict_cupy
from strict_device import HostNoise

from npvae.devices.cuda import Cuda, open_cuda
from npvae.devices.kernels import INSTALLED, replace
from npvae.errors import InputError

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}  # of the largest number of an array


class HostNoiseCuda(Cuda):
    """A GPU whose noise is drawn on the host, so that both meet the same."""

    def generator(self, seed):
        if isinstance(seed, HostNoise):
            return seed
        return HostNoise(np.random.default_rng(seed), self.asarray)


def open_backend(name):
    """Return the module that does for CuPy; skips where there is none."""
    if name == "stand-in":
        if host_kernels.COMPILER is None:
            pytest.skip("no C++ compiler (c++, g++ or clang++) for the kernels of the stand-in")
        return strict_cupy
    try:
        open_cuda()
    except InputError as error:
        pytest.skip(str(error))
    import cupy

    return cupy


def installed(name):
    """Return what npvae calls by this full name, such as "npvae.layers.relu"."""
    module, _, attribute = name.rpartition(".")
    return getattr(sys.modules[module], attribute)


def uninstall():
    """Undo what opening a GPU has done to the functions of npvae."""
    for name in {name for kernels in INSTALLED.values() for name in kernels}:
        function = installed(name)
        replace(function, getattr(function, "__wrapped__", function))
    INSTALLED.clear()


def assert_close(there, here, tolerance, what=""):
    """Compare a result from the device with NumPy's, by the largest number in it."""
    here = np.asarray(here)
    assert there.shape == here.shape, what
    assert there.dtype == here.dtype, what
    scale = max(float(np.abs(here).max(initial=0)), 1e-3)
    apart = float(np.abs(there - here).max(initial=0))
    assert apart <= tolerance * scale, f"{what}: {apart:.2e} apart, of {scale:.2e}"
