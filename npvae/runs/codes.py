"""Codes of examples in files: tables and arrays that other programs and `npvae decode` read."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npvae.errors import DataError, InputError
from npvae.evaluation.latent_space import Codes
from npvae.parameters import Array
from npvae.runs.numbers import cell
from npvae.storage.arrays import read_array, read_arrays, write_arrays
from npvae.storage.atomic import atomic_write
from npvae.storage.reading import LIMIT, quote, read_bytes, reading

FORMS = ("csv", "npy", "npz")
MU = re.compile(r"mu_\d{1,9}", re.ASCII)


def write_codes(path: Path, codes: Codes, rows: Array, classes: Sequence[str] = ()) -> None:
    """Write codes as a table, an array of mu alone, or several arrays; the suffix decides.

    .csv  columns row, label (if there are labels), mu_0, mu_1, ..., and logvar_0, ... for a VAE
    .npy  mu, (N, n_z)
    .npz  mu, logvar, labels, rows and classes, those that there are

    Parameters
    ----------
    path : where to write
    codes : of N examples
    rows : (N,) int array, where each example is in its data, counted from 0
    classes : name of each label
    """
    match path.suffix.lower():
        case ".npy":
            with atomic_write(path) as file:
                np.save(file, codes.mu)
        case ".npz":
            arrays = {"mu": codes.mu, "logvar": codes.logvar, "labels": codes.labels, "rows": rows}
            found = {name: array for name, array in arrays.items() if array is not None}
            if codes.labels is not None:
                found["classes"] = np.array(classes, dtype=np.str_)
            with atomic_write(path) as file:
                write_arrays(file, found)
        case _:
            with atomic_write(path, "w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(_table(codes, rows, classes))


def _table(codes: Codes, rows: Array, classes: Sequence[str]) -> Iterator[list[object]]:
    """Yield the header and the rows of a table, with as many digits as the numbers have."""
    parts = {"mu": codes.mu, "logvar": codes.logvar}
    arrays = {name: array for name, array in parts.items() if array is not None}
    labels = [] if codes.labels is None else [[cell(x)] for x in named(codes.labels, classes)]
    numbers = [f"{name}_{i}" for name in arrays for i in range(codes.mu.shape[1])]
    yield ["row", *(["label"] if labels else []), *numbers]
    for i, row in enumerate(rows.tolist()):
        label = labels[i] if labels else []
        yield [row, *label, *(str(value) for array in arrays.values() for value in array[i])]


@dataclass(frozen=True)
class StoredCodes:
    """Codes that were read from a file.

    Attributes
    ----------
    mu : (N, n_z) float64 array
    labels : the name of each code's label, or None
    """

    mu: Array
    labels: list[str] | None = None


def read_codes(path: str | Path, n_z: int) -> StoredCodes:
    """Return the codes in a file that `write_codes` wrote, or in a plain table or array.

    Parameters
    ----------
    path : a .csv file with columns mu_0, mu_1, ... and perhaps label, or with n_z numbers in each
        row; an .npy file of shape (N, n_z); or an .npz file with an array mu
    n_z : the number of latents

    Raises
    ------
    InputError : there is no such file, or its suffix is not supported
    DataError : the file cannot be read, is empty, or holds codes of another width or numbers that
        are not finite
    """
    path = Path(path)
    if not path.exists():
        raise InputError(
            f"there is no file called {quote(path)}; give the codes that npvae encode wrote, or "
            "numbers of your own"
        )
    match path.suffix.lower():
        case ".csv":
            found = _read_table(path)
        case ".npy":
            found = StoredCodes(read_array(path))
        case ".npz":
            found = _read_arrays(path)
        case _:
            raise InputError(f"{path} cannot be read as codes; give a .csv, .npy or .npz file")
    mu = found.mu
    if mu.ndim != 2 or mu.shape[1] != n_z or len(mu) == 0:
        raise DataError(
            f"{path} has codes of shape {mu.shape}; expected (N, {n_z}), one row for each code, "
            f"because the model has {n_z} latents"
        )
    if mu.dtype.kind not in "iuf":
        raise DataError(f"{path} has codes of the type {mu.dtype}; expected numbers")
    if not np.isfinite(mu).all():
        row, column = np.argwhere(~np.isfinite(mu))[0]
        raise DataError(
            f"{path}: row {row}, column {column} of the codes (both counted from 0) is "
            f"{mu[row, column]}; expected a finite number. Correct it"
        )
    return StoredCodes(mu.astype(np.float64), found.labels)


def _read_arrays(path: Path) -> StoredCodes:
    """Return the codes in an .npz file."""
    arrays = read_arrays(path)
    if "mu" not in arrays:
        raise DataError(
            f"{path} contains the arrays {quote(', '.join(arrays)) or '(none)'}; expected one "
            "named mu"
        )
    labels, classes = arrays.get("labels"), arrays.get("classes", np.zeros(0, np.str_))
    if labels is None:
        return StoredCodes(arrays["mu"])
    if labels.shape != arrays["mu"].shape[:1]:
        raise DataError(
            f"{path} has labels of shape {labels.shape} for mu of shape {arrays['mu'].shape}; "
            "expected one label for each code"
        )
    with reading(path, "codes with labels", "write it again with npvae encode"):
        return StoredCodes(
            arrays["mu"], list(map(str, classes[labels] if classes.size else labels))
        )


def _read_table(path: Path) -> StoredCodes:
    """Return the codes in a .csv file, with a header or without one."""
    with reading(path, "a .csv table in UTF-8", "write it again with npvae encode"):
        text = io.StringIO(read_bytes(path, LIMIT).decode("utf-8-sig"), newline="")
        lines = csv.reader(text, strict=True)
        rows = [(lines.line_num, row) for row in lines if any(map(str.strip, row))]
    if not rows:
        raise DataError(f"{path} is empty; expected a row of numbers for each code")
    names = [name.strip() for name in rows[0][1]]
    columns, label = list(range(len(names))), None
    if not all(map(_is_number, names)):
        columns, label = _places(names)
        rows = rows[1:]
    mu, labels = np.empty((len(rows), len(columns))), []
    for i, (number, row) in enumerate(rows):
        if len(row) != len(names):
            raise DataError(
                f"{path}, line {number} has {len(row)} cells, but the first line has {len(names)}; "
                "correct the line"
            )
        for j, column in enumerate(columns):
            mu[i, j] = float(row[column]) if _is_number(row[column]) else np.nan
            if not np.isfinite(mu[i, j]):
                raise DataError(
                    f"{path}, line {number}, column {quote(repr(names[column]))}: "
                    f"{quote(repr(row[column]))} is not a finite number; correct it"
                )
        if label is not None:
            labels.append(_plain(row[label].strip()))
    return StoredCodes(mu, labels if label is not None else None)


def _places(names: list[str]) -> tuple[list[int], int | None]:
    """Return the columns of a code, mu_0, mu_1, ... or all others, and the one of the labels."""
    label = names.index("label") if "label" in names else None
    numbered = {int(name[3:]): i for i, name in enumerate(names) if MU.fullmatch(name)}
    if numbered:
        return [numbered[number] for number in sorted(numbered)], label
    return [i for i, name in enumerate(names) if name not in ("row", "label")], label


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _plain(text: str) -> str:
    """Return what `cell` was given."""
    return text[1:] if text.startswith("'") and cell(text[1:]) == text else text


def named(labels: Array, classes: Sequence[str]) -> list[str]:
    """Return the name of each label, or its number where it has none."""
    names = dict(enumerate(classes))
    return [names.get(label, str(label)) for label in labels.tolist()]
