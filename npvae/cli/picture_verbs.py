"""What the verbs that draw a picture share: where it goes, and labels given by name."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from npvae import figures
from npvae.cli.arguments import add_run, whole
from npvae.cli.printing import say
from npvae.datasets import NAMES
from npvae.errors import InputError
from npvae.figures.writing import FORMATS
from npvae.runs.folder import RunFolder
from npvae.runs.pictures import Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OWN_FILES = {  # of a run: without them it cannot go on, or be read
    *("config.json", "history.csv", "checkpoint.npz", "model.npz", "metrics.json", "split.npz"),
    ".lock",
}
MOST_ACROSS = 50  # images, and as many down
MOST_IN_A_PICTURE = MOST_ACROSS**2


def add_arguments(parser: argparse.ArgumentParser, name: str, chooses: str) -> None:
    """Declare the flags of every verb that draws one picture of a run and its data.

    Parameters
    ----------
    name : of the file, but for .png
    chooses : what the seed does
    """
    add_run(parser)
    parser.add_argument("--seed", type=whole, default=0, help=f"{chooses} (default: 0)")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help=f"ends in .png, .svg or .pdf (default: {name}.png in the run folder)",
    )


def open_run(options: argparse.Namespace, name: str) -> tuple[Trained, Path]:
    """Return the run that is asked for, and the file to draw into, with a name that says how."""
    folder = RunFolder.open(options.folder)
    out = out_file(options.out, folder, f"{name}.png", FORMATS, options.data)
    return Trained.open(folder, options.data, options.seed, options.device), out


def out_file(
    given: str | None, folder: RunFolder, name: str, endings: Sequence[str], data: str | None = None
) -> Path:
    """Return the file that a verb writes; refuse one that a run needs.

    Parameters
    ----------
    given : with --out; None for the file of that name in the folder of the run
    endings : of the names that may be given
    data : given with --data, where the data of the run are now
    """
    out = Path(given) if given else folder / name
    if out.suffix.lower().lstrip(".") not in endings:
        raise InputError(f"--out {out}: give a name that ends in .{', .'.join(endings)}")
    require_free(out, folder, data)
    return out


def require_free(out: Path, folder: RunFolder, data: str | None = None) -> None:
    """Refuse to write over the data of a run, into a folder of its images, or over its files.

    Raises
    ------
    InputError : which names the file, and the flag to give another one with
    """
    if out.name.lower() in OWN_FILES and (out.parent / "config.json").exists():
        raise InputError(f"--out {out}: this file belongs to the run itself; choose another name")
    for place in (folder.settings().data, data):
        if place and place not in NAMES and _is_within(out, Path(os.path.expanduser(place))):
            raise InputError(f"--out {out}: these are the data of the run; choose another name")


def _is_within(out: Path, source: Path) -> bool:
    """Whether a file is this one, by whichever name, or in this folder."""
    try:
        if source.is_dir():
            return source.resolve() in out.resolve().parents
        return out.exists() and source.exists() and out.samefile(source)
    except (OSError, ValueError):  # a name that no file can have
        return False


def write(ax: "Axes", out: Path, what: str) -> int:
    """Write a picture, say where it is, and return the exit status."""
    figures.save(ax, out)
    say(f"{what} in {out}")
    return 0


def require_few(rows: int, columns: int, what: str) -> None:
    """Refuse a picture of so many rows and columns that each image would be a dot."""
    if rows > MOST_ACROSS or columns > MOST_ACROSS:
        raise InputError(f"{what}: a picture of so many shows nothing, {MOST_ACROSS} at most")


def label_number(given: str, text: str, names: Sequence[str], n: int, where: object) -> int:
    """Return the number of a label given by its name (by its number where they have no names).

    Parameters
    ----------
    given : the flag, for errors
    text : what was given with it
    names, n : of the labels that are known; how many they are
    where : in what they are known
    """
    if text in names:
        return list(names).index(text)
    if not names and text.isdecimal() and int(text) < n:
        return int(text)
    known = ", ".join(names) if names else f"0 to {n - 1}"
    raise InputError(f"{given} {text}: {where} knows the labels {known:.200}")


def condition_number(text: str | None, run: Trained, where: object) -> int | None:
    """Return the label that a conditional model is given, or None where none was asked for."""
    if text is None:
        return None
    require_told(text, run.model.n_y, where)
    return label_number("--label", text, run.dataset.classes, run.model.n_y, where)


def require_told(text: str, n_y: int, where: object) -> None:
    """Refuse a label for a model that takes none."""
    if not n_y:
        raise InputError(
            f"--label {text}: the model in {where} is not told labels; train one with --conditional"
        )
