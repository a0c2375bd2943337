"""npvae's own exceptions, one plain message each.

A message says what was given, what was expected and what to do.
"""

from operator import index
from typing import Any


class NpvaeError(Exception):
    """Anything that npvae refuses; the command line prints it without a traceback.

    Control characters, which a file name may hold, are left out of the message.
    """

    lines = False  # whether a message may have several

    def __str__(self) -> str:
        kept = "\n" if self.lines else ""
        return "".join(c if c.isprintable() or c in kept else " " for c in super().__str__())


class InputError(NpvaeError, ValueError):
    """An argument, a flag or an array that does not fit."""


class DataError(NpvaeError, ValueError):
    """A dataset or a file that cannot be read as what it claims to be."""


class DataUnavailableError(DataError):
    """A dataset that is neither on disk nor to be had from any of its mirrors."""

    lines = True


class TrainingError(NpvaeError, ArithmeticError):
    """A training that cannot go on, such as one whose loss is no longer a number."""


class WriteError(NpvaeError, OSError):
    """A file that could not be written, on a full disk for instance; the old one is as it was."""


def require_whole(name: str, value: Any, least: int = 1) -> int:
    """Return a whole number, if it is one.

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
