"""Only regular files are read; whatever is wrong with one becomes a `DataError` that names it."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from npvae.errors import DataError, NpvaeError

LIMIT = 1 << 30  # bytes that what an archive or a folder of images holds may unpack to
LONGEST_QUOTE = 200  # characters of a file's own text, or of a decoder's words, in a message

DO_NOT_WAIT = getattr(os, "O_NONBLOCK", 0)  # for somebody to write into a FIFO
AS_BYTES = getattr(os, "O_BINARY", 0)  # on Windows


def open_regular(path: str | Path, limit: int | None = None) -> BinaryIO:
    """Open a file to read its bytes, but no FIFO, device or folder, and none above `limit` bytes.

    Reading a FIFO may wait for ever, and some devices never end. Call it within `reading`, which
    names the file.

    Parameters
    ----------
    path : the file; a symbolic link is followed
    limit : the most bytes that it may have; None for any size

    Raises
    ------
    OSError : the file is not there, or may not be read
    ValueError : it is not a regular file, or is too large
    """
    handle = os.open(path, os.O_RDONLY | DO_NOT_WAIT | AS_BYTES)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is not a regular file")
        if limit is not None and found.st_size > limit:
            raise ValueError(f"it has {found.st_size} bytes, more than the {limit} that are read")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_bytes(path: str | Path, limit: int) -> bytes:
    """Return the content of a regular file of `limit` bytes at most, whatever size it claims.

    Raises
    ------
    OSError, ValueError : as for `open_regular`
    """
    with open_regular(path, limit) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"it has more than the {limit} bytes that are read")
    return content


def memory_bound(size: int) -> int:
    """Return the most memory, in bytes, that reading a file of `size` bytes may take.

    What it unpacks to is found once as stored, once more as it is turned into bytes or into text,
    and once in part, as labels are sorted; a cell of a table or a word of JSON becomes a Python
    object, some fifty times as long as its text.
    """
    return 3 * LIMIT + 64 * size


def quote(text: object) -> str:
    r"""Return text that a file holds, or a decoder's words, as one plain and not too long line.

    >>> quote("two\nlines"), len(quote(10_000 * "x"))
    ('two lines', 206)
    """
    full = str(text)
    words = printable(full[:LONGEST_QUOTE]).split()
    return " ".join(words) + (" [...]" if len(full) > LONGEST_QUOTE else "")


def printable(text: object) -> str:
    r"""Return text with a blank for each character that would steer a terminal.

    >>> printable("a\x1b[31m")
    'a [31m'
    """
    return "".join(c if c.isprintable() else " " for c in str(text))


@contextmanager
def reading(path: str | Path, what: str, advice: str) -> Iterator[None]:
    """Turn whatever a decoder raises on a broken file into a `DataError` that names the file.

    A decoder of a damaged file may raise nearly anything (`struct.error`, `zlib.error`,
    `MemoryError` over an absurd size, `SyntaxError` in a header), so nearly everything is caught;
    keep the block down to the decoder.

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
        # the system's own words without its number and path; a silent error by its name
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if isinstance(error, KeyError):
            reason = f"it has no {reason}"
        raise DataError(
            f"{path} cannot be read as {what}: {quote(reason).rstrip('.')}. What to do: {advice}."
        ) from error
