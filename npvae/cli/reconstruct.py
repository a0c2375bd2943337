"""Reconstruct examples, as a picture or as numbers.

The examples are the run's test part or new ones. A picture shows a few of them, and a file of
numbers has the reconstruction of each, decoded from mu.
"""

import argparse

from npvae.cli.arguments import whole
from npvae.cli.examples import Given, add_examples, open_examples, require_finite, unlimited
from npvae.cli.picture_verbs import EXAMPLES, is_picture, out_file, write, write_examples
from npvae.cli.printing import say
from npvae.evaluation.fine_print import counted
from npvae.evaluation.latent_space import reconstruct_split
from npvae.runs.folder import RunFolder
from npvae.runs.pictures import Trained, reconstructions
from npvae.runs.pictures.sampled import Samples

EXAMPLE = (
    "npvae reconstruct runs/mnist-001\n"
    "npvae reconstruct runs/mnist-001 --data new.npy --out reconstructed.npy"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae reconstruct`."""
    add_examples(parser)
    parser.add_argument(
        "--seed",
        type=whole,
        default=0,
        help="seed for choosing examples and for random pixels (default: 0)",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write to this file: a picture of some examples (.png, .svg or .pdf), or the numbers "
        "of all (.npy, .npz or .csv), which are pixels in [0, 1] or the columns of a table in the "
        "units of the data (default: reconstructions.png in the run folder)",
    )


def run(options: argparse.Namespace) -> int:
    """Write a picture of examples and their reconstructions, or the numbers of these."""
    folder = RunFolder.open(options.folder)
    out = out_file(options.out, folder, "reconstructions.png", EXAMPLES, options.data)
    given = open_examples(options)
    if not is_picture(out):
        x_hat = _reconstructed(given, options.seed)
        write_examples(x_hat, given.saved, folder, given.examples.classes, out, "")
        what = f"{counted(len(x_hat.x), 'reconstruction')} (means of p(x | z))"
        say(f"Saved {what} in {out}: those of {given.examples.words}")
        return 0
    trained = Trained(
        given.saved,
        folder.load_data,
        {},
        columns=folder.columns(),
        classes=folder.classes(),
        seed=options.seed,
        examples=given.examples,
    )
    return write(reconstructions(trained), out, "Examples and their reconstructions")


def _reconstructed(given: Given, seed: int) -> Samples:
    """Return the reconstruction of each example, with its label."""
    model, scaling, split = given.saved.model, given.saved.scaling, given.examples.split
    with unlimited():
        x_hat = reconstruct_split(model, split, scaling, seed=seed)
    require_finite("reconstructions", x_hat, given.examples)
    return Samples(x_hat, split.labels, "", None, split.rows)
