"""Printing, also where nobody reads."""

import os
import sys
from typing import TextIO


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line; where nobody reads any more, or a log is full, go on in silence.

    That is after `| head`, when the terminal has gone, or on a full disk: no reason to end.
    """
    try:
        print(line, file=stream, flush=True)
    except OSError:
        nowhere = open(os.devnull, "w")  # noqa: SIM115, lasts as long as the process
        if stream is None:
            sys.stdout = nowhere
        else:
            sys.stderr = nowhere
