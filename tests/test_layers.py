"""Layers: values known by hand, extremes, initial weights."""

import numpy as np
import pytest

from npvae.errors import InputError
from npvae.layers import (
    ACTIVATIONS,
    INITIALIZERS,
    ClipLogvar,
    Dense,
    GatedDense,
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


@pytest.mark.parametrize("activation", ["tanh", "gated"])
def test_first_layer_may_skip_its_dx(activation):
    rng = np.random.default_rng(0)
    network = dense_network([4, 3, 2], activation, rng)
    x, dy = rng.standard_normal((5, 4)), rng.standard_normal((5, 2))
    network.forward(x)
    network.backward(dy)
    first = getattr(network.layers[0], "dense", network.layers[0])
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


# ---- gated layers --------------------------------------------------------------------------------


def test_gated_dense_by_hand():
    """Where x = 1 gives h = 2 and g = log 3, a gate of 3/4; the derivative of the gate is 3/16."""
    gated = GatedDense(1, 1, rng=0)
    gated.dense.W[...], gated.dense.b[...] = [[2.0, 0.0]], [0.0, np.log(3)]
    np.testing.assert_allclose(gated.forward(np.array([[1.0]])), [[1.5]])
    dx = gated.backward(np.array([[4.0]]))
    np.testing.assert_allclose(gated.dense.db, [4 * 3 / 4, 4 * 2 * 3 / 16])
    np.testing.assert_allclose(gated.dense.dW, [[4 * 3 / 4, 4 * 2 * 3 / 16]])
    np.testing.assert_allclose(dx, [[2 * 4 * 3 / 4]])


def test_gated_dense_is_one_dense_layer_gated_by_another():
    rng = np.random.default_rng(0)
    gated, x = GatedDense(4, 3, rng), rng.standard_normal((5, 4))
    W, b = gated.dense.W, gated.dense.b + rng.standard_normal(6)
    gated.dense.b[...] = b
    gate = 1 / (1 + np.exp(-(x @ W[:, 3:] + b[3:])))
    np.testing.assert_allclose(gated.forward(x), (x @ W[:, :3] + b[:3]) * gate, rtol=1e-13)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_both_halves_of_a_gated_layer_start_as_dense_layers_do(name):
    """Not as one layer of twice the width, whose Glorot weights would be smaller."""
    rng, init = np.random.default_rng(7), INITIALIZERS[name]
    halves = Dense(30, 20, rng, init), Dense(30, 20, rng, init)
    gated = GatedDense(30, 20, 7, init).dense
    np.testing.assert_array_equal(gated.W, np.hstack([half.W for half in halves]))
    np.testing.assert_array_equal(gated.b, np.hstack([half.b for half in halves]))
    assert (gated.W[:, :20] != gated.W[:, 20:]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gated_dense_at_extremes(dtype):
    """A shut gate lets nothing through, an open one everything; neither overflows."""
    gated = GatedDense(1, 1, rng=0)
    gated.dense.W, gated.dense.b = np.array([[1, 1]], dtype), np.zeros(2, dtype)
    gated.dense.dW, gated.dense.db = np.zeros((1, 2), dtype), np.zeros(2, dtype)
    y = gated.forward(np.array([[-1e4], [0], [1e4]], dtype))
    dx = gated.backward(np.ones((3, 1), dtype))
    assert y.dtype == dx.dtype == dtype
    np.testing.assert_array_equal(y, [[0], [0], [1e4]])
    np.testing.assert_array_equal(dx, [[0], [0.5], [1]])


def test_a_gated_network_ends_in_a_dense_layer():
    network = dense_network([5, 4, 3, 2], "gated", 0)
    assert [type(layer) for layer in network.layers] == [GatedDense, GatedDense, Dense]
    assert network.forward(np.ones((7, 5))).shape == (7, 2)


@pytest.mark.parametrize("activation", ["tanh", "gated"])
def test_two_half_batches_add_up_to_the_whole(activation):
    rng = np.random.default_rng(0)
    network = dense_network([4, 3, 2], activation, rng)
    first = network.layers[0]
    dense = getattr(first, "dense", first)
    x, dy = rng.standard_normal((6, 4)), rng.standard_normal((6, 2))
    found = []
    for part in (slice(6), slice(3), slice(3, 6)):
        network.forward(x[part])
        found.append((network.backward(dy[part]), dense.dW.copy()))
    np.testing.assert_allclose(found[0][0], np.vstack([found[1][0], found[2][0]]), rtol=1e-12)
    np.testing.assert_allclose(found[0][1], found[1][1] + found[2][1], rtol=1e-12)


# ---- a logvar within limits ----------------------------------------------------------------------


def test_clip_logvar_by_hand():
    """Two latents: mu goes where it likes, logvar from -6 to 2."""
    clip = ClipLogvar(-6, 2)
    y = clip.forward(np.array([[100.0, -100, 1, 3], [0, 50, -7, -5]]))
    np.testing.assert_array_equal(y, [[100, -100, 1, 2], [0, 50, -6, -5]])
    dx = clip.backward(np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]]))
    np.testing.assert_array_equal(dx, [[1, 2, 3, 0], [5, 6, 0, 8]])


def test_clip_logvar_tells_gradient_checks_on_which_side_it_was():
    clip = ClipLogvar(-6, 2)
    patterns = []
    for logvar in (-7.0, 0.0, 1.0, 3.0):
        clip.forward(np.array([[9.0, logvar]]))
        patterns.append(clip.pattern.item())
    assert patterns == [False, True, True, False]


def test_clip_logvar_leaves_its_input_alone():
    x, dy = np.array([[0.0, 9.0]], np.float32), np.ones((1, 2), np.float32)
    clip = ClipLogvar(-6, 2)
    assert clip.forward(x).dtype == clip.backward(dy).dtype == np.float32
    np.testing.assert_array_equal(x, [[0, 9]])
    np.testing.assert_array_equal(dy, [[1, 1]])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Dense(0, 3, 0), "at least one"),
        (lambda: GatedDense(3, 0, 0), "at least one"),
        (lambda: ClipLogvar(2, 2), "low < high"),
        (lambda: ClipLogvar(-41, 2), "within"),
        (lambda: ClipLogvar(-6, 41), "within"),
        (lambda: ClipLogvar(float("nan"), 2), "low < high"),
        (lambda: LeakyReLU(2), "between 0 and 1"),
        (lambda: Sequential(), "no layer"),
        (lambda: dense_network([2, 2], "swish", 0), "choose from relu.*, gated"),
        (lambda: dense_network([2, 2], "relu", 0, "orthogonal"), "choose from glorot"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(InputError, match=words):
        make()
