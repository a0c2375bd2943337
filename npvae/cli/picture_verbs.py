"""What the commands that write a file share: the file itself, and labels given by name."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from npvae import figures
from npvae.cli.arguments import add_run, whole
from npvae.cli.printing import say
from npvae.datasets import NAMES, Notes
from npvae.datasets.sound import wav_bytes
from npvae.datasets.tunes import tokens_of
from npvae.errors import InputError
from npvae.figures.writing import FORMATS
from npvae.runs.codes import named
from npvae.runs.folder import EPOCHS, KEPT, RunFolder
from npvae.runs.kinds import shown
from npvae.runs.model_file import SavedModel
from npvae.runs.numbers import write_numbers
from npvae.runs.pictures import Trained, form_of, show_samples
from npvae.runs.pictures.sampled import Samples
from npvae.storage.atomic import atomic_write
from npvae.storage.reading import quote

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OWN_FILES = {  # files that a run needs; no picture may replace them
    *("config.json", "history.csv", "checkpoint.npz", "model.npz", "metrics.json", "split.npz"),
    ".lock",
}
WRITTEN_BY = {  # pages and tables in a run folder, each of which one command may write again
    **{"report.html": "report", "explorer.html": "explore"},
    **{"codes.csv": "encode", "scores.csv": "score"},
}
EXAMPLES = (*FORMATS, "npy", "npz", "csv", "wav")  # endings of files with examples
MOST_HEARD = 64  # tunes in a file, five seconds each
MOST_ACROSS = 50  # images in a row, and rows in a picture
MOST_IN_A_PICTURE = MOST_ACROSS**2


def add_arguments(parser: argparse.ArgumentParser, name: str, seed: str) -> None:
    """Declare the flags of every command that draws one picture of a run and its data.

    Parameters
    ----------
    name : the default name of the file, without .png
    seed : the help text of --seed
    """
    add_run(parser)
    parser.add_argument("--seed", type=whole, default=0, help=f"{seed} (default: 0)")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write the picture to this file, whose name ends in .png, .svg or .pdf (default: "
        f"{name}.png in the run folder)",
    )


def open_run(options: argparse.Namespace, name: str) -> tuple[Trained, Path]:
    """Return the run, and the file to draw into; its name decides the format."""
    folder = RunFolder.open(options.folder)
    out = out_file(options.out, folder, f"{name}.png", FORMATS, options.data)
    return Trained.open(folder, options.data, options.seed, options.device), out


def out_file(
    given: str | None, folder: RunFolder, name: str, endings: Sequence[str], data: str | None = None
) -> Path:
    """Return the file that a command writes; refuse a file that a run needs or another wrote.

    Parameters
    ----------
    given : the value of --out; None for the file `name` in the run folder
    endings : the file name extensions that are allowed
    data : the value of --data, where the data of the run are now
    """
    out = Path(given) if given else folder / name
    if out.suffix.lower().lstrip(".") not in endings:
        *most, last = (f".{ending}" for ending in endings)
        known = f"{', '.join(most)} or {last}" if most else last
        message = f"--out is {out}; choose a file name that ends in {known}"
        if out.suffix.lower() in (".csv", ".npy"):
            message += ". For numbers, use npvae encode, decode, score, sample or reconstruct"
        raise InputError(message)
    require_free(out, folder, data)
    other = out.name.lower()
    if other in WRITTEN_BY and other != name and (out.parent / "config.json").exists():
        raise InputError(
            f"--out {out} would overwrite a file that npvae {WRITTEN_BY[other]} writes; choose "
            "another name"
        )
    return out


def require_free(out: Path, folder: RunFolder, data: str | None = None) -> None:
    """Refuse to overwrite the data of a run or its own files, and to write among its images.

    Raises
    ------
    InputError : the file is one of these; the message names it
    """
    run = out.parent.parent if out.parent.name == EPOCHS else out.parent
    own = out.name.lower() in OWN_FILES or KEPT.fullmatch(out.name.lower())
    if own and (run / "config.json").exists():
        raise InputError(
            f"--out {out} would overwrite a file that the run needs; choose another name"
        )
    for place in (folder.settings().data, data):
        if place and place not in NAMES and _is_within(out, Path(os.path.expanduser(place))):
            what = "a file in " * os.path.isdir(os.path.expanduser(place)) + quote(place)
            raise InputError(f"--out {out} would overwrite {what}; choose another name")


def _is_within(out: Path, source: Path) -> bool:
    """Return whether `out` is the file `source`, under any name, or is in the folder `source`."""
    try:
        if source.is_dir():
            return source.resolve() in out.resolve().parents
        return out.exists() and source.exists() and out.samefile(source)
    except (OSError, ValueError):  # not a possible file name
        return False


def write(ax: "Axes", out: Path, what: str) -> int:
    """Write a picture, print where it is, and return the exit status."""
    figures.save(ax, out)
    say(f"{what}, saved in {out}")
    return 0


def is_picture(out: Path) -> bool:
    """Return whether the name of a file is that of a picture."""
    return out.suffix.lower().lstrip(".") in FORMATS


def is_sound(out: Path) -> bool:
    """Return whether the name of a file is that of a sound."""
    return out.suffix.lower() == ".wav"


def require_tunes(saved: SavedModel, out: Path) -> None:
    """Refuse to write sound of anything but tunes."""
    if not isinstance(saved.scaling, Notes):
        raise InputError(
            f"{out} would be a sound, which only runs on tunes have; choose a picture or numbers "
            "with --out, or train with --data tunes"
        )


def write_examples(
    made: Samples,
    saved: SavedModel,
    folder: RunFolder,
    classes: Sequence[str],
    out: Path,
    what: str,
) -> None:
    """Write what a model has made as numbers or as sound, or draw it; the file's name decides.

    Parameters
    ----------
    made : samples, variations or decoded codes
    saved, folder : the model and its run
    classes : the names of the labels
    out : the file
    what : the cause of the number of examples, for the error message, such as "-n 3000 gives"
    """
    if is_sound(out):
        require_tunes(saved, out)
        if len(made.x) > MOST_HEARD:
            raise InputError(
                f"{what or 'these are'} {len(made.x)} tunes, more than one would listen to; choose "
                f"at most {MOST_HEARD}, or write a picture or numbers"
            )
        with atomic_write(out) as file:
            file.write(wav_bytes(tokens_of(made.x)))
        return
    if not is_picture(out):
        labels = None if made.labels is None else named(made.labels, classes)
        write_numbers(out, made.x, saved, labels, made.rows)
        return
    if len(made.x) > MOST_IN_A_PICTURE:
        raise InputError(
            f"{what} {len(made.x)} images, more than a picture can show; choose at most "
            f"{MOST_IN_A_PICTURE}, or write numbers with an --out that ends in .npy, .npz or .csv"
        )
    form = form_of(saved.scaling, saved.shape, folder.columns())
    figures.save(show_samples(made, saved.scaling, form, classes), out)


def require_few(rows: int, columns: int, what: str) -> None:
    """Refuse a picture with so many rows or columns that each image would be a dot."""
    if rows > MOST_ACROSS or columns > MOST_ACROSS:
        raise InputError(
            f"{what} gives more images than a picture can show; choose at most {MOST_ACROSS}"
        )


def label_number(given: str, text: str, names: Sequence[str], n: int, where: object) -> int:
    """Return the number of a label given by name, or by number if the labels have no names.

    Parameters
    ----------
    given : the flag, for the error message
    text : the value of the flag
    names, n : the names of the labels, and their number
    where : the run or the dataset that has them, for the error message
    """
    if text in names:
        return list(names).index(text)
    if not names and text.isdecimal() and int(text) < n:
        return int(text)
    known = ", ".join(names) if names else f"0 to {n - 1}"
    raise InputError(
        f"{given} is {shown(text)}, but the labels of {where} are {known:.200}; choose one of these"
    )


def condition_number(text: str | None, run: Trained, where: object) -> int | None:
    """Return the number of the label for a conditional model, or None if --label is not given."""
    if text is None:
        return None
    require_told(text, run.model.n_y, where)
    return label_number("--label", text, run.dataset.classes, run.model.n_y, where)


def require_told(text: str, n_y: int, where: object) -> None:
    """Refuse --label for a model that takes no labels."""
    if not n_y:
        raise InputError(
            f"--label {text} needs a conditional model, but the model in {where} takes no labels; "
            "leave --label out, or train a model with --conditional"
        )
