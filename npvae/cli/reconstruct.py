"""Show test examples beside what a trained run makes of them."""

import argparse

import numpy as np

from npvae.cli import showing
from npvae.gallery import reconstructions

EXAMPLE = "npvae reconstruct runs/mnist-001"
SHOWN = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae reconstruct`."""
    showing.add_arguments(parser, "reconstructions", "chooses the test examples")


def run(options: argparse.Namespace) -> int:
    """Write a picture of some test examples and their reconstructions, decoded from mu."""
    trained, out = showing.open_run(options, "reconstructions")
    chosen = np.random.default_rng(options.seed).permutation(len(trained.dataset.test))[:SHOWN]
    ax = reconstructions(trained, chosen)
    return showing.write(ax, out, f"{len(chosen)} test examples and their reconstructions")
