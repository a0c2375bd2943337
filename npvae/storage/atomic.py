"""Files are written whole or not at all: to a temporary neighbour first, then renamed."""

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from npvae.errors import WriteError

PART = ".npvae-part"  # ends the (hidden) name of a file that is still being written


@contextmanager
def write_whole(path: str | Path, mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Open a temporary file beside `path`; on success it takes that name, on failure it goes.

    Whoever looks at `path`, at any moment, sees the old file or the new one, never a part; after a
    power cut, too, as far as the system's fsync is true, since the content is flushed before it
    takes the name.

    Parameters
    ----------
    path : the file to write; its folder is made if it is missing
    mode, options : as for `open`

    Raises
    ------
    WriteError : the disk is full, or whatever else the system says; names the file

    >>> folder = tempfile.TemporaryDirectory()
    >>> with write_whole(Path(folder.name) / "note.txt", "w") as file:
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
        with suppress(OSError):  # some file systems have no permissions to change
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
    """Write text at the end of a file of `size` bytes; on failure the file is cut back to that.

    Raises
    ------
    WriteError : the disk is full, or whatever else the system says; names the file
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        try:
            left = text.encode()
            while left:  # a disk that is nearly full takes less at once, and then nothing
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
    """Remove what writers that were killed have left in a folder that nobody else writes to."""
    for part in filter(is_part, folder.iterdir()):
        with suppress(OSError):  # it does no harm
            part.unlink()


def is_part(path: Path) -> bool:
    """Whether a file is one that is, or was, still being written."""
    return path.name.startswith(".") and path.name.endswith(PART)


def _rename(old: str, new: Path) -> None:
    """Give a file its name; on Windows a reader may stand in the way for a moment."""
    for seconds in (0.1, 0.2, 0.5, 1.0) if os.name == "nt" else ():
        try:
            return os.replace(old, new)
        except PermissionError:
            time.sleep(seconds)
    return os.replace(old, new)


def _flush_folder(folder: Path) -> None:
    """Bring a new name to the disk, where the system can (Windows cannot open a folder)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _permissions(path: Path) -> int:
    """Return those of the file that is replaced or, where there is none, those of a new file."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0o666 & ~_umask()


def _umask() -> int:
    """The process's mask for new files (it can only be read by setting it)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
