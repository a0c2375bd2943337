"""history.csv: what a training did, a line an epoch, in nats an example."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from npvae.figures.curves import COLUMNS
from npvae.storage.atomic import write_whole
from npvae.storage.reading import open_regular, reading
from npvae.training import EpochRecord

LARGEST = 1 << 28  # bytes: a million epochs of a hundred columns


def write_history(path: str | Path, records: Sequence[EpochRecord]) -> None:
    """Write a line an epoch under the columns' names; nothing before the first epoch."""
    rows = [history_row(record) for record in records]
    if not rows:
        return
    with write_whole(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def history_row(record: EpochRecord) -> dict[str, Any]:
    """Flatten a record: held-out figures get their prefix, each latent's KL its own column."""
    row = {key: value for key, value in vars(record).items() if key != "held_out"}
    seconds = row.pop("seconds")
    if record.held_out is not None:
        measured = dict(vars(record.held_out))
        kl_per_latent = measured.pop("kl_per_latent")
        row |= {f"validation_{key}": value for key, value in measured.items() if key != "n"}
        row |= {f"validation_kl_{i}": value for i, value in enumerate(kl_per_latent)}
    return row | {"seconds": round(seconds, 3)}


def history_columns(path: str | Path) -> dict[str, list[float]]:
    """Read the columns of a history.csv by name.

    Raises
    ------
    DataError : if it is damaged
    """
    with (
        reading(path, "a run's history", "resume the run, which writes it anew"),
        io.TextIOWrapper(open_regular(path, LARGEST), encoding="utf-8", newline="") as file,
    ):
        names, *rows = list(csv.reader(file, strict=True))
        table = np.array(rows, dtype=float).reshape(len(rows), len(names))
        if missing := COLUMNS - set(names):
            raise ValueError(f"no column {min(missing)}")
        if not np.array_equal(table[:, names.index("epoch")], np.arange(1, len(rows) + 1)):
            raise ValueError("its epochs are not 1, 2, 3, ...")
        return dict(zip(names, table.T.tolist(), strict=True))
