"""A training at its start: a new run, or one that was stopped and goes on."""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from errno import ENOSPC

import numpy as np

from npvae.checkpoints import Checkpoint
from npvae.cli.watching import say
from npvae.datasets import NAMES, default_dataset
from npvae.datasets.dataset import Dataset
from npvae.datasets.reading import quote
from npvae.errors import InputError, WriteError
from npvae.model_file import Model
from npvae.optimizers import Adam
from npvae.progress import Progress
from npvae.runs import RunFolder, resume_command
from npvae.settings import Settings, build_model, load_data, resolve, scaling_of
from npvae.vae import VAE
from npvae.versions import versions

SETTINGS = [field.name for field in fields(Settings)]
CHANGEABLE = ("epochs", "data")  # as a run goes on: for longer, and where its data are now


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
    given = {key: value for key, value in vars(options).items() if key in SETTINGS}
    if "data" in given:
        settings = Settings(**given)
        dataset = load_data(settings)
    else:  # MNIST, else glyphs, saying which and why
        asked = {key: given[key] for key in ("seed", "validation") if key in given}
        dataset, reason = default_dataset(**asked)
        settings = Settings(**given, data=dataset.name)
        say(reason)
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


def new_state(settings: Settings, dataset: Dataset) -> Checkpoint:
    """A training that has not begun, in the form of one that goes on.

    The initial weights and all that is drawn later come from one generator.
    """
    rng = np.random.default_rng(settings.seed)
    model, scaling = build_model(settings, dataset.n_x, rng), scaling_of(settings, dataset)
    kept = settings.as_json()
    return Checkpoint(
        model, scaling, dataset.shape, Adam(settings.lr), Progress(rng), kept, versions()
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
    state = folder.load_checkpoint(settings)
    epochs = getattr(options, "epochs", settings.epochs)
    done = 0 if state is None else state.progress.epoch - 1 + (state.progress.step > 0)
    if state is not None and epochs < done:
        place = state.progress.place
        raise InputError(f"--epochs {epochs}: {folder.path} is {place}; give {done} or more")
    dataset = folder.load_data(getattr(options, "data", None))
    asked = replace(settings, epochs=epochs, data=getattr(options, "data", settings.data))
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
    for name, version in versions().items():
        if (before := state.versions.get(name)) != version:
            say(f"       {name}: was {quote(before)}, is {version}; the bits may differ")
    if state.progress.epoch > epochs:
        say("       it is complete; for more give --epochs N")
    return Training(folder, settings, dataset, replace(state, settings=settings.as_json()))


def _require_fitting(
    folder: RunFolder, state: Checkpoint, settings: Settings, dataset: Dataset
) -> None:
    """Refuse a checkpoint of another run, whose model takes other examples."""
    takes = type(state.model), state.model.n_x, state.shape, type(state.scaling)
    given = VAE, dataset.n_x, dataset.shape, type(scaling_of(settings, dataset))
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
    hidden = "-".join(map(str, settings.hidden))
    mirrored = "-".join(map(str, reversed(settings.hidden)))
    sizes = [str(dataset.n_x), hidden, str(settings.latent), mirrored, str(dataset.n_x)]
    words = [f"VAE {'-'.join(filter(None, sizes))}", settings.activation]
    words.append(f"{settings.likelihood} likelihood".capitalize())
    if settings.sigma is not None:
        words.append(f"sigma {settings.sigma:g}")
    if dataset.kind == "pixels" or settings.likelihood == "bernoulli":
        words.append(f"binarize {settings.binarize}")
    say(f"model  {', '.join(words)}, beta {settings.beta:g}: {model.params.size:,} parameters")
