"""Time the code that npvae writes for speed against its textbook version, in microseconds.

Both give the same numbers, which is asserted before the clock starts.

    python benchmarks/fast_and_plain.py        (prints one line of JSON)
"""

import json
from collections.abc import Callable
from math import isclose
from statistics import median
from time import perf_counter

import numpy as np

from npvae import VAE, Adam, Bernoulli

ROUNDS = 200


def plain_bernoulli(logits: np.ndarray, x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean of softplus(a) - x a, and its gradient sigmoid(a) - x, formula by formula."""
    n = len(x)
    softplus = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))
    p = 1 / (1 + np.exp(-logits))
    return (softplus - x * logits).sum() / n, (p - x) / n


class PlainAdam:
    """Algorithm 1 of Kingma & Ba, line by line, with a new array for every result."""

    def __init__(self, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self.lr, self.beta1, self.beta2, self.eps, self.t = lr, beta1, beta2, 1e-8, 0
        self.m = self.v = 0.0

    def step(self, p: np.ndarray, g: np.ndarray) -> np.ndarray:
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
        m_hat = self.m / (1 - self.beta1**self.t)
        v_hat = self.v / (1 - self.beta2**self.t)
        return p - self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


def bernoulli_pair() -> tuple[Callable[[], object], Callable[[], object]]:
    """Return both losses on a batch of 128 images, after checking that they agree."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 4, (128, 784)).astype(np.float32)
    x = rng.random((128, 784), np.float32)
    fast = Bernoulli().loss_and_grad
    (loss, gradient), (plain_loss, plain_gradient) = fast(logits, x), plain_bernoulli(logits, x)
    assert isclose(loss, plain_loss, rel_tol=1e-5)
    np.testing.assert_allclose(gradient, plain_gradient, atol=1e-8)
    return lambda: fast(logits, x), lambda: plain_bernoulli(logits, x)


def log_prob_pair() -> tuple[Callable[[], object], Callable[[], object]]:
    """Return both ways to log p(x | z) for 417 draws of z for one image, a chunk in evaluation."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 4, (1, 417, 784)).astype(np.float32)
    x = (rng.random((1, 784)) < 0.2).astype(np.float32)

    def plain() -> np.ndarray:
        softplus = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))
        return (x[:, None] * logits - softplus).sum(axis=-1)

    fast = Bernoulli().log_prob
    np.testing.assert_allclose(fast(logits, x), plain(), rtol=1e-5)
    return lambda: fast(logits, x), plain


def adam_pair() -> tuple[Callable[[], object], Callable[[], object]]:
    """Return both updates of the 784-400-20-400-784 model, after checking that they agree."""
    params = VAE.dense(n_x=784, n_h=400, n_z=20).params
    params.grad[:] = np.random.default_rng(0).normal(0, 0.01, params.size)
    fast, plain = Adam(), PlainAdam()
    p = params.flat.copy()
    for _ in range(3):
        fast.step(params)
        p = plain.step(p, params.grad)
    np.testing.assert_allclose(params.flat, p, atol=1e-7)
    return lambda: fast.step(params), lambda: plain.step(p, params.grad)


def microseconds(functions: tuple[Callable[[], object], ...]) -> list[float]:
    """Return the median time of each function, over alternating calls."""
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, own in zip(functions, seconds, strict=True):
            begin = perf_counter()
            function()
            own.append(perf_counter() - begin)
    return [1e6 * median(own) for own in seconds]


if __name__ == "__main__":
    pairs = {
        "Bernoulli loss": bernoulli_pair,
        "Bernoulli by row": log_prob_pair,
        "Adam's update": adam_pair,
    }
    print(json.dumps({name: microseconds(pair()) for name, pair in pairs.items()}))
