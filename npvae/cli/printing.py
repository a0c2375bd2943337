"""Printing to standard output, which may be closed, full or a broken pipe."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from textwrap import fill
from typing import TextIO

WIDTH = 80  # columns of a line, which paths and commands may exceed

_lost: list[OSError] = []  # the first error of writing to standard output, if there was one


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line, and continue silently if it cannot be written; `lost` then says why.

    Writing fails after `| head`, when the terminal has been closed, or on a full disk. None of
    these should end a training.
    """
    try:
        print(line, file=stream, flush=True)
    except OSError as error:
        _silence(error, of_stderr=stream is not None)


def flags_only(message: str) -> str:
    """Return a message without the names that flags have in Python.

    >>> flags_only('label_column (--label-column) is 9; use missing="drop" (--missing drop)')
    '--label-column is 9; use --missing drop'
    """

    def shortened(found: re.Match[str]) -> str:
        name, value, flag, given = found.groups()
        same = flag == f"--{name.replace('_', '-')}" and value == given
        return " ".join(filter(None, (flag, given))) if same else found[0]

    return re.sub(r"(\w+)(?:=\"(\w+)\")? \((--[a-z-]+)(?: (\w+))?\)", shortened, message)


def beside(label: str, text: str, *, width: int = 10) -> str:
    """Return text wrapped at 80 columns, in a column beside its label.

    Parameters
    ----------
    label : printed once, on the first line; it may begin with blanks
    text : what to wrap; words longer than a line, such as paths, stay in one piece
    width : columns that the label takes

    >>> print(beside("Split", "the test part, " + "10000 examples, " * 5))
    Split     the test part, 10000 examples, 10000 examples, 10000 examples, 10000
              examples, 10000 examples,
    """
    indent = " " * width
    return fill(
        text,
        WIDTH,
        initial_indent=f"{label:<{width}}",
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def filled(paragraph: str) -> str:
    """Return a paragraph wrapped at 80 columns; an indented one keeps its lines."""
    return paragraph if paragraph.startswith(" ") else fill(paragraph, WIDTH)


def flush() -> None:
    """Flush what argparse and others have printed to standard output."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _silence(error, of_stderr=False)


@contextmanager
def silent() -> Iterator[None]:
    """Discard everything that is written to standard output while the block runs."""
    with _nowhere() as nowhere, redirect_stdout(nowhere):
        yield


def prepare() -> None:
    """Make both streams usable; a stream that was closed, as by `>&-`, discards its text."""
    _lost.clear()
    if sys.stderr is None:
        sys.stderr = _nowhere()
    if sys.stdout is None:
        _silence(OSError("it is closed"), of_stderr=False)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # print "?" for a character that the terminal lacks
            stream.reconfigure(errors="replace")


def lost() -> OSError | None:
    """Return the first error of writing to standard output, or None."""
    return _lost[0] if _lost else None


def _silence(error: OSError, *, of_stderr: bool) -> None:
    if of_stderr:
        sys.stderr = _nowhere()
    else:
        _lost.append(error)
        sys.stdout = _nowhere()


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # stays open until the process ends
