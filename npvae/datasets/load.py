"""Load a dataset by its name or its path."""

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args

from npvae.datasets import places
from npvae.datasets.dataset import Dataset
from npvae.datasets.glyphs import N_TEST, N_TRAIN, SIDE, cache_file, load_glyphs
from npvae.datasets.melodies import melodies
from npvae.datasets.mnist import FASHION_MNIST, MNIST, load_idx_set
from npvae.datasets.notebook import shows_progress
from npvae.datasets.tunes import KEYS, SHAPE, load_tunes
from npvae.datasets.user_data import FORMS, load_own
from npvae.datasets.user_examples import USUAL, Missing, ReadOptions
from npvae.errors import DataError, DataUnavailableError, InputError

IDX_SETS = {which.name: which for which in (MNIST, FASHION_MNIST)}
NAMES = (*IDX_SETS, "glyphs", "tunes")


def load_dataset(
    name_or_path: str | Path,
    *,
    seed: int = 0,
    validation: int | None = None,
    label_column: str | int | None = None,
    drop: Sequence[str] = (),
    missing: Missing = "refuse",
    n_train: int | None = None,
    n_test: int | None = None,
    progress: bool = True,
) -> Dataset:
    """Return a dataset by its name, or your own data by their path.

    It never falls back to another dataset.

    Parameters
    ----------
    name_or_path : "mnist", "fashion-mnist", "glyphs", "tunes", or the path of an array (.npy,
        .npz), a table (.csv, .tsv, .csv.gz, .tsv.gz, .parquet) or a folder of images. If a folder
        is called mnist, write ./mnist for the folder
    seed : seed of the glyphs, or of the split of the tunes or your own data. The split of MNIST is
        fixed
    validation : number of training examples to hold out; of tunes, the number of melodies. By
        default the last 5,000 training images of MNIST and its variants, or a tenth of the melodies
        or of your own data
    label_column : the column of a table with the labels: its name, or its number counted from 0;
        "" for none
    drop : the columns of a table to leave out, by name or by number, such as ["name", "0"]
    missing : "refuse" missing values of your own data, "drop" their rows, or fill in the "mean" of
        the training part, which for a one-hot column is how often it is 1
    n_train, n_test : number of glyphs to draw; n_train includes those held out
    progress : show a progress bar for long operations, on a terminal or in a notebook

    Raises
    ------
    DataUnavailableError : MNIST is not on disk and cannot be downloaded
    DataError : a file cannot be read in the format of its name
    InputError : neither a known name nor a path, or an argument is invalid

    See Also
    --------
    npvae.datasets.user_table.read_table : how a .csv file is interpreted
    npvae.datasets.user_frames.understand_frame : how a Parquet file is interpreted
    npvae.datasets.user_arrays.understand_array : how an array is interpreted
    npvae.datasets.user_images.read_image_folder : how a folder of images is interpreted

    >>> data = load_dataset("glyphs", n_train=60, n_test=10, progress=False)
    >>> len(data.train), len(data.validation), len(data.test), data.shape
    (55, 5, 10, (28, 28))
    """
    name = str(name_or_path)
    progress = progress and shows_progress()
    if name != "glyphs" and (n_train, n_test) != (None, None):
        raise InputError(
            f"n_train and n_test work with glyphs only, but the dataset is {name}; leave them out"
        )
    if missing not in get_args(Missing):
        raise InputError(f"missing is {missing!r:.60}; choose refuse, drop or mean")
    options = ReadOptions(label_column, tuple(drop), missing)
    if name in NAMES and options != USUAL:
        given = next(
            one.name for one in fields(options) if getattr(options, one.name) != one.default
        )
        raise InputError(
            f"{given} (--{given.replace('_', '-')}) works with your own data only, but the dataset "
            f"is {name}; leave it out"
        )
    if name in IDX_SETS:
        return load_idx_set(IDX_SETS[name], validation=validation, progress=progress)
    if name == "glyphs":
        return load_glyphs(
            seed=seed, validation=validation, n_train=n_train, n_test=n_test, progress=progress
        )
    if name == "tunes":
        return load_tunes(seed=seed, validation=validation)
    if not os.path.exists(os.path.expanduser(name)):
        raise InputError(_unknown(name))
    return load_own(name, options, seed=seed, validation=validation, progress=progress)


def _unknown(name: str) -> str:
    """Return the error message for something that is neither a name nor a path."""
    close = difflib.get_close_matches(name.lower().replace("_", "-"), NAMES, n=1)
    return (
        f"there is no dataset and no file called {name!r}"
        + (f"; did you mean {close[0]}?" if close else ".")
        + f" Give one of {', '.join(NAMES)}, or the path of your own data: {FORMS}."
    )


def default_dataset(
    *, seed: int = 0, validation: int | None = None, progress: bool = True
) -> tuple[Dataset, str]:
    """Return MNIST, or glyphs if MNIST is not available, and a sentence that says why.

    Parameters
    ----------
    seed, validation, progress : as for `load_dataset`

    Returns
    -------
    dataset : `mnist`, or `glyphs` drawn with `seed`
    reason : one sentence
    """
    try:
        mnist = load_dataset("mnist", validation=validation, progress=progress)
    except DataUnavailableError:
        why = "MNIST is not on this machine and could not be downloaded"
        if named := os.environ.get(places.VARIABLE):
            why += f" ({places.VARIABLE} is {named}, which has no folder mnist with its files)"
    except DataError as error:
        why = str(error)
    else:
        return mnist, "No --data was given, so npvae uses mnist."
    glyphs = load_dataset("glyphs", seed=seed, validation=validation, progress=progress)
    return glyphs, f"No --data was given, and npvae uses glyphs because {why}."


@dataclass(frozen=True)
class Entry:
    """The description of a dataset in the `catalogue`.

    Attributes
    ----------
    name : the name that `load_dataset` takes
    place : the folder or file it is read from, or "not on disk"
    examples : number of training, validation and test examples, in words
    shape : shape of one example; empty if any shape is possible
    how : how to get the dataset
    unit : what an example consists of
    """

    name: str
    place: str
    examples: str
    shape: tuple[int, ...]
    how: str
    unit: str = "pixels"


def catalogue() -> list[Entry]:
    """Return the available datasets, without loading or downloading anything.

    >>> [entry.name for entry in catalogue()]
    ['mnist', 'fashion-mnist', 'glyphs', 'tunes', 'your own']
    """
    size, shape = "55,000 training, 5,000 validation, 10,000 test", (SIDE, SIDE)
    entries = []
    for which in IDX_SETS.values():
        folders = places.data_folders(which.name)
        complete = (f for f in folders if all((f / name).is_file() for name in which.checksums))
        place = next((str(folder) for folder in complete), "not on disk")
        how = f"downloaded on first use, or read from {places.VARIABLE}/{which.name}"
        entries.append(Entry(which.name, place, size, shape, how))
    drawn = cache_file(0, (N_TRAIN, N_TEST))
    place = str(drawn) if drawn.is_file() else "not on disk"
    entries.append(Entry("glyphs", place, size, shape, "drawn on first use, without a network"))
    many = f"windows of {len(melodies())} melodies in {len(KEYS)} keys"
    entries.append(Entry("tunes", "in npvae itself", many, SHAPE, "needs no network", "notes"))
    how = f"give a path instead of a name: {FORMS}"
    entries.append(Entry("your own", "anywhere", "at least 10, of any size", (), how))
    return entries
