"""Optimisers: one in-place update of the flat parameter vector."""

from collections.abc import Callable, Mapping
from inspect import signature
from math import isfinite, sqrt
from typing import Any, Protocol

import numpy as np

from npvae.errors import InputError
from npvae.parameters import Array, Parameters

BLOCK = 1 << 16  # numbers that Adam updates at a time: 256 kB of each vector in float32


class Optimizer(Protocol):
    """The interface of an optimiser.

    Attributes
    ----------
    lr : float
        Learning rate, which a schedule may change between steps.
    """

    lr: float

    def step(self, params: Parameters, /) -> None:
        """Update `params.flat` in place, given the gradient in `params.grad`."""


class SGD:
    """Stochastic gradient descent.

    p <- p - lr g

    Parameters
    ----------
    lr : float
        Learning rate, above 0.
    """

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = require_rate(lr)

    def step(self, params: Parameters) -> None:
        params.flat -= float(self.lr) * params.grad


class Momentum:
    """Gradient descent with momentum.

    v <- momentum v + g,  p <- p - lr v

    Parameters
    ----------
    lr : float
        Learning rate, above 0.
    momentum : float
        Decay of the velocity v, in [0, 1).

    References
    ----------
    Polyak 1964, doi:10.1016/0041-5553(64)90137-5.
    """

    def __init__(self, lr: float = 0.003, momentum: float = 0.9) -> None:
        self.lr, self.momentum = require_rate(lr), require_decay("momentum", momentum)
        self.v: Array | None = None

    def step(self, params: Parameters) -> None:
        if self.v is None:
            self.v = np.zeros_like(params.grad)
        self.v *= self.momentum
        self.v += params.grad
        params.flat -= float(self.lr) * self.v


class Adagrad:
    """Adagrad: steps divided by the root of the sum of all squared gradients.

    V <- V + g²,  p <- p - lr g / (sqrt(V) + eps)

    Parameters
    ----------
    lr : float
        Learning rate, above 0.
    eps : float
        Added to the root, above 0.

    References
    ----------
    Duchi, Hazan & Singer 2011, jmlr.org/papers/v12/duchi11a.html.
    """

    def __init__(self, lr: float = 0.01, eps: float = 1e-8) -> None:
        self.lr, self.eps = require_rate(lr), _require_eps(eps)
        self.V: Array | None = None

    def step(self, params: Parameters) -> None:
        if self.V is None:
            self.V = np.zeros_like(params.grad)
        self.V += params.grad * params.grad
        params.flat -= float(self.lr) * params.grad / (np.sqrt(self.V) + self.eps)


