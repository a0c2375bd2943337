"""Layers: values known by hand, extremes, initial weights."""

import numpy as np
import pytest

from npvae.errors import InputError
from npvae.layers import (
    ACTIVATIONS,
    INITIALIZERS,
    Dense,
    LeakyReLU,
    ReLU,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
    dense_network,
    sigmoid,
    softplus,
)


def test_dense_by_hand():
    dense = Dense(2, 1, rng=0)
    dense.W[...], dense.b[...] = [[2.0], [3.0]], [5.0]
    np.testing.assert_array_equal(dense.forward(np.array([[1.0, 10.0]])), [[37.0]])
    np.testing.assert_array_equal(dense.backward(np.array([[2.0]])), [[4.0, 6.0]])
    np.testing.assert_array_equal(dense.dW, [[2.0], [20.0]])
    np.testing.assert_array_equal(dense.db, [2.0])


def test_gradients_are_overwritten_not_added():
    dense, x, dy = Dense(3, 2, rng=0), np.ones((4, 3)), np.ones((4, 2))
    dense.forward(x)
    dense.backward(dy)
    once = dense.dW.copy()
    dense.backward(dy)
    np.testing.assert_array_equal(dense.dW, once)


@pytest.mark.parametrize(
    ("layer", "y", "slope"),
    [
        (ReLU(), [0, 0, 3], [0, 0, 1]),
        (LeakyReLU(0.1), [-0.2, 0, 3], [0.1, 0.1, 1]),
        (Tanh(), [-0.9640275800758169, 0, 0.9950547536867305], [0.0706508, 1, 0.0098660]),
        (Sigmoid(), [0.11920292202211755, 0.5, 0.9525741268224334], [0.1049936, 0.25, 0.0451767]),
        (
            Softplus(),
            [0.1269280110429725, 0.6931471805599453, 3.048587],
            [0.1192029, 0.5, 0.952574],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_activations_by_hand(layer, y, slope):
    """At x = -2, 0 and 3."""
    np.testing.assert_allclose(layer.forward(np.array([[-2.0, 0.0, 3.0]])), [y], rtol=1e-6)
    np.testing.assert_allclose(layer.backward(np.ones((1, 3))), [slope], rtol=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_at_extremes(name, dtype):
    x = np.array([[-1e4, -100, -1e-4, 0, 1e-4, 100, 1e4]], dtype)
    layer = ACTIVATIONS[name]()
    y, dx = layer.forward(x), layer.backward(np.ones_like(x))
    assert y.dtype == dx.dtype == dtype
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()
    wide = ACTIVATIONS[name]()
    y64, dx64 = wide.forward(x.astype(np.float64)), wide.backward(np.ones(x.shape))
    np.testing.assert_allclose(y, y64, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(dx, dx64, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_leave_their_input_alone(name):
    x, dy = np.linspace(-1, 1, 6).reshape(2, 3), np.ones((2, 3))
    layer = ACTIVATIONS[name]()
    layer.forward(x)
    layer.backward(dy)
    np.testing.assert_array_equal(x, np.linspace(-1, 1, 6).reshape(2, 3))
    np.testing.assert_array_equal(dy, np.ones((2, 3)))


def test_sigmoid_and_softplus_against_their_definitions():
    x = np.linspace(-30, 30, 61)
    np.testing.assert_allclose(sigmoid(x), 1 / (1 + np.exp(-x)), atol=1e-15)
    np.testing.assert_allclose(softplus(x), np.log(1 + np.exp(x)), rtol=1e-12, atol=1e-15)


def test_softplus_keeps_small_values():
    """log(1 + exp(-30)) is 9.4e-14, not the 9.3e-14 that 1 + exp(-30) rounds to."""
    np.testing.assert_allclose(softplus(np.array([-30.0])), np.exp(-30.0), rtol=1e-12)


def test_first_layer_may_skip_its_dx():
    rng = np.random.default_rng(0)
    network = dense_network([4, 3, 2], "tanh", rng)
    x, dy = rng.standard_normal((5, 4)), rng.standard_normal((5, 2))
    network.forward(x)
    network.backward(dy)
    first = network.layers[0]
    whole = first.dW.copy(), first.db.copy()
    first.dW[...], first.db[...] = 0, 0
    network.backward_parameters(dy)
    np.testing.assert_array_equal(first.dW, whole[0])
    np.testing.assert_array_equal(first.db, whole[1])


@pytest.mark.parametrize(
    ("name", "variance", "bias_variance"),
    [("glorot", 2 / 900, 0), ("he", 2 / 500, 0), ("fan-in", 1 / 500 / 3, 1 / 500 / 3)],
)
def test_initial_weights_have_the_stated_variance(name, variance, bias_variance):
    W, b = INITIALIZERS[name](np.random.default_rng(0), 500, 400)
    assert W.shape == (500, 400)
    assert b.shape == (400,)
    assert abs(W.mean()) < 5 * np.sqrt(variance / W.size)
    assert W.var() == pytest.approx(variance, rel=0.02)
    assert b.var() == pytest.approx(bias_variance, rel=0.2)


def test_networks_end_without_an_activation():
    kinds = [type(layer) for layer in dense_network([5, 4, 3, 2], "tanh", 0).layers]
    assert kinds == [Dense, Tanh, Dense, Tanh, Dense]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Dense(0, 3, 0), "at least one"),
        (lambda: LeakyReLU(2), "between 0 and 1"),
        (lambda: Sequential(), "no layer"),
        (lambda: dense_network([2, 2], "swish", 0), "choose from relu"),
        (lambda: dense_network([2, 2], "relu", 0, "orthogonal"), "choose from glorot"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(InputError, match=words):
        make()
