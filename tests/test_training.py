import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae import (
    SGD,
    VAE,
    Adam,
    Autoencoder,
    Dataset,
    InputError,
    Loss,
    Pixels,
    Split,
    Standardized,
    TrainingError,
    evaluate,
    fit,
    steps,
)
from npvae.evaluation.elbo import EVALUATION_SEED
from npvae.layers import Dense
from npvae.parameters import Parameters

GREY = Pixels("none")


class Recorder:
    """A model that remembers its batches; its loss is the mean of what it saw."""

    def __init__(self):
        self.params = Parameters({"layer": Dense(1, 1, rng=0)}, np.float64)
        self.batches = []

    def draw_noise(self, rng, n):
        return rng.standard_normal(n)

    def loss_and_grad(self, x, eps):
        assert len(eps) == len(x)
        self.batches.append(x[:, 0])
        return Loss(3 * x.mean(), x.mean(), 2 * x.mean())


def numbered(n):
    """Return n examples of one number each: 0, 1, 2, ..."""
    return Split(np.arange(n, dtype=float)[:, None], np.arange(n))


def dataset(n=40, held_out=12):
    x = np.random.default_rng(0).integers(0, 256, (n + held_out + 5, 6), dtype=np.uint8)
    rows = np.arange(len(x))
    parts = [Split(x, part) for part in np.split(rows, [n, n + held_out])]
    return Dataset("small", *parts, shape=(2, 3), kind="pixels", source="a test")


# ---- steps ---------------------------------------------------------------------------------------


@given(n=st.integers(1, 30), batch_size=st.integers(1, 40), epochs=st.integers(1, 4))
def test_every_epoch_meets_every_example_once(n, batch_size, epochs):
    model = Recorder()
    passed = list(
        steps(model, numbered(n), GREY, SGD(), epochs=epochs, batch_size=batch_size, rng=1)
    )
    full, rest = divmod(n, batch_size)
    assert [step.n for step in passed] == ([batch_size] * full + [rest] * (rest > 0)) * epochs
    assert [len(batch) for batch in model.batches] == [step.n for step in passed]
    for epoch in range(1, epochs + 1):
        met = [b for b, step in zip(model.batches, passed, strict=True) if step.epoch == epoch]
        np.testing.assert_array_equal(np.sort(np.concatenate(met)), np.arange(n))


def test_every_epoch_has_an_order_of_its_own():
    model = Recorder()
    for _ in steps(model, numbered(50), GREY, SGD(), epochs=3, batch_size=50, rng=0):
        pass
    orders = {tuple(batch) for batch in [*model.batches, np.arange(50.0)]}
    assert len(orders) == 4


def test_steps_yields_after_the_update():
    model = Recorder()
    before = model.params.flat.copy()
    model.params.grad[:] = 1
    next(steps(model, numbered(4), GREY, SGD(lr=0.5)))
    np.testing.assert_array_equal(model.params.flat, before - 0.5)


def test_dynamic_pixels_are_drawn_anew_each_epoch():
    model = Recorder()
    grey = Split(np.full((200, 1), 128, np.uint8), np.arange(200))
    for _ in steps(model, grey, Pixels("dynamic"), SGD(), epochs=2, batch_size=200, rng=0):
        pass
    first, second = model.batches
    assert set(first) | set(second) == {0.0, 1.0}
    assert (first != second).any()


def test_a_conditional_model_is_told_the_label_of_each_example():
    class Told(Recorder):
        n_y = 10

        def one_hot(self, labels):
            return labels

        def loss_and_grad(self, x, eps, y):
            np.testing.assert_array_equal(x[:, 0] % 10, y)
            return super().loss_and_grad(x, eps)

    model = Told()
    data = dataclasses.replace(numbered(50), labels=np.arange(50) % 10)
    for _ in steps(model, data, GREY, SGD(), epochs=2, batch_size=16):
        pass
    assert len(model.batches) == 8
    with pytest.raises(InputError, match="a conditional model needs labels"):
        next(steps(model, numbered(50), GREY, SGD()))


