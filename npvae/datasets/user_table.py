"""Your own tables: read .csv files and interpret their columns."""

import csv
import io
import math
import re
from array import array
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from npvae.datasets.user_examples import (
    Examples,
    counts_up,
    remark_on_counting,
    remark_on_dark_pixels,
    require_memory,
)
from npvae.errors import DataError, InputError
from npvae.parameters import Array
from npvae.storage.reading import LIMIT, open_regular, printable, quote, reading

LABEL_NAMES = ("label", "labels", "class", "target", "y")
MISSING = ("", "na", "n/a", "nan", "null", "none", "?")
PIXEL_NAME = re.compile(r"pixel_?\d+|\d+x\d+", re.IGNORECASE)  # as in the MNIST files of Kaggle
NO_NAME = re.compile(r"|unnamed: \d+", re.IGNORECASE)  # the names that pandas gives an index
INDEX_NAME = re.compile(rf"{NO_NAME.pattern}|index|id", re.IGNORECASE)
DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(e[-+]?\d+)?", re.IGNORECASE)
WHOLE = re.compile(r"[-+]?\d+")
PADDED = re.compile(r",[-+]?0\d")  # a cell such as 05, which a decimal comma makes of 1,05
LIKE_A_NUMBER = re.compile(r"[-+]?[.,]?\d")  # the beginning of a number, mistyped or not
SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # first line of some Excel files
LARGEST = 4 * LIMIT  # bytes; an .npy file may have any size
FEWEST_NAMES = 3  # columns that do not count by accident
LONGEST_LINE = 1 << 20  # characters of the first line in which the delimiter is searched


def read_table(path: str | Path, *, label_column: str | int | None = None) -> Examples:
    """Return the examples in a .csv file, one per line, and their labels.

    - Cells are separated by commas, semicolons or tabs, whichever is most frequent in the first
      line, or as a first line such as `sep=;` says. The text is UTF-8, and blank lines are skipped.
      Numbers have a decimal point; decimal commas are refused.
    - The first line is a header if none of its cells is a number, not counting a label column that
      is given by its number. Column names 0, 1, 2, ... are accepted next to a label name. Any other
      mixture of numbers and text is refused, because it may be a header or a mistyped row. So is a
      line of whole numbers that counts 0, 1, 2, ... or 1, 2, 3, ..., or whose columns contain no
      other whole number, because pandas writes such headers for columns without names.
    - A column that counts upwards by one and has no name, or is called index or id, is an index as
      written by pandas, and is left out. Other columns that count are kept, with a remark.
    - The label column is the one that `label_column` names or counts from 0 (-1 is the last); by
      default the one called label, labels, class, target or y, if there is one. Labels may be text.
      `label_column=""` means that there is none, and "4" means 4.
    - A cell that is empty or contains NA, N/A, NaN, null, none or ? is a missing value, which is an
      error; npvae does not guess values.
    - The numbers are real-valued, unless all columns are called pixel0, pixel1, ... or 1x1, 1x2,
      ... and all numbers are whole and in 0..255; then they are pixels in this order.

    Raises
    ------
    DataError : a cell is missing or not a number, a line has another number of cells, or the file
        is not a text table; the message names the line and the column
    InputError : the label column does not exist
    """
    if isinstance(label_column, str) and label_column.removeprefix("-").isdecimal():
        label_column = int(label_column)
    with closing(_lines(path)) as lines:
        return _Reader(path, label_column).read(lines)


