"""Your own tables: read .csv and .tsv files and interpret their columns."""

import csv
import gzip
import io
import math
import re
from array import array
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np

from npvae.datasets.missing import count_missing
from npvae.datasets.one_hot import (
    LONGEST_TEXT,
    MOST_TEXTS,
    expand,
    remark_on_texts,
    table_columns,
    why_not_one_hot,
)
from npvae.datasets.user_columns import (
    LABEL_NAMES,
    Chosen,
    choose_columns,
    numbered,
    without_index,
)
from npvae.datasets.user_examples import (
    REAL,
    USUAL,
    Examples,
    ReadOptions,
    remark_on_counting,
    remark_on_dark_pixels,
    remark_on_labels,
    require_memory,
)
from npvae.errors import DataError
from npvae.parameters import Array
from npvae.storage.reading import LIMIT, open_regular, printable, quote, reading

MISSING = ("", "na", "n/a", "nan", "null", "none", "?")
PIXEL_NAME = re.compile(r"pixel_?\d+|\d+x\d+", re.IGNORECASE)  # as in the MNIST files of Kaggle
DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(e[-+]?\d+)?", re.IGNORECASE)
WHOLE = re.compile(r"[-+]?\d+")
PADDED = re.compile(r",[-+]?0\d")  # a cell such as 05, which a decimal comma makes of 1,05
LIKE_A_NUMBER = re.compile(r"[-+]?[.,]?\d")  # the beginning of a number, mistyped or not
SEPARATORS = ",;\t|"
SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # first line of some Excel files
LARGEST = 4 * LIMIT  # bytes; an .npy file may have any size
LARGEST_UNPACKED = LIMIT // 2  # characters of a packed file, whose numbers take four times as much
LONGEST_ROW = 1 << 24  # characters
FEWEST_NAMES = 3  # columns that do not count by accident


def read_table(path: str | Path, options: ReadOptions = USUAL) -> Examples:
    """Return the examples in a .csv or .tsv file, one per line, and their labels.

    - Cells are separated by commas, semicolons, tabs or vertical bars, whichever is most frequent
      in the first line, or as a first line such as `sep=;` says; in a .tsv file by tabs. The text
      is UTF-8, and blank lines are skipped. Numbers have a decimal point; decimal commas are
      refused. A file whose name ends in .gz is unpacked.
    - The first line is a header if none of its cells is a number, not counting columns that are
      left out or contain the labels and are given by their number. Column names 0, 1, 2, ... are
      accepted next to a label name. Any other mixture of numbers and text is refused, because it
      may be a header or a mistyped row. So is a line of whole numbers that counts 0, 1, 2, ... or
      1, 2, 3, ..., or whose columns contain no other whole number, because pandas writes such
      headers for columns without names.
    - A column that counts upwards by one and has no name, or is called index or id, is an index as
      written by pandas, and is left out. Other columns that count, or are called so, are kept, with
      a remark.
    - The label column is the one that `options.label_column` names or counts from 0 (-1 is the
      last); by default the one called label, labels, class, target or y, if there is one. Labels
      may be text. "" means that there is none, and "4" means 4.
    - A column none of whose cells is a number becomes one-hot: one number for each of its texts.
      It may have at most 100 different texts, and at most half as many as there are rows.
    - A cell that is empty or contains NA, N/A, NaN, null, none or ? is a missing value, which is an
      error unless `options.missing` says what to do.
    - The numbers are real-valued, unless all columns are called pixel0, pixel1, ... or 1x1, 1x2,
      ... and all numbers are whole and in 0..255; then they are pixels in this order.

    Raises
    ------
    DataError : a cell is missing or not a number, a line has another number of cells, or the file
        is not a text table; the message names the line and the column
    InputError : the label column, or a column to drop, does not exist
    """
    with closing(_lines(path)) as lines:
        return _Reader(path, options).read(lines)


@dataclass
class _Texts:
    """The texts of one column.

    Attributes
    ----------
    line, first : the first line that has a text, and this text
    names : the texts, in the order in which they were found
    places : the place of each text among them, as a cell
    """

    line: int
    first: str
    names: list[str]
    places: dict[str, str]


