"""The folders in which datasets are looked for and cached."""

import os
import warnings
from pathlib import Path
from tempfile import gettempdir
from typing import Any

VARIABLE = "NPVAE_DATA"


def cache_folder() -> Path:
    """Return the folder where npvae caches downloads and glyphs; it may not exist yet.

    It follows the conventions of the platform: it is below `~/.cache` on Linux, `~/Library/Caches`
    on macOS and `%LOCALAPPDATA%` on Windows. For a user without a home directory, as in some
    containers, it is in the folder for temporary files.
    """
    try:
        try:
            pooch = import_pooch()
        except ImportError:  # npvae runs from a clone without being installed
            return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "npvae"
        return Path(pooch.os_cache("npvae"))
    except RuntimeError:
        return Path(gettempdir()) / "npvae"


def import_pooch() -> Any:
    """Return the module pooch, without the warning of its import in a notebook."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found")  # a warning of tqdm.auto
        import pooch
    return pooch


def data_folders(name: str) -> list[Path]:
    """Return the folders in which to look for the files of a dataset, in order.

    The first is a subfolder of `NPVAE_DATA`, if this environment variable is set, and the last is a
    subfolder of the cache folder.
    """
    named = os.environ.get(VARIABLE)
    roots = [Path(os.path.expanduser(named))] if named else []
    return [root / name for root in [*roots, cache_folder()]]
