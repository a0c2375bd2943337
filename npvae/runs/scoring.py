"""Scores of examples beside those of the run's own validation part, and as a table."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npvae.evaluation.scores import Scores, percentiles
from npvae.parameters import Array
from npvae.runs.codes import named
from npvae.runs.numbers import cell
from npvae.runs.selection import Selection
from npvae.storage.atomic import atomic_write

DIGITS = ".9g"  # as many as float32 has


@dataclass(frozen=True)
class Scored:
    """Examples with their scores.

    Attributes
    ----------
    examples : what was scored
    scores : of the examples
    reference : (M,) the scores of the validation part, or None if there is none
    quantile : of the reference scores, above which an example is an anomaly; None for no threshold
    """

    examples: Selection
    scores: Scores
    reference: Array | None = None
    quantile: float | None = None

    @property
    def percentile(self) -> Array | None:
        """The percentile of each score among the reference scores, (N,), from 0 to 100."""
        return None if self.reference is None else percentiles(self.scores.score, self.reference)

    @property
    def threshold(self) -> float | None:
        """The score above which an example is an anomaly."""
        if self.reference is None or self.quantile is None:
            return None
        return float(np.quantile(self.reference, self.quantile))

    @property
    def flagged(self) -> Array | None:
        """Whether each example is an anomaly, (N,)."""
        return None if self.threshold is None else self.scores.score > self.threshold

    @property
    def contamination(self) -> float | None:
        """The share of the validation part whose score is above the threshold."""
        if self.reference is None or self.threshold is None:
            return None
        return float((self.reference > self.threshold).mean())

    @property
    def order(self) -> Array:
        """The numbers of the examples, (N,), the oddest first."""
        return np.argsort(-self.scores.score, kind="stable")

    def write(self, path: Path) -> None:
        """Write a table with a row for each example; columns that do not apply are left out."""
        with atomic_write(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(self._table())

    def _table(self) -> Iterator[list[str]]:
        """Yield the names of the columns and the rows of the table."""
        split, scores = self.examples.split, self.scores
        labels = None if split.labels is None else named(split.labels, self.examples.classes)
        columns = {
            "row": list(map(str, split.rows.tolist())),
            "label": None if labels is None else list(map(cell, labels)),
            "score": _texts(scores.score),
            "reconstruction": _texts(scores.reconstruction),
            "kl": _texts(scores.kl),
            "percentile": _texts(self.percentile),
            "missing": _texts(self.examples.missing),
            "flagged": _texts(None if self.flagged is None else self.flagged.astype(int)),
        }
        found = {name: column for name, column in columns.items() if column is not None}
        yield list(found)
        yield from map(list, zip(*found.values(), strict=True))


def _texts(values: Array | None) -> list[str] | None:
    """Return numbers as the cells of a table."""
    return None if values is None else [format(value, DIGITS) for value in values.tolist()]
