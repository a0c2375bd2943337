"""Atomic writes: a file is written to a temporary neighbour first, then renamed."""

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from npvae.errors import WriteError

PART = ".npvae-part"  # suffix of the (hidden) temporary file


@contextmanager
def atomic_write(path: str | Path, mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Open a temporary file that replaces `path` on success and is removed on failure.

    At any moment, `path` is either the old file or the complete new one. The content is flushed to
    disk before the rename, so this holds even after a power cut, if the system's fsync can be
    trusted.

    Parameters
    ----------
    path : str or Path
        The file to write; its folder is created if necessary.
    mode, **options
        As for `open`.

    Yields
    ------
    file
        The temporary file, in the folder of `path`.

    Raises
    ------
    WriteError
        If the disk is full, or the system refuses for another reason; names the file.

    >>> folder = tempfile.TemporaryDirectory()
    >>> with atomic_write(Path(folder.name) / "note.txt", "w") as file:
    ...     _ = file.write("whole")
    >>> [entry.name for entry in Path(folder.name).iterdir()]
    ['note.txt']
    >>> folder.cleanup()
    """
    path = Path(path)
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
        with os.fdopen(handle, mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):  # some file systems have no permissions
            os.chmod(temporary, _permissions(path))
        _rename(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and not isinstance(error, WriteError):
            why = error.strerror or error
            raise WriteError(f"{path} could not be written: {why}") from error
        raise
    _flush_folder(path.parent)


def append(path: Path, text: str, size: int) -> None:
    """Append text to a file of `size` bytes; on failure the file is truncated to that size.

    Raises
    ------
    WriteError
        If the disk is full, or the system refuses for another reason; names the file.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        try:
            left = text.encode()
            while left:  # a nearly full disk accepts a part first, and then nothing
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(handle, size)
            raise
        finally:
            os.close(handle)
    except OSError as error:
        raise WriteError(f"{path} could not be written: {error.strerror or error}") from error


def remove_parts(folder: Path) -> None:
    """Remove temporary files of killed writers, in a folder to which no other process writes."""
    for part in filter(is_part, folder.iterdir()):
        with suppress(OSError):  # a leftover does no harm
            part.unlink()


def is_part(path: Path) -> bool:
    """Whether a file is a temporary file of `atomic_write`, in use or left over."""
    return path.name.startswith(".") and path.name.endswith(PART)


def _rename(old: str, new: Path) -> None:
    """Rename a file; on Windows, retry while a reader has the old one open."""
    for seconds in (0.1, 0.2, 0.5, 1.0) if os.name == "nt" else ():
        try:
            return os.replace(old, new)
        except PermissionError:
            time.sleep(seconds)
    return os.replace(old, new)


def _flush_folder(folder: Path) -> None:
    """Flush a new name to disk, if the system can; Windows cannot open a folder."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _permissions(path: Path) -> int:
    """Return the permissions of the file to be replaced or, if there is none, of a new file."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0o666 & ~_umask()


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
