"""A trainer that several processes share: its state is that of one, before, meanwhile and after."""

import errno
import os
import pickle
from contextlib import suppress
from copy import deepcopy

import numpy as np
import pytest
from tiny_trainings import BATCH, KINDS, MODELS, bits, go_on, make_training, tiny_dataset

from npvae import SGD, VAE, Adam, Cosine, Dense, Pixels, Sequential, Trainer, fit
from npvae.datasets.dataset import whole
from npvae.devices import CPU
from npvae.errors import InputError, TrainingError
from npvae.parallel import ALONE
from npvae.parallel.processes import Processes

SHARED = [kind for kind in KINDS if kind.get("schedule") != "early stopping"]  # a closure there


def double(comm=ALONE, **options):
    return make_training(MODELS["float64"](), comm=comm, **options)


def assert_same_state(found, expected, rtol=1e-9):
    """All but the time: numbers to rounding, everything else exactly."""
    assert found.keys() == expected.keys()
    for name in found.keys() - {"seconds", "records"}:
        one, other = found[name], expected[name]
        if isinstance(other, dict) and name != "rng":
            assert_same_state(one, other, rtol)
        elif isinstance(other, np.ndarray):
            assert one.shape == other.shape, name
            assert one.dtype == other.dtype, name
            np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-11, err_msg=name)
        else:
            assert one == other, name


@pytest.mark.parametrize("optimizer", ["Adam", "Adagrad", "Momentum", "SGD", "own optimiser"])
def test_the_state_is_the_same_as_alone(two, three, optimizer):
    expected = go_on(double(optimizer=optimizer), 4).state()
    for comm in (two, three):
        assert_same_state(go_on(double(comm, optimizer=optimizer), 4).state(), expected)


@pytest.mark.parametrize("updates", [2, 3, 4])
def test_a_training_goes_on_with_another_number_of_processes(two, three, updates):
    expected = go_on(double(), 7)
    for first, then in ((ALONE, two), (two, three), (three, ALONE), (two, two)):
        begun = go_on(double(first), updates)
        state = deepcopy(begun.state())
        resumed = double(then)
        resumed.step()  # what it had learned is forgotten
        resumed.restore(state)
        go_on(resumed, 7 - updates)
        assert_same_state(resumed.state(), expected.state())


@pytest.mark.parametrize("kind", SHARED, ids=lambda kind: " ".join(kind.values()))
def test_a_resume_is_bit_identical(two, kind):
    through = bits(go_on(make_training(**kind, comm=two), 5))
    begun = go_on(make_training(**kind, comm=two), 2)
    state = pickle.loads(pickle.dumps(begun.state()))
    resumed = make_training(**kind, comm=two)
    resumed.restore(state)
    assert bits(go_on(resumed, 3)) == through


def test_two_trainers_in_turn_do_not_disturb_each_other(two):
    expected = [bits(go_on(make_training(name, comm=two), 5)) for name in ("vae", "iwae")]
    vae, iwae = (make_training(name, comm=two) for name in ("vae", "iwae"))
    for updates in (2, 1, 2):
        go_on(vae, updates)
        go_on(iwae, updates)
    assert [bits(vae), bits(iwae)] == expected


# ---- what the user changes between two steps -----------------------------------------------------


def changes(trainer, comm):
    """What users do between two updates."""
    trainer.step()
    trainer.optimizer.lr = 0.5
    trainer.step()
    trainer.model.beta = 0.25
    trainer.optimizer.lr *= 0.5
    trainer.step()
    trainer.step()
    layer = trainer.model.decoder.layers[0]
    layer.W = np.full_like(layer.W, 0.125)
    trainer.step()
    trainer.model.params.flat *= 0.5
    trainer.step()
    trainer.rng.random(3)
    trainer.step()
    trainer.rng = np.random.default_rng(99)
    trainer.step()
    trainer.lr = Cosine(0.1, 9)
    trainer.step()
    return trainer


def test_what_the_user_changes_reaches_the_other_processes(two, three):
    expected = changes(double(), ALONE).state()
    for comm in (two, three):
        assert_same_state(changes(double(comm), comm).state(), expected)


