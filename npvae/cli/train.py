"""Train a model and keep everything in a run folder, or go on with a run that was stopped."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from npvae.cli.arguments import add_settings, natural, positive
from npvae.cli.around_training import SIGNALS, Bar, Clock, Signals, Stopped, Table
from npvae.cli.evaluate import print_metrics
from npvae.cli.printing import say, silent
from npvae.errors import DataError, InputError, TrainingError
from npvae.runs import pictures
from npvae.runs.environment import peak_memory_mb
from npvae.runs.folder import resume_command
from npvae.runs.history import history_columns
from npvae.runs.metrics import measure, not_finite
from npvae.runs.model_file import SavedModel, model_checksum
from npvae.runs.report import write_report
from npvae.runs.run import SETTINGS, Run, begin, resume, saying_how_to_go_on
from npvae.runs.settings import Settings
from npvae.runs.summary import data_words, model_words, training_words
from npvae.storage.atomic import write_whole
from npvae.storage.json_files import write_json
from npvae.training import EpochRecord, require_finite

PICTURES = ("reconstructions", "samples", "history")  # files of their own; all are in the report
EXAMPLE = (
    "npvae train --data mnist --latent 2 --epochs 5 --out runs/two-latents\n"
    "          npvae train --resume runs/two-latents --epochs 20"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae train`; what is not given is not there, and has its default."""
    add_settings(parser)
    add: Any = partial(parser.add_argument, default=argparse.SUPPRESS)
    add("--out", metavar="DIR", help="a new folder (default: a fresh one under runs/)")
    add(
        "--resume",
        metavar="RUN",
        help="go on with the run in this folder, to the same bits as if it had never been stopped; "
        "of the settings only --epochs and --patience may be given, to go on for longer, --data, "
        "where your own data are now, and --device, to go on elsewhere, where other noise is drawn",
    )
    add = parser.add_argument
    add(
        "--checkpoint-epochs",
        type=natural,
        default=1,
        metavar="N",
        help="save after every N epochs (default: 1)",
    )
    add(
        "--checkpoint-minutes",
        type=positive,
        default=5.0,
        metavar="M",
        help="save within an epoch, too, if M minutes have passed (default: 5)",
    )
    add("--no-report", action="store_true", help="draw no pictures and no report at the end")
    add("--quiet", action="store_true", help="print nothing but errors")


def run(options: argparse.Namespace) -> int:
    """Begin or resume a run, train it, and finish it."""
    start = perf_counter()
    given = {name: value for name, value in vars(options).items() if name in SETTINGS}
    if "resume" not in options:
        opened = begin(given, getattr(options, "out", None), progress=not options.quiet)
    elif "out" in options:
        raise InputError(
            "--out: a run is resumed in its own folder, --resume; leave one of them out"
        )
    else:
        opened = resume(options.resume, given, progress=not options.quiet)
    with (
        opened as run,
        saying_how_to_go_on(run.folder),
        silent() if options.quiet else nullcontext(),
    ):
        describe(run, resumed="resume" in options)
        return _train(run, options, start)


def describe(run: Run, *, resumed: bool) -> None:
    """Print what is trained, on which data, and where it stands."""
    settings, dataset, model = run.settings, run.dataset, run.trainer.model
    for remark in () if resumed else run.remarks:
        say(remark)
    for line in data_words(dataset, settings):
        say(line)
    if settings.recipe:
        say(f"recipe {settings.recipe}")
    say(f"model  {model_words(dataset, settings, model)}")
    say(f"train  {training_words(settings)}")
    if settings.device != Settings.device:
        say(f"device {model.params.device.about}")
    if resumed:
        say(f"resume {run.folder.path} at {run.trainer.place}, of {settings.epochs} epochs")
        for remark in run.remarks:
            say(f"       {remark}")
        if not run.goes_on and run.trainer.epoch <= settings.epochs:
            say(f"       It has stopped early, by --patience {settings.patience}; to train longer,")
            say("       give a larger --patience, and --epochs N.")
        elif not run.goes_on:
            say(f"       It is already finished; to train longer, {_longer(settings, 'N')}.")


