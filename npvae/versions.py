"""The version of npvae, and of what its results depend on."""

import os

import numpy as np

__version__ = "0.1.0"


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
