"""Draw new examples from a trained run."""

import argparse
import csv
from pathlib import Path

import numpy as np

from npvae import figures
from npvae.cli.arguments import add_device, natural, whole
from npvae.cli.printing import say
from npvae.cli.showing import MOST_IN_A_PICTURE, label_number, require_told
from npvae.errors import InputError
from npvae.figures.writing import FORMATS
from npvae.runs.folder import RunFolder
from npvae.runs.pictures import draw_samples, form_of, show_samples
from npvae.storage.atomic import write_whole
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
    out = Path(options.out) if options.out else folder / "samples.png"
    form = out.suffix.lower().lstrip(".")
    if form not in (*FORMATS, "npy", "csv"):
        raise InputError(
            f"--out {out}: give a name that ends in .{', .'.join(FORMATS)}, .npy or .csv"
        )
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
    x, columns = drawn.x, folder.columns()
    if form in FORMATS:
        if len(x) > MOST_IN_A_PICTURE:
            raise InputError(
                f"-n {len(x)}: a picture of so many shows nothing, {MOST_IN_A_PICTURE} at most; "
                "write the numbers, to an --out that ends in .npy or .csv"
            )
        shown = form_of(saved.scaling, saved.shape, columns)
        figures.save(show_samples(drawn, saved.scaling, shown, names), out)
    elif form == "npy":
        with write_whole(out) as file:
            np.save(file, saved.scaling.decode(x).reshape(-1, *saved.shape))
    else:
        with write_whole(out, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            rows = saved.scaling.decode(x).tolist()
            if drawn.labels is not None:  # a column of its own, the last
                known = names or [str(i) for i in range(saved.model.n_y)]
                rows = [[*row, known[i]] for row, i in zip(rows, drawn.labels, strict=True)]
                columns = [*columns, "label"] if columns else []
            writer.writerows([columns] if columns else [])
            writer.writerows(rows)
    say(f"{drawn.told}, in {out}")
    return 0
