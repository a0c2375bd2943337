"""Draw new examples from a trained model.

z is drawn from the prior or, with --data, from q(z | x) of examples, and decoded; the result is a
picture, numbers for other programs or, of tunes, a sound.
"""

import argparse
from collections.abc import Sequence
from typing import cast

from npvae.cli.arguments import add_device, add_folder, natural, whole
from npvae.cli.picture_verbs import (
    EXAMPLES,
    is_sound,
    label_number,
    out_file,
    require_told,
    require_tunes,
    write_examples,
)
from npvae.cli.printing import say
from npvae.errors import InputError
from npvae.evaluation.fine_print import counted
from npvae.runs.folder import RunFolder
from npvae.runs.model_file import SavedModel
from npvae.runs.pictures import draw_samples, draw_variations
from npvae.runs.pictures.sampled import SAMPLES, Samples
from npvae.runs.provenance import PARTS
from npvae.runs.selection import select
from npvae.vae import VAE

EXAMPLE = (
    "npvae sample runs/mnist-001\n"
    "npvae sample runs/mnist-001 -n 1000 --out digits.npy\n"
    "npvae sample runs/mnist-001 --data new.npy\n"
    "npvae sample runs/tunes-001 --wav"
)


HEARD = 8  # tunes in a file, unless told otherwise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae sample`."""
    add_folder(parser)
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="draw variations of these examples in turn, with z from q(z | x): a file, a folder of "
        "images or a dataset like the run's data (default: z from the prior)",
    )
    parser.add_argument(
        "--part",
        choices=PARTS,
        help="draw variations of this part of the run's own data, or of a dataset (default: test "
        "with --data)",
    )
    add_device(parser)
    parser.add_argument(
        "-n",
        type=natural,
        metavar="N",
        help=f"draw N examples (default: {SAMPLES}, or as many of each label as fill a square "
        "picture, such as 100 in all for 10 labels)",
    )
    parser.add_argument("--seed", type=whole, default=0, help="seed the draws (default: 0)")
    parser.add_argument(
        "--label",
        metavar="L",
        help="sample from a conditional model with this label (default: each label in turn)",
    )
    parser.add_argument(
        "--draw", action="store_true", help="draw x from p(x | z) as well (default: show its mean)"
    )
    parser.add_argument(
        "--wav",
        action="store_true",
        help="write tunes as sound, one after another, each step as its most probable note "
        f"(default: {HEARD} tunes, in samples.wav in the run folder)",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write to this file: a picture (.png, .svg or .pdf), tunes as sound (.wav) or numbers "
        "(.npy, .npz or .csv), which are pixels in [0, 1] or the columns of a table in the units "
        "of the data; in a .csv file text columns are text again (default: samples.png in the run "
        "folder)",
    )


def run(options: argparse.Namespace) -> int:
    """Write a picture or the numbers of n samples, or of n variations of examples."""
    folder = RunFolder.open(options.folder)
    name, endings = ("samples.wav", ("wav",)) if options.wav else ("samples.png", EXAMPLES)
    out = out_file(options.out, folder, name, endings, options.data)
    saved = folder.load_model(options.device)
    if is_sound(out):
        require_tunes(saved, out)
        options.n = options.n or HEARD
    if not isinstance(saved.model, VAE):
        raise InputError(
            f"{folder.path} contains an autoencoder, which has no prior to sample from; use a run "
            "of a VAE"
        )
    varied = options.data is not None or options.part is not None
    drawn, names, of = (_variations if varied else _samples)(folder, saved, options)
    write_examples(drawn, saved, folder, names, out, f"-n {len(drawn.x)} gives")
    what = "variation" if varied else "draw" if options.draw else "sample"
    means = "" if options.draw else " (means of p(x | z))"
    say(f"Saved {counted(len(drawn.x), what)}{means} in {out}{of}")
    return 0


def _samples(
    folder: RunFolder, saved: SavedModel, options: argparse.Namespace
) -> tuple[Samples, Sequence[str], str]:
    """Return samples from the prior, the names of their labels, and no words about examples."""
    names, label, n_y = folder.classes(), None, saved.model.n_y
    if options.label is not None:
        require_told(options.label, n_y, folder.path)
        label = label_number("--label", options.label, names, n_y, folder.path)
    model = cast(VAE, saved.model)
    drawn = draw_samples(model, options.seed, options.n, label, draw=options.draw, names=names)
    return drawn, names, ""


def _variations(
    folder: RunFolder, saved: SavedModel, options: argparse.Namespace
) -> tuple[Samples, Sequence[str], str]:
    """Return variations, the names of their labels, and words about the examples."""
    if options.label is not None:
        raise InputError(
            f"--label {options.label} and --data exclude each other, because the examples have "
            "labels of their own; leave one of them out"
        )
    examples = select(folder, saved, options.data, options.part or "test")
    drawn = draw_variations(saved, examples, options.seed, options.n, draw=options.draw)
    return drawn, examples.classes, f": those of {examples.words}"
