"""The version of npvae, and of what its results depend on."""

import numpy as np

__version__ = "0.1.0"


def versions() -> dict[str, str]:
    """Return what a run depends on, by name."""
    import platform

    return {
        "npvae": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
