"""Text columns of a table as one-hot columns of numbers, and back."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from npvae.errors import DataError
from npvae.parameters import Array
from npvae.storage.reading import LIMIT, quote

MOST_TEXTS = 100  # different texts of a column that becomes one-hot
LONGEST_TEXT = 100  # characters; a longer one is prose
LARGEST = 4 * LIMIT  # bytes of a table with one-hot columns
DATE = re.compile(
    r"(\d{4}([-/.])\d\d?\2\d\d?|\d\d?([-/.])\d\d?\3\d{4})([T ].*)?"  # the year first or last
)
DATES_ADVICE = "turn them into numbers, such as days since the first one, or leave the column out"


class Column(NamedTuple):
    """A column of the user's table: its name, its numbers in an example, its texts if it has any.

    The numbers of a text column are one-hot: a 1 at the place of the text among all texts.
    """

    name: str
    place: slice
    texts: tuple[str, ...]


def why_not_one_hot(n_texts: int, n: int, longest: int) -> str:
    """Return why a column of texts should not become one-hot, as an error message says it, or "".

    Parameters
    ----------
    n_texts, longest : number of different texts, and the length of the longest
    n : number of rows

    >>> why_not_one_hot(3, 150, 10), why_not_one_hot(150, 150, 10)
    ('', 'it has more than 100 different texts')
    """
    if longest > LONGEST_TEXT:
        return f"it has a text of more than {LONGEST_TEXT} characters"
    if n_texts > MOST_TEXTS:
        return f"it has more than {MOST_TEXTS} different texts"
    if 2 * n_texts > n:
        texts, rows = f"text{'s' * (n_texts > 1)}", f"row{'s' * (n > 1)}"
        return f"it has {n_texts:,} different {texts} in {n:,} {rows}"
    return ""


def remark_on_texts(names: Collection[str], categories: Mapping[str, Sequence[str]]) -> str:
    """Return sentences about the columns that become one-hot, and about the others.

    Parameters
    ----------
    names : of all columns
    categories : the texts of each text column, by its name

    >>> print(remark_on_texts(["colour"], {"colour": ("blue", "red")}))
    The column 'colour' contains text and becomes 2 one-hot columns: blue, red.
    """
    others = ""
    if len(names) > len(categories):
        others = " The other columns are interpreted as real-valued (Gaussian likelihood)."
    on_dates = "".join(
        f" The column {quote(repr(name))} contains dates; {DATES_ADVICE}."
        for name, texts in categories.items()
        if all(map(DATE.fullmatch, texts))
    )
    if len(categories) == 1:
        ((name, texts),) = categories.items()
        return (
            f"The column {quote(repr(name))} contains text and becomes {len(texts)} one-hot "
            f"column{'s' * (len(texts) > 1)}: {quote(', '.join(texts))}.{on_dates}{others}"
        )
    listed = ", ".join(f"{name} ({len(texts)})" for name, texts in categories.items())
    return (
        f"These columns contain text and become one-hot columns: {quote(listed)}.{on_dates}{others}"
    )


def expand(
    columns: Sequence[Array],
    names: Sequence[str],
    categories: Mapping[str, Sequence[str]],
    path: object = "the table",
) -> tuple[Array, tuple[str, ...]]:
    """Return the columns of a table as rows of numbers, and the names of the numbers.

    Parameters
    ----------
    columns : (N,) arrays of numbers, or of the places of texts among their categories; NaN is a
        missing value, and becomes NaN in all numbers of its column
    names : of the columns
    categories : the texts of each text column, by its name
    path : the file, for error messages

    Returns
    -------
    x : (N, n_x) float64
    names : a text column called colour has numbers called colour=blue, colour=red, ...

    Raises
    ------
    DataError : x would be too large, or two numbers would have the same name

    >>> x, names = expand([np.array([1.5, 2]), np.array([1, 0])], ["size", "colour"],
    ...                   {"colour": ["blue", "red"]})
    >>> names
    ('size', 'colour=blue', 'colour=red')
    >>> x
    array([[1.5, 0. , 1. ],
           [2. , 1. , 0. ]])
    """
    flat: list[str] = []
    for name in names:
        flat += [f"{name}={text}" for text in categories[name]] if name in categories else [name]
    for name in [name for name, n in Counter(flat).items() if n > 1][:1]:
        raise DataError(
            f"{path}: two one-hot columns, or one and another column, would be called "
            f"{quote(repr(name))}; rename the column"
        )
    if 8 * len(columns[0]) * len(flat) > LARGEST:
        raise DataError(
            f"{path}: its text columns would become {len(flat)} one-hot columns, which need more "
            f"than {LARGEST} bytes; leave some out with drop (--drop)"
        )
    x = np.zeros((len(columns[0]), len(flat)))
    for (_, place, texts), values in zip(table_columns(flat, categories), columns, strict=True):
        if not texts:
            x[:, place.start] = values
            continue
        known = ~np.isnan(values)
        x[np.flatnonzero(known), place.start + values[known].astype(np.int64)] = 1
        x[~known, place] = np.nan
    return x, tuple(flat)


def table_columns(
    names: Sequence[str], categories: Mapping[str, Sequence[str]]
) -> Iterator[Column]:
    """Yield the columns of the user's table.

    Parameters
    ----------
    names : the names of the numbers of an example, as `expand` returns them
    categories : the texts of each text column, by its name

    >>> [column.name for column in table_columns(["a=x", "a=y", "b"], {"a": ("x", "y")})]
    ['a', 'b']
    """
    first = {f"{name}={texts[0]}": name for name, texts in categories.items()}
    start = 0
    while start < len(names):
        name = first.get(names[start], names[start])
        texts = tuple(categories.get(name, ()))
        stop = start + max(1, len(texts))
        yield Column(name, slice(start, stop), texts)
        start = stop


def fit_together(names: Sequence[str], categories: Mapping[str, Sequence[str]]) -> bool:
    """Return whether each text column has all of its numbers among the names.

    >>> fit_together(["a=x", "a=y"], {"a": ["x", "y"]}), fit_together(["a=x"], {"a": ["x", "y"]})
    (True, False)
    """
    found = [column for column in table_columns(names, categories) if column.texts]
    numbers = {column.name: tuple(names[column.place]) for column in found}
    expected = {a: tuple(f"{a}={text}" for text in texts) for a, texts in categories.items()}
    return numbers == expected


def table_rows(
    x: Array, names: Sequence[str], categories: Mapping[str, Sequence[str]]
) -> Iterator[list[float | str]]:
    """Yield the rows of the user's table: a text is the one whose number is the largest.

    Parameters
    ----------
    x : (B, n_x) array in the units of the data
    names, categories : as for `table_columns`

    >>> list(table_rows(np.array([[1.5, 0.2, 0.7]]), ["size", "colour=blue", "colour=red"],
    ...                 {"colour": ("blue", "red")}))
    [[1.5, 'red']]
    """
    if not categories:
        yield from x.tolist()
        return
    columns = list(table_columns(names, categories))
    for row in x:
        yield [
            texts[int(row[place].argmax())] if texts else float(row[place.start])
            for _, place, texts in columns
        ]
