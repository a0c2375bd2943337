"""NumPy's own files: .npy, read into memory or, where it is large, mapped, and .npz."""

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
ADVICE = "save it again from NumPy, plain numbers without pickled objects"
OURS = ("a file that npvae wrote", "restore it, or have npvae write it again")
LONGEST_HEADER = 1 << 14  # bytes; NumPy itself reads no more than 10,000
READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,  # which differs in the letters of field names
}


class MappedArray(np.memmap):
    """An array in a file that is too large to be read at once, and whether it is still the same.

    Each access looks at the file first. A file that was cut short would end Python (a bus error),
    and one that was overwritten would hand other numbers to the rest of a training.
    """

    stamp: tuple[int, int, int] | None = None  # of the file, when it was opened

    def __array_finalize__(self, obj: Any) -> None:
        super().__array_finalize__(obj)
        self.stamp = getattr(obj, "stamp", None)

    def __getitem__(self, index: Any) -> Any:
        if self.filename is not None and self.stamp is not None:
            self.require_unchanged()
        return super().__getitem__(index)

    def require_unchanged(self) -> None:
        """Refuse a file that has been changed, replaced or removed since it was opened.

        Raises
        ------
        DataError : it has
        """
        try:
            same = self.stamp == _stamp(os.stat(str(self.filename)))
        except OSError:
            same = False
        if not same:
            raise DataError(
                f"{self.filename} has changed since it was opened, so the numbers that are still "
                "to be read are others; restore the file, or begin again with the new one"
            )


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    """Return what differs once a file has been replaced, written to or cut."""
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_array(path: str | Path) -> Array:
    """Return the array in an .npy file: in memory up to `LIMIT` bytes, else mapped.

    What is in memory no longer depends on the file. A `MappedArray` looks at the file with each
    access, and refuses to go on once the file has changed.

    Raises
    ------
    DataError : it is no .npy file, holds Python objects, or is longer or shorter than it says
    """
    with reading(path, "an .npy file", ADVICE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about headers that Python 2 wrote
        with open_regular(path) as file:
            found = os.fstat(file.fileno())
            if surplus := _surplus(file, found.st_size):
                raise DataError(
                    f"{path} is {surplus} bytes longer than its header says; if several arrays "
                    "were saved into this one file, save them with np.savez"
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

    NumPy 2.0 leaves it open after an error, on a full disk for instance.

    Parameters
    ----------
    file : open for writing
    arrays : by name; no Python objects
    """
    import zipfile

    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def read_arrays(path: str | Path, *, packed: bool = True) -> dict[str, Array]:
    """Return the arrays in an .npz file by name; the checksum of each is verified.

    Nothing is unpacked before the sizes that the file announces are known to be right and not too
    much, and nothing is ever written.

    Parameters
    ----------
    path : the file
    packed : whether it may be compressed, and then unpack to no more than `LIMIT`; what `np.savez`
        wrote is not, and takes no more memory than the file is long

    Raises
    ------
    DataError : it is no .npz file, is damaged, holds Python objects, or too much
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
    """Refuse an archive by its table of contents, before anything is unpacked."""
    import zipfile

    size = sum(member.file_size for member in members)
    if packed and size > LIMIT:
        raise DataError(
            f"{path} unpacks to {size} bytes, more than the {LIMIT} that npvae reads into memory; "
            "save x alone with np.save, since an .npy file of any size will do"
        )
    names = [member.filename.removesuffix(".npy") for member in members]
    if len(set(names)) < len(names):
        raise DataError(f"{path} holds two arrays of the same name; {advice}")
    ways = {member.compress_type for member in members}
    known = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} if packed else {zipfile.ZIP_STORED}
    if not ways <= known or (not packed and size > length):
        raise DataError(f"{path} is packed in another way than NumPy packs it; {advice}")


def _surplus(file: IO[bytes], size: int) -> int:
    """Return how many of a file's bytes follow its array, going by the array's header alone.

    Raises
    ------
    ValueError : the header is none, or announces objects or more bytes than there are
    """
    start = io.BytesIO(file.read(LONGEST_HEADER))
    version = np.lib.format.read_magic(start)
    if version not in READ_HEADER:
        raise ValueError(f"its version {version} is unknown")
    shape, _, dtype = READ_HEADER[version](start)
    if dtype.hasobject or dtype.itemsize == 0:
        raise ValueError("it holds Python objects, or nothing")
    if min(shape, default=0) < 0:
        raise ValueError(f"its shape {shape} is none")
    surplus = size - start.tell() - math.prod(shape) * dtype.itemsize
    if surplus < 0:
        raise ValueError(f"it is too short for its shape {shape} and type {dtype}")
    return surplus


def require_floats(
    arrays: Mapping[str, Array], name: str, shape: Sequence[int], *, finite: bool = True
) -> Array:
    """Return a stored array of floats, if it is what it should be.

    Raises
    ------
    KeyError : it is not there
    DataError : it has another shape, or holds something else
    """
    stored = arrays[name]
    if stored.shape != tuple(shape):
        raise DataError(f"{name} has shape {stored.shape}, expected {tuple(shape)}")
    if stored.dtype.kind != "f" or not (np.isfinite(stored).all() or not finite):
        raise DataError(f"{name} ({stored.dtype}) holds something that is no finite float")
    return stored
