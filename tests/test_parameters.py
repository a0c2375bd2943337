from copy import deepcopy

import numpy as np
import pytest

from npvae.devices import CPU
from npvae.errors import InputError
from npvae.layers import Dense, ReLU, Sequential
from npvae.parameters import Parameters, named_parameters, require_batch, walk
from npvae.vae import VAE


class Scale:
    """y = w x: the least that counts as a layer."""

    def __init__(self, shape=(3,)):
        self.w, self.dw = np.full(shape, 2.0), np.zeros(shape)

    def forward(self, x):
        self.x = x
        return self.w * x

    def backward(self, dy):
        self.dw[...] = (dy * self.x).sum(axis=0)
        return dy * self.w


# ---- finding the parameters ----------------------------------------------------------------------


def test_a_parameter_is_an_array_beside_its_gradient():
    scale = Scale()
    scale.alone = np.ones(3)  # no gradient
    scale.odd, scale.dodd = np.ones(3), np.zeros(4)  # another shape
    scale.count, scale.dcount = np.ones(3, int), np.zeros(3, int)  # no floats
    scale.x = scale.w  # remembered by a forward
    assert [(name, key) for name, _, key in named_parameters(scale)] == [("w", "w")]


def test_names_say_where_a_parameter_is():
    network = Sequential(Dense(2, 3, rng=0), ReLU(), Dense(3, 1, rng=0))
    parts = {"encoder": network, "decoder": [Scale(), Scale()]}
    assert [name for name, _, _ in named_parameters(parts)] == [
        "encoder.0.W",
        "encoder.0.b",
        "encoder.2.W",
        "encoder.2.b",
        "decoder.0.w",
        "decoder.1.w",
    ]
    assert [name for name, _ in walk(network)] == ["", "", "0", "1", "2"]


def test_a_layer_inside_a_layer_of_ones_own_is_found():
    class Residual:
        def __init__(self):
            self.inner = Scale()

        def backward(self, dy): ...

    assert [name for name, _, _ in named_parameters({"top": Residual()})] == ["top.inner.w"]


