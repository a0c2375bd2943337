"""Show test examples beside what a trained run makes of them."""

import argparse

from npvae.cli import showing
from npvae.runs.pictures import reconstructions

EXAMPLE = "npvae reconstruct runs/mnist-001"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae reconstruct`."""
    showing.add_arguments(parser, "reconstructions", "chooses the test examples")


def run(options: argparse.Namespace) -> int:
    """Write a picture of some test examples and their reconstructions, decoded from mu."""
    trained, out = showing.open_run(options, "reconstructions")
    return showing.write(reconstructions(trained), out, "test examples and their reconstructions")
