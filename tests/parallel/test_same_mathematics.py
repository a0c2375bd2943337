"""The same mathematics whatever the number of processes."""

import numpy as np
import pytest
from tiny_trainings import MODELS, OPTIMIZERS, bits, make_training, tiny_dataset

from npvae import (
    IWAE,
    SGD,
    VAE,
    Adagrad,
    Adam,
    Cosine,
    Dataset,
    DenoisingAutoencoder,
    EarlyStopping,
    Momentum,
    Pixels,
    Split,
    Trainer,
    WarmUp,
    trainer_for,
)
from npvae.errors import InputError
from npvae.parallel import ALONE
from npvae.parallel.communicator import RowsOf

N_X = 6
EXAMPLES = 40
TOLERANCE = 1e-12  # of gradients in float64, relative to the largest number


def real(**options):
    return VAE.dense(N_X, 5, 2, seed=3, dtype=np.float64, likelihood="gaussian", **options)


def vae(**options):
    return VAE.dense(N_X, 5, 2, seed=3, dtype=np.float64, **options)


def iwae(**options):
    return IWAE.dense(N_X, 5, 2, seed=3, dtype=np.float64, k=4, **options)


def denoising(**options):
    return DenoisingAutoencoder.dense(N_X, 5, 2, seed=3, dtype=np.float64, **options)


MODELS_64 = {
    "vae": vae,
    "two hidden layers, tanh": lambda: VAE.dense(
        N_X, (5, 4), 2, activation="tanh", dtype=np.float64
    ),
    "gated": lambda: vae(activation="gated", init="he", logvar_range=(-6, 2)),
    "beta": lambda: vae(beta=4),
    "free bits, of which some are paid": lambda: vae(free_bits=0.05),
    "free bits, of which none are paid": lambda: vae(free_bits=5),
    "sigma": lambda: real(sigma=0.3),
    "learned sigma": lambda: real(sigma="learned"),
    "optimal sigma": lambda: real(sigma="optimal"),
    "optimal sigma, free bits": lambda: real(sigma="optimal", free_bits=0.05),
    "categorical": lambda: VAE.dense(
        N_X, 5, 2, seed=3, dtype=np.float64, likelihood="categorical", groups=(2, N_X - 2)
    ),
    "mixed, optimal sigma": lambda: VAE.dense(
        N_X,
        5,
        2,
        seed=3,
        dtype=np.float64,
        likelihood="mixed",
        sigma="optimal",
        groups=(0, 2, *[0] * (N_X - 3)),
    ),
    "laplace": lambda: VAE.dense(N_X, 5, 2, seed=3, dtype=np.float64, likelihood="laplace"),
    "conditional": lambda: vae(n_y=3),
    "iwae": lambda: iwae(objective="iwae"),
    "dreg": lambda: iwae(objective="dreg"),
    "several draws": lambda: iwae(objective="elbo"),
    "dreg, conditional, learned sigma": lambda: iwae(
        objective="dreg", n_y=3, likelihood="gaussian", sigma="learned"
    ),
    "autoencoder": lambda: MODELS["autoencoder"](dtype=np.float64),
    "mask": lambda: denoising(corruption="mask", amount=0.3),
    "noise": lambda: denoising(corruption="gaussian", amount=0.5),
}
BATCHES = {  # of 40 examples; their size, and which of them is looked at
    "divisible": (12, 0),
    "with a remainder": (16, 0),
    "last batch of one": (13, 3),
    "last batch of two": (19, 2),
    "of one": (1, 0),
}


def train(model, comm=ALONE, optimizer=None, *, batch_size=16, updates=1, **options):
    """Return a trainer after some updates."""
    trainer = Trainer(
        model,
        tiny_dataset().train,
        Pixels("dynamic"),
        optimizer or SGD(1.0),
        batch_size=batch_size,
        rng=7,
        comm=comm,
        **options,
    )
    for _ in range(updates):
        trainer.step()
    return trainer


