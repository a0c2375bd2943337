"""The trainer: what an update meets, what an epoch records, and that it goes on from anywhere."""

from copy import deepcopy
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_trainings import (
    BATCH,
    BOUNDS,
    EPOCHS,
    KINDS,
    MODELS,
    bits,
    go_on,
    make_training,
    tiny_dataset,
)

from npvae import (
    IWAE,
    SGD,
    VAE,
    Adam,
    Autoencoder,
    Cosine,
    Dataset,
    EarlyStopping,
    Evaluation,
    InputError,
    Loss,
    Pixels,
    Split,
    Standardized,
    Trainer,
    TrainingError,
    WarmUp,
    evaluate,
    fit,
    trainer_for,
)
from npvae.evaluation.elbo import EVALUATION_SEED
from npvae.layers import Dense
from npvae.parameters import Parameters


class Recorder:
    """A model that notes what each update meets; its loss is the mean of what it saw."""

    def __init__(self):
        self.params = Parameters({"layer": Dense(1, 1, rng=0)}, np.float64)
        self.optimizer, self.beta = SGD(lr=7.0), 5.0
        self.batches, self.noise, self.rates = [], [], []

    def draw_noise(self, rng, n):
        return rng.standard_normal(n)

    def loss_and_grad(self, x, eps):
        assert len(eps) == len(x)
        self.batches.append(x[:, 0])
        self.noise.append(eps)
        self.rates.append((self.optimizer.lr, self.beta))
        self.params.grad[:] = 1
        return Loss(3 * x.mean(), x.mean(), 2 * x.mean())


def numbered(n):
    """Return n examples of one number each: 0, 1, 2, ..."""
    return Split(np.arange(n, dtype=float)[:, None], np.arange(n))


def recording(n=40, epochs=2, examples=None, scaling=None, **options):
    """Return a recorder, and its trainer after so many epochs."""
    model = options.pop("model", None) or Recorder()
    examples, scaling = examples or numbered(n), scaling or Pixels("none")
    trainer = Trainer(model, examples, scaling, model.optimizer, **{"batch_size": 16, **options})
    for _ in range(epochs):
        trainer.run_epoch()
    return model, trainer


# ---- what an update meets ------------------------------------------------------------------------


@given(n=st.integers(1, 30), batch_size=st.integers(1, 40), epochs=st.integers(1, 4))
def test_every_epoch_meets_every_example_once(n, batch_size, epochs):
    model, _ = recording(n, epochs, batch_size=batch_size)
    full, rest = divmod(n, batch_size)
    sizes = [batch_size] * full + [rest] * (rest > 0)
    assert [len(batch) for batch in model.batches] == sizes * epochs
    for epoch in range(epochs):
        met = model.batches[epoch * len(sizes) : (epoch + 1) * len(sizes)]
        np.testing.assert_array_equal(np.sort(np.concatenate(met)), np.arange(n))


def test_every_epoch_has_an_order_of_its_own():
    model, _ = recording(50, epochs=3, batch_size=50)
    assert len({tuple(batch) for batch in [*model.batches, np.arange(50.0)]}) == 4


def test_every_update_has_noise_of_its_own():
    model, _ = recording(32, epochs=2)
    assert len({tuple(noise) for noise in model.noise}) == 4


def test_dynamic_pixels_are_drawn_anew_each_epoch():
    grey = Split(np.full((200, 1), 128, np.uint8), np.arange(200))
    model, _ = recording(examples=grey, scaling=Pixels("dynamic"), batch_size=200)
    first, second = model.batches
    assert set(first) | set(second) == {0.0, 1.0}
    assert (first != second).any()


def test_a_step_makes_its_update_and_returns_the_loss_before_it():
    model, trainer = recording(epochs=0)
    before = model.params.flat.copy()
    loss = trainer.step()
    np.testing.assert_array_equal(model.params.flat, before - 7)
    assert loss.reconstruction == model.batches[0].mean()
    assert (trainer.steps, trainer.epoch, trainer.step_in_epoch) == (1, 1, 1)


def test_the_seed_decides_the_order_and_the_noise():
    def met(**rng):
        model, _ = recording(epochs=1, **rng)
        return np.concatenate([*model.batches, *model.noise])

    np.testing.assert_array_equal(met(rng=4), met(rng=np.random.default_rng(4)))
    np.testing.assert_array_equal(met(), met(rng=0))
    assert (met(rng=4) != met(rng=5)).any()


