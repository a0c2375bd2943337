"""Layers: each forward beside its backward.

`forward(x)` returns y and remembers what the backward needs. `backward(dy)` takes the gradient of
the loss with respect to y, overwrites the gradients of the layer's own parameters, and returns
the gradient with respect to x. Rows are examples throughout.

The small functions beside the layers, `relu` for instance, are functions of their own because a GPU
has a kernel for each of them (`devices/kernels.py`).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import sqrt
from typing import Protocol, TypeAlias

import numpy as np

from npvae.errors import InputError
from npvae.parameters import Array, Seed


class Layer(Protocol):
    """Anything with a forward and its backward; a parameter `W` has its gradient `dW` beside it.

    A layer may have two things more. `pattern`, an array, says on which side of its kinks the last
    batch was, so that the gradient checker can leave out steps across them.
    `backward_parameters(dy)` is the backward without dx.
    """

    def forward(self, x: Array, /) -> Array:
        """Return y for a batch x."""

    def backward(self, dy: Array, /) -> Array:
        """Return dx, having overwritten the gradients of the parameters."""


# ---- how a Dense layer starts --------------------------------------------------------------------

Initializer: TypeAlias = Callable[[np.random.Generator, int, int], tuple[Array, Array]]


def glorot(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Array, Array]:
    """W uniform with variance 2 / (n_in + n_out), b = 0 (Glorot & Bengio 2010, eq. 16)."""
    limit = sqrt(6 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_in, n_out)), np.zeros(n_out)


def he(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Array, Array]:
    """W normal with variance 2 / n_in, b = 0 (He et al. 2015, eq. 10): made for ReLU."""
    return rng.normal(0, sqrt(2 / n_in), (n_in, n_out)), np.zeros(n_out)


def fan_in(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Array, Array]:
    """W and b uniform within 1 / sqrt(n_in): what PyTorch's Linear does when nobody asks."""
    limit = 1 / sqrt(n_in)
    return rng.uniform(-limit, limit, (n_in, n_out)), rng.uniform(-limit, limit, n_out)


INITIALIZERS: dict[str, Initializer] = {"glorot": glorot, "he": he, "fan-in": fan_in}


# ---- the layers ----------------------------------------------------------------------------------


def sum_of_rows(rows: Array, out: Array) -> None:
    """Write the sum of rows, (B, n), over the examples into out, (n,)."""
    np.sum(rows, axis=0, out=out)


class Dense:
    """y = x W + b

    Parameters
    ----------
    n_in, n_out : numbers in, numbers out
    rng : generator or seed of the initial weights
    init : `glorot`, `he`, `fan_in`, or a function (rng, n_in, n_out) -> (W, b)

    >>> dense = Dense(3, 2, rng=0)
    >>> dense.forward(np.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(self, n_in: int, n_out: int, rng: Seed, init: Initializer = glorot) -> None:
        if n_in < 1 or n_out < 1:
            raise InputError(f"Dense({n_in}, {n_out}): a layer has at least one number in and out")
        self.W, self.b = init(np.random.default_rng(rng), n_in, n_out)
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def forward(self, x: Array) -> Array:
        self.x = x
        y = x @ self.W
        y += self.b
        return y

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        return dy @ self.W.T

    def backward_parameters(self, dy: Array) -> None:
        """The half of the backward that a network's first layer needs, whose dx has no use."""
        np.matmul(self.x.T, dy, out=self.dW)
        sum_of_rows(dy, self.db)


