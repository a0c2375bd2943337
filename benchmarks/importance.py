"""Time a step of the importance-weighted bound: all draws at once or one by one.

The model is tanh 784-200-200-50 in batches of 20 images, as in the published table. The version
that loops over the draws gives the same gradient, which is asserted before the clock starts.

    python benchmarks/importance.py [--rounds 20]
"""

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np

from npvae import IWAE
from npvae.gaussian import log_prior_over_posterior, reparameterize, reparameterize_backward

BATCH = 20


def one_by_one(model: IWAE, x: np.ndarray, eps: np.ndarray) -> None:
    """Fill `params.grad` with a loop over the k draws, one pass through the decoder for each.

    The decoder runs forward twice per draw: the weights depend on all draws, and a layer stores
    only its last input.
    """
    mu, logvar = model.encode(x)
    n, k, _ = eps.shape
    z = [reparameterize(mu, logvar, eps[:, i]) for i in range(k)]
    log_w = [
        model.likelihood.log_prob(model.decoder.forward(z[i]), x)
        + log_prior_over_posterior(z[i], logvar, eps[:, i])
        for i in range(k)
    ]
    w = np.exp(log_w - np.max(log_w, axis=0))
    v = w / w.sum(axis=0)  # (k, B)
    total = np.zeros_like(model.params.grad)
    dmu, dlogvar = np.zeros_like(mu), np.full_like(logvar, -0.5 / n)
    for i in range(k):
        model.likelihood.log_prob(model.decoder.forward(z[i]), x)
        dz = model.decoder.backward(model.likelihood.backward(-v[i] / n))
        total += model.params.grad
        dz += z[i] * v[i][:, None] / n
        dmu_i, dlogvar_i = reparameterize_backward(dz, logvar, eps[:, i])
        dmu += dmu_i
        dlogvar += dlogvar_i
    model.encoder.backward(np.concatenate([dmu, dlogvar], axis=1))
    for name, gradient in model.params.gradients.items():
        if name.startswith("encoder"):
            start = gradient.ctypes.data - model.params.grad.ctypes.data
            piece = slice(start // gradient.itemsize, start // gradient.itemsize + gradient.size)
            total[piece] = gradient.ravel()
    model.params.grad[:] = total


def alternating(rounds: int, *functions: Callable[[], object]) -> list[list[float]]:
    """Return the seconds of each function, over alternating calls."""
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds + 1):
        for function, own in zip(functions, seconds, strict=True):
            begin = perf_counter()
            function()
            own.append(perf_counter() - begin)
    return [own[1:] for own in seconds]


def main() -> None:
    """Print a line for each k."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, 784), np.uint8)
    x = (images > rng.integers(0, 255, (BATCH, 784))).astype(np.float32)
    print(f"a step of {BATCH} images       at once   one by one        speed-up")
    for k in (1, 5, 50):
        model = IWAE.dense(784, (200, 200), 50, activation="tanh", k=k)
        eps = model.draw_noise(rng, BATCH)
        model.loss_and_grad(x, eps)
        at_once = model.params.grad.copy()
        one_by_one(model, x, eps)
        np.testing.assert_allclose(model.params.grad, at_once, rtol=1e-3, atol=1e-5)
        fast, plain = alternating(
            rounds,
            lambda model=model, eps=eps: model.loss_and_grad(x, eps),
            lambda model=model, eps=eps: one_by_one(model, x, eps),
        )
        ratio = median(b / a for a, b in zip(fast, plain, strict=True))
        name = f"k = {k}"
        print(
            f"{name:<24} {1e3 * median(fast):7.2f} ms {1e3 * median(plain):9.2f} ms {ratio:12.1f}"
        )


if __name__ == "__main__":
    main()
