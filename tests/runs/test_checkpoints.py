import numpy as np
import pytest
from small_training import (
    BATCH,
    DATA,
    MODELS,
    OPTIMIZERS,
    SCALING,
    SCHEDULES,
    Signed,
    own_layers,
    saved_after,
    state,
    train,
)
from strict_device import StrictDevice, waiting_allowed

from npvae import (
    SGD,
    VAE,
    Adam,
    DataError,
    Progress,
    Standardized,
    load_checkpoint,
    load_model,
    save_checkpoint,
    steps,
)
from npvae.runs.model_file import read_content


@pytest.mark.parametrize(
    ("model", "optimizer", "schedule", "updates"),
    [
        *(("vae", "Adam", None, updates) for updates in range(13)),
        *((model, "Adam", None, updates) for model in MODELS for updates in (4, 6)),
        *(("vae", optimizer, None, updates) for optimizer in OPTIMIZERS for updates in (4, 6)),
        *(("vae", "Adam", schedule, updates) for schedule in SCHEDULES for updates in (2, 6, 10)),
    ],
)
def test_it_goes_on_to_the_same_bits(tmp_path, model, optimizer, schedule, updates):
    """Stopped after every update there is, those at the ends of epochs among them."""
    make_model, make_optimizer = MODELS[model], OPTIMIZERS[optimizer]
    schedules = SCHEDULES.get(schedule, {})
    never = make_model(), make_optimizer(), Progress(rng=7)
    train(*never, epochs=4, **schedules)
    path = saved_after(tmp_path / "c.npz", updates, make_model, make_optimizer, **schedules)
    again = load_checkpoint(path)
    assert again.settings == {"lr": 0.02}
    train(again.model, again.optimizer, again.progress, epochs=4, **schedules)
    assert state(again.model, again.optimizer, again.progress) == state(*never)


def test_a_training_that_goes_on_for_longer(tmp_path):
    never = MODELS["vae"](), Adam(0.02), Progress(rng=7)
    train(*never, epochs=6)
    shorter = MODELS["vae"](), Adam(0.02), Progress(rng=7)
    train(*shorter, epochs=2)
    save_checkpoint(tmp_path / "c.npz", shorter[0], SCALING, (2, 3), *shorter[1:])
    again = load_checkpoint(tmp_path / "c.npz")
    records = train(again.model, again.optimizer, again.progress, epochs=6)
    assert [record.epoch for record in records] == [3, 4, 5, 6]
    assert state(again.model, again.optimizer, again.progress) == state(*never)


def test_from_checkpoint_to_checkpoint(tmp_path):
    never = MODELS["vae"](), Adam(0.02), Progress(rng=7)
    train(*never, epochs=4)
    path = saved_after(tmp_path / "c.npz", 0)
    for _ in range(12):
        again = load_checkpoint(path)
        train(again.model, again.optimizer, again.progress, epochs=4, stop_after=1)
        save_checkpoint(path, again.model, SCALING, (2, 3), again.optimizer, again.progress)
    train(again.model, again.optimizer, again.progress, epochs=4, stop_after=1)
    assert state(again.model, again.optimizer, again.progress) == state(*never)


def test_steps_alone_go_on_too(tmp_path):
    """Without `fit` there are no records, and the order of the updates is the same."""
    args = (DATA.train, SCALING)
    never, adam, progress = MODELS["vae"](), Adam(), Progress(rng=7)
    for _ in steps(never, *args, adam, epochs=2, batch_size=BATCH, progress=progress):
        pass
    model, adam, progress = MODELS["vae"](), Adam(), Progress(rng=7)
    updates = steps(model, *args, adam, epochs=2, batch_size=BATCH, progress=progress)
    assert [next(updates).n for _ in range(5)] == [16, 16, 8, 16, 16]
    save_checkpoint(tmp_path / "c.npz", model, SCALING, (2, 3), adam, progress)
    c = load_checkpoint(tmp_path / "c.npz")
    rest = list(steps(c.model, *args, c.optimizer, epochs=2, batch_size=BATCH, progress=c.progress))
    assert [step.n for step in rest] == [8]
    np.testing.assert_array_equal(c.model.params.flat, never.params.flat)


def test_layers_and_optimisers_of_ones_own(tmp_path):
    never = own_layers(), Signed(), Progress(rng=7)
    train(*never, epochs=4)
    path = saved_after(tmp_path / "c.npz", 5, own_layers, Signed)
    with pytest.raises(
        DataError, match=r"c\.npz.*layers of your own; use load_checkpoint with model="
    ):
        load_checkpoint(path)
    with pytest.raises(DataError, match=r"c\.npz.*Signed.*give optimizer="):
        load_checkpoint(path, model=own_layers())
    again = load_checkpoint(path, model=own_layers(), optimizer=Signed(lr=9.0))
    train(again.model, again.optimizer, again.progress, epochs=4)
    assert state(again.model, again.optimizer, again.progress) == state(*never)


