"""Train a model, or resume an earlier run.

Everything is kept in one folder, the run: settings, checkpoint, model, history, measured numbers,
pictures, a report and a page to explore the model. Ctrl-C saves the training, and --resume
continues it exactly where it stopped.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from npvae.cli.arguments import add_settings, natural, positive
from npvae.cli.around_training import SIGNALS, Bar, Clock, Signals, Stopped, Table
from npvae.cli.evaluate import print_metrics
from npvae.cli.printing import beside, flags_only, say, silent
from npvae.errors import InputError, TrainingError
from npvae.explorer import write_explorer
from npvae.runs.finish import DRAWN, trained_by, write_metrics, write_pictures
from npvae.runs.folder import EXPLORER, resume_command, shell_path
from npvae.runs.metrics import estimated
from npvae.runs.pictures import Trained
from npvae.runs.run import SETTINGS, Run, adding_resume_advice, begin, resume
from npvae.runs.settings import Settings
from npvae.runs.summary import data_words, model_words, training_words
from npvae.training import EpochRecord
from npvae.vae import VAE

USAGE = (
    "npvae train [--data DATA] [--epochs N] [--out DIR] [options]\n"
    "       npvae train --resume RUN [--epochs N] [options]"
)
EXAMPLE = (
    "npvae train --data mnist --latent 2 --epochs 5 --out runs/two-latents\n"
    "npvae train --resume runs/two-latents --epochs 20"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae train`; a setting that is not given is absent."""
    parser.usage = USAGE
    add_settings(parser)
    add: Any = partial(parser.add_argument, default=argparse.SUPPRESS)
    add(
        "--out",
        metavar="DIR",
        help="write the run into this folder, which must be new or empty (default: the next free "
        "one, such as runs/mnist-001)",
    )
    add(
        "--resume",
        metavar="RUN",
        help="continue the run in this folder; the result is bit-identical to a run that was never "
        "stopped. Of the settings only --epochs, --patience, --keep-epochs, --data (if you have "
        "moved your data), --workers (which changes the last digits) and --device (which draws "
        "other noise) can be given (default: start a new run)",
    )
    saving = parser.add_argument_group("saving and output")
    saving.add_argument(
        "--checkpoint-epochs",
        type=natural,
        default=1,
        metavar="N",
        help="save a checkpoint after every N epochs (default: 1)",
    )
    saving.add_argument(
        "--checkpoint-minutes",
        type=positive,
        default=5.0,
        metavar="M",
        help="save within an epoch as well, once M minutes have passed since the last checkpoint "
        "(default: 5)",
    )
    saving.add_argument(
        "--no-report",
        action="store_true",
        help="skip the pictures, the report and the explorer at the end (default: make them)",
    )
    saving.add_argument(
        "--quiet", action="store_true", help="print errors only (default: print progress)"
    )


def run(options: argparse.Namespace) -> int:
    """Begin or resume a run, train it, measure it on the test part, and draw the report."""
    start = perf_counter()
    given = {name: value for name, value in vars(options).items() if name in SETTINGS}
    if "resume" not in options:
        out = getattr(options, "out", None)
        opened = begin(given, out, progress=not options.quiet, machines=options.machines)
    elif "out" in options:
        raise InputError(
            f"--out {options.out} and --resume {options.resume} exclude each other, because a run "
            "is resumed in its own folder; leave one of them out"
        )
    else:
        quiet = options.quiet
        opened = resume(options.resume, given, progress=not quiet, machines=options.machines)
    with (
        opened as run,
        adding_resume_advice(run.folder),
        silent() if options.quiet else nullcontext(),
    ):
        describe(run, resumed="resume" in options)
        return _train(run, options, start)


