"""Safe reads: only regular files, of limited size, with errors that name the file."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from npvae.errors import DataError, NpvaeError

LIMIT = 1 << 30  # most bytes that an archive or a folder of images may unpack to
LONGEST_QUOTE = 200  # most characters of a file's text, or of a decoder's message, in an error

DO_NOT_WAIT = getattr(os, "O_NONBLOCK", 0)  # opening a FIFO would wait for a writer
AS_BYTES = getattr(os, "O_BINARY", 0)  # Windows would translate line endings


def open_regular(path: str | Path, limit: int | None = None) -> BinaryIO:
    """Open a regular file for reading bytes, and refuse a FIFO, a device, a folder or a large file.

    Reading a FIFO may wait forever, and some devices never end. Call it within `reading`, which
    adds the file's name to the error.

    Parameters
    ----------
    path : str or Path
        The file; a symbolic link is followed.
    limit : int, optional
        Largest size in bytes; None for any size.

    Returns
    -------
    binary file

    Raises
    ------
    OSError
        If the file is missing or may not be read.
    ValueError
        If it is not a regular file, or is too large.
    """
    handle = os.open(path, os.O_RDONLY | DO_NOT_WAIT | AS_BYTES)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is not a regular file")
        if limit is not None and found.st_size > limit:
            raise ValueError(f"it has {found.st_size} bytes, more than the limit of {limit}")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_bytes(path: str | Path, limit: int) -> bytes:
    """Return the content of a regular file of at most `limit` bytes, whatever size it claims.

    Raises
    ------
    OSError, ValueError
        As for `open_regular`.
    """
    with open_regular(path, limit) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"it has more than {limit} bytes, which is the limit")
    return content


def memory_bound(size: int) -> int:
    """Return an upper bound on the memory, in bytes, that reading a file of `size` bytes takes.

    The unpacked content exists once as stored, once more while it is converted to bytes or text,
    and once in part while labels are sorted. A table cell or a JSON value becomes a Python object
    of about fifty times the size of its text.
    """
    return 3 * LIMIT + 64 * size


def quote(text: object) -> str:
    r"""Return text from a file or a decoder as a single printable line of limited length.

    >>> quote("two\nlines"), len(quote(10_000 * "x"))
    ('two lines', 206)
    """
    full = str(text)
    words = printable(full[:LONGEST_QUOTE]).split()
    return " ".join(words) + (" [...]" if len(full) > LONGEST_QUOTE else "")


def printable(text: object) -> str:
    r"""Return text with a space in place of each character that could control a terminal.

    >>> printable("a\x1b[31m")
    'a [31m'
    """
    return "".join(c if c.isprintable() else " " for c in str(text))


@contextmanager
def reading(path: str | Path, what: str, advice: str) -> Iterator[None]:
    """Turn any error that a decoder raises on a broken file into a `DataError` that names the file.

    The decoder of a damaged file may raise nearly anything (`struct.error`, `zlib.error`,
    `MemoryError` for an absurd size, `SyntaxError` in a header), so nearly everything is caught.
    Keep the block small.

    Parameters
    ----------
    path : str or Path
        The file, for the message.
    what : str
        What it should be, such as "a gzip file".
    advice : str
        What the user can do.

    Raises
    ------
    DataError
        For any exception but npvae's own, which pass unchanged.

    >>> with reading("digits.gz", "a gzip file", "get it again"):
    ...     raise EOFError("the end is missing")
    Traceback (most recent call last):
    npvae.errors.DataError: digits.gz cannot be read as a gzip file: the end is missing. What to do:
    get it again.
    """
    try:
        yield
    except NpvaeError:
        raise
    except Exception as error:
        # the system's message without its number and path, or the error's class if it has none
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if isinstance(error, KeyError):
            reason = f"it lacks {reason}"
        raise DataError(
            f"{path} cannot be read as {what}: {quote(reason).rstrip('.')}. What to do: {advice}."
        ) from error