@pytest.mark.parametrize("options", [{"epochs": 0}, {"batch_size": 0}, {"batch_size": -5}])
def test_there_is_at_least_one_of_each(options):
    with pytest.raises(InputError, match="both are at least 1"):
        next(steps(Recorder(), numbered(4), GREY, SGD(), **options))
    with pytest.raises(InputError, match="both are at least 1"):
        next(fit(VAE.dense(6, 4, 2), dataset(), **options))


def test_nothing_to_train_on():
    with pytest.raises(InputError, match="no example to train on"):
        next(steps(Recorder(), numbered(0), GREY, SGD()))


# ---- fit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [7, 40, 64])
def test_an_epochs_averages_weigh_every_example_alike(batch_size):
    """Batches of 7 leave one of 5; a mean of means would be another number."""
    data = dataclasses.replace(dataset(held_out=0), train=numbered(40))
    for record in fit(Recorder(), data, scaling=GREY, epochs=2, batch_size=batch_size):
        assert record.train_reconstruction == pytest.approx(19.5, rel=1e-12)
        assert record.train_loss == pytest.approx(3 * 19.5, rel=1e-12)
        assert record.train_kl == pytest.approx(2 * 19.5, rel=1e-12)
        assert record.train_elbo == pytest.approx(-3 * 19.5, rel=1e-12)
        assert record.held_out is None
        assert record.seconds >= 0


def test_the_elbo_leaves_beta_out():
    model = VAE.dense(6, 4, 2, beta=3)
    (record,) = fit(model, dataset(), epochs=1, scaling=GREY)
    assert record.train_kl > 0
    assert record.train_loss == pytest.approx(
        record.train_reconstruction + 3 * record.train_kl, rel=1e-6
    )
    assert record.train_elbo == -record.train_reconstruction - record.train_kl


def trained(**options):
    model = VAE.dense(6, 4, 2, seed=0)
    records = list(fit(model, options.pop("data", dataset()), epochs=3, batch_size=16, **options))
    return model.params.flat, [dataclasses.replace(record, seconds=0) for record in records]


def test_same_seed_same_bits_and_another_seed_another_training():
    (flat, records), (again, repeated), (other, _) = trained(rng=4), trained(rng=4), trained(rng=5)
    np.testing.assert_array_equal(flat, again)
    assert records == repeated
    assert (flat != other).any()
    np.testing.assert_array_equal(flat, trained(rng=np.random.default_rng(4))[0])


def test_the_held_out_part_always_meets_the_same_noise():
    model, data = VAE.dense(6, 4, 2), dataset()
    for record in fit(model, data, epochs=2, rng=3):
        expected = evaluate(model, data.validation, Pixels("dynamic"), EVALUATION_SEED)
        assert record.held_out == expected


def test_holding_out_does_not_change_the_training():
    watched, _ = trained(rng=1)
    alone, records = trained(rng=1, data=dataset(held_out=0))
    assert records[-1].held_out is None
    np.testing.assert_array_equal(watched, alone)


def test_only_the_training_part_is_learned():
    data = dataset()
    other = dataclasses.replace(
        data,
        validation=Split(255 - data.validation.x, data.validation.rows),
        test=Split(255 - data.test.x, data.test.rows),
    )
    np.testing.assert_array_equal(trained(rng=1)[0], trained(rng=1, data=other)[0])


@pytest.mark.parametrize(("model", "options"), [(VAE, {"beta": 0.01}), (Autoencoder, {})])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_ten_examples_are_learned_by_heart(model, options, likelihood):
    x = np.random.default_rng(1).integers(0, 2, (10, 12), dtype=np.uint8) * 255
    everything = Split(x, np.arange(10))
    data = Dataset(
        "ten", everything, Split(x, everything.rows[:0]), everything, (3, 4), "pixels", ""
    )
    learner = model.dense(12, 32, 4, likelihood=likelihood, sigma=0.1, **options)
    for _ in fit(learner, data, scaling=GREY, optimizer=Adam(1e-2), epochs=400, batch_size=10):
        pass
    x_hat = learner.reconstruct((x / 255).astype(np.float32))
    assert np.abs(x_hat - x / 255).max() < 0.1