def test_rate_and_beta_are_set_before_each_update_by_fractions_of_an_epoch():
    model, _ = recording(lr=lambda t: 1 + t, beta=lambda t: 10 * t)
    times = [0, 0.4, 0.8, 1, 1.4, 1.8]  # 40 examples in batches of 16
    np.testing.assert_allclose(model.rates, [(1 + t, 10 * t) for t in times])
    before = Recorder().params.flat
    np.testing.assert_allclose(model.params.flat, before - sum(1 + t for t in times))


def test_without_schedules_both_stay_as_they_are():
    model, _ = recording()
    assert model.rates == [(7, 5)] * 6


def test_a_conditional_model_is_told_the_label_of_each_example():
    class Told(Recorder):
        n_y = 10

        def one_hot(self, labels):
            return labels

        def loss_and_grad(self, x, eps, y):
            np.testing.assert_array_equal(x[:, 0] % 10, y)
            return super().loss_and_grad(x, eps)

    labelled = replace(numbered(50), labels=np.arange(50) % 10)
    model, _ = recording(model=Told(), examples=labelled)
    assert len(model.batches) == 8
    with pytest.raises(InputError, match="label"):
        recording(model=Told())


# ---- what an epoch records -----------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [7, 40, 64])
def test_an_epochs_averages_weigh_every_example_alike(batch_size):
    """Batches of 7 leave one of 5; a mean of means would be another number."""
    _, trainer = recording(batch_size=batch_size)
    assert [record.epoch for record in trainer.records] == [1, 2]
    for record in trainer.records:
        assert record.train_reconstruction == pytest.approx(19.5, rel=1e-12)
        assert record.train_loss == pytest.approx(3 * 19.5, rel=1e-12)
        assert record.train_kl == pytest.approx(2 * 19.5, rel=1e-12)
        assert record.train_elbo == pytest.approx(-3 * 19.5, rel=1e-12)
        assert record.held_out is None


def test_the_seconds_are_those_of_the_epochs_updates(monkeypatch):
    """A clock that shows a second more at every look, and ten more after the validation."""
    now = iter(range(1000))
    monkeypatch.setattr("npvae.training.perf_counter", lambda: next(now))

    def validate():
        for _ in range(10):
            next(now)
        return Evaluation(-1.0, 1.0, 0.0, (0.0,), 0, 1, -1.0)

    _, trainer = recording(validate=validate)
    assert [record.seconds for record in trainer.records] == [4, 4]  # three updates, and the end


def test_the_elbo_leaves_beta_out():
    record = make_training("vae").run_epoch()
    assert record.train_kl > 0
    assert record.train_loss == pytest.approx(
        record.train_reconstruction + 2 * record.train_kl, rel=1e-6
    )
    assert record.train_elbo == -record.train_reconstruction - record.train_kl


def test_the_held_out_part_is_measured_at_the_end_of_the_epoch_with_the_same_noise():
    trainer = make_training()
    for _ in range(2):
        record = trainer.run_epoch()
        part = tiny_dataset().validation
        assert record.held_out == evaluate(trainer.model, part, Pixels("dynamic"), EVALUATION_SEED)


def test_only_the_training_part_is_learned():
    data = tiny_dataset()
    others = [
        replace(data, validation=Split(255 - data.validation.x, data.validation.rows)),
        replace(data, test=Split(255 - data.test.x, data.test.rows)),
        replace(data, validation=Split(data.validation.x, data.validation.rows[:0])),
    ]
    expected = go_on(make_training(data=data)).model.params.flat
    for other in others:
        np.testing.assert_array_equal(go_on(make_training(data=other)).model.params.flat, expected)


def test_an_epoch_ends_once_and_only_after_its_last_step():
    trainer = make_training()
    for _ in range(2):
        with pytest.raises(InputError, match=r"the start|epoch 1, step 1"):
            trainer.end_epoch()
        trainer.step()
    trainer.run_epoch()
    with pytest.raises(InputError, match="the end of epoch 1"):
        trainer.end_epoch()
    assert len(trainer.records) == 1


def test_a_loop_that_ends_no_epoch_has_them_ended_by_the_next_step():
    bare, plain = make_training(), make_training()
    for _ in range(2 * plain.steps_per_epoch + 1):
        bare.step()
    for _ in range(2):
        plain.run_epoch()
    assert [one.held_out for one in bare.records] == [one.held_out for one in plain.records]
    assert [one.epoch for one in bare.records] == [1, 2]


