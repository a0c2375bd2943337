"""A run at hand: its folder, its settings, its data and its trainer; begun, or taken up again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from errno import ENOSPC
from pathlib import Path
from typing import Any

import numpy as np

from npvae.datasets import default_dataset
from npvae.datasets.dataset import Dataset
from npvae.devices import find_device
from npvae.errors import InputError, WriteError
from npvae.runs.building import (
    build_model,
    build_optimizer,
    build_scaling,
    build_schedules,
    load_data,
    resolve,
)
from npvae.runs.checkpoints import Checkpoint
from npvae.runs.config import CHANGEABLE
from npvae.runs.environment import versions
from npvae.runs.fit import trainer_for
from npvae.runs.folder import RunFolder, resume_command
from npvae.runs.recipes import find_recipe, recipe_flags
from npvae.runs.settings import Settings, flag, flag_name
from npvae.storage.reading import quote
from npvae.training import Trainer

SETTINGS = [field.name for field in fields(Settings)]


@dataclass(frozen=True)
class Run:
    """A training with its folder.

    Attributes
    ----------
    folder, settings, dataset, trainer : the run's own
    remarks : what the user should know about how it was begun or resumed
    """

    folder: RunFolder
    settings: Settings
    dataset: Dataset
    trainer: Trainer
    remarks: tuple[str, ...] = ()

    def save(self) -> None:
        """Bring the files of the run up to date; at any time between two updates."""
        self.folder.save(self.trainer, self.dataset.shape, self.settings)

    @property
    def goes_on(self) -> bool:
        """Whether there is another update to make."""
        return self.trainer.goes_on(self.settings.epochs)


@contextmanager
def begin(
    given: Mapping[str, Any], out: str | Path | None = None, *, progress: bool = True
) -> Iterator[Run]:
    """Begin a run in a new folder, and keep every other process out of it while the block runs.

    Parameters
    ----------
    given : settings by name; the others have their defaults, or those of `given["recipe"]`
    out : the folder; None for the next free one under runs/
    progress : as for `load_dataset`

    Raises
    ------
    InputError : if a setting does not fit the data or another one, or the folder is not empty
    DataError : if the data cannot be read
    """
    given = dict(given)
    if "recipe" in given:
        given = {**find_recipe(given["recipe"]).settings, **given}
    # a device that is not there is refused at once, not after the data are read
    find_device(given.get("device", Settings.device))
    remarks = []
    if "data" in given:
        settings = Settings(**given)
        with _naming_the_recipe(settings):
            dataset = load_data(settings, progress=progress)
    else:  # MNIST, else glyphs, saying which and why
        asked = {key: given[key] for key in ("seed", "validation") if key in given}
        dataset, reason = default_dataset(**asked, progress=progress)
        settings = Settings(**given, data=dataset.name)
        remarks.append(reason)
    with _naming_the_recipe(settings):
        settings = resolve(settings, dataset)
    trainer = _new_trainer(settings, dataset)
    folder = RunFolder.create(out, dataset.name)
    with folder.locked():
        if folder.names():
            raise InputError(f"another npvae has just put a run into {folder.path}; choose another")
        with saying_how_to_go_on(folder):
            folder.write_config(settings, dataset, trainer.model.params.size)
        yield Run(folder, settings, dataset, trainer, tuple(remarks))


@contextmanager
def resume(path: str | Path, given: Mapping[str, Any], *, progress: bool = True) -> Iterator[Run]:
    """Take a run up where its last checkpoint stands, or at its beginning if there is none.

    Parameters
    ----------
    path : its folder
    given : settings by name, among those that may change
    progress : as for `load_dataset`

    Raises
    ------
    InputError : if a setting may not change, or not in this way
    DataError : if the data have changed, or a file is damaged, missing or of another run
    """
    if odd := [name for name in given if name not in CHANGEABLE]:
        flags = ", ".join(map(flag_name, odd))
        raise InputError(
            f"{flags}: a run is resumed with the settings that it was begun with; leave that out, "
            "or begin another run without --resume"
        )
    folder = RunFolder.open(path)
    with folder.locked():
        before = folder.settings()
        checkpoint = folder.read_checkpoint(before)
        dataset = folder.load_data(given.get("data"), progress=progress)
        asked = replace(before, **given)
        _require_same_patience(folder, before, asked)
        settings = before if asked == before else resolve(asked, dataset)
        trainer = _new_trainer(settings, dataset)
        remarks: tuple[str, ...] = ()
        if checkpoint is not None:
            checkpoint.restore(trainer)
            _require_later_end(folder, before, settings, trainer)
            remarks = tuple(_what_differs(checkpoint, trainer))
        with saying_how_to_go_on(folder):
            if checkpoint is None:
                folder.write_config(settings, dataset, trainer.model.params.size)
            elif settings != before:
                folder.write_settings(settings)
        yield Run(folder, settings, dataset, trainer, remarks)


def _new_trainer(settings: Settings, dataset: Dataset) -> Trainer:
    """Return a training that has not begun; initial weights and later draws have one generator."""
    rng = np.random.default_rng(settings.seed)
    return trainer_for(
        build_model(settings, dataset, rng),
        dataset,
        scaling=build_scaling(settings, dataset),
        optimizer=build_optimizer(settings),
        batch_size=settings.batch_size,
        rng=rng,
        **build_schedules(settings),
    )


def _require_same_patience(folder: RunFolder, before: Settings, asked: Settings) -> None:
    if (asked.patience is None) != (before.patience is None):
        kept = "keeps its best epoch" if before.patience else "has kept no best epoch so far"
        raise InputError(
            f"{flag('patience', asked.patience)}: the run in {folder.path} {kept}; with or without "
            "early stopping begin another run"
        )


def _require_later_end(
    folder: RunFolder, before: Settings, settings: Settings, trainer: Trainer
) -> None:
    """Refuse an end that has passed, and more epochs for what would stop at once again."""
    done = trainer.epoch - 1 + (trainer.step_in_epoch > 0)
    epochs = settings.epochs
    if epochs < done:
        raise InputError(
            f"--epochs {epochs}: {folder.path} is at {trainer.place}; give {done} or more"
        )
    if settings.lr_schedule == "cosine" and epochs != before.epochs and done:
        raise InputError(
            f"--epochs {epochs}: the learning rate of {folder.path} falls to zero at its last "
            f"epoch, {before.epochs}; begin another run for a longer cosine"
        )
    if epochs > before.epochs and trainer.epoch <= epochs and not trainer.goes_on(epochs):
        raise InputError(
            f"--epochs {epochs}: {folder.path} has stopped early, after {trainer.epoch - 1} "
            f"epochs, by --patience {settings.patience}; give a larger --patience as well"
        )


def _what_differs(checkpoint: Checkpoint, trainer: Trainer) -> Iterator[str]:
    """Yield what of the machine or the software is not as it was for the checkpoint."""
    for name, version in versions(trainer.model.params.device.about).items():
        before = checkpoint.versions.get(name, Settings.device if name == "device" else None)
        if before != version:
            yield f"{name}: was {quote(before)}, is {version}; the bits may differ"


@contextmanager
def _naming_the_recipe(settings: Settings) -> Iterator[None]:
    """Say, with whatever is refused, which flags were not given but came with the recipe."""
    try:
        yield
    except InputError as error:
        if settings.recipe is None:
            raise
        flags = recipe_flags(find_recipe(settings.recipe)) or "no flag"
        raise InputError(f"{error} (the recipe {settings.recipe} sets {flags})") from error


@contextmanager
def saying_how_to_go_on(folder: RunFolder) -> Iterator[None]:
    """Say, with whatever could not be written, how to go on."""
    try:
        yield
    except WriteError as error:
        advice = "give the same command again"
        if (folder / "config.json").exists():
            advice = f"go on with: {resume_command(folder.path)}"
        full = isinstance(error.__cause__, OSError) and error.__cause__.errno == ENOSPC
        mend = "Make room" if full else "Mend that"
        raise WriteError(
            f"{error}; what was saved before is complete. {mend}, then {advice}"
        ) from error
