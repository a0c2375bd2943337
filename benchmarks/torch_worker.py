"""PyTorch's side of the CPU benchmark, written as its users would write it, and as fast.

Where there was a choice, the faster way was taken: the images are float32 tensors in memory before
the clock starts, a batch is one indexing of them (no DataLoader), the loss is
`binary_cross_entropy_with_logits` (instead of a sigmoid followed by BCE), and mu and logvar come
from one Linear layer that is split in two, as in npvae, instead of two layers as in PyTorch's own
example.

Order and noise of the training are drawn by the same NumPy generator as npvae's, within the timed
part on both sides, so that both train alike and their losses can be compared: other draws alone can
change the loss by more than half a nat. This costs PyTorch about 15 us per batch over its own
draws, 0.3 % of a step.

    python benchmarks/torch_worker.py FOLDER HIDDEN BATCH THREADS {eager,fused}
"""

import sys
from functools import cached_property
from math import log
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from turns import serve

ROWS = 1000  # draws of z decoded at once; of 250 to 20,000 this was the fastest


class VAE(nn.Module):
    """The model 784-400-20-400-784 with ReLU, or with another width, from npvae's weights."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.encoder = network(weights, "encoder", nn.ReLU)
        self.decoder = network(weights, "decoder", nn.ReLU)

    def forward(self, x: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * eps
        return self.decoder(z), mu, logvar


def network(
    weights: dict[str, np.ndarray], part: str, activation: type[nn.Module]
) -> nn.Sequential:
    """Return the Linear layers of a part of npvae's model, with an activation between them.

    npvae's "encoder.0.W" is encoder[0].weight here, transposed: y = x W against y = x Wᵀ.
    """
    layers: list[nn.Module] = []
    for name in [name for name in weights if name.startswith(part) and name.endswith(".W")]:
        W, b = weights[name], weights[f"{name[:-1]}b"]
        linear = nn.Linear(*W.shape)
        linear.load_state_dict(
            {"weight": torch.from_numpy(W.T.copy()), "bias": torch.from_numpy(b.copy())}
        )
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1])


def negative_elbo(logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Return -ELBO in nats, summed over the batch."""
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kl


def images(folder: Path, part: str) -> Tensor:
    """Return the images of a part as floats in [0, 1]."""
    return torch.from_numpy(np.load(folder / f"{part}.npy")).float().div_(255)


class Side:
    """A model in training, one epoch per request, and log p(x)."""

    def __init__(self, folder: Path, hidden: int, batch: int, fused: bool) -> None:
        self.folder, self.batch, self.rng = folder, batch, np.random.default_rng(0)
        self.model = VAE(dict(np.load(folder / f"weights-{hidden}.npz")))
        self.adam = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=fused or None)

    @cached_property
    def train(self) -> Tensor:
        """The training images, loaded when they are first needed."""
        return images(self.folder, "train")

    def noise(self, n: int) -> Tensor:
        """Return eps ~ N(0, I) for n examples."""
        return torch.from_numpy(self.rng.standard_normal((n, 20), dtype=np.float32))

    def epoch(self) -> float:
        """Return the seconds of one epoch."""
        train = self.train
        begin = perf_counter()
        total = 0.0
        order = torch.from_numpy(self.rng.permutation(len(train)))
        for chosen in order.split(self.batch):
            x, eps = train[chosen], self.noise(len(chosen))
            self.adam.zero_grad(set_to_none=True)
            logits, mu, logvar = self.model(x, eps)
            loss = negative_elbo(logits, x, mu, logvar) / len(x)  # the batch mean, as in npvae
            loss.backward()
            self.adam.step()
            total += len(x) * loss.item()
        return perf_counter() - begin

    def save(self, file: str) -> None:
        """Write the weights to a file, by the names that npvae has for them."""
        named = {}
        for name, values in self.model.state_dict().items():
            stem, _, kind = name.rpartition(".")
            named[f"{stem}.{'W' if kind == 'weight' else 'b'}"] = values.numpy().T
        np.savez(file, **named)

    def likelihood(self, draws: int, n: int) -> tuple[float, float]:
        """Return the seconds of log p(x) of the first test images, and its mean in nats."""
        weights = dict(np.load(self.folder / "iwae.npz"))
        encoder, decoder = (network(weights, part, nn.Tanh) for part in ("encoder", "decoder"))
        x = images(self.folder, "test")[:n]
        begin = perf_counter()
        log_px = estimate(encoder, decoder, x, draws, ROWS).item()
        return perf_counter() - begin, log_px


@torch.inference_mode()
def estimate(encoder: nn.Module, decoder: nn.Module, images: Tensor, k: int, rows: int) -> Tensor:
    """Return the mean of log 1/k sum(w), decoding at most `rows` draws at once.

    log p(x | z) is x · logits - sum(softplus(logits)). With x · logits as a matrix product, this is
    a little faster than `binary_cross_entropy_with_logits`.
    """
    total = torch.zeros((), device=images.device, dtype=torch.float64)
    for x in images.split(max(1, rows // k)):
        mu, logvar = (part[:, None] for part in encoder(x).chunk(2, dim=1))
        log_w = []
        for begin in range(0, k, rows):
            size = len(x), min(k - begin, rows), mu.shape[-1]
            eps = torch.randn(size, device=x.device)
            z = mu + torch.exp(0.5 * logvar) * eps
            logits = decoder(z)
            log_px = (logits @ x[:, :, None])[..., 0] - F.softplus(logits).sum(-1)
            log_w.append(0.5 * (eps**2 + logvar - z**2).sum(-1) + log_px)
        total += (torch.logsumexp(torch.cat(log_w, dim=1), dim=1) - log(k)).sum(dtype=torch.float64)
    return total / len(images)


def main() -> None:
    folder, hidden, batch, threads, which = sys.argv[1:]
    torch.set_num_threads(int(threads))
    side = Side(Path(folder), int(hidden), int(batch), fused=which == "fused")
    answers = {"epoch": side.epoch, "save": side.save, "likelihood": side.likelihood}
    serve(f"PyTorch {torch.__version__}", answers)


if __name__ == "__main__":
    main()
