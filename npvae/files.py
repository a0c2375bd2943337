"""Files are written whole or not at all: to a temporary neighbour first, then renamed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def write_whole(path: str | Path, mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Open a temporary file beside `path`; on success it takes that name, on failure it goes.

    Whoever looks at `path`, at any moment, sees the old file or the new one, never a part.

    Parameters
    ----------
    path : the file to write; its folder is made if it is missing
    mode, options : as for `open`

    >>> folder = tempfile.TemporaryDirectory()
    >>> with write_whole(Path(folder.name) / "note.txt", "w") as file:
    ...     _ = file.write("whole")
    >>> [entry.name for entry in Path(folder.name).iterdir()]
    ['note.txt']
    >>> folder.cleanup()
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's mask for new files (it can only be read by setting it)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
