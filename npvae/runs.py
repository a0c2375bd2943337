"""The folder of a run, which keeps everything that it made."""

import csv
import json
import platform
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, fields, replace
from itertools import count
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

import npvae
from npvae.checkpoints import SavedModel, load_model
from npvae.datasets import NAMES
from npvae.datasets.dataset import Dataset, checksum
from npvae.datasets.reading import reading
from npvae.errors import DataError, InputError
from npvae.files import write_whole
from npvae.settings import Settings, load_data
from npvae.training import EpochRecord


class RunFolder:
    """config.json, history.csv, metrics.json, model.npz, split.npz and the pictures of one run."""

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

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write a JSON file with every number that is not one (NaN) as null."""
        with write_whole(self / name, "w", encoding="utf-8") as file:
            json.dump(finite(content), file, indent=2, allow_nan=False)
            file.write("\n")

    def write_config(self, settings: Settings, dataset: Dataset, n_parameters: int) -> None:
        """Write what is needed to run it again; of own data the checksum and each part's rows."""
        own = settings.data not in NAMES
        if own:  # so that the run can be evaluated from any folder
            settings = replace(settings, data=str(Path(settings.data).expanduser().resolve()))
        self.write_json(
            "config.json",
            {
                "settings": asdict(settings),
                "data": {
                    "name": dataset.name,
                    "source": dataset.source,
                    "kind": dataset.kind,
                    "shape": list(dataset.shape),
                    "columns": list(dataset.columns),
                    "train": len(dataset.train),
                    "validation": len(dataset.validation),
                    "test": len(dataset.test),
                    "remark": dataset.remark,
                    "crc32": checksum(dataset.train.x) if own else None,
                },
                "parameters": n_parameters,
                "versions": versions(),
            },
        )
        if own:
            with write_whole(self / "split.npz") as file:
                np.savez(
                    file,
                    train=dataset.train.rows,
                    validation=dataset.validation.rows,
                    test=dataset.test.rows,
                )

    def settings(self) -> Settings:
        """Read the settings back."""
        stored = self._config("settings")
        try:
            stored["hidden"] = tuple(stored["hidden"])
            return Settings(**{field.name: stored[field.name] for field in fields(Settings)})
        except (KeyError, TypeError) as error:
            raise DataError(f"{self.path} has a config.json without {error}") from error

    def columns(self) -> list[str]:
        """Read the names of a table's columns back."""
        return list(self._config("data").get("columns", []))

    def names(self) -> list[str]:
        """Return the names of the files."""
        return sorted(file.name for file in self.path.iterdir())

    def _config(self, part: str) -> dict[str, Any]:
        path = self / "config.json"
        try:
            return dict(json.loads(path.read_text(encoding="utf-8"))[part])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} cannot be read as a run's config: {error}") from error

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
        dataset = load_data(settings)
        changed = f"{dataset.source} has changed since this run was trained"
        advice = "restore the file, or train again"
        if (self / "split.npz").exists():
            if self._config("data").get("crc32") != checksum(dataset.train.x):
                raise DataError(f"{changed}: it holds other numbers; {advice}")
            with (
                reading(self / "split.npz", "a run's split", "train again, or restore the file"),
                open(self / "split.npz", "rb") as opened,
                np.load(opened, allow_pickle=False) as stored,
            ):
                parts = {name: stored[name] for name in ("train", "validation", "test")}
            for name, rows in parts.items():
                if not np.array_equal(rows, getattr(dataset, name).rows):
                    raise DataError(f"{changed}: its {name} part has other rows; {advice}")
        return dataset

    def write_history(self, records: Sequence[EpochRecord]) -> None:
        """Write history.csv, a line an epoch, in nats an example."""
        with write_whole(self / "history.csv", "w", newline="", encoding="utf-8") as file:
            rows = [history_row(record) for record in records]
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


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
        if not str(out) or path.is_file() or (path.exists() and any(path.iterdir())):
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


def history_row(record: EpochRecord) -> dict[str, Any]:
    """Flatten a record: held-out figures get their prefix, each latent's KL its own column."""
    row = {key: value for key, value in vars(record).items() if key != "held_out"}
    seconds = row.pop("seconds")
    if record.held_out is not None:
        measured = dict(vars(record.held_out))
        kl_per_latent = measured.pop("kl_per_latent")
        row |= {f"validation_{key}": value for key, value in measured.items() if key != "n"}
        row |= {f"validation_kl_{i}": value for i, value in enumerate(kl_per_latent, start=1)}
    return row | {"seconds": round(seconds, 3)}


def history_columns(path: str | Path) -> dict[str, list[float]]:
    """Read the columns of a history.csv by name."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def versions() -> dict[str, str]:
    """Return what a run depends on, by name."""
    return {
        "npvae": npvae.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def peak_memory_mb() -> float | None:
    """Return the most memory this process has held, in MB; None where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, whose ru_maxrss starts from the parent's
        peaks = re.findall(r"^VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8"), re.MULTILINE)
        if peaks:
            return round(int(peaks[0]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)
