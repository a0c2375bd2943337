"""The exceptions that npvae raises.

Every message says what was given, what was expected, and what to do.
"""

from math import isfinite
from operator import index
from typing import Any


class NpvaeError(Exception):
    """Base class of npvae's errors; the command line prints them without a traceback.

    Control characters, which a file name may contain, are replaced by spaces in the message.
    """

    lines = False  # whether a message may have several lines

    def __str__(self) -> str:
        kept = "\n" if self.lines else ""
        return "".join(c if c.isprintable() or c in kept else " " for c in super().__str__())


class InputError(NpvaeError, ValueError):
    """An argument, an option or an array is invalid."""


class DataError(NpvaeError, ValueError):
    """A dataset or a file cannot be read as what it should be."""


class DataUnavailableError(DataError):
    """A dataset is neither on disk nor available from any of its mirrors."""

    lines = True


class TrainingError(NpvaeError, ArithmeticError):
    """A training cannot continue, for example because the loss is not finite."""


class WriteError(NpvaeError, OSError):
    """A file could not be written, for example on a full disk; the previous file is unchanged."""


def require_finite(what: str, value: float) -> None:
    """Raise `TrainingError` unless the value, described by `what`, is finite."""
    if not isfinite(value):
        advice = "try a smaller learning rate; the Bernoulli likelihood also needs x in [0, 1]"
        raise TrainingError(f"{what} is {value}; {advice}")


def require_whole(name: str, value: Any, least: int = 1) -> int:
    """Return a value as an int, if it is a whole number of at least `least`.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : object
    least : int
        The smallest value that is allowed.

    Raises
    ------
    InputError
        If it is not.

    >>> require_whole("epochs", 2.5)
    Traceback (most recent call last):
        ...
    npvae.errors.InputError: epochs is 2.5, expected a whole number, at least 1
    """
    try:
        number = least - 1 if isinstance(value, bool) else index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise InputError(f"{name} is {value!r:.60}, expected a whole number, at least {least}")
    return number


def require_sizes(n_x: int, n_z: int, n_y: int) -> tuple[int, int, int]:
    """Return n_x, n_z and n_y as ints, if they are whole numbers that a model can have."""
    return require_whole("n_x", n_x), require_whole("n_z", n_z), require_whole("n_y", n_y, 0)
