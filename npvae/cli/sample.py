"""Draw new examples from a trained run."""

import argparse
import csv
from pathlib import Path

import numpy as np

from npvae import figures
from npvae.cli.arguments import natural, whole
from npvae.cli.drawing import draw_samples
from npvae.errors import InputError
from npvae.files import write_whole
from npvae.runs import RunFolder
from npvae.vae import VAE

EXAMPLE = "npvae sample runs/mnist-001 -n 64 --out digits.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae sample`."""
    parser.add_argument("folder", metavar="RUN", help="the folder of a run")
    parser.add_argument("-n", type=natural, help="how many (default: 64, or some of each label)")
    parser.add_argument("--seed", type=whole, default=0, help="of the draws (default: 0)")
    parser.add_argument(
        "--label",
        metavar="L",
        help="of what a conditional model is to draw, by name or number (default: each in turn)",
    )
    parser.add_argument(
        "--draw", action="store_true", help="draw x as well, instead of the mean of p(x | z)"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="a .png picture, or numbers as .npy or .csv: pixels in [0, 1], columns of a table in "
        "the units of the data (default: samples.png in the run folder)",
    )


def run(options: argparse.Namespace) -> int:
    """Write a picture or the numbers of n samples."""
    folder = RunFolder.open(options.folder)
    out = Path(options.out) if options.out else folder / "samples.png"
    if out.suffix not in (".png", ".npy", ".csv"):
        raise InputError(f"--out {out}: give a name that ends in .png, .npy or .csv")
    saved = folder.load_model()
    if not isinstance(saved.model, VAE):
        raise InputError(f"{folder.path} holds an autoencoder, which has no prior to sample from")
    label = None if options.label is None else label_number(options.label, saved.model, folder)
    names = folder.classes()
    x, title = draw_samples(
        saved.model, options.seed, options.n, label, draw=options.draw, names=names
    )
    columns = folder.columns()
    if out.suffix == ".png":
        figures.save(figures.samples(x, saved.shape, columns, title=title), out)
    elif out.suffix == ".npy":
        with write_whole(out) as file:
            np.save(file, saved.scaling.decode(x).reshape(-1, *saved.shape))
    else:
        with write_whole(out, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerows([columns] if columns else [])
            writer.writerows(saved.scaling.decode(x).tolist())
    print(f"{len(x)} samples in {out}")
    return 0


def label_number(text: str, model: VAE, folder: RunFolder) -> int:
    """Return the number of a label that was given by its name, or by that number.

    Where the names themselves are numbers, such as those of the digits, they alone count.
    """
    if not model.n_y:
        raise InputError(
            f"--label {text}: the model in {folder.path} is not told labels; train one with "
            "--conditional"
        )
    names = folder.classes()
    if text in names:
        return names.index(text)
    if text.isdecimal() and int(text) < model.n_y and not any(map(str.isdecimal, names)):
        return int(text)
    known = ", ".join(names) if names else f"0 to {model.n_y - 1}"
    raise InputError(f"--label {text}: {folder.path} knows the labels {known:.200}")