def describe(run: Run, *, resumed: bool) -> None:
    """Print what is trained, on which data, and into which folder."""
    settings, dataset, model = run.settings, run.dataset, run.trainer.model
    for remark in () if resumed else run.remarks:
        say(beside("Note", remark))
    first, *others = map(flags_only, data_words(dataset, settings))
    say(beside("Data", first))
    for line in others:
        say(beside("", line))
    if settings.recipe:
        say(beside("Recipe", settings.recipe))
    say(beside("Model", model_words(dataset, settings, model)))
    say(beside("Training", training_words(settings)))
    if settings.device != Settings.device:
        say(beside("Device", model.params.device.about))
    say(beside("Folder", str(run.folder.path)))
    if resumed:
        place = f"at {run.trainer.place}, {settings.epochs} epochs in total"
        say(beside("Resuming", place))
        for remark in run.remarks:
            say(beside("", remark))
        if not run.goes_on and run.trainer.epoch <= settings.epochs:
            say(
                beside(
                    "",
                    f"This run has stopped early (--patience {settings.patience}); to train "
                    "longer, give a larger --patience and --epochs N.",
                )
            )
        elif not run.goes_on:
            longer = _longer(settings, "N")
            say(
                beside(
                    "", f"Already finished; its files are written again. To train longer, {longer}."
                )
            )


def _train(run: Run, options: argparse.Namespace, start: float) -> int:
    """Train to the end and finish, or stop at a signal; return the exit status."""
    trainer, steps_before = run.trainer, run.trainer.steps
    table = Table(trainer.model, run.settings.epochs, validated=trainer.validate is not None)
    clock = Clock(options.checkpoint_epochs, options.checkpoint_minutes)
    saved = f"Saved at {trainer.place}" if trainer.steps else "Nothing has been saved yet"
    # a loss that overflows ends the training with npvae's message instead of NumPy's warnings
    with Signals() as signals, np.errstate(over="ignore", invalid="ignore"):
        try:
            if not run.goes_on:
                run.save()  # restores files that a finished run may have lost
            with Bar(trainer, run.settings.epochs, hidden=options.quiet) as bar:
                if run.goes_on:
                    bar.say(f"\n{table.head}")
                while run.goes_on and signals.heard is None:
                    bar.update(trainer.step())
                    if trainer.epoch_is_over:
                        bar.say(table.line(trainer.end_epoch()))
                        run.keep_epoch()
                    if clock.is_due(trainer) or not run.goes_on or signals.heard is not None:
                        run.save()
                        saved = f"Saved at {trainer.place}"
                        clock.restart()
            signals.raise_at_once()
            with trainer.best_parameters():
                trained = trainer.steps > steps_before
                _finish(run, start, report=not options.no_report, trained=trained)
        except TrainingError as error:
            raise TrainingError(f"{error}. {saved} in {run.folder.path}") from error
        except Stopped as stop:
            say(
                f"npvae: {SIGNALS[stop.number]}. {saved}. "
                f"To continue: {resume_command(run.folder.path)}",
                sys.stderr,
            )
            return 128 + stop.number
    return 0


def _finish(run: Run, start: float, *, report: bool, trained: bool) -> None:
    """Measure the trained model on the test part, draw it, and say where everything is.

    `trained` is whether this command made an update, so that files drawn earlier are out of date.
    """
    records, before = run.trainer.records, estimated(run.folder / "metrics.json")
    metrics = write_metrics(run, start)
    say("")
    if "best_epoch" in metrics:
        say(f"Kept the model of epoch {metrics['best_epoch']}, the best on the validation part.\n")
    print_metrics(metrics["test"])
    if lost := sorted(before - estimated(run.folder / "metrics.json")):
        say(
            f"\nRemoved from metrics.json: log p(x) ({', '.join(lost)}) of the earlier model.\n"
            f"To estimate it again: npvae evaluate {shell_path(run.folder.path)} --samples K"
        )
    if report:
        say("\nDrawing the pictures and the report (skip them with --no-report) ...")
        trained_run = trained_by(run, metrics)
        _write_explorer(run, trained_run, metrics)  # first, because the report links to it
        write_pictures(run, trained_run, metrics)
    memory = metrics["peak_memory_mb"]
    took = (
        f"{perf_counter() - start:.1f} s, of which training took {metrics['train_seconds']:.1f} s"
    )
    say(f"\nFinished in {took}" + (f"; peak memory {memory:.0f} MB." if memory else "."))
    gain = _still_rising(records) if len(records) == run.settings.epochs else None
    if gain is not None:
        name = getattr(run.trainer.model, "bound_name", "log p(x | z)")
        say(f"The validation {name} was still rising: +{gain:.1f} nats in the last epoch.")
    if run.trainer.best is None and (best := _best_before(records)) is not None:
        say(
            f"The validation part was best after epoch {best}. With --patience N a training stops "
            "then,\nand keeps that epoch."
        )
    _say_what_next(run, rising=gain is not None, outdated=trained and not report)


