"""The examples that a command on a trained run works on: a part of the run's data, or new data."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from npvae.datasets import NAMES, load_dataset
from npvae.datasets.dataset import Dataset, Split, checksum
from npvae.datasets.missing import fill_in
from npvae.datasets.preprocessing import Pixels
from npvae.datasets.user_data import complete_rows, missing_in, numbered_labels, read_examples
from npvae.datasets.user_examples import Examples, ReadOptions, find_range
from npvae.errors import DataError, InputError
from npvae.evaluation.fine_print import counted
from npvae.parameters import Array
from npvae.runs.config import read_config
from npvae.runs.folder import RunFolder
from npvae.runs.model_file import SavedModel
from npvae.runs.provenance import PARTS
from npvae.storage.reading import printable, quote

MOST_NAMED = 5  # rows that are left out


@dataclass(frozen=True)
class Selection:
    """Some examples for a trained model, and how to speak of them.

    Attributes
    ----------
    split : the examples as they are stored, with labels as indices into `classes`, if there are
        any; `split.rows` are the numbers of their rows in the file, counted from 0
    words : what they are, for a protocol: "the test part", "new.csv"
    classes : the names of the labels: those of the run, followed by those that only the new data
        have; a conditional model knows only those of the run, so it never has others
    missing : (n,) how many values of each example were missing and have been filled in; None if
        the run fills in nothing
    means : (n_x,) the numbers that missing values were filled in with; None if there are none
    dataset : all parts of the data that the run was trained on, if the examples are one of them
    """

    split: Split
    words: str
    classes: tuple[str, ...] = ()
    missing: Array | None = None
    means: Array | None = None
    dataset: Dataset | None = None

    @property
    def is_own(self) -> bool:
        """Whether the examples are a part of the data that the run was trained on."""
        return self.dataset is not None


def select(
    folder: RunFolder,
    saved: SavedModel,
    data: str | None = None,
    part: str = "test",
    *,
    progress: bool = True,
) -> Selection:
    """Return the examples that a command on a run works on.

    Parameters
    ----------
    folder : the run
    saved : its model
    data : None for the run's own data. Otherwise a named dataset, or the path of a file or folder,
        with examples like those of the run. A file that holds the run's own data at a new place is
        recognised by its content; of any other file or folder all examples are selected, in order
    part : "train", "validation" or "test" of the run's own data or of a named dataset
    progress : as for `load_dataset`

    Raises
    ------
    InputError : the part does not exist, or the data have none
    DataError : the data are missing or damaged, or not like those of the run; the run's own data
        have changed since the training
    """
    if part not in PARTS:
        raise InputError(f"part is {part!r:.60}; choose one of {', '.join(PARTS)}")
    if data is None or data == folder.settings().data:
        return _own(folder.load_data(progress=progress), part)
    if data in NAMES:
        dataset = load_dataset(data, seed=folder.settings().seed, progress=progress)
        return _named(folder, saved, dataset, part)
    stored = read_config(folder / "config.json")["data"]
    if not os.path.exists(os.path.expanduser(data)):
        raise InputError(
            f"there is no dataset and no file called {data!r:.200}; give the path of data like "
            "those of the run, or leave --data out"
        )
    options = folder.read_options()
    examples = _read(folder, data, options, progress)
    if checksum(examples.x) == stored.get("crc32"):
        return _own(folder.load_data(data, progress=progress), part)
    if part != "test":
        raise InputError(
            f"--part {part} needs the data that the run was trained on, but {data} is another "
            "file; leave --part out to use all of its examples"
        )
    return _all_of(folder, saved, data, examples, options)


def _own(dataset: Dataset, part: str) -> Selection:
    split: Split = getattr(dataset, part)
    words, means = f"the {part} part", dataset.means
    return Selection(split, words, dataset.classes, split.missing, means, dataset)


def _named(folder: RunFolder, saved: SavedModel, dataset: Dataset, part: str) -> Selection:
    """Return a part of another dataset that has parts of its own."""
    split: Split = getattr(dataset, part)
    _require_alike(folder, saved, dataset.name, dataset.shape, dataset.kind)
    labels, classes = _numbered(folder, saved, dataset.name, split.labels, dataset.classes)
    split = replace(split, labels=labels)
    return Selection(split, f"the {part} part of {dataset.name}", classes)


def _all_of(
    folder: RunFolder, saved: SavedModel, data: str, examples: Examples, options: ReadOptions
) -> Selection:
    """Return all examples of a file or a folder, without those that the run would leave out."""
    _require_alike(folder, saved, data, examples.shape, examples.kind)
    rows, n = complete_rows(examples, options), len(examples.x)
    if len(rows) == 0:
        without = " without missing values" if n else ""
        raise DataError(f"{data} has no examples{without}; give at least one")
    if isinstance(saved.scaling, Pixels) and examples.kind == "real":
        low, high = find_range(examples.x, data, options=options)
        if low < 0 or high > 1:
            raise DataError(
                f"{data} has numbers from {low:g} to {high:g}, but the run in {folder.path} was "
                "trained on numbers in [0, 1]; scale the new data like the training data"
            )
    labels, names = numbered_labels(examples, rows, data)
    labels = None if labels is None else labels[rows]
    labels, classes = _numbered(folder, saved, data, labels, names)
    missing = missing_in(examples) if options.missing == "mean" else None
    split = Split(examples.x, rows, labels, missing=missing)
    words = printable(Path(data).name or data)
    if gone := n - len(rows):
        where = _places(np.setdiff1d(np.arange(n), rows))
        words += f", without {counted(gone, 'row')} with missing values ({where})"
    filled_in = missing is not None and missing.any()
    means = _means(folder, examples.x.shape[1]) if filled_in else None
    return Selection(split, words, classes, missing, means)


def _places(rows: Array) -> str:
    """Return the numbers of a few rows, or that of the first of many, in words.

    >>> _places(np.array([3, 8]))
    'rows 3, 8, counted from 0'
    """
    if len(rows) > MOST_NAMED:
        return f"the first is row {rows[0]}, counted from 0"
    return f"row{'s' * (len(rows) > 1)} {', '.join(map(str, rows))}, counted from 0"


def _read(folder: RunFolder, data: str, options: ReadOptions, progress: bool) -> Examples:
    """Return the examples of a file or a folder, read and completed as the data of the run were."""
    path = Path(os.path.expanduser(data))
    examples = read_examples(path, options, progress=progress)
    if examples.missing is not None and examples.missing.any() and options.missing == "mean":
        examples.x = fill_in(examples.x, _means(folder, examples.x.shape[1]), data)
    return examples


def _means(folder: RunFolder, n_x: int) -> Array:
    """Return the means of the training part, which missing values are filled in with, (n_x,)."""
    means = read_config(folder / "config.json")["data"].get("means")
    are_numbers = isinstance(means, list) and all(type(mean) is float for mean in means)
    if means is None or not are_numbers or len(means) != n_x:
        raise DataError(
            f"{folder / 'config.json'} does not hold the means of the training part; restore the "
            "file"
        )
    return np.array(means)


def _require_alike(
    folder: RunFolder, saved: SavedModel, data: str, shape: Sequence[int], kind: str
) -> None:
    """Refuse examples of another shape or kind than those of the run."""
    was = str(read_config(folder / "config.json")["data"].get("kind"))
    now, before = _form(shape, kind), _form(saved.shape, was)
    if now != before:
        raise DataError(
            f"{data} has examples of {now}, but the run in {folder.path} was trained on {before}; "
            "give data of the same form"
        )


def _form(shape: Sequence[int], kind: str) -> str:
    """Return the form of an example in words."""
    size = " x ".join(map(str, shape))
    if kind in ("pixels", "notes"):
        return f"{size} {kind}"
    return f"{size} {'real numbers' if len(shape) > 1 else 'columns of real numbers'}"


def _numbered(
    folder: RunFolder,
    saved: SavedModel,
    data: str,
    labels: Array | None,
    names: Sequence[str],
) -> tuple[Array | None, tuple[str, ...]]:
    """Return labels as indices into the classes of the run and those that are new, and both.

    Raises
    ------
    DataError : the model is conditional, and does not know a label
    """
    known = tuple(folder.classes())
    if labels is None:
        return None, known
    classes = (*known, *(name for name in names if name not in known))
    if saved.model.n_y and len(classes) > len(known):
        raise DataError(
            f"{data} has the label {quote(repr(classes[len(known)]))}, but the conditional model "
            f"in {folder.path} knows only {quote(', '.join(known))}; leave these examples out"
        )
    return np.array([classes.index(name) for name in names], np.int64)[labels], classes
