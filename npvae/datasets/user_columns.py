"""Which columns of a table become numbers, which contains the labels, and which are left out."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from npvae.datasets.one_hot import table_columns
from npvae.datasets.user_examples import ReadOptions, counts_up
from npvae.errors import DataError, InputError
from npvae.parameters import Array
from npvae.storage.reading import printable, quote

LABEL_NAMES = ("label", "labels", "class", "target", "y")
NO_NAME = re.compile(r"|unnamed: \d+", re.IGNORECASE)  # the names that pandas gives an index
INDEX_NAME = re.compile(rf"{NO_NAME.pattern}|index|id|__index_level_\d+__", re.IGNORECASE)


class Chosen(NamedTuple):
    """The places of the columns that become numbers, in order, and that of the labels, if any."""

    kept: list[int]
    label: int | None


def choose_columns(
    names: Sequence[str], options: ReadOptions, path: object, *, header: bool = True
) -> Chosen:
    """Return the columns of a table that are used.

    Parameters
    ----------
    names : of all columns, or their numbers if the table has no header
    options : which columns were asked for; new data for a model need those of its training data
    path : the file, for error messages
    header : whether the table has names

    Raises
    ------
    InputError : a column that was asked for does not exist
    DataError : no column of numbers is left, or new data have other columns than the training data
    """
    if options.trained_on is not None and options.trained_on.columns:
        return _as_in_training(names, options, path, header)
    dropped = _find_dropped(names, options, path, header)
    label = _find_label(names, options, path, header, dropped)
    kept = [i for i in range(len(names)) if i != label and i not in dropped]
    if not kept:
        what = "only a label column" if len(names) == 1 else "no column left beside those dropped"
        raise DataError(f"{path} has {what}; expected columns of numbers, too")
    return Chosen(kept, label)


def without_index(
    names: Sequence[str], columns: Sequence[Array], path: object, where: str = ""
) -> tuple[list[int], tuple[str, ...]]:
    """Return the places of the columns that are not an index, and remarks about those named so.

    Parameters
    ----------
    names, columns : the names of the chosen columns, and their values, (N,) each with N > 0; NaN
        is a missing value
    path, where : the table, and the line with its names, such as ", line 1", for messages

    Raises
    ------
    DataError : a column has no name and is not an index, or no other column is left
    """
    kept, remarks = [], []
    for place, (name, values) in enumerate(zip(names, columns, strict=True)):
        shown = f"The column {quote(repr(name)) if name else 'without a name'}"
        if not INDEX_NAME.fullmatch(name):
            kept.append(place)
        elif values.dtype.kind in "iuf" and counts_up(values):
            remarks.append(f"{shown} is an index and is not used.")
        elif NO_NAME.fullmatch(name):
            raise DataError(
                f"{path}{where}, column {place} (counted from 0) has no name, like an index that "
                "pandas writes; save the table with index=False or, if the column is data, give it "
                "a name"
            )
        else:
            kept.append(place)
            remarks.append(
                f"{shown} is used, because it does not count upwards by one; if it is an index, "
                "drop it."
            )
    if not kept:
        raise DataError(f"{path} has only an index column; expected columns of numbers, too")
    return kept, tuple(remarks)


def numbered(column: str | int) -> str | int:
    """Return the number of a column that is given by its number, and otherwise its name.

    >>> numbered("4"), numbered("-1"), numbered("height")
    (4, -1, 'height')
    """
    is_number = isinstance(column, str) and column.removeprefix("-").isdecimal()
    return int(column) if is_number else column


def _place(number: int, n: int, flag: str, path: object) -> int:
    if not -n <= number < n:
        raise InputError(
            f"{flag} is {number}, but {path} has {n} columns; choose a number from 0 to {n - 1}, "
            "or -1 for the last"
        )
    return number % n


def _find_dropped(
    names: Sequence[str], options: ReadOptions, path: object, header: bool
) -> set[int]:
    """Return the places of the columns to leave out; new data need not have them."""
    places = set()
    for column in map(numbered, options.drop):
        if isinstance(column, int):
            if options.trained_on is None or column < len(names):
                places.add(_place(column, len(names), "a number in drop (--drop)", path))
            continue
        found = [i for i, name in enumerate(names) if header and name == column]
        if not found and options.trained_on is None:
            raise InputError(
                f"{path} has no column {quote(repr(column))} to drop (--drop); "
                f"{_choices(names, header)}"
            )
        places.update(found)
    return places


def _find_label(
    names: Sequence[str], options: ReadOptions, path: object, header: bool, dropped: set[int]
) -> int | None:
    wanted = None if options.label_column is None else numbered(options.label_column)
    trained_on = options.trained_on
    if isinstance(wanted, int):
        if trained_on is not None and len(names) - len(dropped) <= trained_on.n_x:
            return None  # new data without labels
        found = [_place(wanted, len(names), "label_column (--label-column)", path)]
    elif wanted == "" or (wanted is None and not header):
        return None
    elif wanted is None:
        found = _called_like_labels(names, dropped)
    else:
        found = [i for i, name in enumerate(names) if header and name == wanted]
    if len(found) > 1:
        raise _several(names, found, options, path)
    if wanted is not None and not found and trained_on is None:
        raise InputError(f"{path} has no column {wanted!r}; {_choices(names, header)}")
    if found and found[0] in dropped:
        raise InputError(
            f"the column {quote(repr(names[found[0]]))} of {path} is both in drop (--drop) and in "
            "label_column (--label-column); leave one of them out"
        )
    return found[0] if found else None


def _called_like_labels(names: Sequence[str], dropped: set[int]) -> list[int]:
    return [i for i, name in enumerate(names) if name.lower() in LABEL_NAMES and i not in dropped]


def _several(
    names: Sequence[str], found: Sequence[int], options: ReadOptions, path: object
) -> DataError:
    columns = quote(", ".join(names[i] for i in found))
    advice = "choose one by its number, counted from 0, as label_column (--label-column)"
    if options.trained_on is not None:
        advice = "keep only one of them"
    return DataError(f"{path} has several columns that could be the labels: {columns}; {advice}")


def _choices(names: Sequence[str], header: bool) -> str:
    if not header:
        return "it has no header, so give the number of the column, counted from 0"
    return f"choose one of {quote(', '.join(filter(None, names)))}"


def _as_in_training(
    names: Sequence[str], options: ReadOptions, path: object, header: bool
) -> Chosen:
    """Return the columns of new data that have the names of the training data, in their order."""
    trained_on = options.trained_on
    assert trained_on is not None
    known = [column.name for column in table_columns(trained_on.columns, trained_on.categories)]
    expected = f"the model was trained on {quote(', '.join(known))}"
    places = {printable(name): i for i, name in enumerate(names)}
    lacking = [name for name in known if name not in places]
    if lacking and not header:
        raise DataError(f"{path} has no header, but {expected}; add a first line with these names")
    if lacking:
        raise DataError(f"{path} has no column {quote(repr(lacking[0]))}, but {expected}")
    kept = [places[name] for name in known]
    if kept != sorted(kept):
        given = quote(", ".join(names[i] for i in sorted(kept)))
        raise DataError(f"{path} has the columns {given}, but {expected}; use this order")
    others = [i for i in range(len(names)) if i not in kept]
    label = _label_among(names, others, options, path)
    dropped = {numbered(column) for column in options.drop}
    for i in others:
        left_out = dropped & {i, i - len(names), names[i]} or INDEX_NAME.fullmatch(names[i])
        if i != label and not left_out:
            raise DataError(
                f"{path} has the column {quote(repr(names[i]))}, but {expected}; leave it out"
            )
    return Chosen(kept, label)


def _label_among(
    names: Sequence[str], others: Sequence[int], options: ReadOptions, path: object
) -> int | None:
    """Return the label column of new data, which is not one of the known columns, if it exists."""
    wanted = None if options.label_column is None else numbered(options.label_column)
    if wanted is None:
        found = [i for i in _called_like_labels(names, set()) if i in others]
    else:
        found = [i for i in others if wanted in (i, i - len(names), names[i])]
    if len(found) > 1:
        raise _several(names, found, options, path)
    return found[0] if found else None
