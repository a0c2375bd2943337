"""The folder of a run, which keeps everything that it made."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from npvae.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from npvae.datasets import NAMES
from npvae.datasets.archive import read_arrays
from npvae.datasets.dataset import Dataset, checksum
from npvae.datasets.reading import quote, reading
from npvae.errors import DataError, InputError
from npvae.files import PART, remove_parts, write_whole
from npvae.history import write_history
from npvae.lock import locked
from npvae.model_file import SavedModel, load_model, save_model
from npvae.settings import Settings, load_data
from npvae.versions import versions

FORMAT = 1  # of config.json
LARGEST_CONFIG = 1 << 24  # bytes; JSON takes some ten times as much memory
LOCK = ".lock"


class RunFolder:
    """The files of one run: config, checkpoint, model, history, metrics, split and pictures."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, out: str | Path | None, name: str) -> "RunFolder":
        """Make a new folder: `out`, or the next free `runs/name-001`.

        Raises
        ------
        InputError : if `out` already holds anything, or the folder cannot be made
        """
        try:
            return cls(_make_folder(out, name))
        except OSError as error:
            given = f"--out {out}" if out is not None else "a folder under runs/ here"
            raise InputError(
                f"{given} cannot be made ({error.strerror}); choose another place with --out"
            ) from error

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Return the folder of an earlier run."""
        path = Path(path)
        if not (path / "config.json").is_file():
            raise InputError(f"{path} is no run: it has no config.json; give a folder under runs/")
        return cls(path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from training in this folder while the block runs.

        Raises
        ------
        InputError : if another trains in it
        """
        with locked(self / LOCK, str(self.path)):
            remove_parts(self.path)
            yield

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write a JSON file with every number that is not one (NaN) as null."""
        with write_whole(self / name, "w", encoding="utf-8") as file:
            json.dump(finite(content), file, indent=2, allow_nan=False)
            file.write("\n")

    def write_config(self, settings: Settings, dataset: Dataset, n_parameters: int) -> None:
        """Write what is needed to run it again; of own data each part's rows as well."""
        self.write_json(
            "config.json",
            {
                "format": FORMAT,
                "settings": settings.as_json(),
                "data": {
                    "source": dataset.source,
                    "kind": dataset.kind,
                    "shape": list(dataset.shape),
                    "columns": list(dataset.columns),
                    "train": len(dataset.train),
                    "validation": len(dataset.validation),
                    "test": len(dataset.test),
                    "remark": dataset.remark,
                    "crc32": checksum(dataset.train.x),
                },
                "parameters": n_parameters,
                "versions": versions(),
            },
        )
        if settings.data not in NAMES:
            with write_whole(self / "split.npz") as file:
                np.savez(
                    file,
                    train=dataset.train.rows,
                    validation=dataset.validation.rows,
                    test=dataset.test.rows,
                )

    def write_settings(self, settings: Settings) -> None:
        """Write other settings into the config, such as more epochs; the rest stays."""
        self.write_json("config.json", self._config() | {"settings": settings.as_json()})

    def settings(self) -> Settings:
        """Read the settings back."""
        try:
            return Settings.from_json(self._config("settings"))
        except InputError as error:
            raise DataError(f"{self / 'config.json'}: {quote(error)}; restore it") from error

    def columns(self) -> list[str]:
        """Read the names of a table's columns back."""
        columns = self._config("data").get("columns")
        return [str(name) for name in columns] if isinstance(columns, list) else []

    def names(self) -> list[str]:
        """Return the names of the files, but of the lock and of what is being written."""
        names = (file.name for file in self.path.iterdir())
        return sorted(name for name in names if name != LOCK and not name.endswith(PART))

    def _config(self, part: str | None = None) -> dict[str, Any]:
        path, what = self / "config.json", "a run's config"
        with reading(path, what, "restore it, or train again"):
            if path.stat().st_size > LARGEST_CONFIG:
                raise DataError(f"{path} is too large for {what}; restore it, or train again")
            config = dict(json.loads(path.read_text(encoding="utf-8")))
            if config["format"] != FORMAT:
                raise DataError(
                    f"{path} has format {config['format']!r:.20}; this npvae reads format "
                    f"{FORMAT}: use the npvae that wrote it"
                )
            return config if part is None else dict(config[part])

    def save(self, checkpoint: Checkpoint) -> None:
        """Bring checkpoint.npz, then history.csv and model.npz, up to date."""
        model, scaling, shape = checkpoint.model, checkpoint.scaling, checkpoint.shape
        save_checkpoint(
            self / "checkpoint.npz",
            model,
            scaling,
            shape,
            checkpoint.optimizer,
            checkpoint.progress,
            checkpoint.settings,
        )
        write_history(self / "history.csv", checkpoint.progress.records)
        save_model(self / "model.npz", model, scaling, shape)

    def load_checkpoint(self, settings: Settings) -> Checkpoint | None:
        """Read the last checkpoint back; None if the run was stopped before its first.

        Raises
        ------
        DataError : if it is damaged, missing where there was one, or of other settings (the number
            of epochs aside)
        """
        path = self / "checkpoint.npz"
        if path.exists():
            checkpoint = load_checkpoint(path)
            if checkpoint.settings | {"epochs": 0} != settings.as_json() | {"epochs": 0}:
                raise DataError(
                    f"{path} was written under other settings than {self / 'config.json'} has now; "
                    "undo the change, or begin another run with these settings"
                )
            return checkpoint
        if (self / "model.npz").exists():  # which is never written before a checkpoint
            raise DataError(
                f"{self.path} holds a model but no checkpoint.npz any more, so its training cannot "
                "go on; restore the file, or train anew into another folder"
            )
        return None

    def load_model(self) -> SavedModel:
        """Read the trained model back."""
        return load_model(self / "model.npz")

    def load_data(self) -> Dataset:
        """Load the data of the run again, and refuse data that have changed since."""
        settings = self.settings()
        if settings.data not in NAMES and not Path(settings.data).exists():
            raise DataError(
                f"this run was trained on {settings.data}, which is no longer there; bring it back"
            )
        try:
            dataset = load_data(settings)
        except InputError as error:
            raise DataError(f"{self / 'config.json'}: {quote(error)}; restore it") from error
        changed = f"{dataset.source} has changed since this run was trained"
        advice = "restore it, or train again"
        if self._config("data").get("crc32") != checksum(dataset.train.x):
            raise DataError(f"{changed}: it holds other numbers; {advice}")
        path, trained = self / "split.npz", (self / "checkpoint.npz").exists()
        if settings.data not in NAMES and (path.exists() or trained):
            stored = read_arrays(path, packed=False)
            for name in ("train", "validation", "test"):
                rows = getattr(dataset, name).rows
                found = stored.get(name, rows[:0])
                if found.dtype.kind != "i" or not np.array_equal(found, rows):
                    raise DataError(
                        f"{changed}, or {path}: its {name} part has other rows; {advice}"
                    )
        return dataset


def finite(content: Any) -> Any:
    """Return JSON content with None in place of each NaN and infinity, which JSON does not have."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not isfinite(content) else content


def _make_folder(out: str | Path | None, name: str) -> Path:
    """Make `out`, if it is not there or empty, or the next free `runs/name-001`."""
    if out is not None:
        path = Path(out)
        if not str(out) or path.is_file() or (path.exists() and RunFolder(path).names()):
            raise InputError(f"--out {path} already exists and is not empty; choose another")
        path.mkdir(parents=True, exist_ok=True)
        return path
    slug = re.sub(r"[^A-Za-z0-9]+", "-", Path(name).stem or name).strip("-").lower() or "data"
    for number in count(1):
        path = Path("runs") / f"{slug}-{number:03d}"
        with suppress(FileExistsError):
            path.mkdir(parents=True)
            break
    return path
