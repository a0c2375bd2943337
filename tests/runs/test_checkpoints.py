"""A training in a file: it goes on to the same bits, or is refused, at the save or at the load."""

from types import SimpleNamespace

import numpy as np
import pytest
from strict_device import StrictDevice, waiting_allowed
from tiny_trainings import EPOCHS, KINDS, MODELS, bits, go_on, make_training

from npvae import (
    VAE,
    Autoencoder,
    DataError,
    Evaluation,
    InputError,
    Pixels,
    Standardized,
    TrainingError,
    load_checkpoint,
    load_model,
    save_checkpoint,
    save_model,
)
from npvae.runs.checkpoints import read_checkpoint
from npvae.runs.model_file import read_content


@pytest.fixture
def path(tmp_path):
    return tmp_path / "c.npz"


# ---- to the same bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "".join(kind.values()))
def test_from_file_to_file_it_ends_with_the_same_bits(path, kind):
    """One trainer for each update; every file leads to the same end, from whichever it goes on."""
    expected = bits(go_on(make_training(**kind)))
    trainer = make_training(**kind)
    while trainer.goes_on(EPOCHS):
        trainer.step()
        for ended in range(1 + trainer.epoch_is_over):  # before the epoch's end, and after it
            if ended:
                trainer.end_epoch()
            save_checkpoint(path, trainer)
            trainer = make_training(**kind, rng=99)
            load_checkpoint(path, trainer)
    assert bits(trainer) == expected


def test_before_the_first_update_it_goes_on_too(path):
    save_checkpoint(path, make_training())
    again = make_training(rng=99)
    load_checkpoint(path, again)
    assert bits(go_on(again)) == bits(go_on(make_training()))


def test_a_training_that_goes_on_for_longer(path):
    save_checkpoint(path, go_on(make_training(), epochs=2))
    again = make_training()
    load_checkpoint(path, again)
    go_on(again, epochs=6)
    assert [record.epoch for record in again.records] == [1, 2, 3, 4, 5, 6]
    assert bits(again) == bits(go_on(make_training(), epochs=6))


def test_it_moves_between_devices(path, tmp_path):
    save_checkpoint(path, go_on(make_training(schedule="early stopping"), updates=7))
    model = MODELS["vae"](device=StrictDevice())
    moved = make_training(model, schedule="early stopping")
    load_checkpoint(path, moved)
    there = make_training(MODELS["vae"](device=StrictDevice()), schedule="early stopping")
    with waiting_allowed():
        there.restore(moved.state())  # and from memory to memory
        save_checkpoint(tmp_path / "again.npz", there)
    (header, arrays), (before, same) = (
        read_content(file, "a checkpoint") for file in (tmp_path / "again.npz", path)
    )
    assert header["versions"].pop("device") == "strict"
    assert before["versions"].pop("device") == "cpu"
    assert header == before
    assert arrays.keys() == same.keys()
    for name in arrays.keys() - {"header"}:
        assert arrays[name].tobytes() == same[name].tobytes()


# ---- what is in it -------------------------------------------------------------------------------


def test_the_model_in_it_can_be_used_alone(path):
    """Of a training with early stopping it is that of the best epoch."""
    trainer = go_on(make_training(), updates=5)
    save_checkpoint(path, trainer)
    np.testing.assert_array_equal(load_model(path).model.params.flat, trainer.model.params.flat)
    trainer = go_on(make_training(schedule="early stopping"))
    save_checkpoint(path, trainer)
    np.testing.assert_array_equal(load_model(path).model.params.flat, trainer.best)
    assert (trainer.best != trainer.model.params.flat).any()


def test_it_keeps_settings_shape_identity_and_versions(path):
    save_checkpoint(path, make_training(), (2, 3), {"lr": 0.02}, run_id="abc")
    checkpoint = read_checkpoint(path)
    assert checkpoint.settings == {"lr": 0.02}
    assert checkpoint.versions["numpy"] == np.__version__
    assert set(checkpoint.versions) >= {"npvae", "python", "platform"}
    assert (load_model(path).shape, load_model(path).run_id) == ((2, 3), "abc")
    save_checkpoint(path, make_training())
    assert load_model(path).shape == (6,)


def test_the_seconds_of_the_epoch_at_hand_go_on(path):
    trainer, again = go_on(make_training(), updates=5), make_training()
    save_checkpoint(path, trainer)
    load_checkpoint(path, again)
    assert again.seconds == trainer.seconds > 0


def test_there_is_no_pickle_in_it(path):
    save_checkpoint(path, go_on(make_training(), updates=5))
    with np.load(path, allow_pickle=False) as file:
        assert {file[name].dtype.kind for name in file.files} <= {"f", "i", "U"}


@pytest.mark.parametrize("rate", [0.0, 0, 1, np.float32(0.1), 1e-4])
def test_a_rate_that_was_set_by_hand_goes_with_it(path, rate):
    """Whatever kind of number it is: they are the same to the optimiser."""
    trainer, again = go_on(make_training(), updates=2), make_training()
    trainer.optimizer.lr = rate
    save_checkpoint(path, trainer)
    load_checkpoint(path, again)
    assert bits(go_on(again)) == bits(go_on(trainer))


@pytest.mark.parametrize("name", ["vae", "own layers"])
def test_beta_goes_with_it_as_it_is_at_the_moment(path, name):
    trainer, again = make_training(name), make_training(name)
    trainer.model.beta = 0.25
    save_checkpoint(path, trainer)
    load_checkpoint(path, again)
    assert again.model.beta == 0.25


