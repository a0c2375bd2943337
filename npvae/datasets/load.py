"""From a name or a path to a dataset."""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from npvae.datasets import places
from npvae.datasets.dataset import Dataset
from npvae.datasets.glyphs import N_TEST, N_TRAIN, SIDE, cache_file, load_glyphs
from npvae.datasets.mnist import FASHION_MNIST, MNIST, load_idx_set
from npvae.datasets.notebook import shows_progress
from npvae.datasets.user_data import FORMS, load_own
from npvae.errors import DataError, DataUnavailableError, InputError

IDX_SETS = {which.name: which for which in (MNIST, FASHION_MNIST)}
NAMES = (*IDX_SETS, "glyphs")


def load_dataset(
    name_or_path: str | Path,
    *,
    seed: int = 0,
    validation: int | None = None,
    label_column: str | int | None = None,
    n_train: int | None = None,
    n_test: int | None = None,
    progress: bool = True,
) -> Dataset:
    """Return a dataset by its name, or the user's own by its path; never another than was named.

    Parameters
    ----------
    name_or_path : "mnist", "fashion-mnist", "glyphs", or the path of an .npy, .npz or .csv file or
        of a folder of images. A name wins over a folder of that name: write ./mnist for the folder
    seed : which glyphs are drawn; how own data are split. MNIST's split is fixed
    validation : number of training examples to hold out. By default MNIST and its like hold out
        their last 5,000 training images, own data a tenth
    label_column : of a .csv file: name, or number counted from 0; "" for none
    n_train, n_test : of glyphs: how many images to draw, the held-out ones among the first
    progress : show a progress bar where it takes long, on a terminal or in a notebook

    Raises
    ------
    DataUnavailableError : MNIST is neither on disk nor to be had from its mirrors
    DataError : a file that cannot be read as what it claims to be
    InputError : neither a known name nor a path, or an argument that does not fit

    See Also
    --------
    npvae.datasets.user_table.read_table : what a .csv file means
    npvae.datasets.user_arrays.understand_array : what an array means
    npvae.datasets.user_images.read_image_folder : what a folder of images means

    >>> data = load_dataset("glyphs", n_train=60, n_test=10, progress=False)
    >>> len(data.train), len(data.validation), len(data.test), data.shape
    (55, 5, 10, (28, 28))
    """
    name = str(name_or_path)
    progress = progress and shows_progress()
    if name != "glyphs" and (n_train, n_test) != (None, None):
        raise InputError(f"n_train and n_test are for glyphs, not for {name}; leave them out")
    if name in NAMES and label_column is not None:
        raise InputError(
            f"label_column (--label-column) is for .csv files, not for {name}; leave it out"
        )
    if name in IDX_SETS:
        return load_idx_set(IDX_SETS[name], validation=validation, progress=progress)
    if name == "glyphs":
        return load_glyphs(
            seed=seed, validation=validation, n_train=n_train, n_test=n_test, progress=progress
        )
    if not os.path.exists(os.path.expanduser(name)):
        raise InputError(_unknown(name))
    return load_own(
        name, seed=seed, validation=validation, label_column=label_column, progress=progress
    )


def _unknown(name: str) -> str:
    """Return what to say of something that is neither a name nor a path."""
    close = difflib.get_close_matches(name.lower().replace("_", "-"), NAMES, n=1)
    return (
        f"there is no dataset and no file {name!r}"
        + (f"; did you mean {close[0]}?" if close else ".")
        + f" Expected {', '.join(NAMES)}, or the path of {FORMS}."
    )


def default_dataset(
    *, seed: int = 0, validation: int | None = None, progress: bool = True
) -> tuple[Dataset, str]:
    """Return MNIST where it can be had, else glyphs, and one line which says which and why.

    Parameters
    ----------
    seed, validation, progress : as for `load_dataset`

    Returns
    -------
    dataset : `mnist`, or `glyphs` drawn with `seed`
    reason : one line
    """
    try:
        mnist = load_dataset("mnist", validation=validation, progress=progress)
    except DataUnavailableError:
        why = "MNIST is not on this machine and could not be downloaded"
        if named := os.environ.get(places.VARIABLE):
            why += f" ({places.VARIABLE} is {named}, where there is no folder mnist with its files)"
    except DataError as error:
        why = str(error)
    else:
        return mnist, f"mnist, from {mnist.source}"
    glyphs = load_dataset("glyphs", seed=seed, validation=validation, progress=progress)
    return glyphs, f"glyphs, since {why}"


@dataclass(frozen=True)
class Entry:
    """What `catalogue` says of a dataset.

    Attributes
    ----------
    name : as `load_dataset` knows it
    place : the folder or file it would be read from, or "not on disk"
    examples : "55,000 + 5,000 + 10,000": training, validation, test
    shape : of one example
    how : how to get it
    """

    name: str
    place: str
    examples: str
    shape: tuple[int, ...]
    how: str


def catalogue() -> list[Entry]:
    """Return what there is to load, without loading or downloading anything.

    >>> [entry.name for entry in catalogue()]
    ['mnist', 'fashion-mnist', 'glyphs', 'your own']
    """
    size, shape = "55,000 + 5,000 + 10,000", (SIDE, SIDE)
    entries = []
    for which in IDX_SETS.values():
        folders = places.data_folders(which.name)
        complete = (f for f in folders if all((f / name).is_file() for name in which.checksums))
        place = next((str(folder) for folder in complete), "not on disk")
        how = f"downloaded when first used, or read from {places.VARIABLE}/{which.name}"
        entries.append(Entry(which.name, place, size, shape, how))
    drawn = cache_file(0, (N_TRAIN, N_TEST))
    place = str(drawn) if drawn.is_file() else "not on disk"
    entries.append(Entry("glyphs", place, size, shape, "drawn when first used, needs no network"))
    entries.append(Entry("your own", "anywhere", "any", (), f"the path of {FORMS}"))
    return entries