def test_a_changed_number_does_not_send_the_data_again(two, monkeypatch):
    trainer = double(two)
    trainer.step()
    sent = []
    monkeypatch.setattr(two, "share", sent.append)
    trainer.optimizer.lr = 0.5
    trainer.model.beta = 0.5
    trainer.step()
    trainer.end_epoch() if trainer.epoch_is_over else trainer.step()
    assert sent == []


def test_what_is_called_outside_of_a_task_is_computed_here(two):
    """Validation between two steps, and an epoch that is ended too early."""
    trainer, alone = double(two), double()
    for each in (trainer, alone):
        each.step()
    assert trainer.validate() == alone.validate()
    with pytest.raises(InputError, match="end_epoch follows"):
        trainer.end_epoch()
    for each in (trainer, alone):
        each.step()
    assert_same_state(trainer.state(), alone.state())


def test_an_optimiser_that_is_given_another_state(two):
    trainer, alone = double(two), double()
    for each in (trainer, alone):
        go_on(each, 2)
        each.optimizer.M = None
        go_on(each, 2)
    assert_same_state(trainer.state(), alone.state())


# ---- copies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("copy", [deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
@pytest.mark.parametrize("name", ["free bits", "optimal sigma"])
def test_a_copy_of_a_shared_model_is_alone(two, name, copy):
    """It trains alone, as statistics of a batch show, and the model does not see it."""
    trainer = make_training(name, comm=two)
    trainer.step()
    assert trainer.model.params.comm is two
    copied = copy(trainer.model)
    assert copied.params.comm is ALONE
    before = trainer.model.params.flat.copy()
    go_on(make_training(copied), 3)
    assert np.array_equal(trainer.model.params.flat, before)
    trainer.step()


def test_arrays_of_the_user_stay_valid_after_the_block(nothing_left):
    with Processes(2) as comm:
        trainer = double(comm)
        trainer.step()
        flat, weights = trainer.model.params.flat, trainer.model.decoder.layers[0].W
        state, gradient = trainer.state(), trainer.model.params.grad
        expected = flat.copy(), weights.copy()
        del comm
    trainer.step()
    del trainer
    assert np.array_equal(flat, expected[0])
    assert np.array_equal(state["params"], expected[0])
    assert np.array_equal(weights, expected[1])
    flat += gradient  # both can be written to


# ---- after the block -----------------------------------------------------------------------------


def test_trainers_continue_alone_after_the_block(nothing_left):
    """The one that was shared last, one before it, one that never was, and their validation."""
    through = go_on(double(), 7).state()
    with Processes(2) as comm:
        first, second, third = double(comm), double(comm), double(comm)
        go_on(first, 4)
        go_on(second, 4)
    assert second.optimizer.M.shape == second.model.params.flat.shape
    for trainer, more in ((first, 3), (second, 3), (third, 7)):
        go_on(trainer, more)
        assert trainer.comm is ALONE
        assert_same_state(trainer.state(), through)
    assert comm.run(_size) == 1


def _size(comm):
    return comm.size


def test_an_error_of_the_user_between_two_steps_loses_nothing():
    trainer = double()
    with suppress(ZeroDivisionError), Processes(2) as trainer.comm:
        go_on(trainer, 4)
        raise ZeroDivisionError
    go_on(trainer, 3)
    assert_same_state(trainer.state(), go_on(double(), 7).state())


class Halting(Pixels):
    """A scaling that raises what it is told to."""

    error = None

    def encode(self, rows, rng=None, dtype=np.float32):
        if self.error is not None:
            raise self.error
        return super().encode(rows, rng, dtype)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("odd")])
def test_an_error_within_a_step_is_remembered(error):
    """The processes are then at different places, and every further call is refused."""
    saved = deepcopy(go_on(double(), 4).state())
    with Processes(2) as comm:
        trainer = make_training(MODELS["float64"](), scaling=Halting("dynamic"), comm=comm)
        go_on(trainer, 4)
        trainer.scaling.error = error
        with pytest.raises(type(error)):
            trainer.step()
        for attempt in (trainer.step, trainer.state, double(comm).step):
            with pytest.raises(InputError, match="worker processes"):
                attempt()
        with pytest.raises(InputError, match="worker processes"):
            comm.run(_size)
    with pytest.raises(InputError, match="worker processes"):
        trainer.step()
    assert np.isfinite(trainer.model.params.flat).all()
    trainer.scaling.error = None
    trainer.restore(saved)
    go_on(trainer, 3)
    assert_same_state(trainer.state(), go_on(double(), 7).state())


