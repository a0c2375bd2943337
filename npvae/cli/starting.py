"""A training at its start: a new run, or one that was stopped and goes on."""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from errno import ENOSPC

import numpy as np

from npvae.cli.watching import say
from npvae.datasets import NAMES, default_dataset
from npvae.datasets.dataset import Dataset
from npvae.devices import find_device
from npvae.errors import InputError, WriteError
from npvae.progress import Progress
from npvae.runs.building import (
    build_model,
    build_optimizer,
    build_scaling,
    build_schedules,
    condition_size,
    model_kind,
)
from npvae.runs.checkpoints import Checkpoint
from npvae.runs.environment import versions
from npvae.runs.folder import CHANGEABLE, RunFolder, resume_command
from npvae.runs.model_file import Model
from npvae.runs.recipes import find_recipe, recipe_flags
from npvae.runs.resolving import load_data, resolve
from npvae.runs.settings import Settings
from npvae.runs.summary import model_words, training_words, unseen_labels
from npvae.schedules import bounds_of
from npvae.storage.reading import quote

SETTINGS = [field.name for field in fields(Settings)]


@dataclass(frozen=True)
class Training:
    """A run that is at hand: its folder, what was asked for, the data, and where it stands."""

    folder: RunFolder
    settings: Settings
    dataset: Dataset
    state: Checkpoint


@contextmanager
def advising(folder: RunFolder) -> Iterator[None]:
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
            f"{error}; what was saved before is whole. {mend}, then {advice}"
        ) from error


def begin_new(options: argparse.Namespace, stack: ExitStack) -> Training:
    """Begin a run in a new folder."""
    # a device that is not there is refused at once, not after the data are read
    find_device(getattr(options, "device", Settings.device))
    given = {key: value for key, value in vars(options).items() if key in SETTINGS}
    if "recipe" in given:
        given = {**find_recipe(given["recipe"]).settings, **given}
    if "data" in given:
        settings = Settings(**given)
        with _naming_the_recipe(settings):
            dataset = load_data(settings)
    else:  # MNIST, else glyphs, saying which and why
        asked = {key: given[key] for key in ("seed", "validation") if key in given}
        dataset, reason = default_dataset(**asked)
        settings = Settings(**given, data=dataset.name)
        say(reason)
    with _naming_the_recipe(settings):
        settings = resolve(settings, dataset)
    state = new_state(settings, dataset)
    _describe(dataset, settings, state.model)
    folder = RunFolder.create(getattr(options, "out", None), dataset.name)
    stack.enter_context(folder.locked())
    if folder.names():
        raise InputError(f"another npvae has just put a run into {folder.path}; choose another")
    with advising(folder):
        folder.write_config(settings, dataset, state.model.params.size)
    return Training(folder, settings, dataset, state)


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


def new_state(settings: Settings, dataset: Dataset) -> Checkpoint:
    """A training that has not begun, in the form of one that goes on.

    The initial weights and all that is drawn later come from one generator.
    """
    rng = np.random.default_rng(settings.seed)
    model = build_model(settings, dataset, rng)
    return Checkpoint(
        model,
        build_scaling(settings, dataset),
        dataset.shape,
        build_optimizer(settings),
        Progress(rng),
        settings.as_json(),
        versions(model.params.device.about),
    )


