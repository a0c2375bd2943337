"""Each optimiser against the textbook's version, which is kept here."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npvae.errors import InputError
from npvae.optimizers import SGD, Adagrad, Adam, Momentum
from npvae.parameters import Parameters
from npvae.vae import VAE

TOLERANCE = {np.float64: 1e-12, np.float32: 2e-6}


def parameters(p, dtype=np.float64):
    """Return Parameters whose flat vector is p."""

    class Layer:
        def __init__(self):
            self.w, self.dw = np.array(p, dtype), np.zeros(len(p), dtype)

        def backward(self, dy): ...

    return Parameters({"layer": Layer()}, dtype)


# ---- the plain versions --------------------------------------------------------------------------


def plain_sgd(p, gradients, lr):
    for g in gradients:
        p = p - lr * g
    return p


def plain_momentum(p, gradients, lr, momentum):
    v = 0
    for g in gradients:
        v = momentum * v + g
        p = p - lr * v
    return p


def plain_adagrad(p, gradients, lr, eps):
    V = 0
    for g in gradients:
        V = V + g**2
        p = p - lr * g / (np.sqrt(V) + eps)
    return p


def plain_adam(p, gradients, lr, beta1, beta2, eps):
    """Algorithm 1 of Kingma & Ba 2015, line by line."""
    m = v = 0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        p = p - lr * m_hat / (np.sqrt(v_hat) + eps)
    return p


CASES = {
    "SGD": (SGD, plain_sgd, {"lr": 0.1}),
    "Momentum": (Momentum, plain_momentum, {"lr": 0.1, "momentum": 0.9}),
    "Momentum 0": (Momentum, plain_momentum, {"lr": 0.1, "momentum": 0.0}),
    "Adagrad": (Adagrad, plain_adagrad, {"lr": 0.1, "eps": 1e-8}),
    "Adagrad, large eps": (Adagrad, plain_adagrad, {"lr": 0.1, "eps": 0.5}),
    "Adam": (Adam, plain_adam, {"lr": 1e-2, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
    "Adam, large eps": (Adam, plain_adam, {"lr": 0.1, "beta1": 0.99, "beta2": 0.9, "eps": 0.5}),
    "Adam, no memory": (Adam, plain_adam, {"lr": 0.1, "beta1": 0.0, "beta2": 0.0, "eps": 1e-3}),
}


@pytest.mark.parametrize(
    ("case", "dtype"),
    [
        *((case, np.float64) for case in CASES),
        *((case, np.float32) for case in ("SGD", "Momentum", "Adagrad", "Adam")),
    ],
)
@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), n_steps=st.integers(1, 30), n=st.integers(1, 5))
def test_several_steps_are_the_textbooks(case, dtype, seed, n_steps, n):
    make, plain, options = CASES[case]
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-2, 3)
    p, gradients = rng.normal(0, 1, n), rng.normal(0, scale, (n_steps, n))
    params, optimizer = parameters(p, dtype), make(**options)
    for g in gradients:
        params.grad[:] = g
        optimizer.step(params)
        np.testing.assert_array_equal(params.grad, g.astype(dtype))  # only read
    expected = plain(p, gradients, **options)
    moved = np.abs(expected - p).max() + 1
    np.testing.assert_allclose(
        params.flat, expected, rtol=0, atol=TOLERANCE[dtype] * moved * n_steps
    )
    assert params.flat.dtype == dtype


# ---- by hand -------------------------------------------------------------------------------------


def test_one_step_of_sgd_by_hand():
    params = parameters([1.0, -2.0])
    params.grad[:] = [0.5, -1.0]
    SGD(lr=0.1).step(params)
    np.testing.assert_allclose(params.flat, [0.95, -1.9], rtol=1e-15)


def test_two_steps_of_momentum_by_hand():
    params, optimizer = parameters([0.0]), Momentum(lr=0.1, momentum=0.5)
    params.grad[:] = 1
    optimizer.step(params)  # v = 1
    optimizer.step(params)  # v = 1.5
    np.testing.assert_allclose(params.flat, [-0.25], rtol=1e-15)


def test_two_steps_of_adagrad_by_hand():
    params, optimizer = parameters([0.0]), Adagrad(lr=1.0, eps=1e-15)
    params.grad[:] = 3
    optimizer.step(params)  # V = 9
    params.grad[:] = 4
    optimizer.step(params)  # V = 25
    np.testing.assert_allclose(params.flat, [-1 - 4 / 5], rtol=1e-12)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_adams_first_step_is_lr_whatever_the_gradients_size(size):
    """Corrected, m is g and v is g², so that p moves by lr g / (|g| + eps)."""
    params = parameters([0.0, 0.0, 0.0])
    params.grad[:] = [size, -size, 0]
    Adam(lr=0.01, eps=1e-8).step(params)
    moved = 0.01 * size / (size + 1e-8)
    np.testing.assert_allclose(params.flat, [-moved, moved, 0], rtol=1e-13)


def test_adams_second_step_by_hand():
    """After g = 1 and g = 0: m = 0.09 and v = 0.000999, to be divided by 0.19 and 0.001999."""
    params, optimizer = parameters([0.0]), Adam(lr=1.0, eps=1e-15)
    params.grad[:] = 1
    optimizer.step(params)
    params.grad[:] = 0
    optimizer.step(params)
    expected = -1 - (0.09 / 0.19) / np.sqrt(0.000999 / 0.001999)
    np.testing.assert_allclose(params.flat, [expected], rtol=1e-12)


@pytest.mark.parametrize("make", [Adam, Adagrad])
def test_what_has_no_gradient_stays(make):
    params, optimizer = parameters([3.0], np.float32), make()
    for _ in range(3):
        optimizer.step(params)
    assert params.flat[0] == 3


def test_the_step_is_in_place():
    """The layers hold views of the vector, so that it may not be replaced."""
    for optimizer in (SGD(), Momentum(), Adagrad(), Adam()):
        params = parameters([1.0, 2.0])
        view, flat = params.values["layer.w"], params.flat
        params.grad[:] = 1
        optimizer.step(params)
        assert params.flat is flat
        assert (view < [1.0, 2.0]).all()


@pytest.mark.parametrize("block", [1, 3, 8, 9, 10])
def test_adam_in_blocks_is_adam_on_whole_vectors(block, monkeypatch, rng):
    """Nine numbers in blocks that divide them or not, or that are longer: the same bits."""
    gradients, states = rng.standard_normal((4, 9)).astype(np.float32), []
    for size in (1 << 16, block):
        monkeypatch.setattr("npvae.optimizers.BLOCK", size)
        params, adam = parameters(np.ones(9), np.float32), Adam()
        for g in gradients:
            params.grad[:] = g
            adam.step(params)
        states.append((params.flat, adam.M, adam.V))
    np.testing.assert_array_equal(*states)


@pytest.mark.parametrize(
    ("make", "lr"), [(SGD, 0.05), (Momentum, 0.05), (Adagrad, 1), (Adam, 0.05)]
)
def test_they_walk_down_a_valley(make, lr):
    params, optimizer = parameters([2.0, -1.0]), make(lr=lr)
    for _ in range(500):
        params.grad[:] = params.flat * [1, 10]  # of (x² + 10 y²) / 2
        optimizer.step(params)
    assert np.abs(params.flat).max() < 0.01


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lr", [0, -1e-3, float("nan"), float("inf")])
@pytest.mark.parametrize("make", [SGD, Momentum, Adagrad, Adam])
def test_a_learning_rate_is_a_positive_number(make, lr):
    with pytest.raises(InputError, match=f"lr is {lr};"):
        make(lr=lr)


@pytest.mark.parametrize("value", [-0.1, 1, 1.5, float("nan")])
@pytest.mark.parametrize(
    ("make", "name"), [(Momentum, "momentum"), (Adam, "beta1"), (Adam, "beta2")]
)
def test_a_decay_is_below_one(make, name, value):
    with pytest.raises(InputError, match=rf"{name} is {value}; .*\[0, 1\)"):
        make(**{name: value})


@pytest.mark.parametrize("eps", [0, -1e-8, float("nan"), float("inf")])
@pytest.mark.parametrize("make", [Adagrad, Adam])
def test_eps_keeps_what_never_had_a_gradient_from_0_over_0(make, eps):
    with pytest.raises(InputError, match=f"eps is {eps};"):
        make(eps=eps)


@pytest.mark.parametrize("make", [SGD, Momentum, Adagrad, Adam])
def test_numpys_numbers_are_pythons_numbers(make):
    """A schedule made by NumPy must not turn the passes over float32 into passes over float64."""
    flats = []
    for rate in (np.float64(1 / 3), 1 / 3):
        optimizer, model = make(), VAE.dense(6, 5, 2, seed=0)
        optimizer.lr = rate
        for i in range(3):
            model.params.grad[:] = np.linspace(-1, 1, model.params.size) * (i + 1)
            optimizer.step(model.params)
        flats.append(model.params.flat)
    np.testing.assert_array_equal(*flats)
