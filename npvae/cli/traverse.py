"""Show what each latent changes in a test example, ordered by KL."""

import argparse

from npvae.cli import picture_verbs
from npvae.cli.arguments import natural, whole
from npvae.errors import InputError
from npvae.runs.pictures import traversals
from npvae.runs.pictures.latents import MOST_LATENTS, STEPS

EXAMPLE = "npvae traverse runs/mnist-001 --index 3 --latents 5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae traverse`."""
    picture_verbs.add_arguments(parser, "traversals", "of pixels that are drawn")
    parser.add_argument(
        "--index",
        type=whole,
        default=0,
        metavar="I",
        help="the number of a test example (default: 0, the first)",
    )
    parser.add_argument(
        "--latents",
        type=natural,
        default=MOST_LATENTS,
        metavar="N",
        help=f"those with the largest KL (default: {MOST_LATENTS})",
    )
    parser.add_argument(
        "--steps", type=natural, default=STEPS, help=f"values of each (default: {STEPS})"
    )


def run(options: argparse.Namespace) -> int:
    """Write a picture with a row for each latent."""
    if options.steps < 2:
        raise InputError(
            f"--steps {options.steps}: a latent that changes takes two values at least"
        )
    trained, out = picture_verbs.open_run(options, "traversals")
    n, latents = len(trained.dataset.test), min(options.latents, trained.model.n_z)
    if options.index >= n:
        raise InputError(f"--index {options.index}: the test part has {n} examples, 0 to {n - 1}")
    picture_verbs.require_few(
        latents, options.steps, f"--latents {latents} --steps {options.steps}"
    )
    ax = traversals(trained, options.index, latents, options.steps)
    return picture_verbs.write(ax, out, f"what {latents} of {trained.model.n_z} latents change")
