"""The user's own data: read, split by a seed, and described."""

import os
from pathlib import Path

from npvae.datasets.dataset import Dataset, Split, chunks, split_by_seed
from npvae.datasets.user_arrays import read_npy, read_npz
from npvae.datasets.user_examples import Examples, encode_labels
from npvae.datasets.user_images import read_image_folder
from npvae.datasets.user_table import read_table
from npvae.errors import DataError, InputError
from npvae.parameters import Array

FORMS = ".npy, .npz, .csv or a folder of images"
FEWEST = 10  # examples, so that each part of the split has one


def load_own(
    path: str | Path,
    *,
    seed: int = 0,
    validation: int | None = None,
    label_column: str | int | None = None,
    progress: bool = True,
) -> Dataset:
    """Return the user's own data, split 80 / 10 / 10 by a seed.

    Parameters
    ----------
    path : an .npy, .npz or .csv file, or a folder of images
    seed : of the split, not negative
    validation : number of examples in the validation part, if not a tenth
    label_column : of a .csv file: name, or number counted from 0; "" for none
    progress : show a progress bar where it takes long

    Raises
    ------
    DataError : the file cannot be read as what its suffix says
    InputError : another suffix, or an argument that does not fit
    """
    name, path = str(path), Path(os.path.expanduser(path))
    if label_column is not None and path.suffix.lower() != ".csv":
        raise InputError(
            f"label_column (--label-column) is for .csv files, and {path} is none; leave it out"
        )
    if seed < 0:
        raise InputError(f"seed is {seed}; it cannot be negative")
    examples = _read(path, label_column, progress)
    x, n = examples.x, len(examples.x)
    if n < FEWEST:
        raise DataError(
            f"{path} holds {n} examples; at least {FEWEST} are needed to split them into training, "
            "validation and test"
        )
    if _constant(x):
        raise DataError(
            f"{path}: every number in it is {x[0, 0]}; a constant has nothing to learn, so give "
            "examples that differ"
        )
    labels: Array | None = None
    classes: tuple[str, ...] = ()
    if examples.labels is not None:
        labels, classes = encode_labels(examples.labels, n, path)
    train, held_out, test = (
        Split(x, rows, None if labels is None else labels[rows])
        for rows in split_by_seed(n, seed, validation)
    )
    return Dataset(
        name=name,
        train=train,
        validation=held_out,
        test=test,
        shape=examples.shape,
        kind=examples.kind,
        source=f"{path.resolve()}, split by seed {seed}",
        classes=classes,
        columns=examples.columns,
        remark=" ".join(examples.remarks),
    )


def _read(path: Path, label_column: str | int | None, progress: bool) -> Examples:
    """Return what the file holds, by its suffix."""
    if path.is_dir():
        return read_image_folder(path, progress=progress)
    match path.suffix.lower():
        case ".npy":
            return read_npy(path, progress=progress)
        case ".npz":
            return read_npz(path, progress=progress)
        case ".csv":
            return read_table(path, label_column=label_column)
    raise InputError(f"{path} is of no form that npvae reads; it reads {FORMS}")


def _constant(x: Array) -> bool:
    """Whether all numbers are the same; looks no further than the first chunk that says no."""
    return all(bool((x[chunk] == x[0, 0]).all()) for chunk in chunks(len(x), x))