# ---- the flat vector -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_layers_numbers_are_views_of_the_flat_vector(dtype):
    dense, scale = Dense(2, 3, rng=0), Scale((4, 1))
    before = [dense.W.copy(), dense.b.copy(), scale.w.copy()]
    params = Parameters({"dense": dense, "scale": scale}, dtype)
    assert params.size == 6 + 3 + 4
    assert params.flat.dtype == params.grad.dtype == dtype
    expected = np.concatenate([array.ravel() for array in before]).astype(dtype)
    np.testing.assert_array_equal(params.flat, expected)

    for array, gradient in ((dense.W, dense.dW), (dense.b, dense.db), (scale.w, scale.dw)):
        assert np.shares_memory(array, params.flat)
        assert np.shares_memory(gradient, params.grad)
    params.flat[:] = np.arange(13)
    np.testing.assert_array_equal(dense.W, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(scale.w.ravel(), [9, 10, 11, 12])
    params.values["dense.b"][...] = -1
    np.testing.assert_array_equal(params.flat[6:9], -1)


def test_a_backward_fills_the_flat_gradient():
    scale = Scale()
    params = Parameters({"scale": scale}, np.float64)
    scale.forward(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    for _ in range(2):  # overwritten, not added up
        scale.backward(np.ones((2, 3)))
        np.testing.assert_array_equal(params.grad, [5, 7, 9])
        np.testing.assert_array_equal(params.gradients["scale.w"], [5, 7, 9])


def test_one_layer_in_two_places_is_refused():
    scale = Scale()
    with pytest.raises(InputError, match=r"encoder\.w and decoder\.w are the same layer"):
        Parameters({"encoder": scale, "decoder": scale})


@pytest.mark.parametrize("dtype", [np.float16, int, complex])
def test_other_types_are_refused(dtype):
    with pytest.raises(InputError, match="float32 or float64"):
        Parameters({"scale": Scale()}, dtype)


def test_nothing_to_learn_is_an_empty_vector():
    assert Parameters({"relu": ReLU()}).size == 0


# ---- batches and the device ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "complaint"),
    [
        (np.zeros(3), r"shape \(3,\), expected \(B, 3\)"),
        (np.zeros((2, 4)), r"shape \(2, 4\), expected \(B, 3\)"),
        (np.zeros((2, 3, 1)), "shape"),
        ([[0.0, 0.0, 0.0]], "list"),
        (np.zeros((2, 3), np.uint8), "holds uint8, expected floats; for pixels .* x / 255"),
        (np.zeros((2, 3), complex), "holds complex128, expected floats"),
        (np.zeros((2, 3), object), "holds object, expected floats"),
    ],
)
def test_require_batch_refuses(x, complaint):
    with pytest.raises(InputError, match=complaint):
        require_batch(x, 3)


@pytest.mark.parametrize("shape", [(1, 3), (0, 3), (7, 3)])
def test_require_batch_takes_any_number_of_rows(shape):
    require_batch(np.zeros(shape), 3)


def test_a_generator_is_passed_through_and_a_seed_makes_one():
    rng = np.random.default_rng(3)
    assert CPU.generator(rng) is rng
    assert CPU.generator(3).random() == np.random.default_rng(3).random()


def test_what_is_on_the_host_already_is_not_copied():
    x = np.ones(3)
    assert CPU.asarray(x) is x
    assert CPU.to_host(x) is x


def test_what_is_assigned_to_a_layer_is_in_the_flat_vector():
    model = VAE.dense(6, 4, 2, seed=0)
    first = model.encoder.layers[0]
    first.W = np.full((6, 4), 2.0)
    assert (model.params.values["encoder.0.W"] == 2).all()
    assert first.W is model.params.values["encoder.0.W"]
    first.db = np.full(4, 3.0)  # a layer that makes a new array in its backward
    assert (model.params.grad[24:28] == 3).all()
    assert first.db is model.params.gradients["encoder.0.b"]


def test_a_copy_has_what_was_assigned_to_a_layer():
    model = VAE.dense(6, 4, 2, seed=0)
    model.encoder.layers[0].W = np.full((6, 4), 2.0)
    copy = deepcopy(model)
    assert (copy.encoder.layers[0].W == 2).all()
    assert (copy.params.values["encoder.0.W"] == 2).all()


def test_an_array_of_another_shape_is_refused_when_assigned():
    model = VAE.dense(6, 4, 2, seed=0)
    model.encoder.layers[0].W = np.zeros((6, 5))
    with pytest.raises(InputError, match=r"\(6, 5\).*\(6, 4\)"):
        model.params.flat  # noqa: B018


def test_two_models_cannot_have_the_same_layers():
    encoder, decoder = Dense(6, 4, rng=0), Dense(2, 6, rng=1)
    model = VAE(encoder, decoder, n_x=6, n_z=2)
    with pytest.raises(InputError, match=r"encoder\.W already belongs to another model"):
        VAE(encoder, Dense(2, 6, rng=1), n_x=6, n_z=2)
    assert encoder.W is model.params.values["encoder.W"]
    VAE(deepcopy(encoder), deepcopy(decoder), n_x=6, n_z=2)
    del model
    VAE(encoder, decoder, n_x=6, n_z=2)  # of which no model is left


def test_the_names_are_not_a_place_to_put_other_arrays():
    params = VAE.dense(4, 3, 2).params
    with pytest.raises(TypeError):
        params.values["encoder.0.W"] = np.zeros((4, 3))


def test_a_layer_may_know_its_parent():
    class Parent:
        def __init__(self):
            self.child = Dense(3, 3, np.random.default_rng(0))
            self.child.parent = self

        def backward(self, dy): ...

    assert [name for name, *_ in named_parameters(Parent())] == ["child.W", "child.b"]
