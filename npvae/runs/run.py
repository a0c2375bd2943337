"""An open run: its folder, settings, data and trainer. `begin` makes a new one."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, fields, replace
from errno import ENOSPC
from pathlib import Path
from typing import Any

import numpy as np

from npvae.datasets import default_dataset
from npvae.datasets.dataset import Dataset
from npvae.devices import find_device
from npvae.errors import InputError, WriteError
from npvae.parallel import Communicator
from npvae.parallel.processes import Processes
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
from npvae.runs.recipes import find_recipe, recipe_flags, settings_with_recipe
from npvae.runs.settings import Settings, flag, flag_name
from npvae.runs.start import start_from, with_settings_of
from npvae.storage.reading import quote
from npvae.training import Trainer

SETTINGS = [field.name for field in fields(Settings)]


@dataclass(frozen=True)
class Run:
    """A training together with its folder.

    Attributes
    ----------
    folder, settings, dataset, trainer : the parts of the run
    remarks : what the user should know about how the run was begun or resumed
    """

    folder: RunFolder
    settings: Settings
    dataset: Dataset
    trainer: Trainer
    remarks: tuple[str, ...] = ()

    def save(self) -> None:
        """Write checkpoint.npz, history.csv and model.npz; call it between two updates only."""
        self.folder.save(self.trainer, self.dataset, self.settings)

    def keep_epoch(self) -> None:
        """Keep the model of the epoch that has just ended, if the settings ask for it."""
        every = self.settings.keep_epochs
        if every is not None and self.trainer.records[-1].epoch % every == 0:
            self.folder.keep_epoch(self.trainer, self.dataset)

    @property
    def goes_on(self) -> bool:
        """Whether the training has another update to make."""
        return self.trainer.goes_on(self.settings.epochs)


@contextmanager
def begin(
    given: Mapping[str, Any],
    out: str | Path | None = None,
    *,
    progress: bool = True,
    machines: Communicator | None = None,
) -> Iterator[Run]:
    """Begin a run in a new folder, which stays locked for other processes while the block runs.

    Parameters
    ----------
    given : settings by name; all others come from `given["recipe"]` or from the defaults
    out : the folder; None for the next free one under runs/
    progress : as for `load_dataset`
    machines : the processes that `mpiexec` has started; by default the workers of the settings are
        started on this machine

    Raises
    ------
    InputError : if a setting does not fit the data or another setting, or the folder is not empty
    DataError : if the data cannot be read
    """
    given = _with_machines(given, machines)
    if "recipe" in given:
        given = settings_with_recipe(given)
    recipe = given.get("recipe")
    if "start" in given:
        with _naming_the_recipe(recipe):
            given = with_settings_of(given["start"], given)
    # refuse a missing device now, not after the data have been read
    find_device(given.get("device", Settings.device))
    remarks = []
    if "data" in given:
        settings = Settings(**given)
        with _naming_the_recipe(recipe):
            dataset = load_data(settings, progress=progress)
    else:
        asked = {key: given[key] for key in ("seed", "validation") if key in given}
        dataset, reason = default_dataset(**asked, progress=progress)
        settings = Settings(**given, data=dataset.name)
        remarks.append(reason)
    with _naming_the_recipe(recipe):
        settings = resolve(settings, dataset)
    with _processes(settings, machines) as comm:
        trainer = _new_trainer(settings, dataset, comm, start=settings.start)
        folder = RunFolder.create(out, dataset.name)
        with folder.locked():
            if folder.names():
                raise InputError(
                    f"another npvae has just begun a run in {folder.path}; choose another --out"
                )
            with adding_resume_advice(folder):
                folder.write_config(settings, dataset, trainer.model.params.size)
            yield Run(folder, settings, dataset, trainer, tuple(remarks))


@contextmanager
def resume(
    path: str | Path,
    given: Mapping[str, Any],
    *,
    progress: bool = True,
    machines: Communicator | None = None,
) -> Iterator[Run]:
    """Open a run at its last checkpoint, or at its start if there is none yet.

    Parameters
    ----------
    path : the folder of the run
    given : the settings to change by name; only those in `CHANGEABLE` are allowed
    progress, machines : as for `begin`

    Raises
    ------
    InputError : if a setting cannot be changed, or not to this value
    DataError : if the data have changed, or a file is damaged, missing or from another run
    """
    if odd := [name for name in given if name not in CHANGEABLE]:
        flags = ", ".join(map(flag_name, odd))
        raise InputError(
            f"{flags} cannot be changed when a run is resumed; leave it out, or start a new run "
            "without --resume"
        )
    given = _with_machines(given, machines)
    folder = RunFolder.open(path)
    with folder.locked():
        before = folder.settings()
        before = replace(before, workers=before.workers or 1)  # an older npvae had no workers
        checkpoint = folder.read_checkpoint(before)
        dataset = folder.load_data(given.get("data"), progress=progress)
        asked = replace(before, **given)
        _require_same_patience(folder, before, asked)
        settings = before if asked == before else resolve(asked, dataset)
        with _processes(settings, machines) as comm:
            start = settings.start if checkpoint is None else None
            trainer = _new_trainer(settings, dataset, comm, start=start)
            remarks: tuple[str, ...] = ()
            if checkpoint is not None:
                checkpoint.restore(trainer)
                _require_later_end(folder, before, settings, trainer)
                remarks = tuple(_changed(checkpoint, trainer, before, settings))
            with adding_resume_advice(folder):
                if checkpoint is None:
                    folder.write_config(settings, dataset, trainer.model.params.size)
                elif settings != before:
                    folder.write_settings(settings)
            yield Run(folder, settings, dataset, trainer, remarks)


def _with_machines(given: Mapping[str, Any], machines: Communicator | None) -> dict[str, Any]:
    """Return the given settings with the number of processes that `mpiexec` has started."""
    if machines is None:
        return dict(given)
    if (asked := given.get("workers", machines.size)) != machines.size:
        raise InputError(
            f"--workers is {asked}, but mpiexec has started {machines.size} processes; leave "
            "--workers out"
        )
    return {**given, "workers": machines.size}


def _processes(
    settings: Settings, machines: Communicator | None
) -> AbstractContextManager[Communicator]:
    """Return a context manager that connects the processes which share the training."""
    return Processes(settings.workers or 1) if machines is None else nullcontext(machines)


def _new_trainer(
    settings: Settings, dataset: Dataset, comm: Communicator, *, start: str | None
) -> Trainer:
    """Return a new trainer; one generator draws the initial weights and everything after them.

    `start` is the run whose weights replace the initial ones, if any.
    """
    rng = np.random.default_rng(settings.seed)
    model = build_model(settings, dataset, rng)
    if start is not None:
        start_from(start, model, dataset)
    return trainer_for(
        model,
        dataset,
        scaling=build_scaling(settings, dataset),
        optimizer=build_optimizer(settings),
        batch_size=settings.batch_size,
        rng=rng,
        comm=comm,
        **build_schedules(settings),
    )


def _require_same_patience(folder: RunFolder, before: Settings, asked: Settings) -> None:
    if (asked.patience is None) != (before.patience is None):
        was = "with" if before.patience else "without"
        raise InputError(
            f"{flag('patience', asked.patience)} cannot be used here, because the run in "
            f"{folder.path} was begun {was} early stopping; start a new run instead"
        )


def _require_later_end(
    folder: RunFolder, before: Settings, settings: Settings, trainer: Trainer
) -> None:
    """Refuse fewer epochs than are done, and more epochs where none of them would be trained."""
    done = trainer.epoch - 1 + (trainer.step_in_epoch > 0)
    epochs = settings.epochs
    if epochs < done:
        raise InputError(
            f"--epochs is {epochs}, but {folder.path} is already at {trainer.place}; choose at "
            f"least {done}"
        )
    if settings.lr_schedule == "cosine" and epochs != before.epochs and done:
        raise InputError(
            f"--epochs {epochs} cannot be used here, because the cosine schedule of {folder.path} "
            f"ends at epoch {before.epochs}; start a new run for another length"
        )
    if epochs > before.epochs and trainer.epoch <= epochs and not trainer.goes_on(epochs):
        raise InputError(
            f"--epochs {epochs} changes nothing, because {folder.path} has stopped early, after "
            f"{trainer.epoch - 1} epochs (--patience {settings.patience}); give a larger "
            "--patience as well"
        )


def _changed(
    checkpoint: Checkpoint, trainer: Trainer, before: Settings, settings: Settings
) -> Iterator[str]:
    """Yield a sentence for each version, or number of processes, that differs from before."""
    if settings.workers != before.workers:
        yield (
            f"The number of processes was {before.workers} and is now {settings.workers}, so "
            "results may differ in the last digits."
        )
    for name, version in versions(trainer.model.params.device.about).items():
        was = checkpoint.versions.get(name, Settings.device if name == "device" else None)
        if was != version:
            yield (
                f"{name} was {quote(was)} and is now {version}, so results may differ in the "
                "last digits."
            )


@contextmanager
def _naming_the_recipe(recipe: str | None) -> Iterator[None]:
    """Add to an error which flags the recipe has set, because the user did not give them."""
    try:
        yield
    except InputError as error:
        if recipe is None:
            raise
        flags = recipe_flags(find_recipe(recipe)) or "no flags"
        raise InputError(f"{error} (--recipe {recipe} sets {flags})") from error


@contextmanager
def adding_resume_advice(folder: RunFolder) -> Iterator[None]:
    """Add to the error of a failed write how to continue."""
    try:
        yield
    except WriteError as error:
        advice = "run the same command again"
        if (folder / "config.json").exists():
            advice = f"run: {resume_command(folder.path)}"
        full = isinstance(error.__cause__, OSError) and error.__cause__.errno == ENOSPC
        fix = "Make room on the disk" if full else "Fix the cause"
        raise WriteError(
            f"{error}; everything that was saved before is intact. {fix}, then {advice}"
        ) from error
