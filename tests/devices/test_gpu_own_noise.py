"""A training with the noise of a GPU: it learns, goes on to the same bits, and moves."""

import dataclasses

import numpy as np
import pytest
from gpu_models import MODELS, dataset
from strict_device import waiting_allowed

from npvae import (
    Adam,
    EarlyStopping,
    Pixels,
    Progress,
    fit,
    load_checkpoint,
    load_model,
    save_checkpoint,
    save_model,
)
from npvae.devices import CPU, DrawCounter

pytestmark = pytest.mark.gpu


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
