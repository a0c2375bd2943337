"""The run folder: where the files of a run are, and whether they belong together."""

import math
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from npvae.datasets import NAMES
from npvae.datasets.dataset import Dataset
from npvae.datasets.one_hot import fit_together
from npvae.datasets.user_examples import USUAL, ReadOptions, TrainedOn
from npvae.devices import CPU, Device
from npvae.errors import DataError, InputError
from npvae.runs.building import build_schedules
from npvae.runs.checkpoints import Checkpoint, read_checkpoint, save_checkpoint
from npvae.runs.config import CHANGEABLE, read_config, write_config
from npvae.runs.history import History, history_columns
from npvae.runs.metrics import read_metrics
from npvae.runs.model_file import Model, SavedModel, load_model, model_checksum, save_model
from npvae.runs.pretrained import is_pretrained, unpack
from npvae.runs.provenance import PARTS, load_same_data
from npvae.runs.settings import Settings
from npvae.storage.arrays import write_arrays
from npvae.storage.atomic import atomic_write, is_part, remove_parts
from npvae.storage.json_files import as_categories, as_names, write_json
from npvae.storage.lock import locked
from npvae.storage.reading import quote, reading
from npvae.training import Trainer

LOCK = ".lock"
KEPT = re.compile(r"epoch-(\d{4,})\.npz")
EPOCHS = "epochs"  # the folder in a run that holds the models of earlier epochs
EXPLORER = "explorer.html"  # the page of npvae explore; the report links to it


