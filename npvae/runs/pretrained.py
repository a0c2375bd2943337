"""Trained models that come with npvae: `pretrained:gated`, for example, is a run like any other."""

import os
import shutil
import tempfile
from pathlib import Path

from npvae.errors import InputError

PREFIX = "pretrained:"
PRETRAINED = Path(__file__).parents[1] / "pretrained"


def is_pretrained(path: str | Path) -> bool:
    """Return whether a path is the name of a model that comes with npvae.

    >>> is_pretrained("pretrained:gated"), is_pretrained("runs/gated")
    (True, False)
    """
    return str(path).startswith(PREFIX)


def pretrained_names() -> list[str]:
    """Return the names of the models that come with npvae."""
    return sorted(f"{PREFIX}{folder.name}" for folder in PRETRAINED.glob("*/"))


def unpack(path: str | Path) -> Path:
    """Return the folder of a pretrained model, copied to runs/ unless it is there already.

    Raises
    ------
    InputError : if there is no such model, or the folder cannot be made
    """
    if str(path) not in (names := pretrained_names()):
        raise InputError(f"{path} does not exist; choose one of {', '.join(names)}")
    name = str(path).removeprefix(PREFIX)
    folder = Path("runs") / f"pretrained-{name}"
    try:
        if not folder.exists():
            folder.parent.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".pretrained-") as part:
                whole = shutil.copytree(PRETRAINED / name, Path(part) / name)
                os.rename(whole, folder)
    except OSError as error:
        if not folder.exists():  # another process has not made it in the meantime
            raise InputError(
                f"{path} cannot be copied to {folder} ({error.strerror}); change to a folder in "
                "which you may write"
            ) from error
    return folder
