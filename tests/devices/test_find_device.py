"""Which device is meant by a name, and what is said where there is none."""

import copy
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import strict_cupy
from gpus import open_backend
from strict_device import waiting_allowed

from npvae import VAE, InputError, load_model
from npvae.devices import CPU, find_device
from npvae.devices.cuda import Cuda, open_cuda
from npvae.parameters import Parameters

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def unopened():
    """Each test opens the GPU anew."""
    open_cuda.cache_clear()
    yield
    open_cuda.cache_clear()


@pytest.fixture
def stand_in(monkeypatch):
    """The stand-in in the place of CuPy."""
    monkeypatch.setitem(sys.modules, "cupy", open_backend("stand-in"))
    with waiting_allowed():
        find_device("cuda")


def no_card(**changes):
    """Return CuPy as it is on a machine without one."""

    def fail():
        raise RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")

    cuda = SimpleNamespace(is_available=lambda: False, runtime=SimpleNamespace(getDeviceCount=fail))
    return SimpleNamespace(**{"cuda": cuda, "__version__": "14.2.0"} | changes)


def no_blas(*_):
    raise OSError("libcublas.so.13: cannot open\n shared object file")


NO_GPU = {
    "CuPy is not installed": None,
    r"CuPy 14.2.0 finds no usable NVIDIA GPU \(cudaErrorNoDevice": no_card(),
    r"finds no usable NVIDIA GPU \(none is available\)": no_card(
        cuda=SimpleNamespace(
            is_available=lambda: False, runtime=SimpleNamespace(getDeviceCount=lambda: 0)
        )
    ),
    r"cannot compute on it \(libcublas.so.13: cannot open shared object file\)": SimpleNamespace(
        cuda=strict_cupy.cuda, __version__="14.2.0", ones=no_blas
    ),
}


@pytest.mark.parametrize("why", NO_GPU)
def test_without_a_gpu_one_sentence_says_what_is_missing(monkeypatch, why):
    monkeypatch.setitem(sys.modules, "cupy", NO_GPU[why])
    with pytest.raises(InputError, match=why) as caught:
        find_device("cuda")
    message = str(caught.value)
    assert "\n" not in message
    assert "cuda13" in message
    assert "cuda12" in message
    assert 'device="cpu"' in message
    with pytest.raises(InputError, match=why):
        VAE.dense(4, 3, 2, device="cuda")
    with pytest.raises(InputError, match=why):
        load_model("nowhere.npz", device="cuda")


def test_what_cupy_itself_lacks_is_named(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    (tmp_path / "cupy.py").write_text("import no_such_thing_of_cupys")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"CuPy cannot load \(No module named 'no_such_thing_of"):
        find_device("cuda")


def test_names_of_devices(stand_in):
    assert find_device("cpu") is CPU
    assert find_device(CPU) is CPU
    gpu = find_device("cuda")
    assert gpu is find_device("cuda")
    assert gpu.name == "cuda"
    assert gpu.about == "cuda: no card, CuPy 14.2.0, a stand-in, CUDA 13.2"
    assert gpu.working_set == (1 << 26) // 8  # an eighth of a small card
    for other in ("tpu", "cuda:1", None, 0, ["cuda"]):
        with pytest.raises(InputError, match=r"no device .*; choose from cpu, cuda .*VISIBLE_DEV"):
            find_device(other)
        with pytest.raises(InputError, match="no device"):
            VAE.dense(4, 3, 2, device=other)


def test_a_model_says_where_it_is_and_what_to_do(stand_in):
    model = VAE.dense(4, 3, 2, n_y=2, device="cuda")
    x, y, z = np.zeros((1, 4)), np.zeros((1, 2)), np.zeros((1, 2))
    put = model.params.device.asarray
    said = r"is a numpy.ndarray, .* device cuda; .*model\.params\.device\.asarray"
    with pytest.raises(InputError, match=f"x {said}"):
        model.encode(x, y)
    with pytest.raises(InputError, match=f"z {said}"):
        model.decode(z, y)
    with pytest.raises(InputError, match=f"y {said}"):
        model.encode(put(x), y)
    on_host = VAE.dense(4, 3, 2)
    with pytest.raises(InputError, match=r"strict_cupy.ndarray, .* cpu; .*cupy\.asnumpy"):
        on_host.encode(put(x))


def test_a_copied_model_stays_on_its_device(stand_in):
    model = VAE.dense(4, 3, 2, device="cuda")
    copied = copy.deepcopy(model)
    assert copied.params.device is model.params.device
    copied.params.flat[...] = 0
    with waiting_allowed():
        assert float((model.params.flat * model.params.flat).sum()) > 0
        assert float(copied.encoder.layers[0].W.sum()) == 0


def test_a_large_card_gets_chunks_of_a_gigabyte(stand_in, monkeypatch):
    monkeypatch.setitem(strict_cupy.CARD, "totalGlobalMem", 100 << 30)
    assert Cuda(strict_cupy).working_set == 1 << 30


def test_copied_and_pickled_models_are_on_the_host_that_there_is(stand_in):
    model = VAE.dense(4, 3, 2)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert again.params.device is CPU
    with waiting_allowed():
        assert pickle.loads(pickle.dumps(find_device("cuda"))) is find_device("cuda")


def test_only_the_device_that_is_asked_for_is_opened(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert Parameters({}, device="cpu").device is CPU


def test_opening_computes_a_little(stand_in, monkeypatch):
    open_cuda.cache_clear()
    with waiting_allowed() as noted:
        assert isinstance(open_cuda(), Cuda)
    assert noted == ["float()"]
    monkeypatch.setattr(strict_cupy, "ones", lambda *_: strict_cupy.ndarray(np.full((2, 2), 3.0)))
    open_cuda.cache_clear()
    with waiting_allowed(), pytest.raises(InputError, match="matrix product"):
        open_cuda()
