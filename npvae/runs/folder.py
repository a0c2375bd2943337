"""The folder of a run, which keeps everything that it made."""

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from npvae.datasets import NAMES
from npvae.datasets.dataset import Dataset
from npvae.devices import CPU, Device
from npvae.errors import DataError, InputError
from npvae.runs.building import build_schedules
from npvae.runs.checkpoints import Checkpoint, read_checkpoint, save_checkpoint
from npvae.runs.config import CHANGEABLE, read_config, write_config
from npvae.runs.history import History, history_columns
from npvae.runs.metrics import read_metrics
from npvae.runs.model_file import Model, SavedModel, load_model, model_checksum, save_model
from npvae.runs.provenance import PARTS, load_same_data
from npvae.runs.settings import Settings
from npvae.storage.arrays import write_arrays
from npvae.storage.atomic import is_part, remove_parts, write_whole
from npvae.storage.json_files import write_json
from npvae.storage.lock import locked
from npvae.storage.reading import quote
from npvae.training import Trainer

LOCK = ".lock"


class RunFolder:
    """The files of one run: config, checkpoint, model, history, metrics, split and pictures."""

    def __init__(self, path: Path) -> None:
        self.path, self._history = path, History(path / "history.csv")
        self._locked: os.stat_result | None = None

    @cached_property
    def run(self) -> str:
        """The identity of this run, which its checkpoint and model carry; "" of an older npvae."""
        return str(read_config(self / "config.json").get("run", ""))

    def _require_this_run(self, path: Path, run: str) -> None:
        """Refuse a file that another run has written."""
        if self.run and run != self.run:
            raise DataError(
                f"{path} belongs to another run than {self / 'config.json'}: bring back the file "
                "that was there, or train again into another folder"
            )

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
        """Return the folder of an earlier run, given itself or by a file in it."""
        path = Path(path)
        if path.is_file() and (path.parent / "config.json").is_file():
            path = path.parent
        if not (path / "config.json").is_file():
            raise InputError(
                f"{path} is not a run folder: it has no config.json; give the folder of a run"
            )
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
            self._locked = self.path.stat()
            yield

    def write_config(self, settings: Settings, dataset: Dataset, n_parameters: int) -> None:
        """Write what is needed to run it again; of the user's own data each part's rows as well."""
        self.run = write_config(self / "config.json", settings, dataset, n_parameters)
        if settings.data not in NAMES:
            rows = {name: getattr(dataset, name).rows for name in PARTS}
            with write_whole(self / "split.npz") as file:
                write_arrays(file, rows)

    def write_settings(self, settings: Settings) -> None:
        """Write other settings into the config, such as more epochs; the rest stays."""
        path = self / "config.json"
        write_json(path, read_config(path) | {"settings": settings.as_json()})

    def settings(self) -> Settings:
        """Read the settings back."""
        try:
            return Settings.from_json(read_config(self / "config.json")["settings"])
        except InputError as error:
            raise DataError(f"{self / 'config.json'}: {quote(error)}; restore it") from error

    def columns(self) -> list[str]:
        """Read the names of a table's columns back."""
        return self._names("columns")

    def classes(self) -> list[str]:
        """Read the names of the labels back."""
        return self._names("classes")

    def _names(self, what: str) -> list[str]:
        stored = read_config(self / "config.json")["data"].get(what)
        names = map(str, stored if isinstance(stored, list) else [])
        return [name.encode(errors="replace").decode() for name in names]

    def names(self) -> list[str]:
        """Return the names of the files, but of the lock and of what is being written."""
        files = self.path.iterdir()
        return sorted(file.name for file in files if file.name != LOCK and not is_part(file))

    def save(self, trainer: Trainer, shape: tuple[int, ...], settings: Settings) -> None:
        """Bring checkpoint.npz, then history.csv and model.npz, up to date.

        Raises
        ------
        InputError : if the folder has been moved, deleted or replaced meanwhile
        WriteError : if a file cannot be written
        """
        self.require_same()
        path = self / "checkpoint.npz"
        save_checkpoint(path, trainer, shape, settings.as_json(), run=self.run)
        self._history.write(trainer.records)
        with trainer.best_parameters():
            save_model(self / "model.npz", trainer.model, trainer.scaling, shape, run=self.run)

    def require_same(self) -> None:
        """Refuse to write into what is no longer the folder that was locked, or of this run.

        Raises
        ------
        InputError : if the folder has been moved, deleted or replaced meanwhile
        """
        config = self / "config.json"
        same = config.exists() and read_config(config).get("run", "") == self.run
        if same and self._locked is not None:
            same = os.path.samestat(self.path.stat(), self._locked)
        if not same:
            raise InputError(
                f"{self.path} is no longer the folder of this run: it was moved, deleted or "
                "replaced while the training went on. What was saved until then is where the "
                "folder is now; go on there with npvae train --resume"
            )

    def read_checkpoint(self, settings: Settings) -> Checkpoint | None:
        """Read the last checkpoint back; None before the first.

        Raises
        ------
        DataError : if it is damaged, missing where there was one, of another run, or of other
            settings (but for those that may change)
        """
        path = self / "checkpoint.npz"
        if path.exists():
            checkpoint = read_checkpoint(path)
            self._require_this_run(path, checkpoint.header.get("run", ""))
            self._require_same_settings(checkpoint, settings)
            return checkpoint
        left = [name for name in ("model.npz", "history.csv") if (self / name).exists()]
        if left:  # which are never written before a checkpoint
            raise DataError(
                f"{self.path} holds {left[0]} but no checkpoint.npz any more, so its training "
                "cannot be resumed; restore the file, or train again into another folder"
            )
        return None

    def _require_same_settings(self, checkpoint: Checkpoint, settings: Settings) -> None:
        """Refuse others, but for those that may change; data that have moved have a checksum."""
        before = Settings.from_json(checkpoint.settings).as_json()
        now = settings.as_json()
        for name in (name for name in now if name not in CHANGEABLE):
            if before.get(name) != now[name]:
                raise DataError(
                    f"{self / 'checkpoint.npz'} was written with {name} "
                    f"{quote(repr(before.get(name)))}, and {self / 'config.json'} has "
                    f"{quote(repr(now[name]))}; undo the change, or begin another run"
                )

    def load_model(self, device: Device | str = CPU, **how: Any) -> SavedModel:
        """Read the model back: the one in the checkpoint or, if that is gone, model.npz.

        They are the same, but for a process that was killed between the two files.

        Parameters
        ----------
        device, how : as for `model_file.load_model`

        Raises
        ------
        DataError : if there is none, or one of the two is damaged, or of another run
        """
        saved = None
        for path in (self / "model.npz", self / "checkpoint.npz"):
            if path.exists():
                saved = load_model(path, device=device, **how)
                self._require_this_run(path, saved.run)
                if list(saved.shape) != read_config(self / "config.json")["data"].get("shape"):
                    raise DataError(
                        f"{path} is of another run: its examples have the shape {saved.shape}, "
                        f"and those of {self / 'config.json'} another"
                    )
        if saved is None:
            raise DataError(
                f"{self.path} holds no model yet; train it: {resume_command(self.path)}"
            )
        return saved

    def metrics_of(self, model: Model) -> dict[str, Any]:
        """Read what was measured of this very model; nothing, where that was another one."""
        found = read_metrics(self / "metrics.json")
        return found if found.get("model_crc32") == model_checksum(model) else {}

    def history(self) -> dict[str, list[float]]:
        """Read the columns of history.csv by name; nothing before the first epoch.

        Raises
        ------
        DataError : if it is damaged, or not of the training that the checkpoint is of
        """
        path, checkpoint = self / "history.csv", self / "checkpoint.npz"
        if not path.exists():
            return {}
        columns = history_columns(path)
        if checkpoint.exists():
            stored = read_checkpoint(checkpoint)
            self._require_this_run(checkpoint, stored.header.get("run", ""))
            done = len(columns["epoch"])  # fewer, where a process was killed between the two files
            if columns["train_loss"] != [one.train_loss for one in stored.records[:done]]:
                raise DataError(
                    f"{path} is of another training than {checkpoint}: delete it, and "
                    f"{resume_command(self.path)} writes it anew"
                )
        return columns

    def has_ended(self) -> bool:
        """Whether the training is over, at its last epoch or before, by early stopping."""
        done, asked = self.epochs()
        stopping = build_schedules(self.settings())["early_stopping"]
        if done == asked or stopping is None:
            return done == asked
        tested = self.metrics_of(self.load_model().model).get("epochs")
        return stopping.is_over(self._bounds()) and tested == done

    def best_epoch(self) -> int | None:
        """Return the epoch, from 1, whose model is kept; None without early stopping."""
        stopping, bounds = build_schedules(self.settings())["early_stopping"], self._bounds()
        return None if stopping is None else stopping.best(bounds) or None

    def _bounds(self) -> list[float]:
        """Return the bound on the validation part after each epoch."""
        return self.history().get("validation_bound", [])

    def epochs(self) -> tuple[int, int]:
        """Return how many epochs are done, and how many were asked for."""
        return len(self.history().get("epoch", [])), self.settings().epochs

    def load_data(self, place: str | None = None, *, progress: bool = True) -> Dataset:
        """Load the data of the run again, and refuse data that have changed since.

        Parameters
        ----------
        place : where one's own data are now, if they are no longer where they were
        progress : as for `load_dataset`
        """
        return load_same_data(self.path, self.settings(), place, progress=progress)


def resume_command(path: Path) -> str:
    """Return what to give to a shell to go on with the run in a folder."""
    text = str(path)
    return f"npvae train --resume {shlex.quote(text if text[:1] != '-' else f'./{text}')}"


def _make_folder(out: str | Path | None, name: str) -> Path:
    """Make `out`, if it is not there or empty, or the next free `runs/name-001`."""
    if out is not None:
        path = Path(out)
        if path.is_file():
            raise InputError(f"--out {path} is a file; choose another name")
        if not str(out) or (path.exists() and RunFolder(path).names()):
            or_go_on = f", or go on with it: {resume_command(path)}"
            raise InputError(
                f"--out {path} already exists and is not empty; choose another"
                + (or_go_on if (path / "config.json").exists() else "")
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
