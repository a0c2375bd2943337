"""PyTorch's side of the GPU benchmark, written as its users would write it, and as fast.

As in `torch_worker.py`, the fastest of the usual styles was chosen; nothing is compiled. Orders and
noise are drawn on the GPU, and the losses of an epoch are read once, at its end.

    python benchmarks/torch_gpu_worker.py FOLDER DEVICE BATCH,BATCH... SAMPLES IMAGES {eager,fused}
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from npvae_gpu_worker import CHUNK_BYTES
from prepare import IWAE_SIZES
from torch import Tensor, nn
from torch_worker import VAE, estimate, negative_elbo, network
from turns import serve

from npvae import VAE as OURS
from npvae.evaluation.importance import rows_within


def load(folder: Path, part: str, device: torch.device) -> Tensor:
    """Return the images of a part as floats in [0, 1] on the device."""
    return torch.from_numpy(np.load(folder / f"{part}.npy")).to(device).float().div_(255)


class Race:
    """A model in training with batches of one size, one epoch per request."""

    def __init__(self, folder: Path, device: torch.device, size: int, fused: bool) -> None:
        self.size, self.device = size, device
        self.generator = torch.Generator(device).manual_seed(0)
        self.train, self.test = (load(folder, part, device) for part in ["train", "test"])
        self.model = VAE(dict(np.load(folder / "weights-400.npz"))).to(device)
        self.adam = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=fused or None)

    def noise(self, n: int) -> Tensor:
        """Return eps ~ N(0, I) for n examples."""
        return torch.randn(n, 20, device=self.device, generator=self.generator)

    def epoch(self) -> float:
        """Return the seconds of one epoch, including reading its losses at the end."""
        begin = perf_counter()
        total = torch.zeros((), device=self.device)
        order = torch.randperm(len(self.train), device=self.device, generator=self.generator)
        for chosen in order.split(self.size):
            x = self.train[chosen]
            self.adam.zero_grad(set_to_none=True)
            logits, mu, logvar = self.model(x, self.noise(len(x)))
            loss = negative_elbo(logits, x, mu, logvar) / len(x)
            loss.backward()
            self.adam.step()
            total += len(x) * loss.detach()
        total.item()
        return perf_counter() - begin

    @torch.inference_mode()
    def loss(self) -> float:
        """Return -ELBO of the test images with sampled z, in nats per image."""
        total = sum(
            negative_elbo(logits, x, mu, logvar)
            for x in self.test.split(1000)
            for logits, mu, logvar in [self.model(x, self.noise(len(x)))]
        )
        return float(total) / len(self.test)


def likelihood(folder: Path, name: str, k: int, n: int) -> tuple[float, float]:
    """Return the seconds of log p(x) by importance weighting, after a warm-up, and the estimate."""
    images = load(folder, "test", torch.device(name))[:n]
    ours = OURS.dense(**IWAE_SIZES, seed=0)
    rows = rows_within(ours, CHUNK_BYTES[name])  # as many as npvae decodes
    weights = dict(np.load(folder / "iwae.npz"))
    encoder, decoder = (network(weights, part, nn.Tanh).to(name) for part in ("encoder", "decoder"))
    estimate(encoder, decoder, images[:20], k, rows).item()
    begin = perf_counter()
    log_px = estimate(encoder, decoder, images, k, rows).item()
    return perf_counter() - begin, log_px


def main() -> None:
    folder, name, sizes, k, n, which = sys.argv[1:]
    device = torch.device(name)
    races = {
        int(size): Race(Path(folder), device, int(size), which == "fused")
        for size in sizes.split(",")
    }
    answers: dict[str, Callable[..., object]] = {
        what: lambda size, what=what: getattr(races[size], what)() for what in ("epoch", "loss")
    }
    answers["likelihood"] = partial(likelihood, Path(folder), name, int(k), int(n))
    card = torch.cuda.get_device_name() if name == "cuda" else "cpu"
    serve(f"PyTorch {torch.__version__}; {card}", answers)


if __name__ == "__main__":
    main()