class RunFolder:
    """The files of one run: config, checkpoint, model, history, metrics, split and pictures."""

    def __init__(self, path: Path) -> None:
        self.path, self._history = path, History(path / "history.csv")
        self._locked: os.stat_result | None = None
        self._config: dict[str, Any] = {}  # as it was last written here

    @cached_property
    def run_id(self) -> str:
        """The identity of this run, which its checkpoint and model carry; "" from an old npvae."""
        return str(read_config(self / "config.json").get("run", ""))

    def _require_this_run(self, path: Path, run_id: str) -> None:
        """Raise `DataError` for a file that another run has written."""
        if self.run_id and run_id != self.run_id:
            raise DataError(
                f"{path} belongs to another run than {self / 'config.json'}; restore the original "
                "file, or train again in another folder"
            )

    @classmethod
    def create(cls, out: str | Path | None, name: str) -> "RunFolder":
        """Make a new folder: `out`, or the next free `runs/name-001`.

        Raises
        ------
        InputError : if `out` is not empty, or the folder cannot be made
        """
        try:
            return cls(_make_folder(out, name))
        except OSError as error:
            given = f"--out {out}" if out is not None else f"a folder under {Path.cwd() / 'runs'}/"
            raise InputError(
                f"{given} cannot be created ({error.strerror}); choose another folder with --out"
            ) from error

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Return the folder of an earlier run; `path` is the folder or a file in it.

        The name of a pretrained model, such as "pretrained:gated", gives a copy of its folder.
        """
        path = unpack(path) if is_pretrained(path) else Path(path)
        if path.is_file() and (path.parent / "config.json").is_file():
            path = path.parent
        if not (path / "config.json").is_file():
            raise InputError(
                f"{path} is not a run folder, because it has no config.json; give the folder that "
                "npvae train wrote, such as runs/mnist-001"
            )
        return cls(path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other npvae from writing into this folder while the block runs.

        Raises
        ------
        InputError : if another process has locked it
        """
        with locked(self / LOCK, str(self.path)):
            remove_parts(self.path)
            if (self / EPOCHS).is_dir():
                remove_parts(self / EPOCHS)
            self._locked = self.path.stat()
            if (self / "config.json").exists():
                self._config = read_config(self / "config.json")
            yield

    def write_config(self, settings: Settings, dataset: Dataset, n_parameters: int) -> None:
        """Write config.json and, for your own data, the rows of each part as split.npz."""
        self.run_id = write_config(self / "config.json", settings, dataset, n_parameters)
        self._config = read_config(self / "config.json")
        if settings.data not in NAMES:
            rows = {name: getattr(dataset, name).rows for name in PARTS}
            with atomic_write(self / "split.npz") as file:
                write_arrays(file, rows)

    def write_settings(self, settings: Settings) -> None:
        """Replace the settings in config.json, for example with more epochs."""
        path = self / "config.json"
        self._config = read_config(path) | {"settings": settings.as_json()}
        write_json(path, self._config)

    def settings(self) -> Settings:
        """Return the settings in config.json."""
        try:
            return Settings.from_json(read_config(self / "config.json")["settings"])
        except InputError as error:
            raise DataError(
                f"{self / 'config.json'} holds settings that do not work: {quote(error)}. "
                "Restore the file"
            ) from error

    def columns(self) -> list[str]:
        """Return the names of a table's columns."""
        return self._names("columns")

    def categories(self) -> dict[str, tuple[str, ...]]:
        """Return the texts of each text column of a table, by its name."""
        found = as_categories(read_config(self / "config.json")["data"].get("categories"))
        if not fit_together(self.columns(), found):
            raise DataError(
                f"{self / 'config.json'} lists texts of columns that it does not have; restore the "
                "file"
            )
        return found

    def classes(self) -> list[str]:
        """Return the names of the labels."""
        return self._names("classes")

    def _names(self, what: str) -> list[str]:
        return as_names(read_config(self / "config.json")["data"].get(what))

    def names(self) -> list[str]:
        """Return the names of the files, except the lock and unfinished files."""
        files = self.path.iterdir()
        return sorted(file.name for file in files if file.name != LOCK and not is_part(file))

    def save(self, trainer: Trainer, dataset: Dataset, settings: Settings) -> None:
        """Write checkpoint.npz, then history.csv and model.npz.

        Raises
        ------
        InputError : if the folder has been moved, deleted or replaced since it was locked
        WriteError : if a file cannot be written
        """
        self.require_same()
        path = self / "checkpoint.npz"
        save_checkpoint(path, trainer, dataset.shape, settings.as_json(), run_id=self.run_id)
        self._history.write(trainer.records)
        with trainer.best_parameters():
            self._save_model(self / "model.npz", trainer, dataset)

    def _save_model(self, path: Path, trainer: Trainer, dataset: Dataset) -> None:
        """Write the model of a trainer as it is now."""
        save_model(
            path,
            trainer.model,
            trainer.scaling,
            dataset.shape,
            columns=dataset.columns,
            categories=dataset.categories,
            run_id=self.run_id,
        )

    def keep_epoch(self, trainer: Trainer, dataset: Dataset) -> None:
        """Write the model as it is after the epoch that has just ended.

        Call it before `save`: a process that is killed between the two trains the epoch, and writes
        its model, again.

        Raises
        ------
        InputError : if the folder has been moved, deleted or replaced since it was locked
        WriteError : if the file cannot be written
        """
        self.require_same()
        path = self / EPOCHS / f"epoch-{trainer.records[-1].epoch:04d}.npz"
        self._save_model(path, trainer, dataset)

    def kept_epochs(self) -> dict[int, Path]:
        """Return the files of `keep_epoch` by epoch, in the order of the training."""
        files = (self / EPOCHS).glob("*.npz")
        found = {int(match[1]): path for path in files if (match := KEPT.fullmatch(path.name))}
        return dict(sorted(found.items()))

    def load_epoch(self, epoch: int, device: Device | str = CPU) -> SavedModel:
        """Return the model that `keep_epoch` wrote after this epoch.

        Raises
        ------
        DataError : if the file is missing, damaged or from another run
        """
        path = self.kept_epochs()[epoch]
        saved = load_model(path, device=device)
        self._require_this_run(path, saved.run_id)
        return saved

    def require_same(self) -> None:
        """Check, before something is written, that this is still the locked folder of this run.

        If only its config.json was deleted, it is written again.

        Raises
        ------
        InputError : if the folder has been moved, deleted or replaced since it was locked
        """
        config = self / "config.json"
        same = self.path.exists()
        if same and self._locked is not None:
            same = os.path.samestat(self.path.stat(), self._locked)
            if same and self._config and not config.exists():
                write_json(config, self._config)
        same = same and config.exists()
        if not (same and read_config(config).get("run", "") == self.run_id):
            raise InputError(
                f"{self.path} is no longer the folder of this run: it was moved, deleted or "
                "replaced during the training. Everything that was saved before is in the moved "
                "folder; continue with npvae train --resume and its new path"
            )

    def read_checkpoint(self, settings: Settings) -> Checkpoint | None:
        """Return the last checkpoint; None if none has been written yet.

        Raises
        ------
        DataError : if it is damaged, has been removed, belongs to another run, or was written with
            other settings (apart from those in `CHANGEABLE`)
        """
        path = self / "checkpoint.npz"
        if path.exists():
            checkpoint = read_checkpoint(path)
            self._require_this_run(path, checkpoint.header.get("run", ""))
            self._require_same_settings(checkpoint, settings)
            return checkpoint
        left = [name for name in ("model.npz", "history.csv") if (self / name).exists()]
        if left:  # a checkpoint is always written before these
            raise DataError(
                f"{self.path} has a {left[0]} but no checkpoint.npz, so the training cannot be "
                "resumed; restore checkpoint.npz, or train again in another folder"
            )
        return None

    def _require_same_settings(self, checkpoint: Checkpoint, settings: Settings) -> None:
        """Refuse changed settings, except those in `CHANGEABLE`; a checksum identifies the data."""
        before = Settings.from_json(checkpoint.settings).as_json()
        now = settings.as_json()
        for name in (name for name in now if name not in CHANGEABLE):
            if before.get(name) != now[name]:
                raise DataError(
                    f"{self / 'checkpoint.npz'} was written with {name} "
                    f"{quote(repr(before.get(name)))}, but {self / 'config.json'} has "
                    f"{quote(repr(now[name]))}; undo the change, or start a new run"
                )

    def load_model(self, device: Device | str = CPU, **how: Any) -> SavedModel:
        """Return the model in the checkpoint or, if that is missing, the one in model.npz.

        The two are the same, unless a process was killed between writing them.

        Parameters
        ----------
        device, how : as for `model_file.load_model`

        Raises
        ------
        DataError : if there is no model, or one of the two is damaged or from another run
        """
        saved = None
        for path in (self / "model.npz", self / "checkpoint.npz"):
            if path.exists():
                saved = load_model(path, device=device, **how)
                self._require_this_run(path, saved.run_id)
                if list(saved.shape) != read_config(self / "config.json")["data"].get("shape"):
                    raise DataError(
                        f"{path} belongs to another run: its examples have the shape "
                        f"{saved.shape}, but those of {self / 'config.json'} have another one; "
                        "restore the original file"
                    )
        if saved is None:
            raise DataError(
                f"{self.path} has no model yet; train it first: {resume_command(self.path)}"
            )
        return replace(saved, columns=tuple(self.columns()), categories=self.categories())

    def metrics_of(self, model: Model) -> dict[str, Any]:
        """Return the metrics of exactly this model; an empty dictionary if they are of another."""
        found = read_metrics(self / "metrics.json")
        return found if found.get("model_crc32") == model_checksum(model) else {}

    def history(self) -> dict[str, list[float]]:
        """Return the columns of history.csv by name; an empty dictionary before the first epoch.

        Raises
        ------
        DataError : if it is damaged, or belongs to another training than the checkpoint
        """
        path, checkpoint = self / "history.csv", self / "checkpoint.npz"
        if not path.exists():
            return {}
        columns = history_columns(path)
        if checkpoint.exists():
            stored = read_checkpoint(checkpoint)
            self._require_this_run(checkpoint, stored.header.get("run", ""))
            # a process that was killed between the two files leaves fewer epochs in the history
            done = len(columns["epoch"])
            if columns["train_loss"] != [one.train_loss for one in stored.records[:done]]:
                raise DataError(
                    f"{path} belongs to another training than {checkpoint}; delete it, and then "
                    f"restore it from the checkpoint: {resume_command(self.path)}"
                )
        return columns

    def has_ended(self) -> bool:
        """Return whether the training has ended, at its last epoch or by early stopping."""
        done, asked = self.epochs()
        stopping = build_schedules(self.settings())["early_stopping"]
        if done == asked or stopping is None:
            return done == asked
        tested = self.metrics_of(self.load_model().model).get("epochs")
        return stopping.is_over(self._bounds()) and tested == done

    def best_epoch(self) -> int | None:
        """Return the epoch (from 1) whose model is kept; None without early stopping."""
        stopping, bounds = build_schedules(self.settings())["early_stopping"], self._bounds()
        return None if stopping is None else stopping.best(bounds) or None

    def _bounds(self) -> list[float]:
        """Return the validation bound after each epoch."""
        return self.history().get("validation_bound", [])

    def epochs(self) -> tuple[int, int]:
        """Return the number of epochs done, and the number asked for."""
        return len(self.history().get("epoch", [])), self.settings().epochs

    def load_data(self, place: str | None = None, *, progress: bool = True) -> Dataset:
        """Load the data of the run; data that have changed since are an error.

        Parameters
        ----------
        place : where your own data are now, if you have moved them
        progress : as for `load_dataset`
        """
        settings = self.settings()
        options = USUAL if settings.data in NAMES else self.read_options()
        return load_same_data(self.path, settings, place, options, progress=progress)

    def read_options(self) -> ReadOptions:
        """Return how more data for the model are read: as those of the run were."""
        path, settings = self / "config.json", self.settings()
        stored = read_config(path)["data"]
        with reading(path, "a run's config", "restore it, or train again"):
            size, kind = math.prod(stored["shape"]), stored["kind"]
        known = TrainedOn(size, kind, tuple(self.columns()), self.categories())
        return ReadOptions(settings.label_column, settings.drop, settings.missing, known)


