"""Layers: each forward pass beside its backward pass.

`forward(x)` returns y and stores what the backward pass needs. `backward(dy)` takes the gradient of
the loss with respect to y, overwrites the gradients of the layer's own parameters, and returns the
gradient with respect to x. In every array, each row is one example.

The small functions beside the layers, such as `relu`, are functions rather than methods because a
GPU replaces each of them by a kernel (see `devices/kernels.py`).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import sqrt
from typing import Protocol, TypeAlias

import numpy as np

from npvae.errors import InputError, require_whole
from npvae.parameters import Array, Seed


class Layer(Protocol):
    """The interface of a layer: a forward pass and its backward pass.

    A parameter is a float array such as `W`, with its gradient `dW`, of the same shape, beside it.

    A layer may define two more attributes:

    - `pattern`, an array that records on which side of its kinks the last batch lay. The gradient
      checker uses it to skip finite differences that cross a kink.
    - `backward_parameters(dy)`, the backward pass without the gradient with respect to x.
    """

    def forward(self, x: Array, /) -> Array:
        """Return y, (B, n_out), for a batch x, (B, n_in)."""

    def backward(self, dy: Array, /) -> Array:
        """Return dx for dy, after overwriting the gradients of the parameters."""


# ---- initial weights -----------------------------------------------------------------------------

Initializer: TypeAlias = Callable[[np.random.Generator, int, int], tuple[Array, Array]]
"""A function (rng, n_in, n_out) that returns W, (n_in, n_out), and b, (n_out,)."""


def glorot(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Array, Array]:
    """Return W, uniform with variance 2 / (n_in + n_out), and b = 0.

    References
    ----------
    Glorot & Bengio 2010, proceedings.mlr.press/v9/glorot10a, equation 16.
    """
    limit = sqrt(6 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_in, n_out)), np.zeros(n_out)


def he(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Array, Array]:
    """Return W, normal with variance 2 / n_in, and b = 0; suited to ReLU.

    References
    ----------
    He, Zhang, Ren & Sun 2015, arXiv:1502.01852, equation 10.
    """
    return rng.normal(0, sqrt(2 / n_in), (n_in, n_out)), np.zeros(n_out)


def fan_in(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Array, Array]:
    """Return W and b, both uniform within 1 / sqrt(n_in): the default of PyTorch's `Linear`."""
    limit = 1 / sqrt(n_in)
    return rng.uniform(-limit, limit, (n_in, n_out)), rng.uniform(-limit, limit, n_out)


INITIALIZERS: dict[str, Initializer] = {"glorot": glorot, "he": he, "fan-in": fan_in}


# ---- the layers ----------------------------------------------------------------------------------


def sum_of_rows(rows: Array, out: Array) -> None:
    """Write the sum of rows, (B, n), over the batch into out, (n,)."""
    np.add.reduce(rows, axis=0, out=out)  # np.sum without its preparations, a third of its time


