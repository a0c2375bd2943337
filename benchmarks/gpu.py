"""Time the same VAE in npvae and in PyTorch on one GPU: epochs and the 5,000-sample likelihood.

    pip install '.[cuda13]' torch     (in a separate environment: both bring CUDA libraries)
    python benchmarks/gpu.py

Both sides train the model 784-400-20-400-784 (ReLU, Bernoulli likelihood on greyscale pixels, Adam
with lr 1e-3, float32 without TF32) from the same weights on the same 60,000 images of MNIST, or on
npvae's glyphs if MNIST is not available, in batches of 128, 1,024 and 8,192. The data are on the
GPU before the clock starts, both sides draw their noise there, and both read their losses once per
epoch:

    npvae           its own trainer; the images are bytes, and become floats per batch
    PyTorch eager   torch.optim.Adam; the images are float32 tensors, and a batch is one indexing
    PyTorch fused   the same with fused=True

Each side runs in its own process. They take turns, one epoch each, in a rotating order, after one
warm-up epoch per batch size, in which kernels are compiled. Then both estimate log p(x) of the test
images by importance weighting (tanh 200-200, 50 latents), in chunks of the same number of draws.
PyTorch's side is written as its users would write it.

The benchmark also measures the parts of npvae's step, each repeated many times before the clock is
read. A step takes as long as its kernels, or as the host takes to launch them, whichever is longer.

With --device cpu, everything runs on the host, to try the script out.

Exit status: 0 if every target is met, 1 if one is missed, 2 if PyTorch or the GPU is missing.
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from turns import Worker, run_script

TARGETED, TARGET = ("cuda", 128, "PyTorch eager"), 2.0  # speed-up
THREADS = 2  # of the host, which only launches kernels
NO_TORCH = """This benchmark compares with PyTorch, which is not installed. Install it with
    pip install torch
or measure npvae alone with --no-torch."""


def main() -> int:
    options = parse()
    if options.torch and importlib.util.find_spec("torch") is None:
        print(NO_TORCH, file=sys.stderr)
        return 2
    with TemporaryDirectory() as name:
        folder = Path(name)
        data = json.loads(run_script("prepare.py", folder, threads=THREADS))
        print(data["about"], flush=True)
        try:
            workers = start(folder, options)
        except SystemExit as stopped:  # the worker has printed the reason
            print(stopped, file=sys.stderr)
            return 2
        for worker in workers:
            print(f"{worker.name:15} {worker.about}")
        verdicts = [race(workers, options.device, size, options.epochs) for size in options.batches]
        likelihood(workers, options)
        for size in options.batches:
            print_parts(size, workers[0].ask("parts", size))
        for worker in workers:
            worker.close()
    return 0 if all(verdicts) else 1


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    flag = argparse.BooleanOptionalAction
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--epochs", type=int, default=7, help="timed epochs per side (default: 7)")
    parser.add_argument(
        "--batches", type=int, nargs="+", default=[128, 1024, 8192], help="batch sizes"
    )
    parser.add_argument("--samples", type=int, default=5000, help="draws of z per image")
    parser.add_argument("--images", type=int, default=10_000, help="images to estimate log p(x) of")
    parser.add_argument("--torch", action=flag, default=True, help="compare with PyTorch")
    options = parser.parse_args()
    if min(*options.batches, options.samples, options.images) < 1:
        parser.error("--batches, --images and --samples must be at least 1")
    if options.epochs < 2:
        parser.error("--epochs must be at least 2, to show a spread")
    return options


def start(folder: Path, options: argparse.Namespace) -> list[Worker]:
    """Start a process for each side."""
    sizes = ",".join(map(str, options.batches))
    common = [folder, options.device, sizes, options.samples, options.images]
    workers = [Worker("npvae", "npvae_gpu_worker.py", common, THREADS)]
    kinds = ("eager", "fused") if options.torch else ()
    script = "torch_gpu_worker.py"
    workers += [Worker(f"PyTorch {kind}", script, [*common, kind], THREADS) for kind in kinds]
    return workers


def race(workers: list[Worker], device: str, size: int, epochs: int) -> bool:
    """Train in turns with batches of one size, and print the results.

    Returns whether the target was met; True if there is none for this size.
    """
    seconds: dict[str, list[float]] = {worker.name: [] for worker in workers}
    for turn in range(1 + epochs):
        first = turn % len(workers)
        for worker in workers[first:] + workers[:first]:
            seconds[worker.name].append(worker.ask("epoch", size))
    print(f"\nbatches of {size}: seconds per epoch, {epochs} epochs each after one warm-up epoch")
    print(f"{'':15}{'median':>8}{'quartiles':>16}{'min - max':>16}    epochs per s  test -ELBO")
    for worker in workers:
        own = seconds[worker.name][1:]
        loss = worker.ask("loss", size)
        print(f"{worker.name:15}{spread(own)}{1 / median(own):17.2f}{loss:12.2f}")
    met = True
    ours, *others = workers
    for name in [worker.name for worker in others]:
        pairs = zip(seconds[name][1:], seconds[ours.name][1:], strict=True)
        ratio = median(their_seconds / own for their_seconds, own in pairs)
        about = f"{name:15} npvae is {ratio:.2f} times as fast (median over rounds)"
        if (device, size, name) == TARGETED:
            met = ratio >= TARGET
            about += f"  target >= {TARGET:.2f}: {'PASS' if met else 'FAIL'}"
        print(about, flush=True)
    return met


def spread(values: list[float]) -> str:
    """Return the median, the quartiles and the range of values, in columns."""
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return f"{middle:8.3f}{low:9.3f} - {high:.3f}{min(values):9.3f} - {max(values):.3f}"


def likelihood(workers: list[Worker], options: argparse.Namespace) -> None:
    """Estimate log p(x) with npvae and with eager PyTorch, and print the times."""
    print(f"\nlog p(x) of {options.images} images, {options.samples} draws of z per image")
    for worker in workers[:2]:
        seconds, nats = worker.ask("likelihood")
        print(
            f"{worker.name:15}{seconds:9.2f} s  -log p(x) {-nats:.2f} nats (hardly trained weights)"
        )


def print_parts(size: int, parts: dict[str, float]) -> None:
    """Print the time of each part of npvae's step."""
    step = parts.pop("step")
    print(
        f"\nnpvae's step on a batch of {size}: {1e6 * step:.0f} us (medians of alternating parts)"
    )
    for name, value in parts.items():
        print(f"{name:46}{1e6 * value:8.1f} us {value / step:6.0%}")


if __name__ == "__main__":
    sys.exit(main())
