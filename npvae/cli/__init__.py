"""The command line: `npvae train`, `evaluate`, `report`, `plot`, `sample` and others."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from npvae import __version__
from npvae.cli import (
    datasets,
    evaluate,
    gradcheck,
    interpolate,
    manifold,
    plot,
    recipes,
    reconstruct,
    report,
    sample,
    train,
    traverse,
)
from npvae.errors import NpvaeError
from npvae.figures import off_screen

VERBS = (
    *(train, evaluate, report, plot, sample, reconstruct, interpolate, traverse, manifold),
    *(recipes, datasets, gradcheck),
)

BAD_INPUT = 2
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """One that says what is wrong in one line, and where to read on."""

    def error(self, message: str) -> NoReturn:
        """End with the exit status of bad input."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every verb."""
    parser = Parser(prog="npvae", description="The variational autoencoder, by hand, in NumPy.")
    parser.add_argument("--version", action="version", version=f"npvae {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb in VERBS:
        name = verb.__name__.rpartition(".")[2]
        subparser = verbs.add_parser(
            name,
            help=(verb.__doc__ or "").splitlines()[0],
            description=verb.__doc__,
            epilog=f"example:  {verb.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.add_arguments(subparser)
        subparser.set_defaults(run=verb.run)
    return parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of a command; names of pictures may stand after flags, too."""
    parser = build_parser()
    options, others = parser.parse_known_args(arguments)
    if "pictures" in options and not any(text.startswith("-") for text in others):
        options.pictures += others
    elif others:
        verb = options.run.__module__.rpartition(".")[2]
        parser.error(f"unrecognized arguments: {' '.join(others)}; {verb} takes no such thing")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 if it did what was asked, 1 if a check failed, 2 for bad input (one line says what is wrong),
    130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a character shows another
            stream.reconfigure(errors="replace")
    options = parse(arguments)
    try:
        with off_screen():  # figures are for files here, and open no window
            return int(options.run(options))
    except BrokenPipeError:  # nobody reads any more: `npvae ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (NpvaeError, OSError, MemoryError) as error:
        message = str(error) or type(error).__name__
        if isinstance(error, MemoryError):
            message += "; not enough memory: choose a smaller model, smaller batches or pictures"
        print(f"npvae: {message}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("npvae: interrupted", file=sys.stderr)
        return INTERRUPTED