class Dense:
    """Fully connected layer.

    y = x W + b

    Parameters
    ----------
    n_in, n_out : int
        Number of inputs and outputs, at least 1.
    rng : Generator or int
        Generator of the initial weights, or a seed for one.
    init : callable
        Initialiser (rng, n_in, n_out) -> (W, b): `glorot`, `he`, `fan_in`, or your own.

    Attributes
    ----------
    W, dW : (n_in, n_out) float arrays
        The weights and their gradient.
    b, db : (n_out,) float arrays
        The biases and their gradient.

    Raises
    ------
    InputError
        If `n_in` or `n_out` is below 1.

    >>> dense = Dense(3, 2, rng=0)
    >>> dense.forward(np.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(self, n_in: int, n_out: int, rng: Seed, init: Initializer = glorot) -> None:
        if n_in < 1 or n_out < 1:
            raise InputError(f"Dense({n_in}, {n_out}): choose at least one input and one output")
        self.W, self.b = init(np.random.default_rng(rng), n_in, n_out)
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def forward(self, x: Array) -> Array:
        """Return y = x W + b, (B, n_out), for x, (B, n_in)."""
        self.x = x
        y = x @ self.W
        y += self.b
        return y

    def backward(self, dy: Array) -> Array:
        """Write dW = xᵀ dy and db = sum(dy), and return dx = dy Wᵀ, (B, n_in)."""
        self.backward_parameters(dy)
        return dy @ self.W.T

    def backward_parameters(self, dy: Array) -> None:
        """Write dW and db only: the first layer of a network has no use for dx."""
        np.matmul(self.x.T, dy, out=self.dW)
        sum_of_rows(dy, self.db)


class GatedDense:
    """Fully connected layer in which a sigmoid gate scales each output.

    y = h sigmoid(g),  [h, g] = x W + b

    dh = dy sigmoid(g),  dg = dy h sigmoid(g) (1 - sigmoid(g))

    W has the shape (n_in, 2 n_out), so that one matrix product computes both h and g. Each half is
    initialised like the weights of a `Dense` layer.

    Parameters
    ----------
    n_in, n_out, rng, init
        As for `Dense`.

    References
    ----------
    Dauphin, Fan, Auli & Grangier 2016, arXiv:1612.08083.

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
        """Return y, (B, n_out), for x, (B, n_in)."""
        hg = self.dense.forward(x)  # (B, 2 n_out)
        self.h, self.gate = hg[:, : self.n_out], sigmoid(hg[:, self.n_out :])
        return self.h * self.gate

    def backward(self, dy: Array) -> Array:
        """Write the gradients of W and b, and return dx, (B, n_in)."""
        return self.dense.backward(self._backward_gate(dy))

    def backward_parameters(self, dy: Array) -> None:
        """Write the gradients of W and b only."""
        self.dense.backward_parameters(self._backward_gate(dy))

    def _backward_gate(self, dy: Array) -> Array:
        """Return [dh, dg], (B, 2 n_out), for dy, (B, n_out)."""
        dh = dy * self.gate
        return np.concatenate([dh, dh * self.h * (1 - self.gate)], axis=1)


def relu(x: Array) -> Array:
    """Return max(x, 0). NumPy is faster with a row of zeros than with the scalar 0."""
    return np.maximum(x, np.zeros_like(x[:1]))


def relu_backward(dy: Array, y: Array) -> Array:
    """Return dx = dy where y > 0, else 0, with y = relu(x)."""
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
        """Whether each input was above the kink at 0, where y has no derivative."""
        return self.y > 0


class LeakyReLU:
    """y = x where x > 0, else slope * x

    Parameters
    ----------
    slope : float
        Slope for negative x, in (0, 1).

    Raises
    ------
    InputError
        If `slope` is not between 0 and 1.
    """

    def __init__(self, slope: float = 0.01) -> None:
        if not 0 < slope < 1:
            raise InputError(f"slope is {slope}; LeakyReLU needs a number between 0 and 1")
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
        """Whether each input was above the kink at 0, where y has no derivative."""
        return self.x > 0


class ClipLogvar:
    """Clip logvar, the second half of the encoder's outputs; mu, the first half, passes unchanged.

    y = [mu, min(max(logvar, low), high)]

    The gradient of logvar is passed on where low < logvar < high, and is 0 elsewhere. A variance
    that can neither vanish nor explode makes the first steps of deep or gated encoders safe.

    Parameters
    ----------
    low, high : float
        Limits of logvar, -40 <= low < high <= 40.

    Raises
    ------
    InputError
        If the limits are out of order or out of range.
    """

    def __init__(self, low: float, high: float) -> None:
        if not -40 <= low < high <= 40:
            raise InputError(
                f"the range of logvar is ({low}, {high}); choose low < high, both within ±40"
            )
        self.low, self.high = float(low), float(high)

    def forward(self, x: Array) -> Array:
        """Return y for x = [mu, logvar], both (B, 2 n_z)."""
        n_z = x.shape[1] // 2
        logvar = x[:, n_z:]
        self.pattern = (logvar > self.low) * (logvar < self.high)
        return np.concatenate(
            [x[:, :n_z], np.minimum(np.maximum(logvar, self.low), self.high)], axis=1
        )

    def backward(self, dy: Array) -> Array:
        """Return dx for dy, both (B, 2 n_z)."""
        n_z = dy.shape[1] // 2
        return np.concatenate([dy[:, :n_z], dy[:, n_z:] * self.pattern], axis=1)


