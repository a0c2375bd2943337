"""A training on a GPU goes where it goes on the host, and what it left is as good there.

The noise is drawn on the host, the same for both, unless a test says otherwise. Tolerances: a whole
gradient within 2e-5 in float32 and 1e-12 in float64 of the largest number of each array; after ten
steps of Adam, whose division by small averages lets differences grow, the losses within 1e-5 and
1e-10 of their size, the parameters within 1e-4 and 1e-9; log p(x) within 1e-4 and 1e-9 nats.
"""

import dataclasses
from time import sleep

import numpy as np
import pytest
from gpus import TOLERANCE, HostNoiseCuda, assert_close, open_backend
from strict_device import launches, waiting_allowed

from npvae import (
    IWAE,
    VAE,
    Adam,
    Autoencoder,
    Dataset,
    EarlyStopping,
    Pixels,
    Progress,
    Split,
    evaluate,
    fit,
    load_checkpoint,
    load_model,
    log_likelihood,
    save_checkpoint,
    save_model,
    steps,
)
from npvae.arrays import CPU, DrawCounter
from npvae.devices.cuda import Cuda
from npvae.devices.fused import KERNELS

pytestmark = pytest.mark.gpu
DTYPES = (np.float32, np.float64)
N_X = 36
MODELS = {
    "vae": lambda **options: VAE.dense(N_X, (16, 12), 4, **options),
    "conditional": lambda **options: VAE.dense(N_X, 16, 4, n_y=3, free_bits=0.1, **options),
    "gaussian": lambda **options: VAE.dense(
        N_X, 16, 4, likelihood="gaussian", sigma="learned", activation="gated", **options
    ),
    "iwae": lambda **options: IWAE.dense(N_X, 16, 4, activation="tanh", k=5, **options),
    "dreg": lambda **options: IWAE.dense(N_X, 16, 4, k=3, objective="dreg", **options),
    "autoencoder": lambda **options: Autoencoder.dense(
        N_X, 16, 4, activation="softplus", **options
    ),
}


def digits(n=300, rng=0):
    """Bytes that have something to learn: the brightness of a row goes with its label."""
    rng = np.random.default_rng(rng)
    labels = rng.integers(0, 3, n)
    bright = (labels[:, None] + 1) * np.linspace(20, 80, N_X) + rng.normal(0, 10, (n, N_X))
    return Split(bright.clip(0, 255).astype(np.uint8), np.arange(n), labels)


def dataset():
    whole = digits()
    parts = (whole.only(slice(a, b)) for a, b in ((0, 200), (200, 250), (250, 300)))
    return Dataset(
        "rows", *parts, shape=(6, 6), kind="pixels", source="a test", classes=tuple("abc")
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MODELS)
def test_the_whole_gradient(gpu, name, dtype):
    def gradient(device):
        model = MODELS[name](dtype=dtype, device=device)
        rng = device.generator(1)
        x = Pixels().encode(device.asarray(digits(70).x), rng, dtype)
        y = [model.one_hot(digits(70).labels)] if model.n_y else []
        loss = model.loss_and_grad(x, model.draw_noise(rng, 70), *y)
        found = {name: device.to_host(g) for name, g in model.params.gradients.items()}
        return found | {f"loss {i}": device.to_host(part) for i, part in enumerate(loss)}

    with waiting_allowed():
        here, there = gradient(CPU), gradient(gpu)
    for what, value in here.items():
        assert_close(there[what], value, TOLERANCE[dtype], what)


@pytest.mark.parametrize(
    ("dtype", "of_losses", "apart"), [(np.float32, 1e-5, 1e-4), (np.float64, 1e-10, 1e-9)]
)
@pytest.mark.parametrize("name", MODELS)
def test_ten_training_steps(gpu, name, dtype, of_losses, apart):
    def train(device):
        model = MODELS[name](dtype=dtype, device=device)
        passed = list(
            steps(model, digits(320), Pixels(), Adam(1e-3), epochs=2, batch_size=64, rng=2)
        )
        assert len(passed) == 10
        losses = [device.to_host(step.loss.loss) for step in passed]
        return np.array([float(loss) for loss in losses]), device.to_host(model.params.flat)

    with waiting_allowed():
        (losses, flat), (losses_there, flat_there) = train(CPU), train(gpu)
    np.testing.assert_allclose(losses_there, losses, rtol=of_losses)
    np.testing.assert_allclose(flat_there, flat, rtol=0, atol=apart)


@pytest.mark.parametrize(("dtype", "nats"), [(np.float32, 1e-4), (np.float64, 1e-9)])
@pytest.mark.parametrize("name", ["vae", "conditional", "gaussian", "iwae"])
def test_the_importance_weighted_likelihood(gpu, name, dtype, nats):
    def measure(device):
        model = MODELS[name](dtype=dtype, device=device)
        part = digits(12)
        return [
            log_likelihood(model, part, Pixels(), k=30, memory=memory) for memory in (2000, 1 << 20)
        ], evaluate(model, part, Pixels())

    with waiting_allowed():
        (few, many), elbo = measure(CPU)
        (few_there, many_there), elbo_there = measure(gpu)
    assert abs(few_there.log_px - few.log_px) < nats
    assert abs(many_there.log_px - many.log_px) < nats
    assert abs(many_there.standard_error - many.standard_error) < nats
    assert abs(elbo_there.elbo - elbo.elbo) < nats
    assert elbo_there.active_units == elbo.active_units


