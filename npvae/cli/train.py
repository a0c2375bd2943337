"""Train a VAE and keep everything in a run folder, or go on with a run that was stopped."""

import argparse
import signal
import sys
from contextlib import ExitStack, closing, suppress
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from npvae.cli.arguments import natural, positive
from npvae.cli.evaluate import measure, print_metrics
from npvae.cli.flags import add_settings
from npvae.cli.starting import Training, advising, begin_new, resume
from npvae.cli.table import Table
from npvae.cli.watching import Stopped, Watch, say
from npvae.errors import DataError, TrainingError
from npvae.runs import pictures as gallery
from npvae.runs.building import build_schedules
from npvae.runs.config import write_json
from npvae.runs.environment import peak_memory_mb
from npvae.runs.folder import resume_command
from npvae.runs.history import history_columns
from npvae.runs.model_file import SavedModel, model_checksum
from npvae.runs.report import write_report
from npvae.schedules import bounds_of
from npvae.storage.atomic import write_whole
from npvae.training import fit, require_finite

PICTURES = ("reconstructions", "samples", "history")  # files of their own; all are in the report
EXAMPLE = (
    "npvae train --data mnist --latent 2 --epochs 5 --out runs/two-latents\n"
    "          npvae train --resume runs/two-latents --epochs 20"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae train`; what is not given is not there, and has its default."""
    add_settings(parser)
    add: Any = partial(parser.add_argument, default=argparse.SUPPRESS)
    add(
        "--recipe",
        metavar="NAME",
        help="settings to begin with, see npvae recipes; other flags override them",
    )
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


def run(options: argparse.Namespace) -> int:
    """Load, train, save, test, draw."""
    begin = perf_counter()
    with ExitStack() as stack:  # which holds the folder's lock
        training = (resume if "resume" in options else begin_new)(options, stack)
        folder = training.folder
        with advising(folder):
            return _train(training, options.checkpoint_epochs, options.checkpoint_minutes, begin)


def _train(training: Training, every: int, minutes: float, begin: float) -> int:
    """Train to the end and finish, or stop at a signal; return the exit status."""
    folder, settings, state = training.folder, training.settings, training.state
    n, progress = len(training.dataset.train), state.progress
    per_epoch = -(-n // settings.batch_size)
    done = (progress.epoch - 1) * per_epoch + progress.step
    kept = progress.place

    def save() -> None:
        nonlocal kept
        folder.save(state)
        kept = progress.place

    watch = Watch(settings.epochs * per_epoch, done, save, minutes, state.model.params.device)
    schedules, shown = build_schedules(settings), Table(state.model, settings.epochs)
    # a loss that is no number ends the training in npvae's words, not in NumPy's warnings
    with closing(watch), np.errstate(over="ignore", invalid="ignore"):
        try:
            watch.save()  # from now on there is something to go on from
            if not _is_over(training, schedules):
                watch.say(shown.head)
            for record in fit(
                state.model,
                training.dataset,
                scaling=state.scaling,
                optimizer=state.optimizer,
                epochs=settings.epochs,
                batch_size=settings.batch_size,
                watch=watch,
                progress=progress,
                **schedules,
            ):
                if record.epoch % every == 0 or _is_over(training, schedules):
                    watch.save()
                watch.say(shown.line(record))
            watch.finish()
            if watch.stopped_by is not None:
                if not _is_over(training, schedules):  # else saved, before the best came back
                    watch.save()
                raise Stopped(watch.stopped_by)
            _finish(training, begin)
        except TrainingError as error:
            raise TrainingError(f"{error}; as it was {kept}, it is in {folder.path}") from error
        except Stopped as stop:
            name, again = signal.Signals(stop.number).name, resume_command(folder.path)
            say(
                f"npvae: stopped by {name}; saved as it was {kept}. Go on with: {again}", sys.stderr
            )
            return 128 + stop.number
    return 0


def _is_over(training: Training, schedules: dict[str, Any]) -> bool:
    """Whether there is no further epoch: the last one is done, or it stops early."""
    progress, stopping = training.state.progress, schedules["early_stopping"]
    early = stopping is not None and stopping.is_over(bounds_of(progress.records))
    return early or progress.epoch > training.settings.epochs


def _finish(training: Training, begin: float) -> None:
    """Test the trained model, draw it, and say where everything is."""
    folder, state, dataset = training.folder, training.state, training.dataset
    records = state.progress.records
    metrics: dict[str, Any] = {
        "epochs": len(records),
        "model_crc32": model_checksum(state.model),
    }
    if state.progress.best is not None:
        stopping = build_schedules(training.settings)["early_stopping"]
        metrics["best_epoch"] = best = stopping.best(bounds_of(records))
        say(f"best   epoch {best} on the validation part; the model is as it was then")
    metrics |= {
        "test": measure(state.model, dataset.test, state.scaling),
        "train_seconds": round(sum(record.seconds for record in records), 2),
    }
    require_finite("the test figure", metrics["test"]["reconstruction"])
    metrics |= {
        "seconds": round(perf_counter() - begin, 2),
        "peak_memory_mb": peak_memory_mb(),
    }
    metrics = _with_what_was_measured(training, metrics)
    write_json(folder / "metrics.json", metrics)
    print_metrics(metrics["test"])
    memory = metrics["peak_memory_mb"]
    say(f"{metrics['seconds']:.1f} s" + (f", {memory:.0f} MB at most" if memory else ""))
    _draw(training, metrics)
    say(f"everything is in {folder.path}: {', '.join(folder.names())}")


def _with_what_was_measured(training: Training, metrics: dict[str, Any]) -> dict[str, Any]:
    """Return metrics beside those that `npvae evaluate` wrote, if the model is still the same."""
    before: dict[str, Any] = {}
    with suppress(DataError):
        before = training.folder.metrics_of(training.state.model)
    measured = before.get("test")
    test = (measured if isinstance(measured, dict) else {}) | metrics["test"]
    return before | metrics | {"test": test}


def _draw(training: Training, metrics: dict[str, Any]) -> None:
    """Draw everything: the report, and some of its pictures as files of their own."""
    folder, state = training.folder, training.state
    saved = SavedModel(state.model, state.scaling, state.shape)
    history = history_columns(folder / "history.csv")
    run = gallery.Trained(saved, training.dataset, history, best=metrics.get("best_epoch"))
    pictures = gallery.draw_all(run)
    for name in PICTURES:
        if isinstance(drawn := pictures[name], gallery.Drawn):
            with write_whole(folder / f"{name}.png") as file:
                file.write(drawn.light)
    write_report(folder / "report.html", folder, run, metrics, pictures)
