"""Draw a grid of images decoded from a plane of latent space.

The grid points are Gaussian quantiles of two latents; all other latents are 0.
"""

import argparse

from npvae.cli import picture_verbs
from npvae.cli.arguments import natural
from npvae.runs.pictures import manifold
from npvae.runs.pictures.latents import ACROSS

EXAMPLE = "npvae manifold runs/two-latents -n 20"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae manifold`."""
    picture_verbs.add_arguments(parser, "manifold", "seed the dynamic binarisation")
    parser.add_argument(
        "-n",
        type=natural,
        default=ACROSS,
        help=f"draw N x N images (default: {ACROSS})",
        metavar="N",
    )
    parser.add_argument(
        "--label",
        metavar="L",
        help="give a conditional model the label with this name (default: the first label)",
    )


def run(options: argparse.Namespace) -> int:
    """Write a picture of the images that n x n grid points decode to."""
    picture_verbs.require_few(options.n, options.n, f"-n {options.n}")
    trained, out = picture_verbs.open_run(options, "manifold")
    label = picture_verbs.condition_number(options.label, trained, options.folder)
    return picture_verbs.write(manifold(trained, options.n, label), out, "The latent space")