def gradient(model, comm, batch):
    """Return the gradient of one batch, recovered from the step of gradient descent, and its loss.

    Earlier batches are stepped over: their updates are too small to be seen.
    """
    batch_size, number = BATCHES[batch]
    trainer = train(model, comm, SGD(1e-300), batch_size=batch_size, updates=number)
    comm.release()  # so that the other processes get the new learning rate
    trainer.optimizer.lr = 1.0
    before = model.params.flat.copy()
    loss = trainer.step()
    return before - model.params.flat, np.array(loss), trainer.rng.bit_generator.state


def assert_close(one, other):
    assert np.abs(one - other).max() <= TOLERANCE * max(1, np.abs(other).max())


EVERY_BATCH = ("vae", "optimal sigma, free bits", "dreg, conditional, learned sigma")


@pytest.mark.parametrize(
    ("name", "batch"),
    [
        (name, batch)
        for name in MODELS_64
        for batch in BATCHES
        if name in EVERY_BATCH or batch in ("with a remainder", "of one")
    ],
)
def test_the_gradient_is_the_same_for_one_two_and_three(two, three, name, batch):
    expected, loss, state = gradient(MODELS_64[name](), ALONE, batch)
    assert np.abs(expected).max() > 1e-3
    for comm in (two, three):
        found, found_loss, found_state = gradient(MODELS_64[name](), comm, batch)
        assert_close(found, expected)
        assert_close(found_loss, loss)
        assert found_state == state


OPTIMIZERS_64 = {
    "SGD": lambda: SGD(0.1),
    "Momentum": lambda: Momentum(0.02),
    "Adagrad": lambda: Adagrad(0.05),
    "Adam": lambda: Adam(0.02),
    "own optimiser": OPTIMIZERS["own optimiser"],
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS_64)
@pytest.mark.parametrize("name", ["vae", "optimal sigma", "learned sigma"])
def test_every_optimiser_makes_the_same_updates(two, three, name, optimizer):
    """Over three epochs of three updates, of which the last has fewer examples."""
    make = OPTIMIZERS_64[optimizer]
    expected = train(MODELS_64[name](), ALONE, make(), updates=9)
    for comm in (two, three):
        found = train(MODELS_64[name](), comm, make(), updates=9)
        np.testing.assert_allclose(
            found.model.params.flat, expected.model.params.flat, rtol=1e-9, atol=1e-11
        )
        np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-10)


@pytest.mark.parametrize(
    "schedules", [{"beta": WarmUp(3, end=2)}, {"lr": Cosine(0.02, 4)}], ids=["beta", "lr"]
)
def test_schedules_are_followed_in_every_process(two, schedules):
    expected = train(vae(), ALONE, Adam(0.02), updates=8, **schedules)
    found = train(vae(), two, Adam(0.02), updates=8, **schedules)
    np.testing.assert_allclose(
        found.model.params.flat, expected.model.params.flat, rtol=1e-9, atol=1e-11
    )


def pictures():
    """Images with something to learn: bars at several heights."""
    rng = np.random.default_rng(0)
    x = np.zeros((900, 12, 12), np.uint8)
    for image, row in zip(x, rng.integers(0, 10, 900), strict=True):
        image[row : row + 2] = 255
    x = x.reshape(900, -1)
    parts = [Split(x, rows) for rows in np.split(np.arange(900), [800, 850])]
    return Dataset("bars", *parts, (12, 12), "pixels", "a test")


def test_the_elbo_after_an_epoch_is_the_same_within_a_tenth_of_a_nat(two, three):
    data = pictures()
    records = []
    for comm in (ALONE, two, three):
        trainer = trainer_for(VAE.dense(144, 30, 4), data, batch_size=50, comm=comm)
        records.append(trainer.run_epoch())
    for record in records[1:]:
        assert record.train_elbo == pytest.approx(records[0].train_elbo, abs=0.1)
        assert record.held_out.elbo == pytest.approx(records[0].held_out.elbo, abs=0.1)


