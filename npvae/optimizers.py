"""Optimisers: one in-place update of the one flat vector."""

from collections.abc import Mapping
from inspect import signature
from math import isfinite, sqrt
from typing import Protocol

import numpy as np

from npvae.devices import fused
from npvae.errors import DataError, InputError
from npvae.parameters import Array, Parameters
from npvae.storage.arrays import require_floats
from npvae.storage.reading import quote


class Optimizer(Protocol):
    """Anything that changes the parameters, given their gradient."""

    lr: float

    def step(self, params: Parameters, /) -> None:
        """Move `params.flat` one step down `params.grad`."""


class SGD:
    """p <- p - lr g"""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = require_rate(lr)

    def step(self, params: Parameters) -> None:
        params.flat -= float(self.lr) * params.grad


class Momentum:
    """v <- momentum v + g,  p <- p - lr v  (Polyak 1964)"""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr, self.momentum = require_rate(lr), require_decay("momentum", momentum)
        self.v: Array | None = None

    def step(self, params: Parameters) -> None:
        if self.v is None:
            self.v = np.zeros_like(params.grad)
        self.v *= self.momentum
        self.v += params.grad
        params.flat -= float(self.lr) * self.v


class Adagrad:
    """V <- V + g²,  p <- p - lr g / (sqrt(V) + eps)  (Duchi, Hazan & Singer 2011)"""

    def __init__(self, lr: float = 0.01, eps: float = 1e-8) -> None:
        self.lr, self.eps = require_rate(lr), _require_eps(eps)
        self.V: Array | None = None

    def step(self, params: Parameters) -> None:
        if self.V is None:
            self.V = np.zeros_like(params.grad)
        self.V += params.grad * params.grad
        params.flat -= float(self.lr) * params.grad / (np.sqrt(self.V) + self.eps)


