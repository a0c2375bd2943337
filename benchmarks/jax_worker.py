"""JAX's side of the CPU benchmark, written as its users would write it at its fastest.

The images are float32 on the device before the clock starts. One `jit` holds the whole epoch: a
`lax.scan` over the full batches, and the smaller last batch after it. The state is donated, so that
it is updated in place. A Python loop over a `jit`ted step took 1.3 times as long; bytes on the
device, an unrolled scan, `jax.nn.softplus` and a gradient written by hand were not faster.

Order and noise of the training are drawn by the same NumPy generator as npvae's, within the timed
part on all sides, so that all train alike. This takes 1 % of an epoch, less than JAX's own draws.

    python benchmarks/jax_worker.py FOLDER HIDDEN BATCH
"""

import sys
from functools import cached_property, partial
from math import log
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from turns import serve

Layers = list[tuple[Array, Array]]  # the weights and biases of a network


def network(weights: dict[str, np.ndarray], part: str) -> Layers:
    """Return the layers of a part of npvae's model."""
    names = [name[:-1] for name in weights if name.startswith(part) and name.endswith(".W")]
    return [(jnp.asarray(weights[f"{name}W"]), jnp.asarray(weights[f"{name}b"])) for name in names]


def apply(layers: Layers, h: Array, activation: Any) -> Array:
    """Return the output of a network, whose last layer has no activation."""
    for W, b in layers[:-1]:
        h = activation(h @ W + b)
    W, b = layers[-1]
    return h @ W + b


def softplus(a: Array) -> Array:
    """Return log(1 + exp(a))."""
    return jnp.maximum(a, 0) + jnp.log1p(jnp.exp(-jnp.abs(a)))


def loss_of(params: dict[str, Layers], x: Array, eps: Array) -> Array:
    """Return -ELBO in nats, the mean over the batch."""
    mu, logvar = jnp.split(apply(params["encoder"], x, jax.nn.relu), 2, axis=1)
    z = mu + jnp.exp(0.5 * logvar) * eps
    logits = apply(params["decoder"], z, jax.nn.relu)
    kl = -0.5 * jnp.sum(1 + logvar - mu**2 - jnp.exp(logvar))
    return (jnp.sum(softplus(logits) - x * logits) + kl) / len(x)


def adam(state: Any, g: Any) -> Any:
    """Return the state (p, m, v, t) after one update with gradient g, with lr 1e-3."""
    p, m, v, t = state
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    a, b = 1 - 0.9**t, 1 - 0.999**t
    p = jax.tree.map(lambda p, m, v: p - 1e-3 * (m / a) / (jnp.sqrt(v / b) + 1e-8), p, m, v)
    return p, m, v, t


@partial(jax.jit, donate_argnums=0, static_argnums=4)
def run_epoch(state: Any, images: Array, order: Array, eps: Array, batch: int) -> Any:
    """Return the state after an epoch, and the loss of each step."""

    def step(state: Any, drawn: tuple[Array, Array]) -> Any:
        chosen, eps = drawn
        loss, g = jax.value_and_grad(loss_of)(state[0], images[chosen], eps)
        return adam(state, g), loss

    full = len(order) // batch * batch
    batches = order[:full].reshape(-1, batch), eps[:full].reshape(-1, batch, eps.shape[1])
    state, losses = lax.scan(step, state, batches)
    if full < len(order):
        state, last = step(state, (order[full:], eps[full:]))
        losses = jnp.append(losses, last)
    return state, losses


@partial(jax.jit, static_argnums=4)
def log_likelihood(encoder: Layers, decoder: Layers, images: Array, key: Array, k: int) -> Array:
    """Return the mean of log 1/k sum(w), one image at a time with all of its k draws.

    Chunks of 250 or 1,000 draws and JAX's other generators were not faster.
    """

    def estimate(of_image: tuple[Array, Array]) -> Array:
        x, key = of_image
        mu, logvar = jnp.split(apply(encoder, x, jnp.tanh), 2)
        eps = jax.random.normal(key, (k, len(mu)))
        z = mu + jnp.exp(0.5 * logvar) * eps
        logits = apply(decoder, z, jnp.tanh)
        log_px = jnp.sum(x * logits - softplus(logits), axis=1)
        log_w = log_px + 0.5 * jnp.sum(eps**2 + logvar - z**2, axis=1)
        return jax.nn.logsumexp(log_w) - log(k)

    return lax.map(estimate, (images, jax.random.split(key, len(images)))).mean()


class Side:
    """A model in training, one epoch per request, and log p(x)."""

    def __init__(self, folder: Path, hidden: int, batch: int) -> None:
        self.folder, self.batch, self.rng = folder, batch, np.random.default_rng(0)
        weights = dict(np.load(folder / f"weights-{hidden}.npz"))
        p = {part: network(weights, part) for part in ("encoder", "decoder")}
        m, v = (jax.tree.map(jnp.zeros_like, p) for _ in range(2))
        self.state = p, m, v, jnp.zeros((), jnp.float32)

    def images(self, part: str) -> Array:
        """Return the images of a part as floats in [0, 1]."""
        return jnp.asarray(np.load(self.folder / f"{part}.npy").astype(np.float32) / 255)

    @cached_property
    def train(self) -> Array:
        """The training images, loaded when they are first needed."""
        return self.images("train").block_until_ready()

    def epoch(self) -> float:
        """Return the seconds of one epoch."""
        train = self.train
        begin = perf_counter()
        order = self.rng.permutation(len(train)).astype(np.int32)
        eps = self.rng.standard_normal((len(train), 20), dtype=np.float32)
        self.state, losses = run_epoch(self.state, train, order, eps, self.batch)
        jax.block_until_ready((self.state, losses))
        return perf_counter() - begin

    def save(self, file: str) -> None:
        """Write the weights to a file, by the names that npvae has for them."""
        named = {}
        for part, layers in self.state[0].items():
            for i, (W, b) in enumerate(layers):  # every second layer of npvae is an activation
                named |= {f"{part}.{2 * i}.W": np.asarray(W), f"{part}.{2 * i}.b": np.asarray(b)}
        np.savez(file, **named)

    def likelihood(self, draws: int, n: int) -> tuple[float, float]:
        """Return the seconds of log p(x) of the first test images, and its mean in nats."""
        weights = dict(np.load(self.folder / "iwae.npz"))
        encoder, decoder = (network(weights, part) for part in ("encoder", "decoder"))
        x, key = self.images("test")[:n], jax.random.key(0)
        jax.block_until_ready((encoder, decoder, x, key))
        begin = perf_counter()
        log_px = float(log_likelihood(encoder, decoder, x, key, draws))
        return perf_counter() - begin, log_px


def main() -> None:
    folder, hidden, batch = sys.argv[1:]
    side = Side(Path(folder), int(hidden), int(batch))
    answers = {"epoch": side.epoch, "save": side.save, "likelihood": side.likelihood}
    serve(f"JAX {jax.__version__}", answers)


if __name__ == "__main__":
    main()
