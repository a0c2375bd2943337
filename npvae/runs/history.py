"""history.csv: one line per epoch, with the figures of the training in nats per example."""

import csv
import io
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from npvae.errors import DataError, InputError
from npvae.evaluation.elbo import Evaluation
from npvae.figures.curves import COLUMNS
from npvae.parameters import Array
from npvae.storage.atomic import append, atomic_write
from npvae.storage.reading import open_regular, reading
from npvae.training import EpochRecord

LARGEST = 1 << 28  # bytes, enough for 100,000 epochs with a hundred columns


class History:
    """The history.csv of a running training; each write appends the new epochs only.

    A line that was cut off, for example by a power failure, is ignored when the file is read, and
    the next training writes the complete file again.

    Parameters
    ----------
    path : the file
    """

    def __init__(self, path: Path) -> None:
        self.path, self._lines = path, 0
        self._size: int | None = None  # None before the first write

    def write(self, records: Sequence[EpochRecord]) -> None:
        """Write a line for each record; without records no file is made."""
        if not records:
            return
        size = self.path.stat().st_size if self.path.exists() else -1
        if size == self._size and self._lines <= len(records):
            append(self.path, _lines(records[self._lines :]), size)
        else:
            with atomic_write(self.path, "w", newline="", encoding="utf-8") as file:
                file.write(_lines(records, head=True))
        self._lines, self._size = len(records), self.path.stat().st_size


def _lines(records: Sequence[EpochRecord], *, head: bool = False) -> str:
    rows, text = [history_row(record) for record in records], io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        if head:
            writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def history_row(record: EpochRecord) -> dict[str, Any]:
    """Return a record as columns: "validation_" before held-out figures, one KL per latent."""
    row = {key: value for key, value in vars(record).items() if key != "held_out"}
    seconds = row.pop("seconds")
    if record.held_out is not None:
        measured = dict(vars(record.held_out))
        kl_per_latent = measured.pop("kl_per_latent")
        row |= {f"validation_{key}": value for key, value in measured.items() if key != "n"}
        row |= {f"validation_kl_{i}": value for i, value in enumerate(kl_per_latent)}
    return row | {"seconds": round(seconds, 3)}


def history_columns(path: str | Path) -> dict[str, list[float]]:
    """Return the columns of a history.csv by name.

    Raises
    ------
    DataError : if the file is damaged
    """
    with (
        reading(path, "a run's history", "delete it and resume the run, which restores it"),
        io.TextIOWrapper(open_regular(path, LARGEST), encoding="utf-8", newline="") as file,
    ):
        lines = file.read().splitlines(keepends=True)
        complete = [line for line in lines if line.endswith("\n")]
        names, *rows = list(csv.reader(complete, strict=True))
        table = np.array(rows, dtype=float).reshape(len(rows), len(names))
        if missing := COLUMNS - set(names):
            raise ValueError(f"the column {min(missing)} is missing")
        if not np.array_equal(table[:, names.index("epoch")], np.arange(1, len(rows) + 1)):
            raise ValueError("its epochs are not numbered 1, 2, 3, ...")
        return dict(zip(names, table.T.tolist(), strict=True))


# ---- records as one array, as a checkpoint stores them -------------------------------------------

OWN = ("epoch", "train_loss", "train_elbo", "train_reconstruction", "train_kl", "seconds")
HELD_OUT = ("elbo", "reconstruction", "kl", "bound", "active_units", "n")
COUNTS = ("epoch", "active_units", "n")


def records_to_array(records: Sequence[EpochRecord]) -> Array:
    """Return records as an (N, columns) float64 array.

    The columns are `OWN` and, if there is a validation part, `HELD_OUT` and the KL of each latent.

    Raises
    ------
    InputError : if `held_out` is not an `Evaluation`, or only some epochs have one
    DataError : if a number is not finite
    """
    own, held_out = attrgetter(*OWN), attrgetter(*HELD_OUT)
    if not all(isinstance(record.held_out, Evaluation | None) for record in records):
        raise InputError(
            "the validate function of this trainer did not return an Evaluation, so a checkpoint "
            "cannot store its result; return what evaluate(...) returns"
        )
    rows = [
        own(one)
        if one.held_out is None
        else (*own(one), *held_out(one.held_out), *one.held_out.kl_per_latent)
        for one in records
    ]
    if len({len(row) for row in rows}) > 1:
        raise InputError(
            "some epochs were validated and others were not; use the same validate function for "
            "the entire training"
        )
    width = len(rows[0]) if rows else len(OWN)
    table = np.array(rows, np.float64).reshape(len(rows), width)
    for epoch, column in np.argwhere(~np.isfinite(table))[:1]:
        name = [*OWN, *HELD_OUT, *["kl_per_latent"] * width][column]
        raise DataError(
            f"{name} of epoch {epoch + 1} is {table[epoch, column]}; expected a finite number"
        )
    return table


def records_from_array(table: Array) -> list[EpochRecord]:
    """Return the records in an array that `records_to_array` made.

    Raises
    ------
    DataError : if the array cannot have come from records
    """
    width, least = table.shape[1], len(OWN) + len(HELD_OUT)
    has_held_out = width >= least
    counts = [(*OWN, *HELD_OUT).index(name) for name in COUNTS]
    fits = has_held_out or width == len(OWN)
    whole = table[:, counts if has_held_out else counts[:1]] if fits else table
    if not fits or (whole != np.floor(whole)).any():
        raise DataError("the columns of its epoch records do not fit; the file is damaged")
    records = []
    for row in table.tolist():
        found = dict(zip((*OWN, *HELD_OUT), row, strict=False))
        found |= {name: int(found[name]) for name in COUNTS if name in found}
        held_out = None
        if has_held_out:
            figures = {name: found.pop(name) for name in HELD_OUT}
            held_out = Evaluation(**figures, kl_per_latent=tuple(row[least:]))
        records.append(EpochRecord(**found, held_out=held_out))
    return records
