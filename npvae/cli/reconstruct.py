"""Draw test examples next to their reconstructions."""

import argparse

from npvae.cli import picture_verbs
from npvae.runs.pictures import reconstructions

EXAMPLE = "npvae reconstruct runs/mnist-001"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae reconstruct`."""
    picture_verbs.add_arguments(parser, "reconstructions", "seed for choosing test examples")


def run(options: argparse.Namespace) -> int:
    """Write a picture of test examples and their reconstructions, which are decoded from mu."""
    trained, out = picture_verbs.open_run(options, "reconstructions")
    return picture_verbs.write(
        reconstructions(trained), out, "Test examples and their reconstructions"
    )
