"""What changes during a training, by hand at the corners; and that each update meets it."""

import numpy as np
import pytest

from npvae import (
    IWAE,
    SGD,
    VAE,
    Adam,
    Autoencoder,
    Cosine,
    Dataset,
    InputError,
    Loss,
    Pixels,
    Split,
    Stages,
    Trainer,
    WarmUp,
    fit,
)
from npvae.layers import Dense
from npvae.parameters import Parameters

X = (np.arange(52 * 6) * 97 % 256).astype(np.uint8).reshape(52, 6)
TRAIN, VALIDATION = (Split(X, rows) for rows in np.split(np.arange(52), [40]))
DATA = Dataset("small", TRAIN, VALIDATION, VALIDATION, (2, 3), "pixels", "a test")
GREY = Pixels("none")
BATCH_SIZE = 16  # 40 examples: updates at 0, 0.4 and 0.8 of an epoch
TIMES = [0, 0.4, 0.8, 1, 1.4, 1.8]


class Recorder:
    """A model that notes the rate and the beta of each update; its gradient is always one."""

    def __init__(self):
        self.params = Parameters({"layer": Dense(1, 1, rng=0)}, np.float64)
        self.optimizer, self.beta, self.met = SGD(lr=7.0), 5.0, []

    def draw_noise(self, rng, n):
        return None

    def loss_and_grad(self, x, eps):
        self.met.append((self.optimizer.lr, self.beta))
        self.params.grad[:] = 1
        return Loss(*np.zeros(3))


# ---- by hand -------------------------------------------------------------------------------------


def test_a_warm_up_is_a_straight_line_to_its_end():
    warm_up = WarmUp(epochs=4, end=2)
    assert [warm_up(t) for t in (0, 1, 2.5, 4, 4.1, 100)] == [0, 0.5, 1.25, 2, 2, 2]
    assert WarmUp(epochs=10)(10) == 1


def test_the_stages_end_after_1_4_13_epochs_and_so_on():
    ends = [1, 4, 13, 40, 121, 364, 1093]
    assert ends[-1] + 3**7 == 3280
    stages = Stages(0.5)
    for stage, (begin, end) in enumerate(zip([0, *ends], [*ends, 3280], strict=True)):
        rate = pytest.approx(0.5 * 10 ** (-stage / 7), rel=1e-12)
        assert [stages(begin), stages(begin + 0.5), stages(np.nextafter(end, 0))] == [rate] * 3
    assert stages(3280) == stages(1e6) == pytest.approx(0.05, rel=1e-12)


def test_half_a_cosine_ends_at_zero_and_stays_there():
    cosine = Cosine(0.2, epochs=8)
    assert cosine(0) == 0.2
    assert cosine(2) == pytest.approx(0.2 * (1 + np.sqrt(0.5)) / 2, rel=1e-12)
    assert cosine(4) == pytest.approx(0.1, rel=1e-12)
    assert cosine(8) == cosine(9) == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: WarmUp(0), r"WarmUp\(epochs=0, end=1.0\): a warm-up takes some epochs, above 0"),
        (lambda: WarmUp(float("inf")), "a warm-up takes some epochs"),
        (lambda: WarmUp(float("nan")), "a warm-up takes some epochs"),
        (lambda: WarmUp(3, end=-1), "ends at a beta of 0 or more"),
        (lambda: WarmUp(3, end=float("inf")), "ends at a beta of 0 or more"),
        (lambda: Stages(0), "lr is 0; a learning rate is a positive number"),
        (lambda: Cosine(-1.0, 5), "lr is -1.0; a learning rate is a positive number"),
        (lambda: Cosine(0.1, 0), "the rate falls over some epochs, above 0"),
    ],
)
def test_a_schedule_that_makes_no_sense(make, words):
    with pytest.raises(InputError, match=words):
        make()


# ---- in a training -------------------------------------------------------------------------------


def train(model, **schedules):
    """Train for two epochs, as far as they are left."""
    trainer = Trainer(model, TRAIN, GREY, model.optimizer, batch_size=BATCH_SIZE, **schedules)
    while trainer.goes_on(epochs=2):
        trainer.run_epoch()


def test_rate_and_beta_are_set_before_each_update_by_fractions_of_an_epoch():
    model = Recorder()
    before = model.params.flat.copy()
    train(model, lr=lambda t: 1 + t, beta=lambda t: 10 * t)
    np.testing.assert_allclose(model.met, [(1 + t, 10 * t) for t in TIMES])
    np.testing.assert_allclose(model.params.flat, before - sum(1 + t for t in TIMES))


def test_a_training_that_goes_on_within_an_epoch_meets_the_rates_that_are_left():
    first, second = (
        Trainer(model, TRAIN, GREY, model.optimizer, batch_size=BATCH_SIZE, lr=lambda t: 1 + t)
        for model in (Recorder(), Recorder())
    )
    first.step(), first.step()
    second.restore(first.state())
    while second.goes_on(epochs=2):
        second.run_epoch()
    met = [lr for lr, _ in first.model.met + second.model.met]
    np.testing.assert_allclose(met, [1 + t for t in TIMES])


def test_without_schedules_both_stay_as_they_are():
    model = Recorder()
    train(model)
    assert model.met == [(7, 5)] * 6


def test_fit_hands_its_schedules_on():
    model, adam = VAE.dense(6, 4, 2, beta=3), Adam()
    schedules = {"lr": Cosine(0.1, 2), "beta": WarmUp(2, end=3)}
    fit(model, DATA, optimizer=adam, epochs=2, batch_size=BATCH_SIZE, **schedules)
    assert adam.lr == pytest.approx(Cosine(0.1, 2)(1.8))
    assert model.beta == pytest.approx(3 * 1.8 / 2)


# ---- what is refused -----------------------------------------------------------------------------


def test_a_warm_up_may_take_the_whole_training_but_no_longer():
    fit(VAE.dense(6, 4, 2), DATA, epochs=2, beta=WarmUp(2))
    with pytest.raises(InputError, match="warm-up takes 3 epochs and the training 2"):
        fit(VAE.dense(6, 4, 2), DATA, epochs=2, beta=WarmUp(3))


@pytest.mark.parametrize("cls", [IWAE, Autoencoder])
def test_where_nothing_weighs_the_kl_there_is_no_schedule_of_beta(cls):
    model = cls.dense(6, 4, 2)
    before = model.params.flat.copy()
    with pytest.raises(InputError, match=cls.__name__):
        fit(model, DATA, epochs=2, beta=WarmUp(1))
    with pytest.raises(InputError, match=cls.__name__):
        Trainer(model, TRAIN, GREY, beta=WarmUp(1))
    np.testing.assert_array_equal(model.params.flat, before)


def test_a_model_of_ones_own_without_a_beta():
    model = Recorder()
    del model.beta
    with pytest.raises(InputError, match="Recorder"):
        Trainer(model, TRAIN, GREY, SGD(), beta=WarmUp(1))