def test_what_an_own_optimiser_keeps_stays_as_it_is(path):
    def with_best(best, average):
        trainer = make_training("own layers", "own optimiser")
        trainer.optimizer.best, trainer.optimizer.average = best, average
        return trainer

    save_checkpoint(path, with_best(-1.5, np.arange(46) / 3))
    again = with_best(0.0, None)
    load_checkpoint(path, again)
    assert again.optimizer.best == -1.5
    assert again.optimizer.average.dtype == np.float64
    np.testing.assert_array_equal(again.optimizer.average, np.arange(46) / 3)


# ---- what is not saved ---------------------------------------------------------------------------


def ruin_a_loss(trainer):
    trainer.losses[1, 0] = np.nan


def ruin_a_parameter(trainer):
    trainer.model.params.flat[3] = np.inf


def set_odd_validation(trainer):
    trainer.validate = lambda: Evaluation(np.nan, 1.0, 0.0, (0.0, 0.0), 0, 12, -1.0)
    trainer.run_epoch()


UNSAVEABLE = {
    "a loss": (ruin_a_loss, TrainingError, "epoch 2, step 2, the loss is nan"),
    "a parameter": (ruin_a_parameter, TrainingError, "parameter"),
    "a rate": (lambda t: setattr(t.optimizer, "lr", -0.1), InputError, "lr is -0.1"),
    "no rate": (lambda t: setattr(t.optimizer, "lr", np.nan), InputError, "lr"),
    "a decay": (lambda t: setattr(t.optimizer, "beta1", 1.0), InputError, "beta1 is 1.0"),
    "a beta": (lambda t: setattr(t.model, "beta", -1.0), InputError, "beta is -1.0"),
    "no beta": (lambda t: setattr(t.model, "beta", np.nan), InputError, "beta is nan"),
    "a validation": (set_odd_validation, DataError, "elbo"),
    "another kind of validation": (
        lambda t: (setattr(t, "validate", lambda: SimpleNamespace(bound=-1.0)), t.run_epoch()),
        InputError,
        "Evaluation",
    ),
    "a schedule": (lambda t: setattr(t.optimizer, "plan", [1, 2]), InputError, r"\[1, 2\]"),
    "a scaling": (lambda t: setattr(t, "scaling", object()), InputError, "Pixels"),
    "a generator": (
        lambda t: setattr(t, "rng", np.random.Generator(np.random.Philox(0))),
        InputError,
        "PCG64",
    ),
    "a spread": (
        lambda t: setattr(t, "scaling", Standardized(np.zeros(6), np.zeros(6))),
        (InputError, DataError),
        "std|deviation",
    ),
}


@pytest.mark.parametrize("what", UNSAVEABLE)
def test_what_could_not_be_loaded_is_not_saved(path, what):
    trainer, (ruin, error, words) = go_on(make_training(), updates=5), UNSAVEABLE[what]
    save_checkpoint(path, trainer)
    before = path.read_bytes()
    with pytest.raises(error, match=words):  # noqa: PT012, some of it is refused at once
        ruin(trainer)
        save_checkpoint(path, trainer)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("odd", [np.int64(3), np.nan])
def test_settings_that_no_file_can_hold(path, odd):
    with pytest.raises(InputError, match="settings"):
        save_checkpoint(path, make_training(), settings={"lr": odd})
    assert not path.exists()


# ---- what is not gone on with --------------------------------------------------------------------


def other_model(make):
    return lambda: make_training(make())


OTHERS = {
    "sizes": other_model(lambda: VAE.dense(6, 4, 2, activation="tanh", beta=2)),
    "activation": other_model(lambda: VAE.dense(6, 5, 2, beta=2)),
    "floats": other_model(lambda: MODELS["vae"](dtype=np.float64)),
    "class": other_model(lambda: Autoencoder.dense(6, 5, 2, activation="tanh")),
    "own class": lambda: make_training("own class"),
    "own layers": lambda: make_training("own layers"),
    "optimiser": lambda: make_training(optimizer="SGD"),
    "own optimiser": lambda: make_training(optimizer="own optimiser"),
    "batch size": lambda: make_training(batch_size=20),
    "binarisation": lambda: make_training(scaling=Pixels("threshold")),
}


def test_the_divisor_of_a_constant_column_does_not_matter(path):
    """An older version divided it by its mean; its x is 0 either way."""
    flags = np.arange(6) == 2

    def training(std, constant):
        return make_training(scaling=Standardized(np.zeros(6), std, constant), model="gaussian")

    save_checkpoint(path, training(np.where(flags, 7.0, 1), None))
    load_checkpoint(path, training(np.ones(6), flags))
    with pytest.raises(DataError, match="scaling"):
        load_checkpoint(path, training(np.ones(6), ~flags))


@pytest.mark.parametrize("what", OTHERS)
def test_another_training_than_was_saved(path, what):
    save_checkpoint(path, go_on(make_training(), updates=5))
    other = OTHERS[what]()
    before = bits(other)
    with pytest.raises(DataError, match=r"c\.npz"):
        load_checkpoint(path, other)
    assert bits(other) == before


def test_a_model_is_no_checkpoint(path):
    save_model(path, MODELS["vae"](), Pixels(), (2, 3))
    with pytest.raises(DataError, match="load_model"):
        load_checkpoint(path, make_training())


def test_no_such_file(path):
    with pytest.raises(DataError, match=r"c\.npz"):
        load_checkpoint(path, make_training())