class _Reader:
    """Reads one table; it keeps the column names for error messages."""

    def __init__(self, path: str | Path, label_column: str | int | None) -> None:
        self.path, self.label_column = path, label_column
        self.names: list[str] = []
        self.top = 1  # the number of the first line that is not blank
        self.lines: Iterator[tuple[int, list[str]]] = iter(())  # those that are not yet read

    def read(self, lines: Iterator[tuple[int, list[str]]]) -> Examples:
        """Return the examples in numbered lines of cells."""
        number, first = next(lines, (0, []))
        if not first:
            raise DataError(f"{self.path} is empty; expected a table of numbers")
        self.top, self.lines = number, lines
        header = self._has_header(first)
        label = self._find_label(first, header)
        self.names = first if header else [str(column) for column in range(len(first))]
        for name in [name for name, n in Counter(self.names).items() if name and n > 1][:1]:
            raise DataError(
                f"{self.path}, line {number}: several columns are called {quote(repr(name))}; give "
                "each column a different name"
            )
        if len(first) == (label is not None):
            raise DataError(
                f"{self.path} has only a label column; expected columns of numbers, too"
            )
        values = array("d")
        labels: list[str] = []
        if not header:
            self._add(number, first, label, values, labels)
        numbers = first if label is None else first[:label] + first[label + 1 :]
        like_years = not header and all(map(WHOLE.fullmatch, numbers))
        for number, cells in lines:
            self._add(number, cells, label, values, labels)
            like_years = like_years and not any(map(WHOLE.fullmatch, cells))
        if like_years and len(values) > len(numbers):
            raise self._header_or_row(
                first.index(numbers[0]),
                numbers[0],
                "is a whole number, unlike all numbers below it",
            )
        names = [printable(name) for column, name in enumerate(self.names) if column != label]
        x = np.frombuffer(values, np.float64).reshape(-1, len(names))
        remarks: tuple[str, ...] = ()
        if len(x):
            x, names, remarks = self._without_index(x, names)
        examples = self._understand(x, names if header else [])
        examples.remarks += remarks
        if label is not None:
            require_memory(len(labels), 4 * max(map(len, labels), default=0), self.path)
            examples.labels = np.array(labels, dtype=np.str_)
            examples.remarks += (
                f"The column {quote(repr(self.names[label]))} contains the labels.",
            )
        return examples

    def _has_header(self, first: Sequence[str]) -> bool:
        """Return whether the first line contains column names; refuse an ambiguous line."""
        aside = {self.label_column % len(first)} if isinstance(self.label_column, int) else set()
        cells = [cell for column, cell in enumerate(first) if column not in aside]
        numbers = [cell for cell in cells if _is_number(cell)]
        texts = [cell for cell in cells if not _is_number(cell) and not _is_missing(cell)]
        counted = len(numbers) > 0 and numbers == [
            str(k) for k in range(numbers[0] == "1", len(numbers) + (numbers[0] == "1"))
        ]
        if not texts:
            if counted and first[0] != "" and len(numbers) >= FEWEST_NAMES:
                raise self._header_or_row(
                    first.index(numbers[0]), numbers[0], "and the cells after it count upwards"
                )
            return counted and first[0] == ""  # written by pandas
        labels = {name for name in texts if name.lower() in LABEL_NAMES} | {self.label_column}
        mistyped = all(
            LIKE_A_NUMBER.match(text) and not PIXEL_NAME.fullmatch(text) for text in texts
        )
        if mistyped or (numbers and not (counted and set(texts) <= labels)):
            raise self._header_or_row(first.index(texts[0]), texts[0], "is not a number")
        return True

    def _header_or_row(self, column: int, cell: str, why: str) -> DataError:
        """Return the error about a first line that may be a header or a row."""
        return DataError(
            f"{self.path}, line {self.top}, column {column} (counted from 0): {quote(repr(cell))} "
            f"{why}, so the line could be a header or a row. If it is a header, give every column "
            "a name that does not look like a number. If it is a row, correct the cell (write a "
            "number 1 as 1.0) or, if this column contains the labels, give its number in "
            "label_column (--label-column)"
        )

    def _without_index(
        self, x: Array, names: list[str]
    ) -> tuple[Array, list[str], tuple[str, ...]]:
        """Return the columns without those that are an index, and remarks on columns that count."""
        remarks, left_out = [], []
        for column, name in enumerate(names):
            counts = counts_up(x[:, column])
            shown = f"The column {quote(repr(name))}"
            if INDEX_NAME.fullmatch(name) and counts:
                left_out.append(column)
                remarks.append(f"{shown} is an index and is not used.")
            elif NO_NAME.fullmatch(name):
                raise DataError(
                    f"{self.path}, line {self.top}, column {column} (counted from 0) has no name, "
                    "like an index that pandas writes; save the table with index=False or, if the "
                    "column is data, give it a name"
                )
            elif counts:
                remarks += remark_on_counting(x, column, quote(repr(name)))
        if len(left_out) == len(names):
            raise DataError(
                f"{self.path} has only an index column; expected columns of numbers, too"
            )
        if left_out:
            x = np.delete(x, left_out, axis=1)
            names = [name for column, name in enumerate(names) if column not in left_out]
        return x, names, tuple(remarks)

    def _find_label(self, first: Sequence[str], header: bool) -> int | None:
        wanted = self.label_column
        if isinstance(wanted, int):
            if not -len(first) <= wanted < len(first):
                raise InputError(
                    f"label_column (--label-column) is {wanted}, but {self.path} has {len(first)} "
                    f"columns; choose a number from 0 to {len(first) - 1}, or -1 for the last"
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
                f"{self.path} has several columns that could be the labels: {names}; choose one by "
                "its number, counted from 0, in label_column (--label-column)"
            )
        if wanted is not None and not found:
            advice = f"choose one of {quote(', '.join(first))}"
            if not header:
                advice = "it has no header, so give the number of the column, counted from 0"
            raise InputError(f"{self.path} has no column {wanted!r}; {advice}")
        return found[0] if found else None

    def _understand(self, x: Array, names: Sequence[str]) -> Examples:
        """Return a table as real numbers, or as pixels if both names and numbers fit."""
        remark = "The columns are interpreted as real-valued (Gaussian likelihood)."
        n_pixels = sum(PIXEL_NAME.fullmatch(name) is not None for name in names)
        if 0 < n_pixels == len(names):
            shape = self._picture(names)
            with np.errstate(invalid="ignore"):
                as_bytes = x.astype(np.uint8)
            if np.array_equal(as_bytes, x):
                size = " x ".join(map(str, shape))
                remark = f"The {x.shape[1]} columns are interpreted as images of {size} pixels."
                remarks = (remark, *remark_on_dark_pixels(float(as_bytes.max(initial=0))))
                return Examples(as_bytes, shape, "pixels", remarks=remarks)
            remark += " They are named like pixels, but not all are whole numbers in 0..255."
        elif n_pixels > 1:
            other = next(name for name in names if not PIXEL_NAME.fullmatch(name))
            remark += f" Some are named like pixels, but {quote(repr(other))} is not."
        return Examples(x, (x.shape[1],), "real", columns=tuple(names), remarks=(remark,))

    def _picture(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the image shape that the pixel names describe; refuse any other order."""
        places = [tuple(map(int, re.findall(r"\d+", name))) for name in names]
        side, start = math.isqrt(len(names)), places[0]
        shape: tuple[int, ...] = (side, side) if side**2 == len(names) else (len(names),)
        expected: list[tuple[int, ...]] = [(start[0] + i,) for i in range(len(names))]
        if len(start) == 2 and 0 < (width := places[-1][-1] - start[1] + 1) <= len(names):
            shape = (-(-len(names) // width), width)  # row and column
            expected = [(start[0] + i, start[1] + j) for i, j in np.ndindex(shape)]
        for name, found, right in zip(names, places, expected, strict=False):
            if found != right or max(start) > 1:
                raise DataError(
                    f"{self.path}, line {self.top}, column {quote(repr(name))} is out of order; "
                    "expected each pixel once, row by row, counted from 0 or 1. Sort the columns "
                    "in this order"
                )
        return shape

    def _add(
        self,
        number: int,
        cells: list[str],
        label: int | None,
        values: "array[float]",
        labels: list[str],
    ) -> None:
        """Append the numbers and the label of a line."""
        if len(cells) != len(self.names):
            raise DataError(
                f"{self.path}, line {number} has {len(cells)} cells, but the first line has "
                f"{len(self.names)}; correct or drop the line"
            )
        numbers = cells if label is None else cells[:label] + cells[label + 1 :]
        try:
            row = [float(cell) for cell in numbers]
        except ValueError:
            row = [math.nan]
        # fast, but not exact, because a sum of finite numbers may overflow
        joined = ",".join(["", *numbers])
        padded = "." not in joined and PADDED.search(joined)
        suspicious = padded or not math.isfinite(sum(row)) or "_" in joined
        if suspicious or (label is not None and _is_missing(cells[label])):
            self._refuse_if_bad(number, cells, label)
        values.extend(row)
        if label is not None:
            labels.append(cells[label])

    def _refuse_if_bad(self, number: int, cells: Sequence[str], label: int | None) -> None:
        """Raise the error about the first cell of a line that is not a finite number, if any."""
        for column, cell in enumerate(cells):
            place = f"line {number}, column {quote(repr(self.names[column]))}"
            where = f"{self.path}, {place}"
            if _is_missing(cell):
                n = sum(map(_is_missing, cells))
                n += sum(_is_missing(cell) for _, others in self.lines for cell in others)
                raise DataError(
                    f"{where}: the value is missing; fill it in or drop the row"
                    if n == 1
                    else f"{self.path}: {n} values are missing; the first is {place}. Fill them in "
                    "or drop the rows"
                )
            if column == label:
                continue
            if DECIMAL_COMMA.fullmatch(cell):
                raise DataError(
                    f"{where}: {quote(repr(cell))} has a comma; write numbers with a decimal point "
                    "and without thousands separators"
                )
            if not _is_number(cell):
                odd = quote(repr(self.names[column]))
                advice = "correct it, drop the row or, if this column contains the labels, name it"
                if label is not None:
                    advice = (
                        f"the label column is {quote(repr(self.names[label]))}, so {odd} was read "
                        f"as numbers. Correct the cell, drop the row or, if {odd} contains the "
                        "labels, name it instead"
                    )
                raise DataError(
                    f"{where}: {quote(repr(cell))} is not a number; {advice} in label_column "
                    "(--label-column)"
                )
            if PADDED.match(f",{cell}") and WHOLE.fullmatch(cell):
                raise DataError(
                    f"{where}: {quote(repr(cell))} begins with 0. If the comma before it is a "
                    "decimal comma, write a point. If it is a number, write it without the 0. If "
                    "it is a label, name this column in label_column (--label-column)"
                )
            if not math.isfinite(float(cell)):
                raise DataError(
                    f"{where}: {quote(repr(cell))} is not finite; correct it or drop the row"
                )


def _lines(path: str | Path) -> Generator[tuple[int, list[str]], None, None]:
    """Yield the number of each line, counted from 1, and its cells without surrounding blanks."""
    with (
        reading(path, "a .csv table in UTF-8", "save it as comma-separated text in UTF-8"),
        open_regular(path, LARGEST) as content,
        io.TextIOWrapper(content, newline="", encoding="utf-8-sig") as file,
    ):
        first = file.readline(LONGEST_LINE)
        while first and not first.strip():
            first = file.readline(LONGEST_LINE)
        file.seek(0)
        named = SEPARATOR.fullmatch(first.strip("\r\n \ufeff"))
        delimiter = named[1] if named else _delimiter(first, path)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        rows = (cells for cells in reader if cells and (len(cells) > 1 or cells[0].strip()))
        if named:
            next(rows)
        for cells in rows:
            yield reader.line_num, [cell.strip() for cell in cells]


def _delimiter(first: str, path: str | Path) -> str:
    """Return the character between cells; refuse a first line with decimal commas."""
    unquoted = re.sub(r'"[^"]*"', "", first)
    for other in (delimiter for delimiter in ";\t" if delimiter in unquoted):
        cells = [cell.strip() for cell in unquoted.split(other)]
        commas = [cell for cell in cells if DECIMAL_COMMA.fullmatch(cell)]
        if commas and all(cell in commas or _is_number(cell) or not cell for cell in cells):
            raise DataError(
                f"{path}, in the first line: {quote(repr(commas[0]))} has a comma; write numbers "
                "with a decimal point"
            )
    return max(",;\t", key=unquoted.count)


def _is_number(cell: str) -> bool:
    """Return whether a cell is a number, possibly infinite; 1_000 is a number only in Python."""
    try:
        float(cell)
    except ValueError:
        return False
    return not _is_missing(cell) and "_" not in cell


def _is_missing(cell: str) -> bool:
    return cell.lower() in MISSING