def _write_explorer(run: Run, trained: Trained, metrics: dict[str, Any]) -> None:
    """Write the explorer, or say why this model has none."""
    run.folder.require_same()
    try:
        write_explorer(run.folder / EXPLORER, run.folder, trained, metrics)
    except InputError as error:
        say(f"The explorer is not written: {error}.")


def _say_what_next(run: Run, *, rising: bool, outdated: bool) -> None:
    """Print where the files of the run are, and what to do with them.

    If the pictures and the report are outdated, they are listed apart.
    """
    place = shell_path(run.folder.path)
    names = run.folder.names()
    old = [name for name in names if outdated and name in DRAWN]
    names = [name for name in names if name not in old]
    say(f"\nSaved in {run.folder.path}:")
    say(beside("", ", ".join(names), width=2))
    if old:
        say(beside("", f"From an earlier epoch, and not drawn again: {', '.join(old)}", width=2))
    say("\nNext:")
    steps = {f"npvae report {place}": "put all numbers and pictures on one page"}
    if "report.html" in names:
        steps = {f"{place}/report.html": "open this page in a browser"}
    if EXPLORER in names:
        steps[f"{place}/{EXPLORER}"] = "play with the model in a browser"
    if isinstance(run.trainer.model, VAE):
        steps[f"npvae sample {place}"] = "draw new examples"
        steps[f"npvae evaluate {place} --samples 100"] = "estimate log p(x)"
    else:
        steps[f"npvae reconstruct {place}"] = "compare examples with their reconstructions"
    if rising:
        epochs = 2 * len(run.trainer.records)
        steps[_longer(run.settings, epochs, run.folder.path)] = "train for longer"
    width = max(map(len, steps))
    for command, what in steps.items():
        say(f"  {command:<{width}}  {what}")


def _longer(settings: Settings, epochs: object, path: Path | None = None) -> str:
    """Return how to train for so many epochs: resume, or begin again if a cosine has ended."""
    if settings.lr_schedule == "cosine":
        return f"start a new run with --epochs {epochs}"
    return f"add --epochs {epochs}" if path is None else f"{resume_command(path)} --epochs {epochs}"


def _still_rising(records: Sequence[EpochRecord]) -> float | None:
    """Return how much the validation bound rose in the last epoch, if by over 1 % and half a nat.

    Such a training has clearly not converged. Return None otherwise.
    """
    bounds = [one.held_out.bound for one in records[-2:] if one.held_out is not None]
    if len(bounds) < 2:
        return None
    return bounds[1] - bounds[0] if _much_better(bounds[1], bounds[0]) else None


def _best_before(records: Sequence[EpochRecord]) -> int | None:
    """Return the epoch whose validation bound is the best, if the last one is clearly worse.

    Such a training has overfitted. Return None otherwise.
    """
    bounds = {one.epoch: one.held_out.bound for one in records if one.held_out is not None}
    if not bounds:
        return None
    best = max(bounds, key=lambda epoch: bounds[epoch])
    return best if _much_better(bounds[best], bounds[max(bounds)]) else None


def _much_better(bound: float, other: float) -> bool:
    """Whether a bound is higher than another by over 1 % and half a nat."""
    return bound - other > max(0.5, 0.01 * abs(bound))