@pytest.mark.parametrize("epochs", [0, 1])
def test_an_epoch_whose_first_step_failed_has_not_ended(epochs):
    trainer = make_training()
    for _ in range(epochs):
        trainer.run_epoch()
    loss_and_grad, trainer.model.loss_and_grad = trainer.model.loss_and_grad, None
    with pytest.raises(TypeError):
        trainer.step()
    trainer.model.loss_and_grad = loss_and_grad
    assert not trainer.epoch_is_over
    assert trainer.run_epoch().epoch == epochs + 1
    assert trainer.steps == (epochs + 1) * trainer.steps_per_epoch


# ---- what is not a finite number -----------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("quantity", ["reconstruction", "kl"])
def test_a_loss_that_is_not_finite_is_named_with_its_epoch_and_step(bad, quantity):
    class Broken(Recorder):
        def loss_and_grad(self, x, eps):
            loss = super().loss_and_grad(x, eps)
            ruined = {quantity: np.float64(bad), "loss": np.float64(bad)}
            return loss._replace(**ruined) if len(self.batches) == 5 else loss

    _, trainer = recording(model=Broken(), epochs=1)
    trainer.step(), trainer.step()
    for refuse in (trainer.state, trainer.run_epoch):
        with pytest.raises(TrainingError, match=f"epoch 2, step 2, the {quantity} is {bad}"):
            refuse()
    assert len(trainer.records) == 1


def test_parameters_that_are_not_finite_end_the_training():
    """The one update of an epoch ruins the model: its loss, taken before, cannot tell."""
    with np.errstate(all="ignore"), pytest.raises(TrainingError, match=r"epoch 1.*parameter"):
        fit(MODELS["vae"](), tiny_dataset(), optimizer=SGD(1e39), epochs=1, batch_size=10**6)


@pytest.mark.parametrize("bound", [np.nan, -np.inf])
def test_a_validation_that_is_not_finite_ends_the_training(bound):
    trainer = make_training()
    trainer.validate = lambda: Evaluation(-1.0, 1.0, 0.0, (0.0, 0.0), 0, 12, bound)
    with pytest.raises(TrainingError, match=f"epoch 1.*validation.* {bound}"):
        trainer.run_epoch()
    assert trainer.records == []


# ---- stopping early ------------------------------------------------------------------------------


def stopped_early(patience, after=0, epochs=6, bounds=BOUNDS):
    """Return the trainer at its end, and the parameters after each of its epochs."""
    trainer = make_training(schedule={"early_stopping": EarlyStopping(patience, after)})
    trainer.validate = lambda: Evaluation(
        0.0, 0.0, 0.0, (0.0, 0.0), 0, 12, bounds[len(trainer.records)]
    )
    each = []
    while trainer.goes_on(epochs):
        trainer.run_epoch()
        each.append(trainer.model.params.flat.copy())
    return trainer, each


@pytest.mark.parametrize(
    ("options", "n", "best"),
    [
        ({"patience": 2}, 4, 2),
        ({"patience": 5, "epochs": 4}, 4, 2),  # at the last epoch, too
        ({"patience": 2, "after": 2, "bounds": (-1, -2, -9, -8, -8.5, -8.6)}, 6, 4),
        ({"patience": 1, "after": 3, "epochs": 3}, 3, None),  # where no epoch counts
    ],
)
def test_it_stops_after_its_patience_and_keeps_the_best_epoch(options, n, best):
    trainer, each = stopped_early(**options)
    assert (len(each), trainer.best_epoch) == (n, best)
    assert len({flat.tobytes() for flat in each}) == n  # until then each epoch goes on
    if best is None:
        assert trainer.best is None
    else:
        np.testing.assert_array_equal(trainer.best, each[best - 1])
    with trainer.best_parameters():
        np.testing.assert_array_equal(trainer.model.params.flat, each[(best or n) - 1])
    np.testing.assert_array_equal(trainer.model.params.flat, each[-1])


def test_the_last_parameters_come_back_after_an_error():
    trainer, each = stopped_early(patience=2)
    with pytest.raises(ZeroDivisionError), trainer.best_parameters():
        raise ZeroDivisionError
    np.testing.assert_array_equal(trainer.model.params.flat, each[-1])