def test_it_moves_between_devices(tmp_path):
    path = saved_after(tmp_path / "c.npz", 5)
    moved = load_checkpoint(path, device=StrictDevice())
    with waiting_allowed():
        save_checkpoint(
            tmp_path / "again.npz",
            moved.model,
            SCALING,
            (2, 3),
            moved.optimizer,
            moved.progress,
            {"lr": 0.02},
        )
    (header, arrays), (before, same) = (
        read_content(file, "a checkpoint") for file in (tmp_path / "again.npz", path)
    )
    assert header["versions"].pop("device") == "strict"
    assert before["versions"].pop("device") == "cpu"
    assert header == before
    assert arrays.keys() == same.keys()
    for name in arrays.keys() - {"header"}:
        assert arrays[name].tobytes() == same[name].tobytes()


def test_the_model_in_it_can_be_used_alone(tmp_path):
    path = saved_after(tmp_path / "c.npz", 5)
    np.testing.assert_array_equal(
        load_model(path).model.params.flat, load_checkpoint(path).model.params.flat
    )


def test_the_standardisation_goes_with_it(tmp_path):
    scaling = Standardized(np.arange(6) / 7, np.arange(1, 7) / 3)
    model = VAE.dense(6, 5, 2, likelihood="gaussian")
    save_checkpoint(tmp_path / "c.npz", model, scaling, (6,), SGD(), Progress())
    again = load_checkpoint(tmp_path / "c.npz")
    np.testing.assert_array_equal(again.scaling.std, scaling.std)
    assert again.progress.rng == 0
    assert again.shape == (6,)


def test_there_is_no_pickle_in_it(tmp_path):
    with np.load(saved_after(tmp_path / "c.npz", 5), allow_pickle=False) as file:
        assert {file[name].dtype.kind for name in file.files} <= {"f", "i", "U"}


def test_it_says_what_it_was_written_with(tmp_path):
    versions = load_checkpoint(saved_after(tmp_path / "c.npz", 0)).versions
    assert versions["numpy"] == np.__version__
    assert set(versions) >= {"npvae", "python", "platform"}


@pytest.mark.parametrize("rates", [np.geomspace(0.03, 0.003, 4), [0.0, 0, 1, np.float32(0.1)]])
def test_a_schedule_of_the_learning_rate_goes_on(tmp_path, rates):
    """Whatever kind of number it makes: they are the same to the optimiser."""

    def scheduled(model, adam, progress, epochs):
        for epoch in epochs:
            adam.lr = rates[epoch]
            train(model, adam, progress, epochs=epoch + 1)

    never = MODELS["vae"](), Adam(), Progress(rng=7)
    scheduled(*never, range(4))
    begun = MODELS["vae"](), Adam(), Progress(rng=7)
    scheduled(*begun, range(2))
    save_checkpoint(tmp_path / "c.npz", begun[0], SCALING, (2, 3), *begun[1:])
    again = load_checkpoint(tmp_path / "c.npz")
    scheduled(again.model, again.optimizer, again.progress, range(2, 4))
    np.testing.assert_array_equal(again.model.params.flat, never[0].params.flat)


@pytest.mark.parametrize("fit_first", [True, False])
def test_epochs_with_and_without_records(tmp_path, fit_first):
    model, adam, progress = MODELS["vae"](), Adam(), Progress(rng=7)
    for epoch, with_fit in enumerate([fit_first, not fit_first], start=1):
        if with_fit:
            train(model, adam, progress, epochs=epoch)
        else:
            options = {"epochs": epoch, "batch_size": BATCH, "progress": progress}
            assert len(list(steps(model, DATA.train, SCALING, adam, **options))) == 3
    save_checkpoint(tmp_path / "c.npz", model, SCALING, (2, 3), adam, progress)
    again = load_checkpoint(tmp_path / "c.npz").progress
    assert (again.epoch, len(again.records)) == (3, 1)


def test_what_an_own_optimiser_keeps_stays_as_it_is(tmp_path):
    class Best(Signed):
        def __init__(self):
            super().__init__()
            self.best, self.average = -1.5, np.arange(46) / 3

    model = own_layers()
    save_checkpoint(tmp_path / "c.npz", model, SCALING, (2, 3), Best(), Progress())
    again = load_checkpoint(tmp_path / "c.npz", model=own_layers(), optimizer=Best()).optimizer
    assert again.best == -1.5
    assert again.average.dtype == np.float64
    np.testing.assert_array_equal(again.average, np.arange(46) / 3)


def test_beta_goes_with_it(tmp_path):
    """As it is at the moment, also of a model with layers of one's own."""
    for model, given in ((own_layers(), {"model": own_layers()}), (VAE.dense(6, 5, 2), {})):
        model.beta = 0.25
        save_checkpoint(tmp_path / "c.npz", model, SCALING, (2, 3), SGD(), Progress())
        assert load_checkpoint(tmp_path / "c.npz", **given).model.beta == 0.25