class _Reader:
    """Reads one table.

    Attributes
    ----------
    names : of all columns
    chosen : the places of the columns that become numbers, and that of the labels
    texts : what was found in each text column, by its place among the chosen columns
    undecided : the chosen columns of which only missing values have been seen
    """

    def __init__(self, path: str | Path, options: ReadOptions) -> None:
        self.path, self.options = path, options
        self.names: list[str] = []
        self.chosen = Chosen([], None)
        self.texts: dict[int, _Texts] = {}
        self.undecided: set[int] = set()
        self.unlabelled: list[int] = []  # rows without a label
        self.top = 1  # the number of the first line that is not blank
        self.lines: Iterator[tuple[int, list[str]]] = iter(())  # those that are not yet read
        trained_on = options.trained_on
        self.known = trained_on if trained_on is not None and trained_on.columns else None

    def read(self, lines: Iterator[tuple[int, list[str]]]) -> Examples:
        """Return the examples in numbered lines of cells."""
        number, first = next(lines, (0, []))
        if not first:
            raise DataError(f"{self.path} is empty; expected a table of numbers")
        self.top, self.lines = number, lines
        header = self._has_header(first)
        self.names = first if header else [str(column) for column in range(len(first))]
        for name in [name for name, n in Counter(self.names).items() if name and n > 1][:1]:
            raise DataError(
                f"{self.path}, line {number}: several columns are called {quote(repr(name))}; give "
                "each column a different name"
            )
        self.chosen = choose_columns(self.names, self.options, self.path, header=header)
        self._prepare_texts()
        values = array("d")
        labels: list[str] = []
        if not header:
            self._add(number, first, values, labels)
        numbers = self._used(first)
        like_years = not header and all(map(WHOLE.fullmatch, numbers))
        for number, cells in lines:
            self._add(number, cells, values, labels)
            like_years = like_years and not any(map(WHOLE.fullmatch, self._used(cells)))
        if like_years and len(values) > len(numbers):
            raise self._header_or_row(
                first.index(numbers[0]),
                numbers[0],
                "is a whole number, unlike all numbers below it",
            )
        return self._examples(np.frombuffer(values, np.float64), labels, header)

    def _prepare_texts(self) -> None:
        """Note which columns are known to contain text, or that this is not known yet."""
        if self.known is None:
            self.undecided = set(range(len(self.chosen.kept)))
            return
        columns = table_columns(self.known.columns, self.known.categories)
        for column, (_, _, texts) in enumerate(columns):
            if texts:
                places = {text: str(place) for place, text in enumerate(texts)}
                self.texts[column] = _Texts(0, "", list(texts), places)

    def _used(self, cells: list[str]) -> list[str]:
        """Return the cells that become numbers."""
        kept = self.chosen.kept
        return cells.copy() if len(kept) == len(cells) else [cells[column] for column in kept]

    def _examples(self, values: Array, labels: list[str], header: bool) -> Examples:
        """Return all rows as examples, with remarks."""
        x = values.reshape(-1, len(self.chosen.kept))
        names = [printable(self.names[column]) for column in self.chosen.kept]
        missing = None
        if self.options.missing != "refuse":
            missing = count_missing(x)
            missing[self.unlabelled] += 1
        categories = {names[column]: self._finish(x, column) for column in sorted(self.texts)}
        if len(x) and self.undecided:
            raise DataError(
                f"{self.path}, column {quote(repr(names[min(self.undecided)]))} has no values; "
                "leave it out with drop (--drop)"
            )
        remarks: tuple[str, ...] = ()
        if len(x) and self.known is None:
            x, names, remarks = self._without_index(x, names)
        if categories:
            x, columns = expand([*x.T], names, categories, self.path)
            examples = Examples(x, (x.shape[1],), "real", None, columns, categories)
            examples.remarks = (remark_on_texts(names, categories),)
        else:
            examples = self._understand(x, names if header else [])
        examples.missing = missing
        examples.remarks += remarks
        label = self.chosen.label
        if label is not None:
            require_memory(len(labels), 4 * max(map(len, labels), default=0), self.path)
            examples.labels = np.array(labels, dtype=np.str_)
        examples.remarks += remark_on_labels(None if label is None else self.names[label], examples)
        return examples

    def _has_header(self, first: Sequence[str]) -> bool:
        """Return whether the first line contains column names; refuse an ambiguous line."""
        if self.known is not None:
            columns = table_columns(self.known.columns, self.known.categories)
            if {column.name for column in columns} & set(map(printable, first)):
                return True
        label_column = self.options.label_column
        asked = [*self.options.drop, *([] if label_column is None else [label_column])]
        by_number = {numbered(column) for column in asked}
        aside = {column % len(first) for column in by_number if isinstance(column, int)}
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
        labels = {name for name in texts if name.lower() in LABEL_NAMES} | {label_column}
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
            "number 1 as 1.0)"
            + self._unless_trained(
                " or, if this column contains the labels, give its number as label_column "
                "(--label-column)"
            )
        )

    def _unless_trained(self, advice: str) -> str:
        """Return advice on how to choose columns, or "" if a trained model has chosen them."""
        return advice if self.options.trained_on is None else ""

    def _without_index(
        self, x: Array, names: list[str]
    ) -> tuple[Array, list[str], tuple[str, ...]]:
        """Return the columns without those that are an index, and remarks on columns that count."""
        kept, remarks = without_index(names, list(x.T), self.path, f", line {self.top}")
        if len(kept) < len(names):
            x, names = np.take(x, kept, axis=1), [names[place] for place in kept]
        for column, name in enumerate(names):
            remarks += remark_on_counting(x, column, quote(repr(name)))
        return x, names, remarks

    def _understand(self, x: Array, names: Sequence[str]) -> Examples:
        """Return a table as real numbers, or as pixels if both names and numbers fit."""
        remark = REAL
        n_pixels = sum(PIXEL_NAME.fullmatch(name) is not None for name in names)
        if 0 < n_pixels == len(names):
            shape = self._picture(names)
            known = np.nan_to_num(x)
            with np.errstate(invalid="ignore"):
                as_bytes = known.astype(np.uint8)
            if np.array_equal(as_bytes, known):
                if self.options.missing == "mean" and np.isnan(x).any():
                    raise DataError(
                        f"{self.path} has missing pixels, which cannot be filled in with means; "
                        'leave such rows out with missing="drop" (--missing drop)'
                    )
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
        self, number: int, cells: list[str], values: "array[float]", labels: list[str]
    ) -> None:
        """Append the numbers and the label of a line."""
        if len(cells) != len(self.names):
            raise DataError(
                f"{self.path}, line {number} has {len(cells)} cells, but the first line has "
                f"{len(self.names)}; correct or drop the line"
            )
        numbers, label = self._used(cells), self.chosen.label
        if self.undecided:
            self._decide(number, numbers)
        for column, texts in self.texts.items():
            cell = numbers[column]
            numbers[column] = texts.places.get(cell) or self._place(number, column, cell)
        try:
            row = [float(cell) for cell in numbers]
        except ValueError:
            row = [math.nan]
        # fast, but not exact, because a sum of finite numbers may overflow
        joined = ",".join(["", *numbers])
        padded = "." not in joined and PADDED.search(joined)
        suspicious = padded or not math.isfinite(sum(row)) or "_" in joined
        if suspicious or (label is not None and _is_missing(cells[label])):
            row = self._with_care(number, cells, numbers)
        values.extend(row)
        if label is not None:
            if _is_missing(cells[label]):
                self.unlabelled.append(len(labels))
            labels.append(cells[label])

    def _with_care(self, number: int, cells: list[str], numbers: list[str]) -> list[float]:
        """Return the numbers of a line, with NaN for missing values, or raise its first error."""
        label, how = self.chosen.label, self.options.missing
        places = {column: place for place, column in enumerate(self.chosen.kept)}
        for column, cell in enumerate(cells):
            if column not in places and column != label:
                continue
            if _is_missing(cell):
                if how == "refuse" or (how == "mean" and column == label):
                    raise self._missing(number, column, cells)
            elif column != label and places[column] not in self.texts:
                self._refuse_if_bad(number, column, cell)
        return [math.nan if _is_missing(cell) else float(cell) for cell in numbers]

    def _missing(self, number: int, column: int, cells: list[str]) -> DataError:
        """Return the error about missing values, of which this one is the first."""
        place = f"line {number}, column {quote(repr(self.names[column]))}"
        used, advice = {*self.chosen.kept, self.chosen.label}, self.options.missing_advice
        if self.options.missing == "mean":
            return DataError(
                f"{self.path}, {place}: the label is missing, and a mean cannot replace it; fill "
                "it in or drop the row"
            )
        rows = chain([cells], (others for _, others in self.lines))
        n = sum(_is_missing(cell) for row in rows for i, cell in enumerate(row) if i in used)
        if n == 1:
            return DataError(f"{self.path}, {place}: the value is missing. {advice}")
        return DataError(f"{self.path}: {n} values are missing; the first is {place}. {advice}")

    def _refuse_if_bad(self, number: int, column: int, cell: str) -> None:
        """Raise the error about a cell that is not a finite number, if it is none."""
        where = f"{self.path}, line {number}, column {quote(repr(self.names[column]))}"
        if DECIMAL_COMMA.fullmatch(cell):
            raise DataError(
                f"{where}: {quote(repr(cell))} has a comma; write numbers with a decimal point "
                "and without thousands separators"
            )
        if not _is_number(cell):
            raise DataError(f"{where}: {quote(repr(cell))} is not a number; {self._advice(column)}")
        if PADDED.match(f",{cell}") and WHOLE.fullmatch(cell):
            raise DataError(
                f"{where}: {quote(repr(cell))} begins with 0. If the comma before it is a "
                "decimal comma, write a point. If it is a number, write it without the 0."
                + self._unless_trained(
                    " If it is a label, give the name of this column as label_column "
                    "(--label-column)"
                )
            )
        if not math.isfinite(float(cell)):
            raise DataError(
                f"{where}: {quote(repr(cell))} is not finite; correct it or drop the row"
            )

    def _advice(self, column: int) -> str:
        """Return what to do about a column that is neither numbers nor a few texts."""
        if self.options.trained_on is not None:
            return "correct the cell, or drop the row"
        odd, label = quote(repr(self.names[column])), self.chosen.label
        fix = "correct the cell, or leave the column out with drop (--drop)"
        if label is None:
            how = "give its name as label_column (--label-column)"
            return f"{fix}. If it contains the labels, {how}"
        return (
            f"{fix}. The label column is {quote(repr(self.names[label]))}; if {odd} contains the "
            "labels, give its name as label_column (--label-column) instead"
        )

    # ---- text columns ----------------------------------------------------------------------------

    def _decide(self, number: int, numbers: Sequence[str]) -> None:
        """Decide by its first value whether a column contains numbers or text."""
        for column in [i for i in self.undecided if not _is_missing(numbers[i])]:
            self.undecided.remove(column)
            if not _is_number(numbers[column]) and not DECIMAL_COMMA.fullmatch(numbers[column]):
                self.texts[column] = _Texts(number, numbers[column], [], {})

    def _place(self, number: int, column: int, cell: str) -> str:
        """Return the place of a text that has not been seen before; a missing value as it is."""
        if _is_missing(cell):
            return cell
        texts, original = self.texts[column], self.chosen.kept[column]
        name = quote(repr(self.names[original]))
        if self.known is not None:
            raise DataError(
                f"{self.path}, line {number}, column {name}: {quote(repr(cell))} is not one of the "
                f"texts that the model was trained on: {quote(', '.join(texts.names))}"
            )
        if _is_number(cell) or DECIMAL_COMMA.fullmatch(cell):
            raise DataError(
                f"{self.path}, column {name} mixes numbers and text: {quote(repr(cell))} in line "
                f"{number} is a number, but {quote(repr(texts.first))} in line {texts.line} not; "
                f"{self._advice(original)}"
            )
        text = printable(cell)
        if text not in texts.names:
            texts.names.append(text)
        texts.places[cell] = str(texts.names.index(text))
        if len(text) > LONGEST_TEXT or len(texts.places) > MOST_TEXTS:
            self._require_few(column, len(text), number)
        return texts.places[cell]

    def _require_few(self, column: int, longest: int, n: int) -> None:
        """Refuse a text column that should not become one-hot; n is the number of its values."""
        texts, original = self.texts[column], self.chosen.kept[column]
        if reason := why_not_one_hot(len(texts.places), n, longest):
            raise DataError(
                f"{self.path}, line {texts.line}, column {quote(repr(self.names[original]))}: "
                f"{quote(repr(texts.first))} is not a number, and the column cannot become "
                f"one-hot because {reason}; {self._advice(original)}"
            )

    def _finish(self, x: Array, column: int) -> tuple[str, ...]:
        """Return the texts of a column in their final order, and replace their places in x."""
        names, values = self.texts[column].names, x[:, column]
        if self.known is not None:
            return tuple(names)
        known = ~np.isnan(values)
        self._require_few(column, 0, int(known.sum()))
        order = sorted(range(len(names)), key=names.__getitem__)
        values[known] = np.argsort(order)[values[known].astype(np.int64)]
        return tuple(names[place] for place in order)