def test_without_early_stopping_there_is_no_best():
    assert (go_on(make_training()).best, go_on(make_training()).best_epoch) == (None, None)


# ---- stopped and gone on with --------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "".join(kind.values()))
def test_stopped_after_every_update_it_ends_with_the_same_bits(kind):
    expected = bits(go_on(make_training(**kind)))
    assert len(expected["records"]) == EPOCHS
    trainer = make_training(**kind)
    while trainer.goes_on(EPOCHS):
        trainer.step()
        for ended in range(1 + trainer.epoch_is_over):  # before the epoch's end, and after it
            if ended:
                trainer.end_epoch()
            again = make_training(**kind, rng=99)
            again.restore(deepcopy(trainer.state()))
            if again.epoch_is_over:
                again.end_epoch()
            assert again.place == trainer.place
            assert bits(go_on(again)) == expected
    assert bits(trainer) == expected


def test_what_was_restored_shares_nothing_with_the_other():
    one = go_on(make_training(schedule="early stopping"), updates=7)
    state, before = one.state(), bits(one)
    for _ in range(2):
        other = make_training(schedule="early stopping")
        other.restore(state)
        assert len(go_on(other).records) == 4
    assert bits(one) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 20}, "16, .*20, "),
        ({"model": "two hidden layers"}, "16, 110, "),
        ({"optimizer": "SGD"}, "optimiser Adam"),
        ({"data": "fewer"}, "40.*12"),
    ],
    ids=["batch size", "model", "optimiser", "data"],
)
def test_a_state_of_another_training_is_refused_and_changes_nothing(options, words):
    state = go_on(make_training(), updates=5).state()
    if "data" in options:
        data = tiny_dataset()
        options = {"data": replace(data, train=data.validation)}
    other = go_on(make_training(**options), updates=1)
    before = bits(other)
    with pytest.raises(InputError, match=words):
        other.restore(state)
    assert bits(other) == before


def test_a_rate_or_a_beta_that_could_not_be_restored_is_no_state():
    trainer = go_on(make_training(), updates=2)
    trainer.optimizer.lr = -1.0
    with pytest.raises(InputError, match="lr is -1"):
        trainer.state()


# ---- fit -----------------------------------------------------------------------------------------


def test_fit_does_what_the_loop_does():
    trainer = go_on(make_training(), epochs=3)
    model = MODELS["vae"]()
    options = {"scaling": Pixels("dynamic"), "optimizer": Adam(0.02), "batch_size": BATCH}
    records = fit(model, tiny_dataset(), epochs=3, rng=7, **options)
    assert [replace(r, seconds=0) for r in records] == bits(trainer)["records"]
    np.testing.assert_array_equal(model.params.flat, trainer.model.params.flat)


def test_fit_hands_its_schedules_on_and_ends_with_the_best_epoch(monkeypatch):
    bounds = iter(BOUNDS)
    monkeypatch.setattr(
        "npvae.runs.fit.evaluate",
        lambda *_, **__: Evaluation(0.0, 0.0, 0.0, (0.0, 0.0), 0, 12, next(bounds)),
    )
    _, each = stopped_early(2)
    model, adam = MODELS["vae"](), Adam()
    options = {"optimizer": adam, "epochs": 6, "batch_size": BATCH, "scaling": Pixels("dynamic")}
    schedules = {"lr": lambda t: 0.02, "early_stopping": EarlyStopping(2)}
    assert len(fit(model, tiny_dataset(), rng=7, **options, **schedules)) == 4
    np.testing.assert_array_equal(model.params.flat, each[1])
    assert adam.lr == 0.02
    model = MODELS["vae"]()
    fit(model, tiny_dataset(), epochs=2, batch_size=BATCH, beta=WarmUp(2, end=3), lr=Cosine(0.1, 2))
    assert model.beta == pytest.approx(3 * 1.8 / 2)


def test_fit_shows_a_bar_where_one_is_asked_for(capsys):
    fit(MODELS["vae"](), tiny_dataset(), epochs=1)
    assert capsys.readouterr().err == ""
    fit(MODELS["vae"](), tiny_dataset(), epochs=1, batch_size=BATCH, progress=True)
    assert "3/3" in capsys.readouterr().err


