"""Show test examples beside what a trained run makes of them."""

import argparse

from npvae.cli import picture_verbs
from npvae.runs.pictures import reconstructions

EXAMPLE = "npvae reconstruct runs/mnist-001"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae reconstruct`."""
    picture_verbs.add_arguments(parser, "reconstructions", "chooses the test examples")


def run(options: argparse.Namespace) -> int:
    """Write a picture of some test examples and their reconstructions, decoded from mu."""
    trained, out = picture_verbs.open_run(options, "reconstructions")
    return picture_verbs.write(
        reconstructions(trained), out, "test examples and their reconstructions"
    )
