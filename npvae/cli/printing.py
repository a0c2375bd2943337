"""Printing, also where nobody reads."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

_lost: list[OSError] = []  # why standard output could not be written, the first time


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line; where it cannot be written, go on in silence, and let `lost` say why.

    That is after `| head`, when the terminal has gone, or on a full disk. A training goes on.
    """
    try:
        print(line, file=stream, flush=True)
    except OSError as error:
        _silence(error, of_stderr=stream is not None)


def flush() -> None:
    """Write what others have printed, argparse for instance."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _silence(error, of_stderr=False)


@contextmanager
def silent() -> Iterator[None]:
    """Let nothing reach standard output while the block runs."""
    with _nowhere() as nowhere, redirect_stdout(nowhere):
        yield


def prepare() -> None:
    """Make both streams ready: one that was closed, as by `>&-`, is one that nobody reads."""
    _lost.clear()
    if sys.stderr is None:
        sys.stderr = _nowhere()
    if sys.stdout is None:
        _silence(OSError("it is closed"), of_stderr=False)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a character shows another
            stream.reconfigure(errors="replace")


def lost() -> OSError | None:
    """Return why something of standard output was lost, if it was."""
    return _lost[0] if _lost else None


def _silence(error: OSError, *, of_stderr: bool) -> None:
    if of_stderr:
        sys.stderr = _nowhere()
    else:
        _lost.append(error)
        sys.stdout = _nowhere()


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # lasts as long as the process