def test_a_watch_sees_every_step_and_may_stop():
    seen = []

    def watch(updates):
        for step in updates:
            seen.append(step.n)
            yield step
            if len(seen) == 5:
                return

    records = list(fit(VAE.dense(6, 4, 2), dataset(), epochs=3, batch_size=16, rng=0, watch=watch))
    assert seen == [16, 16, 8, 16, 16]
    assert [record.epoch for record in records] == [1]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_no_number_ends_the_training(bad):
    class Broken(Recorder):
        def loss_and_grad(self, x, eps):
            loss = super().loss_and_grad(x, eps)
            return Loss(np.float64(bad), *loss[1:]) if len(self.batches) == 5 else loss

    data = dataclasses.replace(dataset(held_out=0), train=numbered(30))
    records = fit(Broken(), data, scaling=GREY, epochs=3, batch_size=10)
    assert next(records).epoch == 1
    with pytest.raises(TrainingError, match="epoch 2"):
        next(records)


def test_an_epoch_is_recorded_before_the_next_begins():
    """The held-out figures belong to the model at the epoch's end, not one update later."""
    adam = Adam()
    records = fit(VAE.dense(6, 4, 2), dataset(), optimizer=adam, epochs=3, batch_size=16)
    seen = [(record.epoch, adam.t) for record in records]
    per_epoch = -(-len(dataset().train) // 16)
    assert seen == [(epoch, epoch * per_epoch) for epoch in (1, 2, 3)]


@pytest.mark.parametrize("quantity", ["reconstruction", "kl"])
def test_a_loss_that_is_no_number_is_named_with_its_epoch_and_step(quantity):
    vae, made = VAE.dense(6, 4, 2), []
    loss_and_grad = vae.loss_and_grad
    per_epoch = -(-len(dataset().train) // 16)

    def ruined(x, eps):
        made.append(loss_and_grad(x, eps))
        if len(made) == per_epoch + 2:
            inf = {quantity: np.float32(np.inf), "loss": np.float32(np.inf)}
            return made[-1]._replace(**inf)
        return made[-1]

    vae.loss_and_grad = ruined
    with pytest.raises(TrainingError, match=f"in epoch 2, step 2, the {quantity} is inf"):
        list(fit(vae, dataset(), epochs=5, batch_size=16))


def test_parameters_that_are_no_numbers_end_the_training():
    """One update of an epoch ruins the model: its loss, taken before, cannot tell."""
    with (
        np.errstate(all="ignore"),
        pytest.raises(TrainingError, match="in epoch 1, after step 1, the sum of the parameters"),
    ):
        list(fit(VAE.dense(6, 4, 2), dataset(), optimizer=SGD(1e38), epochs=1, batch_size=10**6))


def test_standardised_data_need_the_gaussian_likelihood():
    standardized = Standardized(np.zeros(6), np.ones(6))
    with pytest.raises(InputError, match=r"in \[0, 1\].*likelihood='gaussian'"):
        next(fit(VAE.dense(6, 4, 2), dataset(), scaling=standardized))


def test_a_watch_that_keeps_updates_back():
    def every_second(updates):
        for step in updates:
            next(updates, None)
            yield step

    with pytest.raises(InputError, match="watch keeps updates back"):
        list(fit(VAE.dense(6, 4, 2), dataset(), epochs=3, batch_size=16, watch=every_second))


def test_data_for_another_model():
    with pytest.raises(InputError, match="have 6 numbers each, and the model takes 7"):
        next(fit(VAE.dense(7, 4, 2), dataset()))
