"""Load the data of a run again, and check that they are the data it was trained on."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from npvae.datasets import NAMES
from npvae.datasets.dataset import Dataset
from npvae.datasets.notebook import shows_progress
from npvae.datasets.user_data import load_own
from npvae.datasets.user_examples import USUAL, ReadOptions
from npvae.errors import DataError, DataUnavailableError, InputError
from npvae.runs.building import load_data
from npvae.runs.config import read_config, what_differs
from npvae.runs.settings import Settings
from npvae.storage.arrays import read_arrays
from npvae.storage.reading import printable, quote

PARTS = ("train", "validation", "test")


def load_same_data(
    folder: Path,
    settings: Settings,
    place: str | None,
    options: ReadOptions = USUAL,
    *,
    progress: bool = True,
) -> Dataset:
    """Return the data of the run in a folder; labels and dropped columns may have been removed.

    Parameters
    ----------
    folder : the run folder
    settings : the settings of the run
    place : where your own data are now, if you have moved them
    options : how your own data are read, and what the model was trained on
    progress : as for `load_dataset`

    Raises
    ------
    DataError : if the data are missing, damaged, or have changed since the training
    """
    if place is not None:
        settings = replace(settings, data=place)
    if settings.data not in NAMES and not os.path.exists(os.path.expanduser(settings.data)):
        raise DataError(
            f"the data of this run, {quote(settings.data)}, no longer exist; put them back, or "
            "give their new path with --data"
        )
    try:
        dataset = _load(settings, options, progress)
    except InputError as error:
        if place is not None:
            raise
        raise DataError(
            f"{folder / 'config.json'} holds settings that do not work: {quote(error)}. "
            "Restore the file"
        ) from error
    except DataUnavailableError:
        raise
    except DataError as error:
        if place is not None:
            raise
        raise DataError(
            f"{error} (the path of the data is from {folder / 'config.json'})"
        ) from error
    stored = read_config(folder / "config.json")["data"]
    if settings.data not in NAMES:  # the remarks on columns that were left out are made only once
        dataset = replace(dataset, remark=printable(str(stored.get("remark", ""))))
    changed = f"{quote(settings.data)} is not the data that this run was trained on"
    advice = "pass the original data with --data"
    if other := what_differs(dataset, stored, labels=settings.conditional):
        raise DataError(f"{changed}: the {other} differ; {advice}")
    path, trained = folder / "split.npz", (folder / "checkpoint.npz").exists()
    if settings.data not in NAMES and (path.exists() or trained):
        if not path.exists():
            raise DataError(f"{path} is missing; restore it from a copy, or train again")
        kept = read_arrays(path, packed=False)
        for name in PARTS:
            rows = getattr(dataset, name).rows
            found = kept.get(name, rows[:0])
            if found.dtype.kind != "i" or not np.array_equal(found, rows):
                raise DataError(
                    f"{changed}, or {path} has been changed: the rows of the {name} part differ; "
                    f"{advice}, or restore {path}"
                )
    return dataset


def _load(settings: Settings, options: ReadOptions, progress: bool) -> Dataset:
    """Return a named dataset or your own data, as they were split for the training."""
    if settings.data in NAMES:
        return load_data(settings, progress=progress)
    return load_own(
        settings.data,
        options,
        seed=settings.seed,
        validation=settings.validation,
        progress=progress and shows_progress(),
    )
