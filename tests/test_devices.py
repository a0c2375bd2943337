"""Which device is meant by a name, and what is said where there is none."""

import copy
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import strict_cupy
from gpus import open_backend
from strict_device import waiting_allowed

from npvae import VAE, InputError, devices, load_model
from npvae.arrays import CPU, Parameters, find_device
from npvae.devices.cuda import Cuda, open_cuda


@pytest.fixture(autouse=True)
def unopened():
    """Each test opens the GPU anew."""
    devices._opened.cache_clear()
    yield
    devices._opened.cache_clear()


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
    r"CuPy 14.2.0 finds no NVIDIA GPU to use \(cudaErrorNoDevice": no_card(),
    r"finds no NVIDIA GPU to use \(there is none\)": no_card(
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
    assert "npvae[cuda13]" in message
    assert "npvae[cuda12]" in message
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
    assert gpu.about == "cuda: no card, CuPy 14.2.0, a stand-in"
    assert gpu.working_set == (1 << 26) // 8  # an eighth of a small card
    with pytest.raises(InputError, match="no device 'tpu'; choose from cpu, cuda"):
        find_device("tpu")


def test_a_model_says_where_it_is_and_what_to_do(stand_in):
    model = VAE.dense(4, 3, 2, n_y=2, device="cuda")
    x, y, z = np.zeros((1, 4)), np.zeros((1, 2)), np.zeros((1, 2))
    put = model.params.device.asarray
    said = r"is a numpy.ndarray, and the model is on the device cuda; give model.params.device.as"
    with pytest.raises(InputError, match=f"x {said}"):
        model.encode(x, y)
    with pytest.raises(InputError, match=f"z {said}"):
        model.decode(z, y)
    with pytest.raises(InputError, match=f"y {said}"):
        model.encode(put(x), y)
    on_host = VAE.dense(4, 3, 2)
    with pytest.raises(
        InputError, match=r"strict_cupy.ndarray, and the model is on the device cpu"
    ):
        on_host.encode(put(x))


def test_a_copied_model_stays_on_its_device(stand_in):
    model = VAE.dense(4, 3, 2, device="cuda")
    copied = copy.deepcopy(model)
    assert copied.params.device is model.params.device
    copied.params.flat[...] = 0
    with waiting_allowed():
        assert float((model.params.flat * model.params.flat).sum()) > 0
        assert float(copied.encoder.layers[0].W.sum()) == 0


def test_only_the_device_that_is_asked_for_is_opened(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert Parameters({}, device="cpu").device is CPU


def test_opening_computes_a_little(stand_in, monkeypatch):
    with waiting_allowed() as noted:
        assert isinstance(open_cuda(), Cuda)
    assert noted == ["float()"]
    monkeypatch.setattr(strict_cupy, "ones", lambda *_: strict_cupy.ndarray(np.full((1, 1), 3.0)))
    with waiting_allowed(), pytest.raises(InputError, match=r"1 . 1 . 1 is not 2 there"):
        open_cuda()
