"""Draw the pictures of a run, all of them or those that you name."""

import argparse
from difflib import get_close_matches
from pathlib import Path

from npvae import figures
from npvae.cli.arguments import add_run, whole
from npvae.cli.picture_verbs import require_free
from npvae.cli.printing import beside, say
from npvae.errors import InputError
from npvae.figures.writing import FORMATS
from npvae.runs.folder import RunFolder
from npvae.runs.pictures import PICTURES, Trained, with_bar

EXAMPLE = "npvae plot runs/mnist-001\nnpvae plot runs/mnist-001 scatter kl --format pdf"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae plot`."""
    add_run(parser)
    parser.add_argument(
        "pictures",
        nargs="*",
        metavar="PICTURE",
        help=f"draw these pictures, any of {', '.join(PICTURES)} (default: all)",
    )
    parser.add_argument(
        "--seed",
        type=whole,
        default=0,
        help="seed the choice of examples, the noise and the samples (default: 0)",
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="png", help="write files of this format (default: png)"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="write the files into this folder (default: the run folder)"
    )


def picture(text: str) -> str:
    """Return the name of a picture, after checking it."""
    if text not in PICTURES:
        near = get_close_matches(text, PICTURES, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise InputError(
            f"there is no picture {text!r:.60}; choose from {', '.join(PICTURES)}{meant}"
        )
    return text


def run(options: argparse.Namespace) -> int:
    """Write a file for each picture; if all are drawn, say why some cannot be."""
    names = dict.fromkeys(map(picture, options.pictures)) or PICTURES
    folder = RunFolder.open(options.folder)
    out = Path(options.out) if options.out else folder.path
    if out.is_file() or out.suffix.lower().lstrip(".") in FORMATS:
        raise InputError(
            f"--out is {out}; choose a folder, because each picture gets a file of its own"
        )
    for name in names:
        require_free(out / f"{name}.{options.format}", folder, options.data)
    trained = Trained.open(folder, options.data, options.seed, options.device)
    drawn = {}
    for name in with_bar(names):
        try:
            drawn[name] = PICTURES[name].draw(trained)
        except InputError as error:
            if options.pictures:
                raise
            say(beside("not drawn", f"{name}: {error}", width=21))
    for name, ax in drawn.items():
        path = out / f"{name}.{options.format}"
        figures.save(ax, path)
        say(beside(path.name, PICTURES[name].caption, width=21))
    say(f"\nSaved in {out}")
    return 0
