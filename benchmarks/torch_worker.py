"""PyTorch's side of the CPU benchmark, written as its users would write it, and as fast.

Where there was a choice, the faster way was taken: the images are float32 tensors in memory before
the clock starts, a batch is one indexing of them (no DataLoader), the loss is
`binary_cross_entropy_with_logits` (instead of a sigmoid followed by BCE), and mu and logvar come
from one Linear layer that is split in two, as in npvae, instead of two layers as in PyTorch's own
example.

Order and noise are drawn by the same NumPy generator as npvae's, within the timed part on both
sides, so that both train alike and their losses can be compared: other draws alone can change the
loss by more than half a nat. This costs PyTorch about 15 us per batch over its own draws, 0.3 % of
a step.

    python benchmarks/torch_worker.py FOLDER THREADS {eager,fused}
"""

import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from turns import peak_memory_mb, serve

BATCH, CHUNK = 128, 1000


class VAE(nn.Module):
    """The model 784-400-20-400-784 with ReLU, started from npvae's weights."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
        # npvae's "encoder.0.W" is encoder[0].weight here, transposed: y = x W against y = x W^T
        names = {"W": "weight", "b": "bias"}
        self.load_state_dict(
            {name[:-1] + names[name[-1]]: torch.from_numpy(w.T) for name, w in weights.items()}
        )

    def forward(self, x: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * eps
        return self.decoder(z), mu, logvar


def negative_elbo(logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Return -ELBO in nats, summed over the batch."""
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kl


def noise(rng: np.random.Generator, n: int) -> Tensor:
    """Return eps ~ N(0, I) for n examples."""
    return torch.from_numpy(rng.standard_normal((n, 20), dtype=np.float32))


class Race:
    """A model in training, one epoch per request."""

    def __init__(self, folder: Path, fused: bool) -> None:
        self.rng = np.random.default_rng(0)
        self.train, self.test = (
            torch.from_numpy(np.load(folder / f"{part}.npy")).float().div_(255)
            for part in ["train", "test"]
        )
        self.model = VAE(dict(np.load(folder / "weights.npz")))
        self.adam = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=fused or None)

    def epoch(self) -> float:
        """Return the seconds of one epoch."""
        begin = perf_counter()
        total = 0.0
        order = torch.from_numpy(self.rng.permutation(len(self.train)))
        for chosen in order.split(BATCH):
            x, eps = self.train[chosen], noise(self.rng, len(chosen))
            self.adam.zero_grad(set_to_none=True)
            logits, mu, logvar = self.model(x, eps)
            loss = negative_elbo(logits, x, mu, logvar) / len(x)  # the batch mean, as in npvae
            loss.backward()
            self.adam.step()
            total += len(x) * loss.item()
        return perf_counter() - begin

    @torch.inference_mode()
    def loss(self) -> float:
        """Return -ELBO of the test images with sampled z, in nats per image."""
        rng = np.random.default_rng(0)
        total = sum(
            negative_elbo(logits, x, mu, logvar).item()
            for x in self.test.split(CHUNK)
            for logits, mu, logvar in [self.model(x, noise(rng, len(x)))]
        )
        return total / len(self.test)


def main() -> None:
    folder, threads, which = sys.argv[1:]
    torch.set_num_threads(int(threads))
    race = Race(Path(folder), fused=which == "fused")
    answers = {"epoch": race.epoch, "loss": race.loss, "memory": peak_memory_mb}
    serve(f"PyTorch {torch.__version__}", answers)


if __name__ == "__main__":
    main()
