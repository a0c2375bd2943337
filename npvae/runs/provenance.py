"""The data of a run, loaded again and proven to be those that it was trained on."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from npvae.datasets import NAMES
from npvae.datasets.dataset import Dataset
from npvae.errors import DataError, InputError
from npvae.runs.building import load_data
from npvae.runs.config import read_config, what_differs
from npvae.runs.settings import Settings
from npvae.storage.arrays import read_arrays
from npvae.storage.reading import quote

PARTS = ("train", "validation", "test")


def load_same_data(
    folder: Path, settings: Settings, place: str | None, *, progress: bool = True
) -> Dataset:
    """Return the data of the run in a folder.

    Parameters
    ----------
    settings : of the run
    place : where one's own data are now, if they are no longer where they were
    progress : as for `load_dataset`

    Raises
    ------
    DataError : if they are not there, damaged, or have changed since
    """
    if place is not None:
        settings = replace(settings, data=place)
    if settings.data not in NAMES and not os.path.exists(os.path.expanduser(settings.data)):
        raise DataError(
            f"the data of this run, {quote(settings.data)}, are not there; bring them back, or "
            "say with --data where they are now"
        )
    try:
        dataset = load_data(settings, progress=progress)
    except InputError as error:
        if place is not None:
            raise
        raise DataError(f"{folder / 'config.json'}: {quote(error)}; restore it") from error
    except DataError as error:
        if place is not None:
            raise
        raise DataError(
            f"{error} (these are the data that {folder / 'config.json'} names)"
        ) from error
    stored = read_config(folder / "config.json")["data"]
    changed = f"{dataset.source} has changed since this run was trained"
    advice = f"restore it, or {folder / 'config.json'}"
    if other := what_differs(dataset, stored, labels=settings.conditional):
        raise DataError(f"{changed}: it holds other {other}; {advice}")
    path, trained = folder / "split.npz", (folder / "checkpoint.npz").exists()
    if settings.data not in NAMES and (path.exists() or trained):
        if not path.exists():
            raise DataError(f"{path} is missing; restore it")
        kept = read_arrays(path, packed=False)
        for name in PARTS:
            rows = getattr(dataset, name).rows
            found = kept.get(name, rows[:0])
            if found.dtype.kind != "i" or not np.array_equal(found, rows):
                raise DataError(f"{changed}, or {path}: its {name} part has other rows; {advice}")
    return dataset
