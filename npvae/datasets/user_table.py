"""The user's own tables: what a .csv file means."""

import csv
import math
import re
from array import array
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from npvae.datasets.user_examples import Examples, require_memory
from npvae.errors import DataError, InputError
from npvae.parameters import Array
from npvae.storage.reading import quote, reading

LABEL_NAMES = ("label", "class", "target", "y")
MISSING = ("", "na", "n/a", "nan", "null", "none", "?")
PIXEL_NAME = re.compile(r"pixel_?\d+|\d+x\d+", re.IGNORECASE)  # as in Kaggle's MNIST files
LONGEST_LINE = 1 << 20  # characters of the first line that are searched for the delimiter


def read_table(path: str | Path, *, label_column: str | int | None = None) -> Examples:
    """Return the examples in a .csv file, one a line, and their labels.

    - Cells are parted by commas, semicolons or tabs, whichever the first line has most of; the
      text is UTF-8. Blank lines are skipped.
    - The first line is a header if any of its cells is neither a number nor missing (a label
      column given by its number aside).
    - The label column is the one that `label_column` names or counts from 0 (-1 is the last); else
      the one that the header calls label, class, target or y; else there is none. Labels may be
      text. `label_column=""` says that there is none, and "4" means 4.
    - A cell that is empty or reads NA, N/A, NaN, null, none or ? is missing, which is an error that
      names its line: npvae does not guess at values.
    - A table holds real numbers, except where every column is called pixel0, pixel1, ... or 1x1,
      1x2, ..., their number is a square and all are whole and in 0..255: those are pixels.

    Raises
    ------
    DataError : a cell is missing or no number, a line has another number of cells, or the file is
        no text table; the message names the line and the column
    InputError : there is no such label column
    """
    if isinstance(label_column, str) and label_column.removeprefix("-").isdecimal():
        label_column = int(label_column)
    with closing(_lines(path)) as lines:
        return _Reader(path, label_column).read(lines)


