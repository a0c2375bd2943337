"""Draw the pictures of a run, all of them or those that are named."""

import argparse
from pathlib import Path

from npvae import figures
from npvae.cli.arguments import whole
from npvae.cli.watching import say
from npvae.errors import InputError
from npvae.figures.style import FORMATS
from npvae.gallery import PICTURES, Trained
from npvae.runs import RunFolder

EXAMPLE = "npvae plot runs/mnist-001\n          npvae plot runs/mnist-001 scatter kl --format pdf"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae plot`."""
    parser.add_argument("folder", metavar="RUN", help="the folder of a run")
    parser.add_argument(
        "pictures",
        nargs="*",
        type=_picture,
        metavar="PICTURE",
        help=f"right after RUN: {', '.join(PICTURES)} (default: all)",
    )
    parser.add_argument("--seed", type=whole, default=0, help="of all that is drawn (default: 0)")
    parser.add_argument("--data", metavar="D", help="where the run's own data are now")
    parser.add_argument("--format", choices=FORMATS, default="png", help="(default: png)")
    parser.add_argument("--out", metavar="DIR", help="(default: the run folder)")


def _picture(text: str) -> str:
    if text not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text!r} given, expected one of {', '.join(PICTURES)}")
    return text


def run(options: argparse.Namespace) -> int:
    """Write a file for each picture; of those that were not asked for say why they are missing."""
    folder = RunFolder.open(options.folder)
    out = Path(options.out) if options.out else folder.path
    if out.is_file():
        raise InputError(f"--out {out} is a file; give a folder")
    trained = Trained.open(folder, options.data, options.seed)
    drawn = {}
    for name in dict.fromkeys(options.pictures or PICTURES):
        try:
            drawn[name] = PICTURES[name].draw(trained)
        except InputError as error:
            if options.pictures:
                raise
            say(f"{'not drawn':20} {name}: {error}")
    for name, ax in drawn.items():
        path = out / f"{name}.{options.format}"
        figures.save(ax, path)
        say(f"{path.name:20} {PICTURES[name].caption}")
    say(f"in {out}")
    return 0
