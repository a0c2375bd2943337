"""What stands for a GPU: the stand-in everywhere, and CuPy's where there is one."""

import pytest
from gpus import HostNoiseCuda, open_backend, uninstall

from npvae.devices.cuda import Cuda


@pytest.fixture(autouse=True, scope="module")
def functions_put_back():
    """The other tests meet the functions of npvae as they are on a host without a GPU."""
    yield
    uninstall()


@pytest.fixture(params=["stand-in", "cupy"])
def gpu(request):
    """A GPU whose noise is drawn on the host, as NumPy's is, so that both can be compared."""
    return HostNoiseCuda(open_backend(request.param))


@pytest.fixture(params=["stand-in", "cupy"])
def own_gpu(request):
    """A GPU as it is used, with noise of its own."""
    return Cuda(open_backend(request.param))
