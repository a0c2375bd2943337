"""Draw new examples from a trained model.

z is drawn from the prior and decoded; the result is a picture, or numbers for other programs.
"""

import argparse

from npvae import figures
from npvae.cli.arguments import add_device, add_folder, natural, whole
from npvae.cli.picture_verbs import MOST_IN_A_PICTURE, label_number, out_file, require_told
from npvae.cli.printing import say
from npvae.errors import InputError
from npvae.evaluation.fine_print import counted
from npvae.figures.writing import FORMATS
from npvae.runs.folder import RunFolder
from npvae.runs.pictures import draw_samples, form_of, show_samples
from npvae.runs.pictures.sampled import SAMPLES, Names, write_numbers
from npvae.vae import VAE

EXAMPLE = "npvae sample runs/mnist-001\nnpvae sample runs/mnist-001 -n 1000 --out digits.npy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae sample`."""
    add_folder(parser)
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
        "--out",
        metavar="FILE",
        help="write to this file: a picture (.png, .svg or .pdf) or numbers (.npy or .csv), which "
        "are pixels in [0, 1] or the columns of a table in the units of the data (default: "
        "samples.png in the run folder)",
    )


def run(options: argparse.Namespace) -> int:
    """Write a picture or the numbers of n samples."""
    folder = RunFolder.open(options.folder)
    out = out_file(options.out, folder, "samples.png", (*FORMATS, "npy", "csv"))
    saved = folder.load_model(options.device)
    if not isinstance(saved.model, VAE):
        raise InputError(
            f"{folder.path} contains an autoencoder, which has no prior to sample from; use a run "
            "of a VAE"
        )
    names, label, n_y = folder.classes(), None, saved.model.n_y
    if options.label is not None:
        require_told(options.label, n_y, folder.path)
        label = label_number("--label", options.label, names, n_y, folder.path)
    drawn = draw_samples(
        saved.model, options.seed, options.n, label, draw=options.draw, names=names
    )
    if out.suffix.lower().lstrip(".") not in FORMATS:
        write_numbers(drawn, saved, out, Names(folder.columns(), names))
    elif len(drawn.x) > MOST_IN_A_PICTURE:
        raise InputError(
            f"-n {len(drawn.x)} gives more images than a picture can show; choose at most "
            f"{MOST_IN_A_PICTURE}, or write numbers with an --out that ends in .npy or .csv"
        )
    else:
        form = form_of(saved.scaling, saved.shape, folder.columns())
        figures.save(show_samples(drawn, saved.scaling, form, names), out)
    what = "draw" if options.draw else "sample"
    means = "" if options.draw else " (means of p(x | z))"
    say(f"Saved {counted(len(drawn.x), what)}{means} in {out}")
    return 0
