"""Draw how a test example changes with each latent.

There is one row for each latent, ordered by KL, the largest first.
"""

import argparse

from npvae.cli import picture_verbs
from npvae.cli.arguments import natural, whole
from npvae.errors import InputError
from npvae.runs.pictures import traversals
from npvae.runs.pictures.latents import MOST_LATENTS, STEPS

EXAMPLE = "npvae traverse runs/mnist-001 --index 3 --latents 5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae traverse`."""
    picture_verbs.add_arguments(parser, "traversals", "seed the dynamic binarisation")
    parser.add_argument(
        "--index",
        type=whole,
        default=0,
        metavar="I",
        help="use the test example with this number (default: 0, the first)",
    )
    parser.add_argument(
        "--latents",
        type=natural,
        default=MOST_LATENTS,
        metavar="N",
        help=f"show the N latents with the largest KL (default: {MOST_LATENTS})",
    )
    parser.add_argument(
        "--steps",
        type=natural,
        default=STEPS,
        metavar="N",
        help=f"show N values of each latent (default: {STEPS})",
    )


def run(options: argparse.Namespace) -> int:
    """Write a picture with one row per latent."""
    if options.steps < 2:
        raise InputError(
            f"--steps is {options.steps}; choose at least 2, because a change needs two values"
        )
    trained, out = picture_verbs.open_run(options, "traversals")
    n, latents = len(trained.dataset.test), min(options.latents, trained.model.n_z)
    if options.index >= n:
        raise InputError(
            f"--index is {options.index}, but the test part has {n} examples; choose a number from "
            f"0 to {n - 1}"
        )
    picture_verbs.require_few(
        latents, options.steps, f"--latents {latents} --steps {options.steps}"
    )
    ax = traversals(trained, options.index, latents, options.steps)
    return picture_verbs.write(ax, out, f"Traversal of {latents} of {trained.model.n_z} latents")
