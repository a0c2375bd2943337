"""npvae's side of the CPU benchmark: its own trainer, evaluation and Adam.

The images stay bytes in memory, as npvae stores them; each batch becomes floats when it is drawn.

    python benchmarks/npvae_worker.py FOLDER
"""

import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from prepare import SIZES
from turns import peak_memory_mb, serve

from npvae import VAE, Adam, Dense, Pixels, Trainer, evaluate
from npvae.datasets.dataset import whole

BATCH = 128
ROUNDS = 300  # for the times of the parts


class Race:
    """A model in training, one epoch per request."""

    def __init__(self, folder: Path) -> None:
        self.train, self.test = (
            whole(np.load(folder / f"{part}.npy")) for part in ["train", "test"]
        )
        self.model = VAE.dense(**SIZES)
        for name, values in np.load(folder / "weights.npz").items():
            self.model.params.values[name][...] = values
        self.adam = Adam(lr=1e-3)
        self.grey = Pixels("none")
        self.rng = np.random.default_rng(0)
        self.trainer = Trainer(
            self.model, self.train, self.grey, self.adam, batch_size=BATCH, rng=self.rng
        )

    def epoch(self) -> float:
        """Return the seconds of one epoch."""
        begin = perf_counter()
        self.trainer.run_epoch()
        return perf_counter() - begin

    def loss(self) -> float:
        """Return -ELBO of the test images with sampled z, in nats per image."""
        return -evaluate(self.model, self.test, self.grey, seed=0).elbo

    def parts(self) -> dict[str, float]:
        """Return the seconds of a step and of its parts, as medians over alternating rounds."""
        model, rng = self.model, self.rng
        seconds: dict[str, list[float]] = {}

        def lap(name: str, begin: float) -> float:
            now = perf_counter()
            seconds.setdefault(name, []).append(now - begin)
            return now

        for _ in range(ROUNDS):
            chosen = rng.integers(len(self.train), size=BATCH)
            begin = now = perf_counter()
            x = self.grey.encode(self.train.take(chosen), rng, np.float32)
            eps = model.draw_noise(rng, BATCH)
            now = lap("batch and noise", now)
            model.loss_and_grad(x, eps)
            now = lap("loss and gradient", now)
            self.adam.step(model.params)
            lap("Adam", now)
            lap("step", begin)

            products = eleven_products(model)
            now = perf_counter()
            for product in products:
                product()
            lap("products", now)

            logits = model.decoder.forward(eps)
            now = perf_counter()
            model.likelihood.loss_and_grad(logits, x)
            lap("Bernoulli", now)
        return {name: median(values) for name, values in seconds.items()}


def eleven_products(model: VAE) -> list:
    """Return the matrix products of one step, on the arrays that the step has left behind.

    Every Dense layer has two, x W and xᵀ dy, and all but the first also have dy Wᵀ: 4 + 4 + 3.
    """
    products = []
    dense = [layer for net in (model.encoder, model.decoder) for layer in net.layers]
    for layer in [layer for layer in dense if isinstance(layer, Dense)]:
        x, W, dW = layer.x, layer.W, layer.dW
        dy = x @ W
        products.append(lambda x=x, W=W: x @ W)
        products.append(lambda x=x, dy=dy, dW=dW: np.matmul(x.T, dy, out=dW))
        if layer is not dense[0]:
            products.append(lambda dy=dy, W=W: dy @ W.T)
    return products


def main() -> None:
    race = Race(Path(sys.argv[1]))
    about = (
        f"NumPy {np.__version__}, {np.show_config('dicts')['Build Dependencies']['blas']['name']}"
    )
    answers = {"epoch": race.epoch, "loss": race.loss, "parts": race.parts}
    serve(about, answers | {"memory": peak_memory_mb})


if __name__ == "__main__":
    main()
