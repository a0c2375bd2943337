"""List the datasets that npvae knows, and where they are."""

import argparse

from npvae.cli.printing import say
from npvae.datasets import catalogue

EXAMPLE = "npvae datasets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`npvae datasets` has no flags."""


def run(options: argparse.Namespace) -> int:
    """Print a few lines for each dataset, one's own last."""
    for entry in catalogue():
        shape = "x".join(map(str, entry.shape)) or "of any size"
        say(f"{entry.name}\n  what:  {entry.examples} examples, {shape}")
        say(f"  where: {entry.place}\n  how:   {entry.how}")
    return 0
