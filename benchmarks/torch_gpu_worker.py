"""PyTorch's side of the GPU benchmark, written as its users would write it, and as fast.

As in `torch_worker.py`, the fastest of the usual styles was chosen; nothing is compiled. Orders and
noise are drawn on the GPU, and the losses of an epoch are read once, at its end.

    python benchmarks/torch_gpu_worker.py FOLDER DEVICE BATCH,BATCH... SAMPLES IMAGES {eager,fused}
"""

import sys
from collections.abc import Callable
from functools import partial
from math import log
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from npvae_gpu_worker import CHUNK_BYTES, IWAE_SIZES
from torch import Tensor, nn
from torch.nn import functional as F
from torch_worker import CHUNK, VAE, negative_elbo
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
        self.model = VAE(dict(np.load(folder / "weights.npz"))).to(device)
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
            for x in self.test.split(CHUNK)
            for logits, mu, logvar in [self.model(x, self.noise(len(x)))]
        )
        return float(total) / len(self.test)


def network(weights: dict[str, np.ndarray]) -> nn.Sequential:
    """Return Linear layers with tanh between them, from the weights of npvae's Dense layers."""
    layers: list[nn.Module] = []
    for name in [name for name in weights if name.endswith(".W")]:
        W, b = weights[name], weights[f"{name[:-1]}b"]
        linear = nn.Linear(*W.shape)
        linear.load_state_dict(
            {"weight": torch.from_numpy(W.T.copy()), "bias": torch.from_numpy(b.copy())}
        )
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


@torch.inference_mode()
def estimate(encoder: nn.Module, decoder: nn.Module, images: Tensor, k: int, rows: int) -> Tensor:
    """Return the mean of log 1/k sum(w), decoding at most `rows` draws at once."""
    total = torch.zeros((), device=images.device, dtype=torch.float64)
    for x in images.split(max(1, rows // k)):
        mu, logvar = (part[:, None] for part in encoder(x).chunk(2, dim=1))
        log_w = []
        for begin in range(0, k, rows):
            size = len(x), min(k - begin, rows), mu.shape[-1]
            eps = torch.randn(size, device=x.device)
            z = mu + torch.exp(0.5 * logvar) * eps
            logits = decoder(z)
            target = x[:, None].expand_as(logits)
            bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
            log_w.append(0.5 * (eps**2 + logvar - z**2).sum(-1) - bce.sum(-1))
        total += (torch.logsumexp(torch.cat(log_w, dim=1), dim=1) - log(k)).sum(dtype=torch.float64)
    return total / len(images)


def likelihood(folder: Path, name: str, k: int, n: int) -> tuple[float, float]:
    """Return the seconds of log p(x) by importance weighting, after a warm-up, and the estimate."""
    images = load(folder, "test", torch.device(name))[:n]
    ours = OURS.dense(**IWAE_SIZES, seed=0)
    rows = rows_within(ours, CHUNK_BYTES[name])
    encoder, decoder = (
        network({key: w for key, w in ours.params.values.items() if key.startswith(f"{part}.")}).to(
            name
        )
        for part in ("encoder", "decoder")
    )
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
    answers: dict[str, Callable[[], object]] = {
        f"{what} {size}": getattr(race, what)
        for size, race in races.items()
        for what in ("epoch", "loss")
    }
    answers["likelihood"] = partial(likelihood, Path(folder), name, int(k), int(n))
    card = torch.cuda.get_device_name() if name == "cuda" else "cpu"
    serve(f"PyTorch {torch.__version__}; {card}", answers)


if __name__ == "__main__":
    main()
