"""What results depend on, and what they cost: versions, threads, the device, peak memory."""

import os
import re
import sys
from pathlib import Path

import numpy as np

from npvae import __version__


def versions(device: str = "cpu") -> dict[str, str]:
    """Return what a run depends on, by name; `device` is the `about` of its device."""
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
    """Return how many threads matrix products are shared out to: as was asked for, or all cores."""
    asked = (os.environ.get(f"{name}_NUM_THREADS") for name in ("OPENBLAS", "MKL", "OMP"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return next(filter(None, asked), str(cores))


def peak_memory_mb() -> float | None:
    """Return the most memory this process has held, in MB; None where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, whose ru_maxrss starts from the parent's
        peaks = re.findall(r"^VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8"), re.MULTILINE)
        if peaks:
            return round(int(peaks[0]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)