class GatedDense:
    """y = h sigmoid(g),  [h, g] = x W + b

    A dense layer with a gate for each number (Dauphin et al. 2016):

    dh = dy sigmoid(g),  dg = dy h sigmoid(g) (1 - sigmoid(g))

    W is (n_in, 2 n_out), both halves in one product. They start as two Dense layers would.

    Parameters
    ----------
    n_in, n_out, rng, init : as for `Dense`

    >>> GatedDense(3, 2, rng=0).forward(np.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(self, n_in: int, n_out: int, rng: Seed, init: Initializer = glorot) -> None:
        rng = np.random.default_rng(rng)
        h, g = Dense(n_in, n_out, rng, init), Dense(n_in, n_out, rng, init)
        self.dense, self.n_out = h, n_out
        h.W, h.b = np.concatenate([h.W, g.W], axis=1), np.concatenate([h.b, g.b])
        h.dW, h.db = np.zeros_like(h.W), np.zeros_like(h.b)

    def forward(self, x: Array) -> Array:
        hg = self.dense.forward(x)  # (B, 2 n_out)
        self.h, self.gate = hg[:, : self.n_out], sigmoid(hg[:, self.n_out :])
        return self.h * self.gate

    def backward(self, dy: Array) -> Array:
        return self.dense.backward(self._backward_gate(dy))

    def backward_parameters(self, dy: Array) -> None:
        self.dense.backward_parameters(self._backward_gate(dy))

    def _backward_gate(self, dy: Array) -> Array:
        dh = dy * self.gate
        return np.concatenate([dh, dh * self.h * (1 - self.gate)], axis=1)


def relu(x: Array) -> Array:
    """max(x, 0); the zeros are a row, since NumPy is slower with a single 0."""
    return np.maximum(x, np.zeros_like(x[:1]))


def relu_backward(dy: Array, y: Array) -> Array:
    """Return dy where y > 0, else 0."""
    return dy * (y > 0)


class ReLU:
    """y = max(x, 0)"""

    def forward(self, x: Array) -> Array:
        self.y = relu(x)
        return self.y

    def backward(self, dy: Array) -> Array:
        return relu_backward(dy, self.y)

    @property
    def pattern(self) -> Array:
        """Which side of its kink each number was on: where it changes there is no derivative."""
        return self.y > 0


class LeakyReLU:
    """y = x where x > 0, slope * x elsewhere; 0 < slope < 1"""

    def __init__(self, slope: float = 0.01) -> None:
        if not 0 < slope < 1:
            raise InputError(f"LeakyReLU has slope {slope}; give one between 0 and 1")
        self.slope = float(slope)

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.maximum(x, self.slope * x)

    def backward(self, dy: Array) -> Array:
        dx = dy * self.pattern
        dx *= 1 - self.slope
        dx += self.slope * dy
        return dx

    @property
    def pattern(self) -> Array:
        """Which side of its kink each number was on: where it changes there is no derivative."""
        return self.x > 0


class ClipLogvar:
    """The second half of x, the logvar beside mu, kept between two numbers; mu passes as it is.

    dx = dy where logvar lies between them, else 0

    A variance that can neither vanish nor explode makes deep or gated encoders start safely.
    """

    def __init__(self, low: float, high: float) -> None:
        if not -40 <= low < high <= 40:
            raise InputError(f"logvar is to lie in ({low}, {high}); give low < high, within +-40")
        self.low, self.high = float(low), float(high)

    def forward(self, x: Array) -> Array:
        n_z = x.shape[1] // 2
        logvar = x[:, n_z:]
        self.pattern = (logvar > self.low) * (logvar < self.high)
        return np.concatenate(
            [x[:, :n_z], np.minimum(np.maximum(logvar, self.low), self.high)], axis=1
        )

    def backward(self, dy: Array) -> Array:
        n_z = dy.shape[1] // 2
        return np.concatenate([dy[:, :n_z], dy[:, n_z:] * self.pattern], axis=1)


def tanh_backward(dy: Array, y: Array) -> Array:
    """Return dy (1 - y²), y = tanh(x)."""
    return dy * (1 - y * y)


class Tanh:
    """y = tanh(x), dy/dx = 1 - y²"""

    def forward(self, x: Array) -> Array:
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy: Array) -> Array:
        return tanh_backward(dy, self.y)


class Sigmoid:
    """y = 1 / (1 + exp(-x)), dy/dx = y (1 - y)"""

    def forward(self, x: Array) -> Array:
        self.y = sigmoid(x)
        return self.y

    def backward(self, dy: Array) -> Array:
        return dy * (self.y * (1 - self.y))


class Softplus:
    """y = log(1 + exp(x)), dy/dx = sigmoid(x)"""

    def forward(self, x: Array) -> Array:
        self.x = x
        return softplus(x)

    def backward(self, dy: Array) -> Array:
        return dy * sigmoid(self.x)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), in the form that never overflows.

    sigmoid(x) = (1 + tanh(x / 2)) / 2

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    y = np.tanh(x * 0.5)
    y *= 0.5
    y += 0.5
    return y


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), in the form that never overflows.

    softplus(x) = max(x, 0) + log(1 + exp(-|x|))

    >>> softplus(np.array([-1000.0, 1000.0]))
    array([   0., 1000.])
    """
    y = np.log1p(np.exp(-np.abs(x)))
    y += np.maximum(x, 0)
    return y


ACTIVATIONS: dict[str, Callable[[], Layer]] = {
    "relu": ReLU,
    "leaky-relu": LeakyReLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "softplus": Softplus,
}
GATED = "gated"  # hidden layers of GatedDense, which need no activation
HIDDEN_LAYERS = (*ACTIVATIONS, GATED)


class Sequential:
    """Layers one after another: y = f_n(... f_2(f_1(x)))"""

    def __init__(self, *layers: Layer) -> None:
        if not layers:
            raise InputError("Sequential() has no layer; give at least one")
        self.layers = layers

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__:  # a model's vector of parameters and its file would not follow
            raise InputError(f"the {name} of a Sequential cannot be replaced; build a new one")
        super().__setattr__(name, value)

    def forward(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy: Array) -> Array:
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def backward_parameters(self, dy: Array) -> None:
        """The backward of a network whose input is data: the last product, its dx, is skipped."""
        first, *rest = self.layers
        for layer in reversed(rest):
            dy = layer.backward(dy)
        backward_parameters(first, dy)


def backward_parameters(layer: Layer, dy: Array) -> None:
    """Fill the gradients of the parameters of `layer`, without dx where the layer can do so."""
    getattr(layer, "backward_parameters", layer.backward)(dy)


def dense_network(
    sizes: Sequence[int], activation: str, rng: Seed, init: str = "glorot"
) -> Sequential:
    """Dense layers of the given sizes with an activation between them, none after the last.

    Parameters
    ----------
    sizes : numbers in, in each hidden layer, and out
    activation : a name in `ACTIVATIONS`, or "gated" for GatedDense layers before the last
    rng : generator or seed of the initial weights
    init : a name in `INITIALIZERS`

    >>> [type(layer).__name__ for layer in dense_network([784, 400, 40], "relu", rng=0).layers]
    ['Dense', 'ReLU', 'Dense']
    """
    if activation not in HIDDEN_LAYERS:
        raise InputError(f"activation is {activation!r}; choose from {', '.join(HIDDEN_LAYERS)}")
    if init not in INITIALIZERS:
        raise InputError(f"init is {init!r}; choose from {', '.join(INITIALIZERS)}")
    rng, initializer = np.random.default_rng(rng), INITIALIZERS[init]
    layers: list[Layer] = []
    *hidden, (n_last, n_out) = pairwise(sizes)
    for n_in, n_h in hidden:
        if activation == GATED:
            layers.append(GatedDense(n_in, n_h, rng, initializer))
        else:
            layers += [Dense(n_in, n_h, rng, initializer), ACTIVATIONS[activation]()]
    return Sequential(*layers, Dense(n_last, n_out, rng, initializer))