class Adam:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1).

    m <- beta1 m + (1 - beta1) g
    v <- beta2 v + (1 - beta2) g²
    p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    Parameters
    ----------
    lr : step size
    beta1, beta2 : decays of the averages of g and g², in [0, 1)
    eps : added to the root, in the units of the gradient; positive

    Notes
    -----
    The averages are kept without their factors, M = m / (1 - beta1) and V = v / (1 - beta2), which
    saves two passes over the vectors; the factors return in the step size and in eps. With
    s = sqrt((1 - beta2) / (1 - beta2^t)):

        p <- p - a M / (sqrt(V) + eps / s),  a = lr (1 - beta1) / (1 - beta1^t) / s
    """

    def __init__(
        self, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
    ) -> None:
        self.lr, self.eps = require_rate(lr), _require_eps(eps)
        self.beta1, self.beta2 = require_decay("beta1", beta1), require_decay("beta2", beta2)
        self.M: Array | None = None
        self.V: Array | None = None
        self._change: Array | None = None  # of the parameters; kept only to save its allocation
        self.t = 0

    def step(self, params: Parameters) -> None:
        if self.M is None or self.V is None:
            self.M, self.V = (params.device.zeros(params.size, params.dtype) for _ in range(2))
        if self._change is None:
            self._change = params.device.zeros(params.size, params.dtype)
        self.t += 1
        s = sqrt((1 - self.beta2) / (1 - self.beta2**self.t))
        a = float(self.lr) * (1 - self.beta1) / (1 - self.beta1**self.t) / s
        vectors = params.flat, params.grad, self.M, self.V, self._change
        adam_update(*vectors, self.beta1, self.beta2, a, self.eps / s)


@fused
def adam_update(
    p: Array,
    g: Array,
    M: Array,
    V: Array,
    change: Array,
    beta1: float,
    beta2: float,
    a: float,
    eps: float,
) -> None:
    """M <- beta1 M + g,  V <- beta2 V + g²,  p <- p - a M / (sqrt(V) + eps),  all in place.

    a and eps are those of the notes on `Adam`, eps / s there; `change` is room for a vector. The
    one other place (beside the Bernoulli likelihood) that is written for speed: every pass counts.
    """
    M *= beta1
    M += g
    V *= beta2
    np.multiply(g, g, out=change)
    V += change
    np.sqrt(V, out=change)
    change += eps
    np.divide(M, change, out=change)
    change *= a
    p -= change


def require_rate(lr: float) -> float:
    """Refuse a learning rate that is not a positive number."""
    if not 0 < lr < float("inf"):
        raise InputError(f"lr is {lr}; a learning rate is a positive number, such as 1e-3")
    return float(lr)


def require_decay(name: str, value: float) -> float:
    """Refuse a decay outside [0, 1)."""
    if not 0 <= value < 1:
        raise InputError(f"{name} is {value}; a decay lies in [0, 1), such as 0.9")
    return float(value)


def _require_eps(eps: float) -> float:
    """Refuse what, added to a root that may be zero, would not keep it above zero."""
    if not 0 < eps < float("inf"):
        raise InputError(f"eps is {eps}; give a positive number, such as 1e-8")
    return float(eps)


# ---- their state, in files -----------------------------------------------------------------------

OPTIMIZERS: dict[str, type[Adam | Adagrad | Momentum | SGD]] = {
    cls.__name__: cls for cls in (Adam, Adagrad, Momentum, SGD)
}


def optimizer_state(
    optimizer: Optimizer, params: Parameters
) -> tuple[dict[str, int | float], dict[str, Array]]:
    """Return what decides an optimiser's next step: its numbers and its vectors, by name.

    They are its public attributes; what begins with _, or is None, is left out.

    Raises
    ------
    InputError : an attribute is neither a finite number nor floats in the shape of `params.flat`
    """
    numbers: dict[str, int | float] = {}
    vectors: dict[str, Array] = {}
    for name, value in vars(optimizer).items():
        if name.startswith("_") or value is None:
            continue
        if isinstance(value, np.generic) or getattr(value, "shape", None) == ():
            value = value.item()
        if isinstance(value, int | float) and isfinite(value):
            numbers[name] = value
        elif getattr(value, "shape", None) == params.flat.shape and value.dtype.kind == "f":
            vectors[name] = value
        else:
            raise InputError(
                f"{type(optimizer).__name__}.{name} is {quote(repr(value))}; a file keeps finite "
                f"numbers, and floats in the shape of the parameters, {params.flat.shape} (a name "
                "that begins with _ is left out)"
            )
    return numbers, vectors


def restore_optimizer(
    optimizer: Optimizer | None,
    kind: str,
    numbers: Mapping[str, int | float],
    vectors: Mapping[str, Array],
    params: Parameters,
) -> Optimizer:
    """Return an optimiser with the state that `optimizer_state` returned.

    Parameters
    ----------
    optimizer : a new one, to be filled; None for one of npvae's own
    kind : the name of its class
    numbers, vectors : its state
    params : what it changes

    Raises
    ------
    DataError : if the state is not of such an optimiser, or not of such parameters
    InputError : if npvae has none of this kind, or one of its numbers is out of its range
    """
    ours = optimizer is None
    if optimizer is None:
        if kind not in OPTIMIZERS:
            raise InputError(f"its optimiser, {quote(kind)}, is your own; give optimizer=...")
        names = signature(OPTIMIZERS[kind]).parameters
        settings = {name: number for name, number in numbers.items() if name in names}
        settings["lr"] = numbers["lr"] or 1.0  # it may be 0 while it warms up
        optimizer = OPTIMIZERS[kind](**settings)
    state, stored = vars(optimizer), {*numbers, *vectors}
    public = {name for name in state if not name.startswith("_")}
    missing = {name for name in public - stored if state[name] is not None}
    if kind != type(optimizer).__name__ or missing or stored - public:
        raise DataError(
            f"it holds the optimiser {quote(kind)} with {quote(', '.join(sorted(stored)))}; "
            f"{type(optimizer).__name__} has {', '.join(sorted(public))}"
        )
    for name, number in numbers.items():
        is_count = ours and type(state[name]) is int  # Adam's t
        odd = is_count and (type(number) is not int or number < 0)
        if odd or type(number) not in (bool, int, float) or not isfinite(number):
            raise DataError(f"{name} of its optimiser is {quote(repr(number))}; restore the file")
        setattr(optimizer, name, number)
    for name in vectors:
        checked = require_floats(vectors, name, params.flat.shape, finite=False)
        if ours and checked.dtype != params.dtype:
            raise DataError(f"{name} of its optimiser is {checked.dtype}, expected {params.dtype}")
        vector = params.device.zeros(params.size, checked.dtype)
        vector[...] = params.device.asarray(checked)
        setattr(optimizer, name, vector)
    return optimizer
