"""Draw the pictures of a run, all of them or those that are named."""

import argparse
from difflib import get_close_matches
from pathlib import Path

from npvae import figures
from npvae.cli.arguments import add_run, whole
from npvae.cli.picture_verbs import require_free
from npvae.cli.printing import say
from npvae.errors import InputError
from npvae.figures.writing import FORMATS
from npvae.runs.folder import RunFolder
from npvae.runs.pictures import PICTURES, Trained

EXAMPLE = "npvae plot runs/mnist-001\n          npvae plot runs/mnist-001 scatter kl --format pdf"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae plot`."""
    add_run(parser)
    parser.add_argument(
        "pictures",
        nargs="*",
        metavar="PICTURE",
        help=f"{', '.join(PICTURES)} (default: all)",
    )
    parser.add_argument("--seed", type=whole, default=0, help="of all that is drawn (default: 0)")
    parser.add_argument("--format", choices=FORMATS, default="png", help="(default: png)")
    parser.add_argument("--out", metavar="DIR", help="(default: the run folder)")


def picture(text: str) -> str:
    """The name of a picture."""
    if text not in PICTURES:
        near = get_close_matches(text, PICTURES, 1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise InputError(f"{text!r} given, expected one of {', '.join(PICTURES)}{meant}")
    return text


def run(options: argparse.Namespace) -> int:
    """Write a file for each picture; of those that were not asked for say why they are missing."""
    names = dict.fromkeys(map(picture, options.pictures)) or PICTURES
    folder = RunFolder.open(options.folder)
    out = Path(options.out) if options.out else folder.path
    if out.is_file() or out.suffix.lower().lstrip(".") in FORMATS:
        raise InputError(f"--out {out}: give a folder, which gets a file for each picture")
    for name in names:
        require_free(out / f"{name}.{options.format}", folder, options.data)
    trained = Trained.open(folder, options.data, options.seed, options.device)
    drawn = {}
    for name in names:
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
