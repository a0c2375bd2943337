"""A disk that fails on purpose: npvae's operations on it are counted, and one of them goes wrong.

    python tests/support/faults.py kill 40 train --data own.npy --out run

kills the process with SIGKILL at its 40th operation (a write: when half of it is done). With `full`
in place of `kill` the disk is full from the 40th operation on, with `read-only` nothing can be
changed on it any more, with `count` nothing goes wrong, and the last line says how many operations
there were.
"""

import errno
import io
import os
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from npvae.storage import atomic as files
from npvae.storage import lock

BUFFER = 2048  # bytes, so that even a small file takes several writes
TAKES_ROOM = {"create", "write", "fsync"}
SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has none; there this one kills, too


class Stopped(BaseException):
    """The process is dead, as far as the disk can tell: a SIGKILL for tests in one process."""


def kill():
    os.kill(os.getpid(), SIGKILL)


def stop():
    raise Stopped


def interrupt():
    raise KeyboardInterrupt


def full():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_only():
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


FAULTS = {
    "kill": kill,
    "stop": stop,
    "interrupt": interrupt,
    "full": full,
    "read-only": read_only,
    "count": None,
}


class Disk:
    """What `storage.atomic` and `storage.lock` know as the system, faulty from number `at` on.

    Attributes
    ----------
    log : the operations so far, such as "write model.npz"
    failed : those of them that went wrong
    """

    def __init__(self, what="count", at=0):
        self.what, self.at = what, at
        self.log, self.failed = [], []
        self._names = {}

    @contextmanager
    def below(self):
        """Put it below npvae while the block runs."""
        before = files.os, files.tempfile, lock.os
        files.tempfile = _like(tempfile, mkstemp=self._mkstemp)
        files.os = _like(
            os,
            fdopen=self._fdopen,
            open=self._open,
            write=self._write,
            fsync=lambda handle: self._do("fsync", self._names.get(handle), os.fsync, handle),
            chmod=lambda path, mode: self._do("chmod", _name(path), os.chmod, path, mode),
            replace=lambda old, new: self._do("replace", _name(old), os.replace, old, new),
            unlink=lambda path: self._do("unlink", _name(path), os.unlink, path),
        )
        lock.os = _like(
            os,
            open=self._open_lock,
            ftruncate=lambda *given: self._do("truncate", "the lock", os.ftruncate, *given),
            write=lambda *given: self._do("write", "the lock", os.write, *given),
        )
        try:
            yield self
        finally:
            files.os, files.tempfile, lock.os = before

    def operation(self, kind, name, half=None):
        """Count an operation that is about to happen, unless its time has come."""
        self.log.append(f"{kind} {name or 'the folder'}")
        number, fault = len(self.log), FAULTS[self.what]
        if fault is None or number < self.at or (fault is interrupt and number > self.at):
            return
        # a full disk lets go of what it has, and takes the new name of what is on it already
        if fault is full and kind not in TAKES_ROOM:
            return
        if number == self.at and half is not None:
            half()
        self.failed.append(self.log[-1])
        fault()

    def _do(self, kind, name, act, *given):
        self.operation(kind, name)
        return act(*given)

    def _open_lock(self, path, flags, *mode):
        if flags & os.O_CREAT:  # else it is the folder, which takes no room
            self.operation("create", "the lock")
        return os.open(path, flags, *mode)

    def _mkstemp(self, **options):
        self.operation("create", options["prefix"].strip("."))
        handle, path = tempfile.mkstemp(**options)
        self._names[handle] = _name(path)
        return handle, path

    def _open(self, path, flags):
        """As `os.open`, which is for the folder, or to write at the end of a file."""
        if flags & os.O_WRONLY:
            self.operation("create", Path(path).name)
        handle = os.open(path, flags)
        if flags & os.O_WRONLY:
            self._names[handle] = Path(path).name
        return handle

    def _write(self, handle, data):
        name = self._names[handle]
        self.operation("write", name, lambda: os.write(handle, data[: len(data) // 2]))
        return os.write(handle, data)

    def _fdopen(self, handle, mode, **options):
        """As `os.fdopen`, but with each write to the disk, not to the buffer, an operation."""
        name = self._names.setdefault(handle, "some file")
        file = io.BufferedWriter(_RawFile(handle, self, name), BUFFER)
        return file if "b" in mode else io.TextIOWrapper(file, **options)


class _RawFile(io.FileIO):
    def __init__(self, handle, disk, name):
        super().__init__(handle, "wb")
        self._disk, self._name = disk, name

    def write(self, data):
        def half():
            io.FileIO.write(self, data[: len(data) // 2])

        self._disk.operation("write", self._name, half)
        return super().write(data)

    def close(self):
        self._disk._names.pop(None if self.closed else self.fileno(), None)
        super().close()


def _like(module, **others):
    return SimpleNamespace(**vars(module) | others)


def _name(path):
    """The name that a temporary file will take: model.npz for .model.npz.k3x_.part."""
    return Path(path).name.strip(".").rsplit(".", 2)[0]


def run():
    """Run npvae's command line above such a disk."""
    import quick

    from npvae.cli import main

    quick.draw_quickly()
    what, at, *arguments = sys.argv[1:]
    with Disk(what, int(at)).below() as disk:
        status = main(arguments)
    if what == "count":
        print(f"{len(disk.log)} operations")
    return status


if __name__ == "__main__":
    sys.exit(run())