def tanh_backward(dy: Array, y: Array) -> Array:
    """Return dx = dy (1 - y²), with y = tanh(x)."""
    return dy * (1 - y * y)


class Tanh:
    """y = tanh(x),  dy/dx = 1 - y²"""

    def forward(self, x: Array) -> Array:
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy: Array) -> Array:
        return tanh_backward(dy, self.y)


class Sigmoid:
    """y = 1 / (1 + exp(-x)),  dy/dx = y (1 - y)"""

    def forward(self, x: Array) -> Array:
        self.y = sigmoid(x)
        return self.y

    def backward(self, dy: Array) -> Array:
        return dy * (self.y * (1 - self.y))


class Softplus:
    """y = log(1 + exp(x)),  dy/dx = sigmoid(x)"""

    def forward(self, x: Array) -> Array:
        self.x = x
        return softplus(x)

    def backward(self, dy: Array) -> Array:
        return dy * sigmoid(self.x)


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), computed without overflow.

    sigmoid(x) = (1 + tanh(x / 2)) / 2

    Parameters
    ----------
    x : float array of any shape

    Returns
    -------
    float array of the same shape, in [0, 1]

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    y = np.tanh(x * 0.5)
    y *= 0.5
    y += 0.5
    return y


def softplus(x: Array) -> Array:
    """Return log(1 + exp(x)), computed without overflow.

    softplus(x) = max(x, 0) + log(1 + exp(-|x|))

    Parameters
    ----------
    x : float array of any shape

    Returns
    -------
    float array of the same shape, never negative

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
GATED = "gated"  # GatedDense layers, which need no activation between them
HIDDEN_LAYERS = (*ACTIVATIONS, GATED)


class Sequential:
    """Layers applied one after another.

    y = f_n(... f_2(f_1(x)))

    Parameters
    ----------
    *layers : Layer
        At least one layer, in the order of the forward pass.

    Raises
    ------
    InputError
        If no layer is given.
    """

    def __init__(self, *layers: Layer) -> None:
        if not layers:
            raise InputError("Sequential() has no layers; give at least one")
        self.layers = layers

    def __setattr__(self, name: str, value: object) -> None:
        if name == "layers" and name in self.__dict__:  # a model's vector would keep the old ones
            raise InputError("the layers of a Sequential cannot be replaced; build a new one")
        super().__setattr__(name, value)

    def forward(self, x: Array) -> Array:
        """Return the output of the last layer for a batch x."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy: Array) -> Array:
        """Run the layers backward from the gradient dy of the output, and return dx."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def backward_parameters(self, dy: Array) -> None:
        """Run the layers backward, without the gradient with respect to the input, the data."""
        first, *rest = self.layers
        for layer in reversed(rest):
            dy = layer.backward(dy)
        backward_parameters(first, dy)


def backward_parameters(layer: Layer, dy: Array) -> None:
    """Fill the gradients of the parameters of `layer`, skipping dx if the layer can."""
    getattr(layer, "backward_parameters", layer.backward)(dy)


def dense_network(
    sizes: Sequence[int], activation: str, rng: Seed, init: str = "glorot"
) -> Sequential:
    """Return dense layers of the given sizes, with an activation after each but the last.

    Parameters
    ----------
    sizes : sequence of int
        Number of inputs, the size of each hidden layer, and the number of outputs.
    activation : str
        A name in `ACTIVATIONS`, or "gated" for hidden layers of `GatedDense`.
    rng : Generator or int
        Generator of the initial weights, or a seed for one.
    init : str
        A name in `INITIALIZERS`.

    Returns
    -------
    Sequential

    Raises
    ------
    InputError
        If `activation` or `init` is unknown, or a size is below 1.

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


def hidden_sizes(n_h: int | Sequence[int]) -> tuple[int, ...]:
    """Return hidden sizes as a tuple: 400 is the same as (400,), and () is no hidden layer."""
    sizes = n_h if isinstance(n_h, list | tuple | np.ndarray) else [n_h]
    return tuple(require_whole("a size in n_h", size) for size in sizes)