def _lines(path: str | Path) -> Generator[tuple[int, list[str]], None, None]:
    """Yield the number of each line, counted from 1, and its cells without surrounding blanks."""
    packed, tabs = (
        Path(path).suffix.lower() == ".gz",
        ".tsv" in "".join(Path(path).suffixes).lower(),
    )
    with (
        reading(path, "a table of text in UTF-8", "save it as comma-separated text in UTF-8"),
        open_regular(path, LARGEST) as content,
        io.TextIOWrapper(
            gzip.GzipFile(fileobj=content) if packed else content, "utf-8-sig", newline=""
        ) as file,
    ):
        most = LARGEST_UNPACKED if packed else LARGEST
        first = next((line for line in _Bounded(file, most) if line.strip()), "")
        file.seek(0)
        named = SEPARATOR.fullmatch(first.strip("\r\n \ufeff"))
        delimiter = named[1] if named else "\t" if tabs else _delimiter(first, path)
        bounded = _Bounded(file, most)
        reader = csv.reader(bounded, delimiter=delimiter, strict=True)
        rows = (cells for cells in reader if cells and (len(cells) > 1 or cells[0].strip()))
        if named:
            next(rows)
        for cells in rows:
            bounded.row = 0
            yield reader.line_num, [cell.strip() for cell in cells]


