"""Write the codes of examples: mu and logvar of q(z | x).

The examples are the run's test part or new ones. An autoencoder has codes without a variance. Where
the model was trained on binary pixels, the encoder gets binary pixels here as well, the same that
npvae evaluate and npvae score see.
"""

import argparse

from npvae.cli.examples import (
    add_examples,
    add_seed,
    open_examples,
    require_finite,
    say_notes,
    unlimited,
)
from npvae.cli.picture_verbs import out_file
from npvae.cli.printing import say
from npvae.evaluation.fine_print import binary_note, counted
from npvae.evaluation.latent_space import encode_split
from npvae.runs.codes import FORMS, write_codes
from npvae.runs.folder import RunFolder

EXAMPLE = (
    "npvae encode runs/mnist-001\nnpvae encode runs/mnist-001 --data new.npy --out new-codes.npz"
)
CODES = "codes.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae encode`."""
    add_examples(parser)
    add_seed(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write to this file: a table (.csv) with the row number, the label, mu and logvar of "
        "each example, the same as arrays (.npz), or mu alone (.npy) (default: "
        f"{CODES} in the run folder)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the codes of the chosen examples."""
    folder = RunFolder.open(options.folder)
    out = out_file(options.out, folder, CODES, FORMS, options.data)
    _, saved, examples = open_examples(options)
    rows = examples.split.rows
    with unlimited():
        codes = encode_split(saved.model, examples.split, saved.scaling, seed=options.seed)
    require_finite("codes", codes.mu, examples)
    write_codes(out, codes, rows, examples.classes)
    say(f"Saved the codes of {counted(len(rows), 'example')} in {out}")
    notes = {"examples": examples.words, "codes": f"mu of {counted(codes.mu.shape[1], 'latent')}"}
    if codes.logvar is not None:
        notes["codes"] += ", and logvar; sigma = exp(logvar / 2)"
    if pixels := binary_note(saved.scaling, options.seed):
        notes["data"] = pixels
    say_notes(notes)
    return 0
