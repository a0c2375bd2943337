"""Time one epoch of the same VAE in npvae and in PyTorch on the CPU.

    pip install torch          (only this benchmark needs it)
    python benchmarks/epochs.py

This works from a clone; npvae need not be installed. All sides train the model 784-400-20-400-784
(ReLU, Bernoulli likelihood on greyscale pixels, batch size 128, Adam with lr 1e-3, float32) from
the same weights on the same 60,000 images of MNIST, or on npvae's glyphs if MNIST is not available:

    npvae           its own trainer; the images are bytes in memory, and become floats per batch
    PyTorch eager   torch.optim.Adam; the images are float32 tensors in memory, without a DataLoader
    PyTorch fused   the same with fused=True

Each side runs in its own process with the same number of threads. The sides take turns, one epoch
each, in a rotating order, after one warm-up epoch that is not counted. Because the speed of the
machine drifts, ratios are taken within each round, and their median is compared with the target.
Run it on an idle machine all the same: threads that wait for a busy core slow the sides down by
different factors. `torch_worker.py` explains the choice of PyTorch style (the fastest usual one).

The benchmark also measures the parts of npvae's step, the places that are written for speed against
their textbook versions (`fast_and_plain.py`), the cost of `import npvae`, and the memory of
`npvae train` (`footprint.py`).

Exit status: 0 if every target is met, 1 if one is missed, 2 if PyTorch is missing.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from footprint import IMPORTS, import_milliseconds, train_memory_mb
from turns import HERE, Worker, environment

TARGET_RATIOS = {"PyTorch eager": 1.25, "PyTorch fused": 1.1}
TARGET_NATS = 0.5  # largest difference between the test losses
TARGET_IMPORT_MS = 50
TARGET_TRAIN_MB = 350
NO_TORCH = """This benchmark compares with PyTorch, which is not installed. Install it with
    pip install torch
or measure npvae alone with --no-torch."""


def main() -> int:
    options = parse()
    if options.torch and importlib.util.find_spec("torch") is None:
        print(NO_TORCH, file=sys.stderr)
        return 2
    cpu = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(f"{cpu}, {options.threads} threads per side, Python {platform.python_version()}")
    with TemporaryDirectory() as name:
        folder = Path(name)
        data = json.loads(run_script("prepare.py", folder, threads=options.threads))
        print(data["about"], flush=True)
        verdicts = race(folder, options)
        if options.extras:
            fast_and_plain()
            verdicts += footprint(folder, data["name"], options.threads)
    return 0 if all(verdicts) else 1


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    flag = argparse.BooleanOptionalAction
    parser.add_argument("--epochs", type=int, default=7, help="timed epochs per side (default: 7)")
    parser.add_argument("--threads", type=int, default=2, help="threads per side (default: 2)")
    parser.add_argument("--torch", action=flag, default=True, help="compare with PyTorch")
    parser.add_argument("--extras", action=flag, default=True, help="measure import and memory too")
    options = parser.parse_args()
    if options.epochs < 2 or options.threads < 1:
        parser.error("--epochs must be at least 2 (to show a spread), and --threads at least 1")
    return options


def run_script(script: str, *arguments: object, threads: int) -> str:
    """Return what a script in this folder prints."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, env=environment(threads), check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()


def race(folder: Path, options: argparse.Namespace) -> list[bool]:
    """Train all sides in turns and print the results; return which targets were met."""
    n = options.threads
    workers = [Worker("npvae", "npvae_worker.py", [folder], n)]
    if options.torch:
        workers += [
            Worker(f"PyTorch {kind}", "torch_worker.py", [folder, n, kind], n)
            for kind in ["eager", "fused"]
        ]
    seconds: dict[str, list[float]] = {worker.name: [] for worker in workers}
    for turn in range(1 + options.epochs):
        first = turn % len(workers)
        for worker in workers[first:] + workers[:first]:
            seconds[worker.name].append(worker.ask("epoch"))
    seconds = {name: values[1:] for name, values in seconds.items()}  # without the warm-up

    print(f"\nseconds per epoch, {options.epochs} epochs each after one warm-up epoch")
    print(f"{'':15}{'median':>8}{'quartiles':>16}{'min - max':>16}  peak memory  test -ELBO")
    losses = {}
    for worker in workers:
        losses[worker.name] = loss = worker.ask("loss")
        memory = megabytes(worker.ask("memory"))
        print(f"{worker.name:15}{spread(seconds[worker.name])}{memory:>13}{loss:12.2f}", end="  ")
        print(worker.about)
    verdicts = compare(seconds, losses) if options.torch else []
    print_parts(workers[0].ask("parts"))
    for worker in workers:
        worker.close()
    return verdicts