def test_what_cannot_be_sent_is_refused_and_nothing_is_lost(two, nothing_left):
    """Large arrays were in shared memory already when the lambda was met."""
    x = np.zeros((2000, 600), np.uint8)
    trainer = Trainer(VAE.dense(600, 4, 2), whole(x), Pixels("none"), comm=two)
    trainer.lr = lambda epoch: 1e-3
    with pytest.raises(InputError, match="lambda"):
        trainer.step()
    trainer.lr = None
    trainer.step()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="where it is, it is used")
@pytest.mark.parametrize("large", [False, True], ids=["the parameters", "the data"])
def test_too_little_shared_memory_is_an_input_error(monkeypatch, nothing_left, large):
    """As in a container; without a check it would be a bus error."""

    def full(handle, begin, size):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    data = whole(np.zeros((2000, 600) if large else (20, 600), np.uint8))
    with Processes(2) as comm, pytest.raises(InputError, match="shared memory"):
        Trainer(VAE.dense(600, 4, 2), data, Pixels("none"), comm=comm).step()


def test_a_model_on_another_device_is_refused_before_anything_is_sent(two, monkeypatch):
    trainer = double(two)
    monkeypatch.setattr(trainer.model.params, "device", _Elsewhere())
    with pytest.raises(InputError, match="device gpu"):
        trainer.step()
    double(two).step()


class _Elsewhere:
    name = "gpu"


# ---- sizes ---------------------------------------------------------------------------------------


def test_a_model_of_fewer_numbers_than_a_slice_has(three):
    """Two of the three slices are empty."""

    def tiny(comm):
        vae = VAE(Sequential(Dense(2, 2, rng=0)), Dense(1, 2, rng=1), n_x=2, n_z=1)
        assert vae.params.size < 16
        data = tiny_dataset().train
        data = type(data)(data.x[:, :2].copy(), data.rows)
        trainer = Trainer(vae, data, Pixels("dynamic"), Adam(0.02), batch_size=BATCH, comm=comm)
        return go_on(trainer, 5)

    found, expected = tiny(three).state(), tiny(ALONE).state()
    assert_same_state(found, expected, rtol=1e-4)


def test_fit_with_workers_is_fit():
    def fitted(workers):
        model = VAE.dense(6, 5, 2, dtype=np.float64)
        return model, fit(
            model, tiny_dataset(), epochs=2, optimizer=SGD(0.01), rng=1, workers=workers
        )

    (model, records), (other, expected) = fitted(2), fitted(1)
    np.testing.assert_allclose(model.params.flat, other.params.flat, rtol=1e-10)
    assert model.params.comm is ALONE
    assert [r.train_elbo for r in records] == pytest.approx([r.train_elbo for r in expected])
    assert type(model.params.flat.base) is type(CPU.zeros(1, np.float64).base)


@pytest.mark.parametrize("workers", [0, -1, 1.5, "two", None])
def test_an_odd_number_of_workers_is_refused(workers):
    with pytest.raises(InputError, match="workers"):
        fit(VAE.dense(6, 5, 2), tiny_dataset(), workers=workers)


def test_a_loss_that_is_not_finite_is_reported_as_alone(nothing_left):
    def diverge(comm):
        model = VAE.dense(6, 5, 2, likelihood="gaussian")
        trainer = Trainer(
            model, tiny_dataset().train, Pixels("none"), SGD(1e12), batch_size=8, comm=comm
        )
        with np.errstate(over="ignore", invalid="ignore"):
            trainer.run_epoch()

    with pytest.raises(TrainingError) as alone:
        diverge(ALONE)
    with pytest.raises(TrainingError) as shared, Processes(2) as comm:
        diverge(comm)
    assert str(shared.value).split(" is ")[0] == str(alone.value).split(" is ")[0]
