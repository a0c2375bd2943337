"""Checkpoints that are not written, and such that are not gone on with."""

import dataclasses

import numpy as np
import pytest
from small_training import (
    BATCH,
    DATA,
    MODELS,
    PARTS,
    SCALING,
    own_layers,
    saved_after,
    train,
)

from npvae import (
    SGD,
    VAE,
    Adam,
    Autoencoder,
    DataError,
    InputError,
    Progress,
    Split,
    TrainingError,
    fit,
    load_checkpoint,
    save_checkpoint,
    save_model,
)


def test_what_was_interrupted_within_an_update_does_not_go_on(tmp_path):
    """Its random numbers are drawn, and perhaps its parameters half changed."""
    model, adam, progress = MODELS["vae"](), Adam(), Progress(rng=7)
    loss_and_grad = model.loss_and_grad

    def interrupted(x, eps):
        if progress.step == 1:
            raise KeyboardInterrupt
        return loss_and_grad(x, eps)

    model.loss_and_grad = interrupted
    with pytest.raises(KeyboardInterrupt):
        train(model, adam, progress, epochs=4)
    with pytest.raises(InputError, match="interrupted within an update, in epoch 1, after step 1"):
        save_checkpoint(tmp_path / "c.npz", model, SCALING, (2, 3), adam, progress)
    with pytest.raises(InputError, match="go on from the last checkpoint"):
        train(model, adam, progress, epochs=4)
    assert not list(tmp_path.iterdir())


def test_the_wrong_data_do_no_harm(tmp_path):
    again = load_checkpoint(saved_after(tmp_path / "c.npz", 3))
    x = np.zeros((40, 5), np.uint8)
    wrong = dataclasses.replace(DATA, train=Split(x, np.arange(40)))
    with pytest.raises(InputError, match="have 5 numbers each, and the model takes 6"):
        train(again.model, again.optimizer, again.progress, epochs=4, data=wrong)
    assert len(train(again.model, again.optimizer, again.progress, epochs=4)) == 3


def test_a_scaling_that_no_file_can_hold(tmp_path):
    class Log:
        pass

    with pytest.raises(InputError, match="keeps the scalings Pixels and Standardized"):
        save_checkpoint(tmp_path / "c.npz", own_layers(), Log(), (2, 3), SGD(), Progress())


def test_settings_that_no_file_can_hold(tmp_path):
    for odd in ({"lr": np.int64(3)}, {"lr": np.nan}):
        with pytest.raises(InputError, match="cannot hold these settings"):
            save_checkpoint(
                tmp_path / "c.npz", own_layers(), SCALING, (2, 3), SGD(), Progress(), odd
            )


def test_a_model_is_no_checkpoint(tmp_path):
    save_model(tmp_path / "m.npz", MODELS["vae"](), SCALING, (2, 3))
    with pytest.raises(DataError, match="a model without its training; read it with load_model"):
        load_checkpoint(tmp_path / "m.npz")


def test_an_epoch_that_was_begun_is_finished_as_it_was_begun(tmp_path):
    path = saved_after(tmp_path / "c.npz", 5)
    again = load_checkpoint(path)
    fewer = dataclasses.replace(DATA, train=PARTS[1])
    with pytest.raises(InputError, match="an epoch of 40 examples in batches of 16, and 12 exam"):
        train(again.model, again.optimizer, again.progress, epochs=4, data=fewer)
    with pytest.raises(InputError, match="go on with the same data and batch_size"):
        next(fit(again.model, DATA, optimizer=Adam(), batch_size=20, progress=again.progress))


def test_going_on_needs_the_optimiser(tmp_path):
    again = load_checkpoint(saved_after(tmp_path / "c.npz", 5))
    with pytest.raises(InputError, match="progress needs its optimizer, too"):
        next(fit(again.model, DATA, batch_size=BATCH, progress=again.progress))


def test_what_is_not_healthy_is_not_written_over_what_is(tmp_path):
    path = saved_after(tmp_path / "c.npz", 5)
    before = path.read_bytes()
    again = load_checkpoint(path)
    rest = (SCALING, (2, 3), again.optimizer, again.progress)
    again.progress.losses[1, 0] = np.nan
    with pytest.raises(TrainingError, match="in epoch 2, step 2, the loss is nan"):
        save_checkpoint(path, again.model, *rest)
    again.progress.losses[1, 0] = 0
    again.model.params.flat[3] = np.inf
    with pytest.raises(TrainingError, match="the sum of the parameters is inf"):
        save_checkpoint(path, again.model, *rest)
    assert path.read_bytes() == before


def test_a_generator_that_no_file_can_hold(tmp_path):
    other = Progress(np.random.Generator(np.random.Philox(0)))
    with pytest.raises(InputError, match=r"keeps the generators PCG64.*default_rng\(seed\)"):
        save_checkpoint(tmp_path / "c.npz", own_layers(), SCALING, (2, 3), SGD(), other)
    assert not list(tmp_path.iterdir())


def test_an_optimiser_that_no_file_can_hold(tmp_path):
    odd = SGD()
    odd.schedule = [1, 2]
    with pytest.raises(InputError, match=r"SGD\.schedule is \[1, 2\]; a file keeps"):
        save_checkpoint(tmp_path / "c.npz", own_layers(), SCALING, (2, 3), odd, Progress())


def test_another_model_than_was_saved(tmp_path):
    path = saved_after(tmp_path / "c.npz", 5)
    for other in (
        VAE.dense(6, 4, 2),
        VAE.dense(6, 5, 2, beta=2),  # relu, not tanh
        VAE.dense(6, 5, 2, activation="tanh", beta=2, dtype=np.float64),
        Autoencoder.dense(6, 5, 2, activation="tanh"),
    ):
        before = other.params.flat.copy()
        with pytest.raises(DataError, match=r"c\.npz cannot be read as a checkpoint"):
            load_checkpoint(path, model=other)
        np.testing.assert_array_equal(other.params.flat, before)
    with pytest.raises(DataError, match=r"it holds the optimiser Adam.*SGD has lr"):
        load_checkpoint(path, optimizer=SGD())


def test_a_model_is_filled_whole_or_not_at_all(tmp_path):
    """Of two layers one fits; what does not fit comes last."""
    path, model = saved_after(tmp_path / "c.npz", 0, own_layers), own_layers()
    model.params.flat[:] = 7
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    last = [name for name in arrays if name.startswith("params/")][-1]
    np.savez(path, **(arrays | {last: np.full_like(arrays[last], np.nan)}))
    with pytest.raises(DataError, match="no finite float"):
        load_checkpoint(path, model=model)
    assert (model.params.flat == 7).all()


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match=r"there is no .*c\.npz"):
        load_checkpoint(tmp_path / "c.npz")
