"""A lock for one process at a time, which the system releases however its holder ends."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from npvae.errors import InputError

FAR = 1 << 30  # the byte that Windows locks, far beyond the content, which stays readable
NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # a link might lead to a file of the user's
# errors of file systems without locks, such as some network folders, on which npvae works unlocked
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EBADF, errno.EISDIR)


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path` while the block runs.

    The file remains afterwards and means nothing by itself: what counts is the system's lock on it,
    which a dead process cannot hold. Where folders can be locked, the folder of the file is locked
    as well, so that deleting the file lets no second process in. Windows refuses to delete an open
    file.

    Parameters
    ----------
    path : Path
        The lock file; its folder must exist.
    what : str
        What the lock protects, for the error message.

    Raises
    ------
    InputError
        If another process holds the lock, or the file cannot be created.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with locked(Path(folder.name) / ".lock", "the folder"):  # doctest: +ELLIPSIS
    ...     with locked(Path(folder.name) / ".lock", "the folder"):
    ...         pass
    Traceback (most recent call last):
        ...
    npvae.errors.InputError: the folder is in use by another npvae (process ...); wait until it has
    ended, or choose another folder
    >>> folder.cleanup()
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o666)
    except OSError as error:
        raise InputError(
            f"{what} cannot be written to ({error.strerror}); free some space or make it writable, "
            "and run the same command again"
        ) from error
    handles = [handle]
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode) or path.is_symlink():
            raise InputError(f"{path} was not created by npvae; remove it and retry")
        with suppress(OSError):  # Windows cannot open a folder
            handles.append(os.open(path.parent, os.O_RDONLY))
        if not all(map(_taken, handles)):
            os.lseek(handle, 0, os.SEEK_SET)
            holder = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
            raise InputError(
                f"{what} is in use by another npvae (process {holder}); wait until it has ended, "
                "or choose another folder"
            )
        with suppress(OSError):  # on a full disk, the lock works without the process number
            os.lseek(handle, 0, os.SEEK_SET)
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        for each in handles:
            os.close(each)  # this releases the lock


def _taken(handle: int) -> bool:
    """Take the lock on an open file; return False if another process holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in NO_LOCKS
    return True
