"""Draw new examples from a trained run."""

import argparse

from npvae import figures
from npvae.cli.arguments import add_device, natural, whole
from npvae.cli.picture_verbs import MOST_IN_A_PICTURE, label_number, out_file, require_told
from npvae.cli.printing import say
from npvae.errors import InputError
from npvae.figures.writing import FORMATS
from npvae.runs.folder import RunFolder
from npvae.runs.pictures import draw_samples, form_of, show_samples
from npvae.runs.pictures.sampled import Names, write_numbers
from npvae.vae import VAE

EXAMPLE = "npvae sample runs/mnist-001 -n 64 --out digits.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae sample`."""
    parser.add_argument("folder", metavar="RUN", help="the folder of a run")
    add_device(parser)
    parser.add_argument("-n", type=natural, help="how many (default: 64, or some of each label)")
    parser.add_argument("--seed", type=whole, default=0, help="of the draws (default: 0)")
    parser.add_argument(
        "--label",
        metavar="L",
        help="name of the label that a conditional model is given (default: each in turn)",
    )
    parser.add_argument(
        "--draw", action="store_true", help="draw x as well, instead of the mean of p(x | z)"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="a picture, .png, .svg or .pdf, or numbers as .npy or .csv: pixels in [0, 1], columns "
        "of a table in the units of the data (default: samples.png in the run folder)",
    )


def run(options: argparse.Namespace) -> int:
    """Write a picture or the numbers of n samples."""
    folder = RunFolder.open(options.folder)
    out = out_file(options.out, folder, "samples.png", (*FORMATS, "npy", "csv"))
    saved = folder.load_model(options.device)
    if not isinstance(saved.model, VAE):
        raise InputError(f"{folder.path} holds an autoencoder, which has no prior to sample from")
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
            f"-n {len(drawn.x)}: a picture of so many shows nothing, {MOST_IN_A_PICTURE} at most; "
            "write the numbers, to an --out that ends in .npy or .csv"
        )
    else:
        form = form_of(saved.scaling, saved.shape, folder.columns())
        figures.save(show_samples(drawn, saved.scaling, form, names), out)
    say(f"{drawn.told}, in {out}")
    return 0
