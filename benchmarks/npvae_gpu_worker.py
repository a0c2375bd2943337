"""npvae's side of the GPU benchmark: its trainer, evaluation and likelihood, and its step's parts.

python benchmarks/npvae_gpu_worker.py FOLDER DEVICE BATCH,BATCH... SAMPLES IMAGES
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from npvae_worker import eleven_products
from prepare import IWAE_SIZES, SIZES
from turns import serve

from npvae import VAE, Adam, NpvaeError, Pixels, Trainer, evaluate, log_likelihood
from npvae.datasets.dataset import whole
from npvae.devices import Device, find_device
from npvae.gaussian import kl_and_grad, reparameterize, reparameterize_backward

TOGETHER = 8  # calls before the clock is read; a GPU queues about a thousand kernels
ROUNDS = 50
CHUNK_BYTES = {"cuda": 1 << 30, "cpu": 1 << 23}  # memory of the draws decoded at once, both sides


class Race:
    """A model in training with batches of one size, one epoch per request."""

    def __init__(self, folder: Path, device: Device, size: int) -> None:
        self.device, self.size = device, size
        self.train, self.test = (
            whole(np.load(folder / f"{part}.npy")).to(device) for part in ["train", "test"]
        )
        self.model = VAE.dense(**SIZES, device=device)
        for name, values in np.load(folder / "weights-400.npz").items():
            self.model.params.values[name][...] = device.asarray(values)
        self.adam, self.grey = Adam(lr=1e-3), Pixels("none")
        self.rng = device.generator(0)
        self.trainer = Trainer(
            self.model, self.train, self.grey, self.adam, batch_size=size, rng=self.rng
        )

    def epoch(self) -> float:
        """Return the seconds of one epoch, including reading its losses at the end."""
        begin = perf_counter()
        self.trainer.run_epoch()
        return perf_counter() - begin

    def loss(self) -> float:
        """Return -ELBO of the test images with sampled z, in nats per image."""
        return -evaluate(self.model, self.test, self.grey, seed=0).elbo

    def parts(self) -> dict[str, float]:
        """Return the seconds of a step and of its parts, as medians over alternating rounds."""
        model, rng, device = self.model, self.rng, self.device
        adam = Adam(lr=1e-9)  # so that thousands of steps on one batch change nothing
        order = rng.permutation(len(self.train))[: self.size]
        x = self.grey.encode(self.train.take(order), rng, np.float32)
        eps = model.draw_noise(rng, self.size)

        def step() -> None:
            x = self.grey.encode(self.train.take(order), rng, np.float32)
            model.loss_and_grad(x, model.draw_noise(rng, self.size))
            adam.step(model.params)

        step()
        products = eleven_products(model)
        mu, logvar = model.encode(x)
        z = reparameterize(mu, logvar, eps)
        logits, one = model.decoder.forward(z), device.zeros(1, np.float32)
        functions: dict[str, Callable[[], object]] = {
            "step": step,
            "the eleven matrix products": lambda: [product() for product in products],
            "Bernoulli head": lambda: model.likelihood.loss_and_grad(logits, x),
            "draw of z, KL, and their gradients": lambda: (
                reparameterize(mu, logvar, eps),
                reparameterize_backward(z, logvar, eps),
                kl_and_grad(mu, logvar),
            ),
            "Adam": lambda: adam.step(model.params),
            "batch and noise": lambda: (
                self.grey.encode(self.train.take(order), rng, np.float32),
                model.draw_noise(rng, self.size),
            ),
            "a kernel with nothing to do": lambda: np.negative(one, out=one),
        }
        seconds: dict[str, list[float]] = {name: [] for name in [*functions, "host", "wait"]}
        for _ in range(ROUNDS):
            for name, function in functions.items():
                device.to_host(one)
                begin = perf_counter()
                for _ in range(TOGETHER):
                    function()
                started = perf_counter()
                device.to_host(one)  # waits for all launched kernels
                seconds[name].append((perf_counter() - begin) / TOGETHER)
                if name == "step":
                    seconds["host"].append((started - begin) / TOGETHER)
                    seconds["wait"].append((perf_counter() - started) / TOGETHER)
        found = {name: median(values) for name, values in seconds.items()}
        host, wait = found.pop("host"), found.pop("wait")
        if device.name == "cpu":  # the host computes as it goes, and nothing is left to wait for
            return found
        return found | {"the host, to launch a step's kernels": host, "waiting after that": wait}


def likelihood(folder: Path, device: Device, k: int, n: int) -> tuple[float, float]:
    """Return the seconds of log p(x) by importance weighting, after a warm-up, and the estimate."""
    test = whole(np.load(folder / "test.npy")[:n]).to(device)
    model = VAE.dense(**IWAE_SIZES, device=device)
    for key, values in np.load(folder / "iwae.npz").items():
        model.params.values[key][...] = device.asarray(values)
    memory = CHUNK_BYTES[device.name]
    log_likelihood(model, test.only(slice(0, 20)), Pixels("none"), k, memory=memory)
    begin = perf_counter()
    found = log_likelihood(model, test, Pixels("none"), k, memory=memory)
    return perf_counter() - begin, found.log_px


def main() -> None:
    folder, name, sizes, k, n = sys.argv[1:]
    try:
        device = find_device(name)
    except NpvaeError as error:
        raise SystemExit(f"gpu.py: {error}") from error
    races = {int(size): Race(Path(folder), device, int(size)) for size in sizes.split(",")}
    answers: dict[str, Callable[..., object]] = {
        what: lambda size, what=what: getattr(races[size], what)()
        for what in ("epoch", "loss", "parts")
    }
    answers["likelihood"] = partial(likelihood, Path(folder), device, int(k), int(n))
    serve(f"NumPy {np.__version__}; {device.about}", answers)


if __name__ == "__main__":
    main()