@pytest.mark.parametrize("name", MODELS)
def test_equal_numbers_of_processes_make_the_same_bits(two, three, name):
    for comm in (two, three):
        one, other = (make_training(name, comm=comm) for _ in range(2))
        for trainer in (one, other):
            trainer.run_epoch()
            trainer.step()
            trainer.kept = bits(trainer)
        assert one.kept == other.kept


def test_early_stopping_keeps_the_parameters_of_the_best_epoch(two):
    def trained(comm):
        model = VAE.dense(N_X, 5, 2, dtype=np.float64)
        trainer = trainer_for(
            model, tiny_dataset(), rng=1, early_stopping=EarlyStopping(2), comm=comm
        )
        while trainer.goes_on(4):
            trainer.run_epoch()
        return trainer

    expected, found = trained(ALONE), trained(two)
    assert found.best_epoch == expected.best_epoch
    np.testing.assert_allclose(found.best, expected.best, rtol=1e-10, atol=1e-12)


# ---- who computes what ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 128])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_each_row_of_a_batch_is_computed_once(n, size):
    """A process without rows computes one that counts nothing."""
    shares, weights = [], []
    for rank in range(size):
        comm = Paper(rank, size)
        rows, _ = comm.share_out(n, np.random.default_rng(0))
        shares.append(np.arange(n)[rows])
        weights.append(comm.weights)
    for each in weights:
        assert np.array_equal(each, weights[0])
        assert each.sum() == pytest.approx(1, abs=1e-15)
    assert all(len(rows) >= 1 for rows in shares)
    counted = [row for rows, w in zip(shares, weights[0], strict=True) if w for row in rows]
    assert counted == list(range(n))
    for rows, w in zip(shares, weights[0], strict=True):
        assert w in (0, len(rows) / n)


@pytest.mark.parametrize("n", [0, 1, 15, 16, 33, 1000])
@pytest.mark.parametrize("size", [2, 3, 8])
def test_the_slices_of_a_vector_are_all_of_it(n, size):
    slices = [Paper(rank, size).slice_of(n) for rank in range(size)]
    numbers = [number for mine in slices for number in np.arange(n)[mine]]
    assert numbers == list(range(n))
    assert all(mine.start % 16 == 0 for mine in slices)


class Paper(type(ALONE)):
    """A communicator that is only asked who computes what."""

    from npvae.parallel import Communicator

    share_out = Communicator.share_out

    def __init__(self, rank, size):
        self.rank, self.size = rank, size
        super().__init__()


@pytest.mark.parametrize("rows", [slice(0, 2), slice(2, 5)])
def test_rows_of_a_draw_for_the_whole_batch(rows):
    alone, shared = np.random.default_rng(5), np.random.default_rng(5)
    mine, n = RowsOf(shared, 5, rows), 5
    k = rows.stop - rows.start
    for name, shape, given, options in (
        ("standard_normal", (3,), (), {"dtype": np.float32}),
        ("standard_normal", (4, 2), (), {}),
        ("random", (3,), (), {}),
        ("integers", (7,), (0, 255), {"dtype": np.uint8}),
    ):
        expected = getattr(alone, name)(*given, size=(n, *shape), **options)
        found = getattr(mine, name)(*given, size=(k, *shape), **options)
        assert np.array_equal(found, expected[rows])
    assert shared.bit_generator.state == alone.bit_generator.state


def test_noise_that_is_not_drawn_by_rows_is_refused():
    """All processes would get other numbers than one does, and nobody would notice."""
    mine = RowsOf(np.random.default_rng(5), 6, slice(2, 4))
    for draw in (
        lambda: mine.random(size=(6, 2)),
        lambda: mine.random(size=(3,)),
        lambda: mine.random((2, 3)),
        lambda: mine.permutation(4),
        lambda: mine.standard_normal(),
    ):
        with pytest.raises(InputError, match="size"):
            draw()
    assert mine.random(size=2).shape == (2,)
