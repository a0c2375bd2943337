"""Decode codes to examples: the means of p(x | z).

The codes are those that npvae encode wrote, or numbers of your own. The examples are in the units
of the data.
"""

import argparse
from pathlib import Path

import numpy as np

from npvae.cli.arguments import add_device, add_folder
from npvae.cli.picture_verbs import EXAMPLES, out_file, write_examples
from npvae.cli.printing import say
from npvae.errors import DataError
from npvae.evaluation.fine_print import counted
from npvae.evaluation.latent_space import decode_codes
from npvae.parameters import Array
from npvae.runs.codes import StoredCodes, read_codes
from npvae.runs.folder import RunFolder
from npvae.runs.kinds import shown
from npvae.runs.pictures.sampled import Samples

EXAMPLE = (
    "npvae decode runs/mnist-001 runs/mnist-001/codes.csv\n"
    "npvae decode runs/mnist-001 my-codes.npy --out decoded.png"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae decode`."""
    add_folder(parser)
    parser.add_argument(
        "codes",
        metavar="CODES",
        help="the codes: a table (.csv) with columns mu_0, mu_1, ... or with a number for each "
        "latent, or an array (.npy, or mu in .npz); a conditional model needs their labels, too",
    )
    add_device(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write to this file: numbers (.csv, .npy or .npz), which are pixels in [0, 1] or the "
        "columns of a table in the units of the data, or a picture (.png, .svg or .pdf) (default: "
        "decoded.npy in the run folder, or decoded.csv for a table)",
    )


def run(options: argparse.Namespace) -> int:
    """Write what the codes decode to."""
    folder = RunFolder.open(options.folder)
    name = "decoded.csv" if folder.columns() else "decoded.npy"
    out = out_file(options.out, folder, name, EXAMPLES, options.codes)
    saved = folder.load_model(options.device)
    codes = read_codes(options.codes, saved.model.n_z)
    labels = _labels(codes, folder, saved.model.n_y, options.codes)
    x = decode_codes(saved.model, codes.mu, labels)
    told = f"{counted(len(x), 'code')} of {Path(options.codes).name}, decoded (means of p(x | z))"
    made = Samples(x, labels, told, None)
    write_examples(made, saved, folder, folder.classes(), out, f"{options.codes} gives")
    say(f"Saved {counted(len(x), 'decoded example')} (means of p(x | z)) in {out}")
    return 0


def _labels(codes: StoredCodes, folder: RunFolder, n_y: int, path: str) -> Array | None:
    """Return the number of each code's label for a conditional model, or None for any other."""
    if not n_y:
        return None
    names = folder.classes() or [str(i) for i in range(n_y)]
    if codes.labels is None:
        raise DataError(
            f"{path} has no labels, but the model in {folder.path} is conditional; add a column "
            f"label with one of {', '.join(names):.200} in each row"
        )
    unknown = next((label for label in codes.labels if label not in names), None)
    if unknown is not None:
        raise DataError(
            f"{path} has the label {shown(unknown)}, but the conditional model in {folder.path} "
            f"knows only {', '.join(names):.200}; use one of these"
        )
    return np.array([names.index(label) for label in codes.labels])
