"""config.json: what was asked of a run, and of what data."""

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from npvae.datasets.dataset import Dataset, checksum
from npvae.devices import find_device
from npvae.errors import DataError
from npvae.runs.environment import versions
from npvae.runs.settings import Settings
from npvae.storage.json_files import read_json, write_json
from npvae.storage.reading import quote, reading

FORMAT = 1
CHANGEABLE = ("epochs", "patience", "data", "device")  # settings, when a run is resumed


def write_config(path: Path, settings: Settings, dataset: Dataset, n_parameters: int) -> str:
    """Write what is needed to run it again, and to know the data again; return its identity."""
    data = {
        "source": dataset.source,
        "kind": dataset.kind,
        "shape": list(dataset.shape),
        "columns": list(dataset.columns),
        "classes": list(dataset.classes),
        "train": len(dataset.train),
        "validation": len(dataset.validation),
        "test": len(dataset.test),
        "remark": dataset.remark,
        "crc32": checksum(dataset.train.x),
        "labels_crc32": _labels_checksum(dataset, "train"),
        "held_out_labels_crc32": _labels_checksum(dataset, "validation", "test"),
    }
    run = _identity(settings, data)
    write_json(
        path,
        {
            "format": FORMAT,
            "run": run,
            "settings": settings.as_json(),
            "data": data,
            "parameters": n_parameters,
            "versions": versions(find_device(settings.device).about),
        },
    )
    return run


def _identity(settings: Settings, data: dict[str, Any]) -> str:
    """Return what makes a run this one: a digest of its data, and of the settings that stay.

    The checkpoint and the model carry it as well, so that those of another run are noticed. Equal
    runs have the same one.
    """
    stays = {k: v for k, v in settings.as_json().items() if k not in CHANGEABLE}
    if settings.lr_schedule == "cosine":  # another end is another learning rate from the start
        stays["epochs"] = settings.epochs
    where = {"source", "remark"}
    content = [stays, {k: v for k, v in data.items() if k not in where}]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def what_differs(dataset: Dataset, stored: dict[str, Any], *, labels: bool) -> str:
    """Return what is other than when `data` of a config was written, or "".

    Parameters
    ----------
    labels : whether they count; who has another number of them, or none, is refused elsewhere, in
        words that say what the model takes
    """
    if stored.get("crc32") != checksum(dataset.train.x):
        return "numbers"
    classes = stored.get("classes")
    same_number = isinstance(classes, list) and len(dataset.classes) == len(classes)
    if labels and same_number:
        now = _labels_checksum(dataset, "validation", "test")
        held_out = stored.get("held_out_labels_crc32", now)  # which an older npvae did not write
        if stored.get("labels_crc32") != _labels_checksum(dataset, "train") or held_out != now:
            return "labels"
    return ""


def _labels_checksum(dataset: Dataset, *parts: str) -> str | None:
    """Return the CRC-32 of the labels of some parts and of all their names; None without."""
    crc = 0
    for part in parts:
        labels = getattr(dataset, part).labels
        if labels is None:
            return None
        crc = zlib.crc32(labels.astype(np.int64).tobytes(), crc)
    return f"{zlib.crc32(json.dumps(dataset.classes).encode(), crc):08x}"


def read_config(path: Path) -> dict[str, Any]:
    """Read it back; `settings` and `data` are dictionaries, and nothing is said of what they hold.

    Raises
    ------
    DataError : if it is damaged, or of another format
    """
    what, advice = "a run's config", "restore it, or train again"
    with reading(path, what, advice):
        config = read_json(path)
        if type(config["format"]) is not int or config["format"] != FORMAT:
            raise DataError(
                f"{path} has format {quote(repr(config['format']))}; this npvae reads format "
                f"{FORMAT}: use the npvae that wrote it"
            )
        for part in ("settings", "data"):
            if not isinstance(config[part], dict):
                raise ValueError(f"its {part} are not a JSON object")
        return config