def resume_command(path: Path) -> str:
    """Return the shell command that continues the run in a folder."""
    return f"npvae train --resume {shell_path(path)}"


def shell_path(path: Path) -> str:
    """Return a path as a shell takes it, quoted where necessary."""
    text = str(path)
    return shlex.quote(text if text[:1] != "-" else f"./{text}")


def _make_folder(out: str | Path | None, name: str) -> Path:
    """Make `out`, which must be new or empty, or the next free `runs/name-001`."""
    if out is not None:
        path = Path(out)
        if path.is_file():
            raise InputError(f"--out {path} is a file, but a folder is needed; choose another name")
        if not str(out) or (path.exists() and RunFolder(path).names()):
            or_resume = f", or continue the run in it: {resume_command(path)}"
            raise InputError(
                f"--out {path} already exists and is not empty; choose another folder"
                + (or_resume if (path / "config.json").exists() else "")
            )
        path.mkdir(parents=True, exist_ok=True)
        return path
    slug = re.sub(r"[^A-Za-z0-9]+", "-", Path(name).stem or name).strip("-").lower() or "data"
    Path("runs").mkdir(exist_ok=True)
    for number in count(1):
        path = Path("runs") / f"{slug}-{number:03d}"
        with suppress(FileExistsError):
            path.mkdir()
            break
    return path
