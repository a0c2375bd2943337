"""Show test examples beside what a trained run makes of them."""

import argparse
from pathlib import Path

import numpy as np

from npvae import figures
from npvae.cli.arguments import whole
from npvae.cli.drawing import show_reconstructions
from npvae.errors import InputError
from npvae.runs import RunFolder

EXAMPLE = "npvae reconstruct runs/mnist-001"
SHOWN = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae reconstruct`."""
    parser.add_argument("folder", metavar="RUN", help="the folder of a run")
    parser.add_argument(
        "--seed", type=whole, default=0, help="chooses the test examples (default: 0)"
    )
    parser.add_argument("--data", metavar="D", help="where the run's own data are now")
    parser.add_argument(
        "--out", metavar="FILE", help="(default: reconstructions.png in the run folder)"
    )


def run(options: argparse.Namespace) -> int:
    """Write a picture of some test examples and their reconstructions, decoded from mu."""
    folder = RunFolder.open(options.folder)
    out = Path(options.out) if options.out else folder / "reconstructions.png"
    if out.suffix != ".png":
        raise InputError(f"--out {out}: give a name that ends in .png")
    saved, dataset = folder.load_model(), folder.load_data(options.data)
    rng = np.random.default_rng(options.seed)
    chosen = rng.permutation(len(dataset.test))[:SHOWN]
    shown = show_reconstructions(saved.model, saved.scaling, dataset, chosen, rng)
    figures.save(shown, out)
    print(f"{len(chosen)} test examples and their reconstructions in {out}")
    return 0