def _train(run: Run, options: argparse.Namespace, start: float) -> int:
    """Train to the end and finish, or stop at a signal; return the exit status."""
    trainer, table = run.trainer, Table(run.trainer.model, run.settings.epochs)
    clock = Clock(options.checkpoint_epochs, options.checkpoint_minutes)
    saved = f"saved at {trainer.place}" if trainer.steps else "nothing saved yet"
    # a loss that is not finite ends the training in npvae's words, not in NumPy's warnings
    with Signals() as signals, np.errstate(over="ignore", invalid="ignore"):
        try:
            if not run.goes_on:
                run.save()  # of a finished run, some files of which may be gone
            with Bar(trainer, run.settings.epochs, hidden=options.quiet) as bar:
                if run.goes_on:
                    bar.say(table.head)
                while run.goes_on and signals.heard is None:
                    bar.update(trainer.step())
                    if trainer.epoch_is_over:
                        bar.say(table.line(trainer.end_epoch()))
                    if clock.is_due(trainer) or not run.goes_on or signals.heard is not None:
                        run.save()
                        saved = f"saved at {trainer.place}"
                        clock.restart()
            signals.raise_at_once()
            with trainer.best_parameters():
                _finish(run, start, report=not options.no_report)
        except TrainingError as error:
            raise TrainingError(f"{error}. {run.folder.path}: {saved}") from error
        except Stopped as stop:
            say(
                f"npvae: {SIGNALS[stop.number]}, {saved}. "
                f"Go on with: {resume_command(run.folder.path)}",
                sys.stderr,
            )
            return 128 + stop.number
    return 0


def _finish(run: Run, start: float, *, report: bool) -> None:
    """Test the trained model, draw it, and say where everything is."""
    folder, trainer, dataset = run.folder, run.trainer, run.dataset
    model, records = trainer.model, trainer.records
    metrics: dict[str, Any] = {
        "epochs": len(records),
        "model_crc32": model_checksum(model),
    }
    if trainer.best is not None:
        metrics["best_epoch"] = best = trainer.best_epoch
        say(f"best   epoch {best} on the validation part; the model is as it was then")
    metrics |= {
        "test": measure(model, dataset.test, trainer.scaling),
        "train_seconds": round(sum(record.seconds for record in records), 2),
    }
    for name in not_finite(metrics["test"]):
        require_finite(f"the test part's {name}", metrics["test"][name])
    metrics |= {
        "seconds": round(perf_counter() - start, 2),
        "peak_memory_mb": peak_memory_mb(),
    }
    metrics = _with_what_was_measured(run, metrics)
    folder.require_same()
    write_json(folder / "metrics.json", metrics)
    print_metrics(metrics["test"])
    if len(records) == run.settings.epochs and (gain := _still_rising(records)) is not None:
        say(f"note   the validation part still gained {gain:.1f} nats in the last epoch;")
        say(f"       to train longer, {_longer(run.settings, 2 * len(records), folder.path)}")
    if report:
        say("drawing the pictures and the report (--no-report leaves them out)")
        _draw(run, metrics)
    memory = metrics["peak_memory_mb"]
    took = f"took {perf_counter() - start:.1f} s, {metrics['train_seconds']:.1f} s of it training"
    say(took + (f", peak memory {memory:.0f} MB" if memory else ""))
    say(f"everything is in {folder.path}: {', '.join(folder.names())}")


def _longer(settings: Settings, epochs: object, path: Path | None = None) -> str:
    """Return how to train for so many epochs: as the same run, unless its cosine has ended."""
    if settings.lr_schedule == "cosine":
        return f"begin another run with --epochs {epochs}"
    return f"add --epochs {epochs}" if path is None else f"{resume_command(path)} --epochs {epochs}"


def _still_rising(records: Sequence[EpochRecord]) -> float | None:
    """Return the gain of the last epoch on the validation part, if it is above half a nat and 1 %.

    Such a training has plainly not converged. Otherwise return None.
    """
    bounds = [one.held_out.bound for one in records[-2:] if one.held_out is not None]
    if len(bounds) < 2:
        return None
    gain = bounds[1] - bounds[0]
    return gain if gain > max(0.5, 0.01 * abs(bounds[1])) else None


def _with_what_was_measured(run: Run, metrics: dict[str, Any]) -> dict[str, Any]:
    """Return metrics beside those that `npvae evaluate` wrote, if the model is still the same."""
    before: dict[str, Any] = {}
    with suppress(DataError):
        before = run.folder.metrics_of(run.trainer.model)
    measured = before.get("test")
    test = (measured if isinstance(measured, dict) else {}) | metrics["test"]
    return before | metrics | {"test": test}


def _draw(run: Run, metrics: dict[str, Any]) -> None:
    """Draw everything: the report, and some of its pictures as files of their own."""
    folder, trainer = run.folder, run.trainer
    saved = SavedModel(trainer.model, trainer.scaling, run.dataset.shape)
    history = history_columns(folder / "history.csv")
    trained = pictures.Trained(saved, run.dataset, history, best=metrics.get("best_epoch"))
    drawn = pictures.draw_all(trained)
    folder.require_same()
    for name in PICTURES:
        if isinstance(picture := drawn[name], pictures.Drawn):
            with write_whole(folder / f"{name}.png") as file:
                file.write(picture.light)
    write_report(folder / "report.html", folder, trained, metrics, drawn)
