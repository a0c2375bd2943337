"""Write one HTML page in which to play with the trained model.

The page holds the model and some test examples. It needs no server and no network: open it in a
browser, or send it to a friend.
"""

import argparse

from npvae.cli.arguments import add_run
from npvae.cli.picture_verbs import out_file
from npvae.cli.printing import say
from npvae.explorer import write_explorer
from npvae.runs import pictures
from npvae.runs.folder import EXPLORER, RunFolder

EXAMPLE = "npvae explore runs/mnist-001"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae explore`."""
    add_run(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        help=f"write the page to this file (default: {EXPLORER} in the run folder)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the page."""
    folder = RunFolder.open(options.folder)
    out = out_file(options.out, folder, EXPLORER, ("html", "htm"), options.data)
    trained = pictures.Trained.open(folder, options.data, device=options.device)
    write_explorer(out, folder, trained, folder.metrics_of(trained.model))
    say(f"Saved the explorer in {out}; open this page in a browser")
    return 0