class _Reader:
    """One reading of one table; it knows the columns' names for the errors."""

    def __init__(self, path: str | Path, label_column: str | int | None) -> None:
        self.path, self.label_column = path, label_column
        self.names: list[str] = []

    def read(self, lines: Iterator[tuple[int, list[str]]]) -> Examples:
        """Return the examples in these numbered lines of cells."""
        number, first = next(lines, (0, []))
        if not first:
            raise DataError(f"{self.path} is empty; expected a table of numbers")
        header = self._has_header(first)
        label = self._find_label(first, header)
        self.names = first if header else [str(column) for column in range(len(first))]
        if len(first) == (label is not None):
            raise DataError(f"{self.path} has no column but the labels; expected numbers, too")
        values = array("d")
        labels: list[str] = []
        if not header:
            self._add(number, first, label, values, labels)
        for number, cells in lines:
            self._add(number, cells, label, values, labels)
        names = [name for column, name in enumerate(self.names) if column != label]
        x = np.frombuffer(values, np.float64).reshape(-1, len(names))
        examples = _understand_table(x, names if header else [])
        if label is not None:
            require_memory(len(labels), 4 * max(map(len, labels), default=0), self.path)
            examples.labels = np.array(labels, dtype=np.str_)
            examples.remarks += (
                f"The labels are those of the column {quote(repr(self.names[label]))}.",
            )
        return examples

    def _has_header(self, first: Sequence[str]) -> bool:
        labels = {self.label_column % len(first)} if isinstance(self.label_column, int) else set()
        return any(
            not _is_number(cell) and not _is_missing(cell)
            for column, cell in enumerate(first)
            if column not in labels
        )

    def _find_label(self, first: Sequence[str], header: bool) -> int | None:
        wanted = self.label_column
        if isinstance(wanted, int):
            if not -len(first) <= wanted < len(first):
                raise InputError(
                    f"label_column (--label-column) is {wanted}, and {self.path} has "
                    f"{len(first)} columns; choose a "
                    f"number from 0 to {len(first) - 1}, or -1 for the last"
                )
            return wanted % len(first)
        if wanted == "" or (wanted is None and not header):
            return None
        if wanted is None:
            found = [i for i, name in enumerate(first) if name.lower() in LABEL_NAMES]
        else:
            found = [i for i, name in enumerate(first) if header and name == wanted]
        if len(found) > 1:
            names = quote(", ".join(first[i] for i in found))
            raise DataError(
                f"{self.path} has several columns that could be the labels, {names}; say which by "
                "its number, counted from 0, in label_column (--label-column)"
            )
        if wanted is not None and not found:
            columns = f"its columns are {quote(', '.join(first))}" if header else "it has no header"
            raise InputError(f"{self.path} has no column {wanted!r}: {columns}")
        return found[0] if found else None

    def _add(
        self,
        number: int,
        cells: list[str],
        label: int | None,
        values: "array[float]",
        labels: list[str],
    ) -> None:
        """Append a line's numbers and its label."""
        if len(cells) != len(self.names):
            raise DataError(
                f"{self.path}, line {number}: {len(cells)} cells, where the first line has "
                f"{len(self.names)}; mend or drop the line"
            )
        numbers = cells if label is None else cells[:label] + cells[label + 1 :]
        try:
            row = [float(cell) for cell in numbers]
        except ValueError:
            row = [math.nan]
        # quick, but not exact: a sum of finite numbers may overflow
        suspicious = not math.isfinite(sum(row)) or "_" in "".join(numbers)
        if suspicious or (label is not None and _is_missing(cells[label])):
            self._refuse_if_bad(number, cells, label)
        values.extend(row)
        if label is not None:
            labels.append(cells[label])

    def _refuse_if_bad(self, number: int, cells: Sequence[str], label: int | None) -> None:
        """Raise the error about the first cell of a line that is no finite number."""
        for column, cell in enumerate(cells):
            where = f"{self.path}, line {number}, column {quote(repr(self.names[column]))}"
            if _is_missing(cell):
                raise DataError(f"{where}: the value is missing; fill it in or drop the row")
            if column == label:
                continue
            if not _is_number(cell):
                raise DataError(
                    f"{where}: {quote(repr(cell))} is not a number (with a decimal point); "
                    "mend it, drop the row, or, if this column holds the labels, name it in "
                    "label_column (--label-column)"
                )
            if not math.isfinite(float(cell)):
                raise DataError(
                    f"{where}: {quote(repr(cell))} is not finite; fill it in or drop the row"
                )


def _lines(path: str | Path) -> Generator[tuple[int, list[str]], None, None]:
    """Yield each line's number, counted from 1, and its cells without the blanks around them."""
    with (
        reading(path, "a .csv table in UTF-8", "save it as comma-separated text in UTF-8"),
        open(path, newline="", encoding="utf-8-sig") as file,
    ):
        first = file.readline(LONGEST_LINE)
        while first and not first.strip():
            first = file.readline(LONGEST_LINE)
        file.seek(0)
        unquoted = re.sub(r'"[^"]*"', "", first)
        reader = csv.reader(file, delimiter=max(",;\t", key=unquoted.count), strict=True)
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]


def _is_number(cell: str) -> bool:
    """Whether a cell is a number, be it infinite; Python alone reads 1_000 as one."""
    try:
        float(cell)
    except ValueError:
        return False
    return not _is_missing(cell) and "_" not in cell


def _is_missing(cell: str) -> bool:
    return cell.lower() in MISSING


def _understand_table(x: Array, names: Sequence[str]) -> Examples:
    """Return a table of real numbers, or of pixels where names and numbers both say so."""
    side = math.isqrt(x.shape[1])
    if names and side**2 == x.shape[1] and all(map(PIXEL_NAME.fullmatch, names)):
        with np.errstate(invalid="ignore"):
            as_bytes = x.astype(np.uint8)
        if np.array_equal(as_bytes, x):
            remark = f"{x.shape[1]} columns of pixels, taken for images of {side} x {side}."
            return Examples(as_bytes, (side, side), "pixels", remarks=(remark,))
    remark = "A table: real-valued, so the likelihood is Gaussian."
    return Examples(x, (x.shape[1],), "real", columns=tuple(names), remarks=(remark,))
