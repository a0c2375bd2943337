"""Show what a plane of latent space decodes to, at Gaussian quantiles."""

import argparse

from npvae.cli import picture_verbs
from npvae.cli.arguments import natural
from npvae.runs.pictures import manifold
from npvae.runs.pictures.latents import ACROSS

EXAMPLE = "npvae manifold runs/two-latents -n 20"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae manifold`."""
    picture_verbs.add_arguments(parser, "manifold", "of pixels that are drawn")
    parser.add_argument(
        "-n", type=natural, default=ACROSS, help=f"images a side (default: {ACROSS})"
    )
    parser.add_argument(
        "--label",
        metavar="L",
        help="name of the label that a conditional model is given (default: the first)",
    )


def run(options: argparse.Namespace) -> int:
    """Write a picture of what n x n places decode to."""
    picture_verbs.require_few(options.n, options.n, f"-n {options.n}")
    trained, out = picture_verbs.open_run(options, "manifold")
    label = picture_verbs.condition_number(options.label, trained, options.folder)
    return picture_verbs.write(
        manifold(trained, options.n, label), out, "what latent space decodes to"
    )
