"""What goes to a GPU and back, how much at a time, and how many kernels a step starts there."""

from time import sleep

import numpy as np
import pytest
from gpu_models import MODELS, dataset, digits
from gpus import HostNoiseCuda, open_backend
from strict_device import launches, waiting_allowed

from npvae import IWAE, VAE, Adam, Pixels, Split, Trainer, evaluate, fit, log_likelihood
from npvae.devices.cuda import Cuda
from npvae.devices.kernels import INSTALLED

pytestmark = pytest.mark.gpu


class CountingCuda(HostNoiseCuda):
    """One that notes what is brought to it from the host."""

    brought: list[np.ndarray]

    def asarray(self, array, dtype=None):
        if isinstance(array, np.ndarray):
            self.brought.append(array)
        return super().asarray(array, dtype)


@pytest.fixture
def counting(gpu):
    device = CountingCuda(gpu._xp)
    device.generator = Cuda(gpu._xp).generator  # whose noise is not brought
    device.brought = []
    return device


def test_the_examples_are_brought_there_once_as_bytes(counting):
    model = MODELS["vae"](device=counting)
    counting.brought.clear()
    with waiting_allowed():
        fit(model, dataset(), epochs=3)
    kinds = [array.dtype for array in counting.brought]
    assert kinds.count(np.uint8) == 1  # the array that the parts share
    assert len(kinds) == 1 + 2 + 2  # and the rows and the labels of those two that train


def test_of_a_part_that_is_evaluated_only_its_own_examples_are_brought(counting):
    model, part = MODELS["conditional"](device=counting), dataset().test.only(slice(0, 7))
    counting.brought.clear()
    with waiting_allowed():
        evaluate(model, part, Pixels())
        log_likelihood(model, part, Pixels(), k=3)
    assert [len(array) for array in counting.brought] == [7, 7, 7, 7]  # examples and labels, twice


@pytest.mark.parametrize("dtype", [None, np.float32])
def test_a_large_array_is_brought_in_pieces(own_gpu, monkeypatch, tmp_path, dtype):
    x = np.random.default_rng(0).integers(0, 256, (1000, 7), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    monkeypatch.setattr("npvae.devices.cuda.MOST_AT_ONCE", 500)
    pieces, real = [], own_gpu._xp.asarray

    def note(array, *given):
        pieces.append(array.nbytes)
        return real(array, *given)

    monkeypatch.setattr(own_gpu._xp, "asarray", note)
    with waiting_allowed():
        for array in (x, np.load(tmp_path / "x.npy", mmap_mode="r"), x[::2], x[:0]):
            found = own_gpu.to_host(own_gpu.asarray(array, dtype))
            np.testing.assert_array_equal(found, array)
            assert found.dtype == (dtype or np.uint8)
    assert len(pieces) == 15 + 15 + 8 + 1
    assert max(pieces) <= 500


def test_the_seconds_of_an_epoch_have_the_wait_for_the_device_in_them(gpu):
    class SlowCuda(HostNoiseCuda):
        """One that is still at work when the losses are asked for."""

        def to_host(self, array):
            sleep(0.2 * (array.shape[-1:] == (3,)))
            return super().to_host(array)

    model = MODELS["vae"](device=SlowCuda(gpu._xp))
    with waiting_allowed():
        (record,) = fit(model, dataset(), epochs=1)
    assert record.seconds > 0.2


@pytest.mark.parametrize(
    ("make", "few", "many"),
    [
        (lambda device: VAE.dense(784, 16, 4, device=device), 44, 89),
        (
            lambda device: IWAE.dense(784, (16, 16), 4, activation="tanh", k=5, device=device),
            73,
            134,
        ),
    ],
    ids=["vae", "iwae"],
)
def test_a_step_starts_few_kernels(make, few, many, monkeypatch):
    """Counted on the stand-in, with kernels of its own and without."""
    device = Cuda(open_backend("stand-in"))
    part = Split(np.zeros((100, 784), np.uint8), np.arange(100))

    def started():
        trainer = Trainer(make(device), part, Pixels(), Adam(), batch_size=50)
        trainer.step()
        with launches() as counted:
            trainer.step()
        return dict(counted)

    assert sum(started().values()) == few, started()
    monkeypatch.delitem(INSTALLED, device.array_type)
    assert sum(started().values()) == many, started()


def test_a_chunk_of_draws_is_as_large_as_the_device_likes(gpu, monkeypatch):
    model, sizes = MODELS["vae"](device=gpu), []

    real = model.log_weights
    model.log_weights = lambda x, *given: sizes.append(len(x)) or real(x, *given)
    with waiting_allowed():
        log_likelihood(model, digits(12), Pixels(), k=30)
        monkeypatch.setattr(gpu, "working_set", 100_000)
        log_likelihood(model, digits(12), Pixels(), k=30)
    assert sizes[:2] == [10, 2]  # whole groups of examples
    assert 2 < len(sizes) - 2 < 12
