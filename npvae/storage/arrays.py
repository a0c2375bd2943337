"""NumPy's file formats: .npy, read into memory or memory-mapped if large, and .npz."""

import io
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from npvae.errors import DataError
from npvae.storage.reading import LIMIT, open_regular, quote, reading

if TYPE_CHECKING:
    import zipfile

Array: TypeAlias = NDArray[Any]
ADVICE = "save it again from NumPy, as plain numbers without pickled objects"
OURS = ("a file written by npvae", "restore it, or let npvae write it again")
LONGEST_HEADER = 1 << 14  # bytes; NumPy itself reads at most 10,000
READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,  # differs only in the encoding of field names
}


class MappedArray(np.memmap):
    """A memory-mapped array that checks, at each access, that its file has not changed.

    Without the check, a truncated file would kill Python (a bus error), and an overwritten file
    would give other numbers to the rest of a training.
    """

    stamp: tuple[int, int, int] | None = None  # inode, size and time of the file when opened

    def __array_finalize__(self, obj: Any) -> None:
        super().__array_finalize__(obj)
        self.stamp = getattr(obj, "stamp", None)

    def __getitem__(self, index: Any) -> Any:
        if self.filename is not None and self.stamp is not None:
            self.require_unchanged()
        return super().__getitem__(index)

    def require_unchanged(self) -> None:
        """Raise `DataError` if the file was changed, replaced or removed since it was opened."""
        try:
            same = self.stamp == _stamp(os.stat(str(self.filename)))
        except OSError:
            same = False
        if not same:
            raise DataError(
                f"{self.filename} has changed since it was opened, so the rest of it cannot be "
                "trusted; restore the file, or start again with the new one"
            )


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    """Return inode, size and modification time, which change when a file does."""
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_array(path: str | Path) -> Array:
    """Return the array in an .npy file, in memory up to `LIMIT` bytes, else memory-mapped.

    An array in memory no longer depends on the file. A `MappedArray` raises at the next access once
    the file has changed.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    array
        A NumPy array, or a `MappedArray`.

    Raises
    ------
    DataError
        If the file is not a valid .npy file, contains Python objects, or its length does not match
        its header.
    """
    with reading(path, "an .npy file", ADVICE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns about headers written by Python 2
        with open_regular(path) as file:
            found = os.fstat(file.fileno())
            if surplus := _surplus(file, found.st_size):
                raise DataError(
                    f"{path} is {surplus} bytes longer than its header says; if you saved several "
                    "arrays to this file, use np.savez instead"
                )
            if found.st_size <= LIMIT:
                file.seek(0)
                return np.lib.format.read_array(file, allow_pickle=False)
        mapped = np.lib.format.open_memmap(path, mode="r").view(MappedArray)
        mapped.stamp = _stamp(found)
        mapped.require_unchanged()
        return mapped


def write_arrays(file: IO[bytes], arrays: Mapping[str, Array]) -> None:
    """Write an .npz file, byte for byte as `np.savez` does, and close it whatever happens.

    NumPy 2.0 leaves the archive open after an error, such as a full disk.

    Parameters
    ----------
    file : binary file
        Open for writing.
    arrays : mapping of str to array
        Arrays by name, without Python objects.
    """
    import zipfile

    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def read_arrays(path: str | Path, *, packed: bool = True) -> dict[str, Array]:
    """Return the arrays in an .npz file by name, after verifying their checksums.

    Sizes are checked before anything is unpacked, so that a file cannot fill the memory.

    Parameters
    ----------
    path : str or Path
    packed : bool
        Whether the file may be compressed, to unpack to at most `LIMIT` bytes. A file written by
        `np.savez` is not compressed, and takes as much memory as disk.

    Returns
    -------
    dict of str to array

    Raises
    ------
    DataError
        If the file is not an .npz file, is damaged, contains Python objects, or is too large.
    """
    import zipfile

    arrays: dict[str, Array] = {}
    what, advice = ("an .npz file", ADVICE) if packed else OURS
    with (
        reading(path, what, advice),
        warnings.catch_warnings(),
        open_regular(path) as packed_file,
        zipfile.ZipFile(packed_file) as archive,
    ):
        warnings.simplefilter("ignore")
        members = archive.infolist()
        _check_members(members, path, packed, advice, os.fstat(packed_file.fileno()).st_size)
        for member in members:
            with archive.open(member) as file:
                if _surplus(file, member.file_size):
                    name = quote(member.filename)
                    raise DataError(f"{path}: {name} is longer than its header says")
                file.seek(0)
                array = np.lib.format.read_array(file, allow_pickle=False)
                file.read(1)  # reading to the end is what verifies the checksum
            arrays[member.filename.removesuffix(".npy")] = array
    return arrays


def _check_members(
    members: "list[zipfile.ZipInfo]", path: str | Path, packed: bool, advice: str, length: int
) -> None:
    """Raise `DataError` by the archive's table of contents, before anything is unpacked."""
    import zipfile

    size = sum(member.file_size for member in members)
    if packed and size > LIMIT:
        raise DataError(
            f"{path} unpacks to {size} bytes, more than the limit of {LIMIT}; save x alone with "
            "np.save, because an .npy file may have any size"
        )
    names = [member.filename.removesuffix(".npy") for member in members]
    if len(set(names)) < len(names):
        raise DataError(f"{path} contains two arrays of the same name; {advice}")
    ways = {member.compress_type for member in members}
    known = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} if packed else {zipfile.ZIP_STORED}
    if not ways <= known or (not packed and size > length):
        raise DataError(f"{path} is compressed in a way that NumPy does not use; {advice}")


def _surplus(file: IO[bytes], size: int) -> int:
    """Return how many bytes of a file follow its array, judged by the array's header.

    Raises
    ------
    ValueError
        If the header is invalid, or announces Python objects or more bytes than there are.
    """
    start = io.BytesIO(file.read(LONGEST_HEADER))
    version = np.lib.format.read_magic(start)
    if version not in READ_HEADER:
        raise ValueError(f"its format version {version} is unknown")
    shape, _, dtype = READ_HEADER[version](start)
    if dtype.hasobject or dtype.itemsize == 0:
        raise ValueError("it contains Python objects, or items of size 0")
    if min(shape, default=0) < 0:
        raise ValueError(f"its shape {shape} is negative")
    surplus = size - start.tell() - math.prod(shape) * dtype.itemsize
    if surplus < 0:
        raise ValueError(f"it is too short for its shape {shape} and type {dtype}")
    return surplus


def require_floats(
    arrays: Mapping[str, Array], name: str, shape: Sequence[int], *, finite: bool = True
) -> Array:
    """Return a stored array, if it has the given shape and contains floats.

    Parameters
    ----------
    arrays : mapping of str to array
    name : str
    shape : sequence of int
        The expected shape.
    finite : bool
        Whether NaN and infinity are refused.

    Raises
    ------
    KeyError
        If the array is missing.
    DataError
        If it has another shape or other content.
    """
    stored = arrays[name]
    if stored.shape != tuple(shape):
        raise DataError(f"{name} has shape {stored.shape}, expected {tuple(shape)}")
    if stored.dtype.kind != "f" or not (np.isfinite(stored).all() or not finite):
        raise DataError(f"{name} ({stored.dtype}) contains values that are not finite floats")
    return stored