@pytest.mark.parametrize(("model", "options"), [(VAE, {"beta": 0.01}), (Autoencoder, {})])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_ten_examples_are_learned_by_heart(rng, model, options, likelihood):
    x = rng.integers(0, 2, (10, 12), dtype=np.uint8) * 255
    everything, nothing = Split(x, np.arange(10)), Split(x, np.arange(0))
    data = Dataset("ten", everything, nothing, everything, (3, 4), "pixels", "")
    learner = model.dense(12, 32, 4, likelihood=likelihood, sigma=0.1, **options)
    fit(learner, data, scaling=Pixels("none"), optimizer=Adam(1e-2), epochs=400, batch_size=10)
    x_hat = learner.reconstruct((x / 255).astype(np.float32))
    assert np.abs(x_hat - x / 255).max() < 0.1


# ---- what is refused -----------------------------------------------------------------------------


def empty(data, *parts):
    nothing = Split(data.train.x, np.arange(0), np.arange(0))
    return replace(data, **dict.fromkeys(parts, nothing))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": -5}, "batch_size is -5"),
        ({"data": "train"}, "no example"),
        ({"data": "validation", "schedule": "early stopping"}, "needs a validation part"),
        ({"model": "iwae", "schedule": "warm-up"}, "IWAE .*beta"),
        ({"model": "autoencoder", "schedule": "warm-up"}, "Autoencoder .*beta"),
    ],
)
def test_what_does_not_fit_together_is_refused(options, words):
    if "data" in options:
        options = options | {"data": empty(tiny_dataset(), options["data"])}
    with pytest.raises(InputError, match=words):
        make_training(**options)


def test_data_for_another_model_are_refused():
    with pytest.raises(InputError, match=r"6 .*7"):
        make_training(VAE.dense(7, 4, 2))
    with pytest.raises(InputError, match="gaussian"):
        make_training(scaling=Standardized(np.zeros(6), np.ones(6)))


def test_a_model_of_ones_own_without_a_beta_has_no_schedule_of_it():
    model = Recorder()
    del model.beta
    with pytest.raises(InputError, match=r"Recorder .*beta"):
        Trainer(model, numbered(4), Pixels("none"), beta=WarmUp(1))


def test_fit_takes_some_epochs_and_a_warm_up_that_fits_into_them():
    fit(MODELS["vae"](), tiny_dataset(), epochs=2, beta=WarmUp(2))
    for options, words in (
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": float("nan")}, "epochs is nan"),
        ({"epochs": 2.5}, r"epochs is 2\.5"),
        ({"epochs": 2}, "3 epochs .* 2"),
        ({"epochs": 5, "lr": 1e-3}, r"lr is 0\.001"),
        ({"epochs": 5, "rng": "one"}, "'one'"),
    ):
        model = MODELS["vae"]()
        with pytest.raises(InputError, match=words):
            fit(model, tiny_dataset(), beta=WarmUp(3), **options)
        np.testing.assert_array_equal(model.params.flat, MODELS["vae"]().params.flat)


def test_the_model_of_a_trainer_is_on_its_own_device_with_its_own_generator():
    trainer = trainer_for(IWAE.dense(6, 5, 2, k=2), tiny_dataset())
    assert trainer.optimizer.lr == Adam().lr
    assert trainer.batch_size == 128
    assert isinstance(trainer.rng, np.random.Generator)


def test_a_state_of_other_data_is_refused_between_two_epochs_as_well():
    def build(n):
        part = Split(np.zeros((n, 4), np.uint8), np.arange(n))
        return Trainer(VAE.dense(4, 3, 2), part, Pixels("none"), batch_size=10)

    trainer = build(60)
    trainer.run_epoch()
    with pytest.raises(InputError, match=r"60\).+50\)"):
        build(50).restore(trainer.state())


def waits(model):
    """Whether a sample in another thread waits, as long as this thread does what it is doing."""
    other = Thread(target=lambda: model.sample(1), daemon=True)
    other.start()
    other.join(0.2)
    return other.is_alive()


def test_another_thread_meets_no_half_made_update_and_no_borrowed_parameters():
    class Watched(SGD):
        def step(self, params):
            found.append(waits(trainer.model))

    found, part = [], Split(np.zeros((4, 4), np.uint8), np.arange(4))
    trainer = Trainer(VAE.dense(4, 3, 2), part, Pixels("none"), Watched(0.1))
    trainer.step()
    with trainer.best_parameters():
        found.append(waits(trainer.model))
    assert found == [True, True]
    assert not waits(trainer.model)
