"""List the available datasets and where their files are."""

import argparse

from npvae.cli.printing import beside, say
from npvae.datasets import catalogue

EXAMPLE = "npvae datasets\nnpvae train --data glyphs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae datasets`, which has none."""


def run(options: argparse.Namespace) -> int:
    """Print a few lines for each dataset; the last entry is for the user's own data."""
    for entry in catalogue():
        shape = f", {'x'.join(map(str, entry.shape))} {entry.unit}" if entry.shape else ""
        say(entry.name)
        say(beside("  Examples", f"{entry.examples}{shape}", width=12))
        say(beside("  Files", entry.place, width=12))
        say(beside("  Source", entry.how, width=12) + "\n")
    say("Train on one of them: npvae train --data NAME, or --data PATH for your own data.")
    return 0