def resume(options: argparse.Namespace, stack: ExitStack) -> Training:
    """Take a run up where its last checkpoint stands, or at its beginning if there is none."""
    odd = [name for name in (*SETTINGS, "out") if name in options and name not in CHANGEABLE]
    if odd:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in odd)
        raise InputError(
            f"--resume goes on as the run was begun, so {flags} cannot be given; leave that out, "
            "or begin another run without --resume"
        )
    folder = RunFolder.open(options.resume)
    stack.enter_context(folder.locked())
    settings = folder.settings()
    device = getattr(options, "device", settings.device)
    state = folder.load_checkpoint(replace(settings, device=device))
    epochs = getattr(options, "epochs", settings.epochs)
    done = 0 if state is None else state.progress.epoch - 1 + (state.progress.step > 0)
    if state is not None and epochs < done:
        place = state.progress.place
        raise InputError(f"--epochs {epochs}: {folder.path} is {place}; give {done} or more")
    if settings.lr_schedule == "cosine" and epochs != settings.epochs and done:
        raise InputError(
            f"--epochs {epochs}: the learning rate of {folder.path} falls to zero at its last "
            f"epoch, {settings.epochs}; begin another run for a longer cosine"
        )
    dataset = folder.load_data(getattr(options, "data", None))
    patience = getattr(options, "patience", settings.patience)
    if (patience is None) != (settings.patience is None):
        raise InputError(
            f"--patience {patience}: the run in {folder.path} {_kept(settings)}; with or without "
            "early stopping begin another run"
        )
    data = getattr(options, "data", settings.data)
    asked = replace(settings, epochs=epochs, patience=patience, data=data, device=device)
    if state is not None and epochs > settings.epochs:
        _require_going_on(folder, asked, state)
    if asked != settings:
        settings = resolve(asked, dataset)
        with advising(folder):
            folder.write_settings(settings)
    if state is None:
        state = new_state(resolve(settings, dataset), dataset)
        with advising(folder):
            folder.write_config(settings, dataset, state.model.params.size)
    _require_fitting(folder, state, settings, dataset)
    _describe(dataset, settings, state.model)
    say(f"resume {folder.path} {state.progress.place}, of {epochs} epochs")
    for name, version in versions(state.model.params.device.about).items():
        before = state.versions.get(name, Settings.device if name == "device" else None)
        if before != version:
            say(f"       {name}: was {quote(before)}, is {version}; the bits may differ")
    stopping = build_schedules(settings)["early_stopping"]
    if stopping is not None and stopping.is_over(bounds_of(state.progress.records)):
        say(f"       it is complete: it has stopped early, by --patience {settings.patience}")
        say("       for more give a larger --patience, and --epochs N")
    elif state.progress.epoch > epochs:
        say("       it is complete; for more give --epochs N")
    return Training(folder, settings, dataset, replace(state, settings=settings.as_json()))


def _kept(settings: Settings) -> str:
    return "keeps its best epoch" if settings.patience else "has kept no best epoch so far"


def _require_going_on(folder: RunFolder, asked: Settings, state: Checkpoint) -> None:
    """Refuse more epochs for a training that has stopped early, and would stop at once again."""
    stopping = build_schedules(asked)["early_stopping"]
    if stopping is not None and stopping.is_over(bounds_of(state.progress.records)):
        raise InputError(
            f"--epochs {asked.epochs}: {folder.path} has stopped early, after "
            f"{state.progress.epoch - 1} epochs, by --patience {asked.patience}; give a larger "
            "--patience as well"
        )


def _require_fitting(
    folder: RunFolder, state: Checkpoint, settings: Settings, dataset: Dataset
) -> None:
    """Refuse a checkpoint of another run, whose model takes other examples."""
    n_y = condition_size(settings, dataset)
    takes = type(state.model), state.model.n_x, state.model.n_y, state.shape, type(state.scaling)
    scaling = type(build_scaling(settings, dataset))
    given = model_kind(settings)[0], dataset.n_x, n_y, dataset.shape, scaling
    if takes != given:
        raise InputError(
            f"{folder / 'checkpoint.npz'} is of another run: its model does not take these data; "
            "restore the file"
        )


def _describe(dataset: Dataset, settings: Settings, model: Model) -> None:
    """What data, which model, how many parameters."""
    shape = "x".join(map(str, dataset.shape))
    parts = f"{len(dataset.train)} to train, {len(dataset.validation)} to validate"
    name = dataset.source if settings.data not in NAMES else f"{dataset.name} ({dataset.source})"
    say(f"data   {name}: {shape}, {parts}, {len(dataset.test)} to test")
    if dataset.remark:
        say(f"       {dataset.remark}")
    if settings.conditional and (unseen := unseen_labels(dataset)):
        say(f"       no training example has the label {', '.join(unseen):.200}: not learned")
    if settings.recipe:
        say(f"recipe {settings.recipe}")
    say(f"model  {model_words(dataset, settings, model)}")
    say(f"train  {training_words(settings)}")
    if settings.device != Settings.device:
        say(f"device {model.params.device.about}")
