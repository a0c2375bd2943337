"""Whatever is wrong with a file becomes one `DataError` that names the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from npvae.errors import DataError, NpvaeError

LIMIT = 1 << 30  # bytes that what an archive or a folder of images holds may unpack to
LONGEST_QUOTE = 200  # characters of a file's own text, or of a decoder's words, in a message


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
    printable = "".join(c if c.isprintable() else " " for c in full[:LONGEST_QUOTE])
    return " ".join(printable.split()) + (" [...]" if len(full) > LONGEST_QUOTE else "")


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
