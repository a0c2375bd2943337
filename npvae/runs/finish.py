"""The end of a training: measure the model on the test part, then draw the pictures and report."""

from contextlib import suppress
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from npvae.errors import DataError, require_finite
from npvae.runs import pictures
from npvae.runs.building import build_scaling
from npvae.runs.environment import peak_memory_mb
from npvae.runs.folder import EXPLORER
from npvae.runs.history import history_columns
from npvae.runs.metrics import measure, not_finite
from npvae.runs.model_file import SavedModel, model_checksum
from npvae.runs.report import write_report
from npvae.runs.run import Run
from npvae.storage.json_files import write_json

OWN_PICTURES = ("reconstructions", "samples", "history")  # get a file; the report has all pictures
DRAWN = (EXPLORER, "report.html", *(f"{name}.png" for name in OWN_PICTURES))  # made at the end


def write_metrics(run: Run, start: float) -> dict[str, Any]:
    """Measure the model of a run on the test part, write metrics.json, and return its content.

    Figures that `npvae evaluate` has written of the same model are kept.

    Parameters
    ----------
    run : a run whose training has ended; its model has the parameters to measure
    start : the `perf_counter` value when the command began

    Raises
    ------
    TrainingError : if a figure is not finite
    InputError : if the folder has been moved, deleted or replaced since it was locked
    """
    trainer = run.trainer
    metrics: dict[str, Any] = {
        "epochs": len(trainer.records),
        "model_crc32": model_checksum(trainer.model),
    }
    if trainer.best is not None:
        metrics["best_epoch"] = trainer.best_epoch
    metrics |= {
        "test": measure(trainer.model, run.dataset.test, trainer.scaling, comm=trainer.comm),
        "train_seconds": round(sum(record.seconds for record in trainer.records), 2),
    }
    for name in not_finite(metrics["test"]):
        require_finite(f"the test part's {name}", metrics["test"][name])
    metrics |= {
        "seconds": round(perf_counter() - start, 2),
        "peak_memory_mb": peak_memory_mb(),
    }
    metrics = _with_earlier_figures(run, metrics)
    run.folder.require_same()
    write_json(run.folder / "metrics.json", metrics)
    return metrics


def _with_earlier_figures(run: Run, metrics: dict[str, Any]) -> dict[str, Any]:
    """Return metrics together with those that `npvae evaluate` wrote of the same model."""
    before: dict[str, Any] = {}
    with suppress(DataError):
        before = run.folder.metrics_of(run.trainer.model)
    measured = before.get("test")
    test = (measured if isinstance(measured, dict) else {}) | metrics["test"]
    finished = {"finished": datetime.now(UTC).isoformat(timespec="seconds")}
    return finished | before | metrics | {"test": test}


def trained_by(run: Run, metrics: dict[str, Any]) -> pictures.Trained:
    """Return the model of a run whose training has ended, as pictures and pages need it.

    Parameters
    ----------
    run : a run whose training has ended
    metrics : what `write_metrics` returned
    """
    scaling = build_scaling(run.settings, run.dataset)  # on the host, unlike that of the trainer
    saved = SavedModel(run.trainer.model, scaling, run.dataset.shape)
    history = history_columns(run.folder / "history.csv")
    return pictures.Trained(saved, run.dataset, history, best=metrics.get("best_epoch"))


def write_pictures(run: Run, trained: pictures.Trained, metrics: dict[str, Any]) -> None:
    """Write report.html, and `OWN_PICTURES` as files of their own.

    Parameters
    ----------
    run : a run whose training has ended
    trained : what `trained_by` returned
    metrics : what `write_metrics` returned

    Raises
    ------
    InputError : if the folder has been moved, deleted or replaced since it was locked
    """
    folder = run.folder
    drawn = pictures.draw_all(trained)
    folder.require_same()
    for name in OWN_PICTURES:
        if isinstance(drawn[name], pictures.Drawn):
            pictures.save(trained, name, folder / f"{name}.png")
    write_report(folder / "report.html", folder, trained, metrics, drawn)
