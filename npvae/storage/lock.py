"""One process at a time: a lock that the system takes back when its holder ends, in any way."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from npvae.errors import InputError

FAR = 1 << 30  # the byte that Windows locks: beyond all content, which stays readable
NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # which might lead to a file of the user's
# some network folders: train all the same; NFS locks no folder (EBADF)
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EBADF, errno.EISDIR)


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path` while the block runs.

    The file itself stays behind and means nothing: what counts is the system's lock on it, which no
    dead process holds. The folder of the file is locked as well, where folders can be, so that
    deleting the file lets nobody in; Windows deletes no file that is open.

    Parameters
    ----------
    path : the lock file; its folder exists
    what : which thing it guards, for the error

    Raises
    ------
    InputError : another process holds it, or the file cannot be made

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
            f"{what} cannot be written to ({error.strerror}); make room, or make it writable, and "
            "give the same command again"
        ) from error
    handles = [handle]
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode) or path.is_symlink():
            raise InputError(f"{path} is no file that npvae made; take it away")
        with suppress(OSError):  # Windows opens no folder
            handles.append(os.open(path.parent, os.O_RDONLY))
        if not all(map(_taken, handles)):
            os.lseek(handle, 0, os.SEEK_SET)
            holder = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
            raise InputError(
                f"{what} is in use by another npvae (process {holder}); wait until it has ended, "
                "or choose another folder"
            )
        with suppress(OSError):  # on a full disk the lock is as good without the number
            os.lseek(handle, 0, os.SEEK_SET)
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        for each in handles:
            os.close(each)  # and with it goes the lock


def _taken(handle: int) -> bool:
    """Take the lock on an open file, unless another has it."""
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