class _Bounded:
    """The lines of a text file, of which no row and not all together can fill the memory."""

    def __init__(self, file: TextIO, most: int) -> None:
        self.file, self.most = file, most
        self.row, self.all = 0, 0  # characters since the last row, and since the beginning

    def __iter__(self) -> "_Bounded":
        return self

    def __next__(self) -> str:
        line = self.file.readline(LONGEST_ROW + 1)
        self.row += len(line)
        self.all += len(line)
        if self.row > LONGEST_ROW:
            raise ValueError(f"a row has more than {LONGEST_ROW} characters")
        if self.all > self.most:
            raise ValueError(f"it unpacks to more than {self.most} characters; unpack it yourself")
        if not line:
            raise StopIteration
        return line


def _delimiter(first: str, path: str | Path) -> str:
    """Return the character between cells; refuse a first line with decimal commas."""
    unquoted = re.sub(r'"[^"]*"', "", first)
    for other in (delimiter for delimiter in SEPARATORS[1:] if delimiter in unquoted):
        cells = [cell.strip() for cell in unquoted.split(other)]
        commas = [cell for cell in cells if DECIMAL_COMMA.fullmatch(cell)]
        if commas and all(cell in commas or _is_number(cell) or not cell for cell in cells):
            raise DataError(
                f"{path}, in the first line: {quote(repr(commas[0]))} has a comma; write numbers "
                "with a decimal point"
            )
    return max(SEPARATORS, key=unquoted.count)


def _is_number(cell: str) -> bool:
    """Return whether a cell is a number, possibly infinite; 1_000 is a number only in Python."""
    try:
        float(cell)
    except ValueError:
        return False
    return not _is_missing(cell) and "_" not in cell


def _is_missing(cell: str) -> bool:
    return cell.lower() in MISSING