def test_a_chunk_of_draws_is_as_large_as_the_device_likes(gpu, monkeypatch):
    model, sizes = MODELS["vae"](device=gpu), []

    def watch(estimates):
        for estimate in estimates:
            sizes.append(len(estimate))
            yield estimate

    with waiting_allowed():
        log_likelihood(model, digits(12), Pixels(), k=30, watch=watch)
        monkeypatch.setattr(gpu, "working_set", 100_000)
        log_likelihood(model, digits(12), Pixels(), k=30, watch=watch)
    assert sizes[0] == 12
    assert 1 < len(sizes) - 1 < 12


# ---- with noise of its own -----------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_with_its_own_noise_it_learns_as_much(own_gpu, name):
    def last(device):
        with waiting_allowed():
            model = MODELS[name](device=device)
            records = list(fit(model, dataset(), epochs=15, batch_size=20, optimizer=Adam(5e-3)))
        return records[0].held_out.bound, records[-1].held_out.bound

    before, after = last(own_gpu)
    _, expected = last(CPU)
    assert after > before + 1
    assert abs(after - expected) < 0.05 * abs(expected) + 0.5


def test_the_same_seed_gives_the_same_bits(own_gpu):
    def train(seed):
        model = MODELS["vae"](device=own_gpu, seed=1)
        with waiting_allowed():
            records = list(fit(model, dataset(), epochs=2, rng=seed))
            return [dataclasses.replace(r, seconds=0) for r in records], own_gpu.to_host(
                model.params.flat
            ).tobytes()

    assert train(3) == train(3)
    assert train(3) != train(4)


def test_a_checkpoint_goes_on_to_the_same_bits(own_gpu, tmp_path):
    def begin():
        model = MODELS["conditional"](device=own_gpu)
        return model, {
            "optimizer": Adam(3e-3),
            "progress": Progress(np.random.default_rng(5)),
            "early_stopping": EarlyStopping(3),
        }

    def state(model, progress):
        records = [dataclasses.replace(record, seconds=0) for record in progress.records]
        return own_gpu.to_host(model.params.flat).tobytes(), records, progress.rng.counter

    data, path = dataset(), tmp_path / "c.npz"
    with waiting_allowed():
        model, parts = begin()
        list(fit(model, data, epochs=4, batch_size=32, **parts))
        never = state(model, parts["progress"])

        model, parts = begin()

        def stop_within(updates):
            for step in updates:
                yield step
                if (step.epoch, parts["progress"].step) == (2, 3):
                    save_checkpoint(
                        path, model, Pixels(), (6, 6), parts["optimizer"], parts["progress"]
                    )
                    return

        list(fit(model, data, epochs=4, batch_size=32, watch=stop_within, **parts))
        again = load_checkpoint(path, device=own_gpu)
        assert "cuda" in again.versions["device"]
        assert isinstance(again.progress.rng, DrawCounter)
        parts = {"optimizer": again.optimizer, "progress": again.progress}
        list(
            fit(
                again.model,
                data,
                epochs=4,
                batch_size=32,
                early_stopping=EarlyStopping(3),
                **parts,
            )
        )
        assert state(again.model, again.progress) == never


@pytest.mark.parametrize("there_first", [True, False])
def test_a_training_goes_on_on_the_other_device(own_gpu, tmp_path, there_first):
    first, second = (own_gpu, CPU) if there_first else (CPU, own_gpu)
    model, adam, progress = MODELS["vae"](device=first), Adam(), Progress(0)
    with waiting_allowed():
        list(fit(model, dataset(), epochs=2, optimizer=adam, progress=progress))
        save_checkpoint(tmp_path / "c.npz", model, Pixels(), (6, 6), adam, progress)
        c = load_checkpoint(tmp_path / "c.npz", device=second)
        records = list(
            fit(c.model, dataset(), epochs=3, optimizer=c.optimizer, progress=c.progress)
        )
        assert [record.epoch for record in records] == [3]
        assert records[0].held_out.elbo > c.progress.records[0].held_out.elbo
        assert isinstance(second.to_host(c.model.params.flat), np.ndarray)


def test_a_model_has_the_same_bits_in_its_file_wherever_it_is(own_gpu, tmp_path):
    path, again = tmp_path / "model.npz", tmp_path / "again.npz"
    model = MODELS["gaussian"](seed=3)
    save_model(path, model, Pixels("none"), (6, 6))
    with waiting_allowed():
        save_model(again, load_model(path, device=own_gpu).model, Pixels("none"), (6, 6))
        assert again.read_bytes() == path.read_bytes()
        trained = MODELS["gaussian"](device=own_gpu)
        list(fit(trained, dataset(), scaling=Pixels("none"), epochs=1))
        save_model(path, trained, Pixels("none"), (6, 6))
        save_model(again, load_model(path).model, Pixels("none"), (6, 6))
        assert again.read_bytes() == path.read_bytes()


# ---- where the time goes -------------------------------------------------------------------------


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
        list(fit(model, dataset(), epochs=3))
    kinds = [array.dtype for array in counting.brought]
    assert kinds.count(np.uint8) == 1  # the array that all three parts share
    assert len(kinds) == 1 + 3 + 3  # and the rows and the labels of each


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
        (lambda device: VAE.dense(784, 16, 4, device=device), 44, 96),
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
    device, part = (
        Cuda(open_backend("stand-in")),
        Split(np.zeros((100, 784), np.uint8), np.arange(100)),
    )

    def started():
        updates = steps(make(device), part, Pixels(), Adam(), epochs=1, batch_size=50)
        next(updates)
        with launches() as counted:
            next(updates)
        return dict(counted)

    assert sum(started().values()) == few, started()
    monkeypatch.delitem(KERNELS, device.array_type)
    assert sum(started().values()) == many, started()