class Adam:
    """Adam: steps along an average gradient, divided by the root of the average squared gradient.

    m <- beta1 m + (1 - beta1) g
    v <- beta2 v + (1 - beta2) g²
    p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    Parameters
    ----------
    lr : float
        Learning rate, above 0.
    beta1, beta2 : float
        Decay rates of the averages of g and g², in [0, 1).
    eps : float
        Added to the root, above 0.

    Raises
    ------
    InputError
        If an argument is out of range.

    Notes
    -----
    The averages are stored without their factors, as M = m / (1 - beta1) and V = v / (1 - beta2),
    which saves two passes over the vectors. The factors reappear in the step size and in eps. With
    s = sqrt((1 - beta2) / (1 - beta2^t)):

        p <- p - a M / (sqrt(V) + eps / s),  a = lr (1 - beta1) / (1 - beta1^t) / s

    References
    ----------
    Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.
    """

    def __init__(
        self, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
    ) -> None:
        self.lr, self.eps = require_rate(lr), _require_eps(eps)
        self.beta1, self.beta2 = require_decay("beta1", beta1), require_decay("beta2", beta2)
        self.M: Array | None = None
        self.V: Array | None = None
        self._change: Array | None = None  # scratch vector, kept to avoid allocating it again
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

    This is the update in the notes of `Adam`, with `eps` for its eps / s. It is made block by
    block, so that the ten passes over a block find most of its numbers in the cache.

    Parameters
    ----------
    p, g, M, V, change : (size,) float arrays
        Parameters, gradient, both averages, and scratch memory, of which one block is used.
    beta1, beta2, a, eps : float
    """
    for start in range(0, len(p), BLOCK):
        n = min(BLOCK, len(p) - start)
        block = slice(start, start + n)
        _update_block(p[block], g[block], M[block], V[block], change[:n], beta1, beta2, a, eps)


def _update_block(
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
    """Make the update of `adam_update`: each line is one pass, and none allocates memory."""
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
    """Return the learning rate as a float, if it is positive and finite."""
    if not 0 < lr < float("inf"):
        raise InputError(f"lr is {lr}; choose a positive learning rate, such as 1e-3")
    return float(lr)


def require_decay(name: str, value: float) -> float:
    """Return the decay rate as a float, if it lies in [0, 1)."""
    if not 0 <= value < 1:
        raise InputError(f"{name} is {value}; choose a decay rate in [0, 1), such as 0.9")
    return float(value)


def _require_eps(eps: float) -> float:
    """Return eps as a float, if it is positive and finite, so that no root plus eps is zero."""
    if not 0 < eps < float("inf"):
        raise InputError(f"eps is {eps}; choose a positive number, such as 1e-8")
    return float(eps)


# ---- saving and restoring ------------------------------------------------------------------------

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    cls.__name__: cls for cls in (Adam, Adagrad, Momentum, SGD)
}


def optimizer_state(optimizer: Optimizer, params: Parameters) -> dict[str, Any]:
    """Return the state of an optimiser: its class name as "kind", and its public attributes.

    Attributes whose names begin with an underscore, or whose value is None, are left out.

    Parameters
    ----------
    optimizer : Optimizer
    params : Parameters
        The parameters that it updates.

    Returns
    -------
    dict of str to str, int, float or (size,) array

    Raises
    ------
    InputError
        If an attribute is neither a finite number nor a float vector in the shape of `params.flat`.
    """
    state: dict[str, Any] = {"kind": type(optimizer).__name__}
    for name, value in vars(optimizer).items():
        if name.startswith("_") or value is None:
            continue
        if isinstance(value, np.generic) or getattr(value, "shape", None) == ():
            value = value.item()
        is_number = isinstance(value, int | float) and isfinite(value)
        is_vector = getattr(value, "shape", None) == params.flat.shape and value.dtype.kind == "f"
        if not is_number and not is_vector:
            raise InputError(
                f"{type(optimizer).__name__}.{name} is {value!r:.200}, which cannot be saved; the "
                "public attributes of an optimiser must be finite numbers or float vectors of "
                f"shape {params.flat.shape} (begin the name with _ to leave it out)"
            )
        state[name] = value
    _require_numbers(state)
    return state


def restore_optimizer(optimizer: Optimizer, state: Mapping[str, Any], params: Parameters) -> None:
    """Restore the state that `optimizer_state` returned for an optimiser of the same class.

    Raises
    ------
    InputError
        If the state is of another class, or of other parameters. The optimiser is then unchanged.
    """
    kind, stored = state["kind"], {name: state[name] for name in state if name != "kind"}
    now = {name: value for name, value in vars(optimizer).items() if not name.startswith("_")}
    missing = {name for name, value in now.items() if value is not None} - set(stored)
    if kind != type(optimizer).__name__ or missing or set(stored) - set(now):
        raise InputError(
            f"the saved state is of the optimiser {kind!s:.60} ({', '.join(sorted(stored)):.200}), "
            f"but this one is {type(optimizer).__name__} ({', '.join(sorted(now))})"
        )
    _require_numbers(state)
    for name, value in stored.items():
        if hasattr(value, "shape") and value.shape != params.flat.shape:
            raise InputError(f"{name} has shape {value.shape}, expected {params.flat.shape}")
        if hasattr(value, "shape") and kind in OPTIMIZERS and value.dtype != params.dtype:
            raise InputError(f"{name} is {value.dtype}, expected {params.dtype}, as the parameters")
    for name, value in stored.items():
        if hasattr(value, "shape"):
            vector = params.device.zeros(params.size, value.dtype)
            vector[...] = params.device.asarray(value)
            setattr(optimizer, name, vector)
        else:
            setattr(optimizer, name, value)


def _require_numbers(state: Mapping[str, Any]) -> None:
    """Raise `InputError` for numbers that npvae's own optimisers do not accept, such as lr < 0."""
    if (kind := OPTIMIZERS.get(state["kind"])) is None:
        return
    given = {name: state[name] for name in signature(kind).parameters if name in state}
    kind(**given | {"lr": given["lr"] or 1.0})  # 0 is fine: a schedule may have ended there
    if (t := state.get("t", 0)) < 0 or type(t) is not int:
        raise InputError(f"t of the optimiser is {t!r:.60}, expected its number of steps")
