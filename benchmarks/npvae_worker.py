"""npvae's side of the CPU benchmark: its own trainer, likelihood and Adam.

The images stay bytes in memory, as npvae stores them; each batch becomes floats when it is drawn.
With WORKERS at least 2, so many processes work together; 0 and 1 stand for this one alone. This
worker also judges the weights that all sides have trained, and measures the machine.

    python benchmarks/npvae_worker.py FOLDER HIDDEN BATCH WORKERS
"""

import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from prepare import IWAE_SIZES, SIZES
from turns import serve

from npvae import VAE, Adam, Dense, Pixels, Trainer, evaluate, log_likelihood
from npvae.datasets.dataset import whole
from npvae.parallel import Communicator
from npvae.parallel.processes import Processes

GREY = Pixels("none")
ROUNDS = 300  # for the times of the parts
LARGE = 2048  # rows and columns of a large product
QUESTIONS = ["epoch", "save", "loss", "likelihood", "work"]
QUESTIONS += ["enlarge", "products", "step_products", "parts"]


def load_weights(model: VAE, file: str | Path) -> None:
    """Give a model the weights in a file."""
    for name, values in np.load(file).items():
        model.params.values[name][...] = values


class Side:
    """A model in training, one epoch per request, and the other questions to npvae.

    Parameters
    ----------
    folder : Path
        Where the images and weights are.
    hidden, batch : int
        Hidden units of each network, and examples per batch.
    comm : Communicator
        Of the processes that work together.
    """

    def __init__(self, folder: Path, hidden: int, batch: int, comm: Communicator) -> None:
        self.folder, self.hidden, self.batch, self.comm = folder, hidden, batch, comm
        self.model = VAE.dense(**SIZES | {"n_h": hidden})
        load_weights(self.model, folder / f"weights-{hidden}.npz")

    @cached_property
    def trainer(self) -> Trainer:
        """The trainer, made when it is first asked for."""
        return self.trainer_for(np.load(self.folder / "train.npy"))

    def trainer_for(self, images: np.ndarray) -> Trainer:
        """Return a trainer of the model on these images."""
        options = {"batch_size": self.batch, "rng": 0, "comm": self.comm}
        return Trainer(self.model, whole(images), GREY, Adam(1e-3), **options)

    def epoch(self) -> float:
        """Return the seconds of one epoch."""
        trainer = self.trainer
        begin = perf_counter()
        trainer.run_epoch()
        return perf_counter() - begin

    def save(self, file: str) -> None:
        """Write the weights to a file."""
        np.savez(file, **self.model.params.values)

    def loss(self, file: str) -> float:
        """Return -ELBO of the test images under the weights in a file, in nats per image.

        The pixels are greyscale, and z is drawn once per image.
        """
        load_weights(self.model, file)
        return -evaluate(self.model, whole(np.load(self.folder / "test.npy")), GREY, seed=0).elbo

    def likelihood(self, draws: int, images: int) -> tuple[float, float]:
        """Return the seconds of log p(x) of the first test images, and its mean in nats."""
        model = VAE.dense(**IWAE_SIZES)
        load_weights(model, self.folder / "iwae.npz")
        test = whole(np.load(self.folder / "test.npy")[:images])
        begin = perf_counter()
        found = self.comm.run(log_likelihood, model, test, GREY, draws, seed=0)
        return perf_counter() - begin, found.log_px

    def work(self, file: str, epochs: int) -> list[float]:
        """Return the seconds of epochs over the memory-mapped images in a file."""
        trainer, seconds = self.trainer_for(np.load(file, mmap_mode="r")), []
        for _ in range(epochs):
            begin = perf_counter()
            trainer.run_epoch()
            seconds.append(perf_counter() - begin)
        return seconds

    def enlarge(self, file: str, size: int) -> None:
        """Write a file of so many images: the training images over and over."""
        images = np.load(self.folder / "train.npy", mmap_mode="r")
        many = np.lib.format.open_memmap(file, "w+", np.uint8, (size, images.shape[1]))
        for start in range(0, size, len(images)):
            part = many[start : start + len(images)]
            part[:] = images[: len(part)]

    def products(self) -> float:
        """Return how many floating-point operations per second large matrix products reach."""
        rng = np.random.default_rng(0)
        A, B = (rng.random((LARGE, LARGE), dtype=np.float32) for _ in range(2))
        out = A @ B
        seconds = []
        for _ in range(5):
            begin = perf_counter()
            np.matmul(A, B, out=out)
            seconds.append(perf_counter() - begin)
        return 2 * LARGE**3 / median(seconds)

    def step_products(self) -> float:
        """Return the floating-point operations of an epoch's matrix products.

        Each Dense layer has x W and xᵀ dy, and all but the first also dy Wᵀ; a product of (B, n)
        and (n, m) takes 2 B n m.
        """
        layers = dense_layers(self.model)
        weights = 2 * sum(layer.W.size for layer in layers) + sum(
            layer.W.size for layer in layers[1:]
        )
        return 2 * self.trainer.n * weights

    def parts(self) -> dict[str, float]:
        """Return the seconds of a step and of its parts, as medians over alternating rounds."""
        model, rng, adam = self.model, np.random.default_rng(0), Adam(1e-9)
        images = whole(np.load(self.folder / "train.npy"))
        seconds: dict[str, list[float]] = {}

        def lap(name: str, begin: float) -> float:
            now = perf_counter()
            seconds.setdefault(name, []).append(now - begin)
            return now

        for _ in range(ROUNDS):
            chosen = rng.integers(len(images), size=self.batch)
            begin = now = perf_counter()
            x = GREY.encode(images.take(chosen), rng, np.float32)
            eps = model.draw_noise(rng, self.batch)
            now = lap("batch and noise", now)
            model.loss_and_grad(x, eps)
            now = lap("loss and gradient", now)
            adam.step(model.params)
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


def dense_layers(model: VAE) -> list[Dense]:
    """Return the Dense layers of a model, from the input on."""
    layers = [layer for net in (model.encoder, model.decoder) for layer in net.layers]
    return [layer for layer in layers if isinstance(layer, Dense)]


def eleven_products(model: VAE) -> list[Callable[[], object]]:
    """Return the matrix products of one step, on the arrays that the step has left behind.

    Every Dense layer has two, x W and xᵀ dy, and all but the first also have dy Wᵀ: 4 + 4 + 3.
    """
    products: list[Callable[[], object]] = []
    layers = dense_layers(model)
    for layer in layers:
        x, W, dW = layer.x, layer.W, layer.dW
        dy = x @ W
        products.append(lambda x=x, W=W: x @ W)
        products.append(lambda x=x, dy=dy, dW=dW: np.matmul(x.T, dy, out=dW))
        if layer is not layers[0]:
            products.append(lambda dy=dy, W=W: dy @ W.T)
    return products


def main() -> None:
    folder, *numbers = sys.argv[1:]
    hidden, batch, workers = map(int, numbers)
    with Processes(max(1, workers)) as comm:
        side = Side(Path(folder), hidden, batch, comm)
        blas = np.show_config("dicts")["Build Dependencies"]["blas"]
        about = f"NumPy {np.__version__}, {blas['name']} {blas['version']}"
        serve(about, {name: getattr(side, name) for name in QUESTIONS})


if __name__ == "__main__":
    main()
