"""Measure what npvae costs besides computing: its import time and its memory in training."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from turns import environment

IMPORTS = 15


def import_milliseconds() -> float:
    """Return how much longer `import numpy, npvae` takes than `import numpy`, in ms.

    Both are medians over fresh processes that alternate, each timed from start to exit. An
    uncounted first pair writes the bytecode, as every user's first import does.
    """
    env = environment(threads=1)
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    seconds: dict[str, list[float]] = {"import numpy": [], "import numpy, npvae": []}
    for _ in range(1 + IMPORTS):
        for statement, own in seconds.items():
            begin = perf_counter()
            subprocess.run([sys.executable, "-c", statement], env=env, check=True)
            own.append(perf_counter() - begin)
    alone, both = (median(own[1:]) for own in seconds.values())
    return 1e3 * (both - alone)


def train_memory_mb(folder: Path, data: str, threads: int) -> float | None:
    """Return the peak memory of `npvae train` for one epoch, as reported by the command, in MB.

    None on systems that do not report it (Windows).
    """
    out = folder / "run"
    command = [sys.executable, "-m", "npvae", "train", "--data", data, "--epochs", "1"]
    env = environment(threads)
    subprocess.run(
        [*command, "--out", str(out)],
        env=env,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return json.loads((out / "metrics.json").read_text("utf-8"))["peak_memory_mb"]
