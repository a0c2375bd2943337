"""The versions, threads and device that results depend on, and the peak memory of a process."""

import os
import re
import sys
from pathlib import Path

import numpy as np

from npvae import __version__


def versions(device: str = "cpu") -> dict[str, str]:
    """Return the versions and the hardware that a run depends on, by name.

    Parameters
    ----------
    device : the `about` text of the device
    """
    import platform

    return {
        "npvae": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": _threads(),
        "device": device,
    }


def _threads() -> str:
    """Return how many threads a matrix product uses: the number asked for, or all cores."""
    asked = (os.environ.get(f"{name}_NUM_THREADS") for name in ("OPENBLAS", "MKL", "OMP"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return next(filter(None, asked), str(cores))


def peak_memory_mb() -> float | None:
    """Return the peak memory of this process in MB; None if the system does not report it."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where ru_maxrss starts from the parent's value
        peaks = re.findall(r"^VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8"), re.MULTILINE)
        if peaks:
            return round(int(peaks[0]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)
