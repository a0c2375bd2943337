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
    fit,
    load_checkpoint,
    load_model,
    save_checkpoint,
    save_model,
    trainer_for,
)
from npvae.devices import CPU

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name", MODELS)
def test_with_its_own_noise_it_learns_as_much(own_gpu, name):
    def last(device):
        with waiting_allowed():
            model = MODELS[name](device=device)
            records = fit(model, dataset(), epochs=15, batch_size=20, optimizer=Adam(5e-3))
        return records[0].held_out.bound, records[-1].held_out.bound

    before, after = last(own_gpu)
    _, expected = last(CPU)
    assert after > before + 1
    assert abs(after - expected) < 0.05 * abs(expected) + 0.5


def test_the_same_seed_gives_the_same_bits(own_gpu):
    def train(seed):
        model = MODELS["vae"](device=own_gpu, seed=1)
        with waiting_allowed():
            records = fit(model, dataset(), epochs=2, rng=seed)
            return [dataclasses.replace(r, seconds=0) for r in records], own_gpu.to_host(
                model.params.flat
            ).tobytes()

    assert train(3) == train(3)
    assert train(3) != train(4)


def test_a_checkpoint_goes_on_to_the_same_bits(own_gpu, tmp_path):
    def begin():
        options = {"batch_size": 32, "early_stopping": EarlyStopping(3), "rng": 5}
        model = MODELS["conditional"](device=own_gpu)
        return trainer_for(model, dataset(), optimizer=Adam(3e-3), **options)

    def end(trainer):
        while trainer.goes_on(epochs=4):
            trainer.run_epoch()
        records = [dataclasses.replace(record, seconds=0) for record in trainer.records]
        numbers = own_gpu.to_host(trainer.model.params.flat).tobytes()
        return numbers, records, trainer.rng.counter

    path = tmp_path / "c.npz"
    with waiting_allowed():
        never = end(begin())
        stopped = begin()
        stopped.run_epoch()
        for _ in range(3):
            stopped.step()
        save_checkpoint(path, stopped)
        again = begin()
        checkpoint = load_checkpoint(path, again)
        assert "cuda" in checkpoint.versions["device"]
        assert again.step_in_epoch == 3
        assert end(again) == never


@pytest.mark.parametrize("there_first", [True, False])
def test_a_training_goes_on_on_the_other_device(own_gpu, tmp_path, there_first):
    first, second = (own_gpu, CPU) if there_first else (CPU, own_gpu)
    here, there = (
        trainer_for(MODELS["vae"](device=device), dataset()) for device in (first, second)
    )
    with waiting_allowed():
        for _ in range(2):
            here.run_epoch()
        save_checkpoint(tmp_path / "c.npz", here)
        load_checkpoint(tmp_path / "c.npz", there)
        record = there.run_epoch()
        assert record.epoch == 3
        assert record.train_elbo > there.records[0].train_elbo  # the noise of validation differs
        assert isinstance(second.to_host(there.model.params.flat), np.ndarray)


def test_a_model_has_the_same_bits_in_its_file_wherever_it_is(own_gpu, tmp_path):
    path, again = tmp_path / "model.npz", tmp_path / "again.npz"
    model = MODELS["gaussian"](seed=3)
    save_model(path, model, Pixels("none"), (6, 6))
    with waiting_allowed():
        save_model(again, load_model(path, device=own_gpu).model, Pixels("none"), (6, 6))
        assert again.read_bytes() == path.read_bytes()
        trained = MODELS["gaussian"](device=own_gpu)
        fit(trained, dataset(), scaling=Pixels("none"), epochs=1)
        save_model(path, trained, Pixels("none"), (6, 6))
        save_model(again, load_model(path).model, Pixels("none"), (6, 6))
        assert again.read_bytes() == path.read_bytes()
