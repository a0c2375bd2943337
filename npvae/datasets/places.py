"""Where data lie on this machine."""

import os
import warnings
from pathlib import Path
from tempfile import gettempdir
from typing import Any

VARIABLE = "NPVAE_DATA"


def cache_folder() -> Path:
    """Return the folder where npvae keeps what it has downloaded or drawn; it may not exist yet.

    It is where the platform wants such files: below `~/.cache` on Linux, `~/Library/Caches` on
    macOS, `%LOCALAPPDATA%` on Windows. For a user without a home directory, as in some containers,
    it is in the folder for temporary files.
    """
    try:
        try:
            pooch = import_pooch()
        except ImportError:  # a clone that runs without being installed
            return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "npvae"
        return Path(pooch.os_cache("npvae"))
    except RuntimeError:
        return Path(gettempdir()) / "npvae"


def import_pooch() -> Any:
    """Return the module pooch; importing it warns of nothing in a notebook without ipywidgets."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found")  # says its tqdm.auto
        import pooch
    return pooch


def data_folders(name: str) -> list[Path]:
    """Return the folders in which to look for the files of the dataset `name`, in this order.

    First the one below the folder that the environment variable `NPVAE_DATA` names, if it is set,
    then the one below the cache folder.
    """
    named = os.environ.get(VARIABLE)
    roots = [Path(os.path.expanduser(named))] if named else []
    return [root / name for root in [*roots, cache_folder()]]