def compare(seconds: dict[str, list[float]], losses: dict[str, float]) -> list[bool]:
    """Print speed-ups and differences in test loss; return which targets were met."""
    verdicts = []
    print("\nspeed-up: PyTorch's seconds / npvae's seconds, round by round")
    for name, target in TARGET_RATIOS.items():
        pairs = zip(seconds[name], seconds["npvae"], strict=True)
        ratios = [theirs / ours for theirs, ours in pairs]
        met = f"target >= {target:.2f}"
        verdicts.append(verdict(f"{name:15}{spread(ratios)}", met, median(ratios) >= target))
    print("\ntest loss: -ELBO of the test images (greyscale pixels, one draw of z per image),")
    print("in nats per image, after the same number of epochs")
    for name in TARGET_RATIOS:
        apart = losses[name] - losses["npvae"]
        met = f"target: within {TARGET_NATS} of npvae"
        verdicts.append(verdict(f"{name:15}{apart:+8.2f}", met, abs(apart) <= TARGET_NATS))
    return verdicts


def print_parts(parts: dict[str, float]) -> None:
    """Print the time of each part of npvae's step."""
    step = parts.pop("step")
    print(f"\nnpvae's step on a batch of 128: {1e6 * step:.0f} us (medians of alternating parts)")
    notes = {
        "products": "the eleven matrix products; part of loss and gradient",
        "Bernoulli": "the Bernoulli loss and its gradient; part of loss and gradient",
    }
    for name, value in parts.items():
        print(f"{name:18}{1e6 * value:7.0f} us {value / step:5.0%}  {notes.get(name, '')}".rstrip())


def fast_and_plain() -> None:
    """Print how much faster the code written for speed is than its textbook version."""
    print("\nwritten for speed    npvae     plain   plain / npvae")
    for name, times in json.loads(run_script("fast_and_plain.py", threads=1)).items():
        fast, plain = times
        print(f"{name:18}{fast:5.0f} us {plain:6.0f} us{plain / fast:16.2f}")


def footprint(folder: Path, data: str, threads: int) -> list[bool]:
    """Print the import time and the peak memory of training; return which targets were met."""
    print()
    cost = import_milliseconds()
    about = f"import npvae, beyond numpy: {cost:.0f} ms (medians over {IMPORTS} fresh processes)"
    verdicts = [verdict(about, f"target <= {TARGET_IMPORT_MS} ms", cost <= TARGET_IMPORT_MS)]
    peak = train_memory_mb(folder, data, threads)
    about = f"npvae train --data {data} --epochs 1: peak memory {megabytes(peak)}"
    if peak is None:
        print(about)
    else:
        met = f"target < {TARGET_TRAIN_MB} MB"
        verdicts.append(verdict(about, met, peak < TARGET_TRAIN_MB))
    return verdicts


def spread(values: list[float]) -> str:
    """Return the median, the quartiles and the range of values, in columns."""
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return f"{middle:8.3f}{low:9.3f} - {high:.3f}{min(values):9.3f} - {max(values):.3f}"


def megabytes(value: Any) -> str:
    """Return a number of megabytes as text."""
    return "unknown" if value is None else f"{value:.0f} MB"


def verdict(about: str, target: str, met: bool) -> bool:
    """Print a measurement with its target, and return whether the target was met."""
    print(f"{about}  {target}: {'PASS' if met else 'FAIL'}", flush=True)
    return met


if __name__ == "__main__":
    sys.exit(main())
