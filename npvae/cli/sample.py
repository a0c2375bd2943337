"""Draw new examples from a trained run."""

import argparse
import csv
from pathlib import Path

import numpy as np

from npvae import figures
from npvae.cli.arguments import natural, whole
from npvae.cli.drawing import draw_samples, show_samples
from npvae.errors import InputError
from npvae.files import write_whole
from npvae.runs import RunFolder
from npvae.vae import VAE

MOST_IN_A_PICTURE = 2500
EXAMPLE = "npvae sample runs/mnist-001 -n 64 --out digits.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae sample`."""
    parser.add_argument("folder", metavar="RUN", help="the folder of a run")
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
    drawn = draw_samples(
        saved.model, options.seed, options.n, label, draw=options.draw, names=names
    )
    x, columns = drawn.x, folder.columns()
    if out.suffix == ".png":
        if len(x) > MOST_IN_A_PICTURE:
            raise InputError(
                f"-n {len(x)}: a picture of so many shows nothing, {MOST_IN_A_PICTURE} at most; "
                "write the numbers, to an --out that ends in .npy or .csv"
            )
        figures.save(show_samples(drawn, saved.shape, columns), out)
    elif out.suffix == ".npy":
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
    print(f"{drawn.title}, in {out}")
    return 0


def label_number(text: str, model: VAE, folder: RunFolder) -> int:
    """Return the number of a label given by its name (by number where a run has no names)."""
    if not model.n_y:
        raise InputError(
            f"--label {text}: the model in {folder.path} is not told labels; train one with "
            "--conditional"
        )
    names = folder.classes()
    if text in names:
        return names.index(text)
    if not names and text.isdecimal() and int(text) < model.n_y:
        return int(text)
    known = ", ".join(names) if names else f"0 to {model.n_y - 1}"
    raise InputError(f"--label {text}: {folder.path} knows the labels {known:.200}")
