"""Optimisers: one in-place update of the one flat vector."""

from math import sqrt
from typing import Protocol

import numpy as np

from npvae.arrays import Array, Parameters
from npvae.errors import InputError


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
        params.flat -= self.lr * params.grad


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
        params.flat -= self.lr * self.v


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
    The update is the one other place (beside the Bernoulli loss) that is written for speed: every
    pass over the vectors counts. The averages are kept without their factors,
    M = m / (1 - beta1) and V = v / (1 - beta2), which saves two passes; the factors return in the
    step size and in eps. With s = sqrt((1 - beta2) / (1 - beta2^t)):

        p <- p - a M / (sqrt(V) + eps / s),  a = lr (1 - beta1) / (1 - beta1^t) / s
    """

    def __init__(
        self, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
    ) -> None:
        if not 0 < eps < float("inf"):
            raise InputError(f"eps is {eps}; give a positive number, such as 1e-8")
        self.lr, self.eps = require_rate(lr), float(eps)
        self.beta1, self.beta2 = require_decay("beta1", beta1), require_decay("beta2", beta2)
        self.M: Array | None = None
        self.V: Array | None = None
        self.change: Array | None = None  # of the parameters; kept only to save its allocation
        self.t = 0

    def step(self, params: Parameters) -> None:
        if self.M is None or self.V is None or self.change is None:
            self.M, self.V, self.change = (
                params.device.zeros(params.size, params.dtype) for _ in range(3)
            )
        self.t += 1
        s = sqrt((1 - self.beta2) / (1 - self.beta2**self.t))
        a = self.lr * (1 - self.beta1) / (1 - self.beta1**self.t) / s
        g = params.grad
        self.M *= self.beta1
        self.M += g
        self.V *= self.beta2
        change = np.multiply(g, g, out=self.change)
        self.V += change
        np.sqrt(self.V, out=change)
        change += self.eps / s
        np.divide(self.M, change, out=change)
        change *= a
        params.flat -= change


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
