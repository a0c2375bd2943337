"""config.json: the settings of a run and a description of its data."""

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
# when a run is resumed
CHANGEABLE = ("epochs", "patience", "data", "keep_epochs", "workers", "device")


def write_config(path: Path, settings: Settings, dataset: Dataset, n_parameters: int) -> str:
    """Write the settings and a description of the data; return the identity of the run."""
    data = {
        "source": dataset.source,
        "kind": dataset.kind,
        "shape": list(dataset.shape),
        "columns": list(dataset.columns),
        "categories": {name: list(texts) for name, texts in dataset.categories.items()},
        "means": [] if dataset.means is None else dataset.means.tolist(),
        "classes": list(dataset.classes),
        "train": len(dataset.train),
        "validation": len(dataset.validation),
        "test": len(dataset.test),
        "remark": dataset.remark,
        "crc32": checksum(dataset.train.x),
        "labels_crc32": _labels_checksum(dataset, "train"),
        "held_out_labels_crc32": _labels_checksum(dataset, "validation", "test"),
    }
    run_id = _identity(settings, data)
    write_json(
        path,
        {
            "format": FORMAT,
            "run": run_id,
            "settings": settings.as_json(),
            "data": data,
            "parameters": n_parameters,
            "versions": versions(find_device(settings.device).about),
        },
    )
    return run_id


def _identity(settings: Settings, data: dict[str, Any]) -> str:
    """Return the identity of a run: a digest of its data and of the settings that never change.

    The checkpoint and the model carry it, too, so that files of another run are noticed. Two runs
    of the same data and settings have the same identity.
    """
    stays = {k: v for k, v in settings.as_json().items() if k not in CHANGEABLE}
    if settings.lr_schedule == "cosine":  # another end is another learning rate from the start
        stays["epochs"] = settings.epochs
    where = {"source", "remark"}
    content = [stays, {k: v for k, v in data.items() if k not in where}]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def what_differs(dataset: Dataset, stored: dict[str, Any], *, labels: bool) -> str:
    """Return what has changed in the data since a config was written, or "".

    Parameters
    ----------
    stored : the description of the data in the config
    labels : whether changed labels count. A different number of labels does not count here, because
        the model refuses it with a more helpful message

    Returns
    -------
    "numbers", "labels" or ""
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
    """Return the CRC-32 of the labels of some parts and of all label names; None without labels."""
    crc = 0
    for part in parts:
        labels = getattr(dataset, part).labels
        if labels is None:
            return None
        crc = zlib.crc32(labels.astype(np.int64).tobytes(), crc)
    return f"{zlib.crc32(json.dumps(dataset.classes).encode(), crc):08x}"


def read_config(path: Path) -> dict[str, Any]:
    """Return the content of a config.json.

    `settings` and `data` are dictionaries; their content is not checked here.

    Raises
    ------
    DataError : if the file is damaged, or has another format
    """
    what, advice = "a run's config", "restore it, or train again"
    with reading(path, what, advice):
        config = read_json(path)
        if type(config["format"]) is not int or config["format"] != FORMAT:
            raise DataError(
                f"{path} has format {quote(repr(config['format']))}, but this npvae reads format "
                f"{FORMAT}; use the npvae version that wrote the file"
            )
        for part in ("settings", "data"):
            if not isinstance(config[part], dict):
                raise ValueError(f"its {part} are not a JSON object")
        return config
