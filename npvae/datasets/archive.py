"""NumPy's own files: .npy, looked at through a memory map, and .npz, read whole."""

import warnings
import zipfile
from pathlib import Path

import numpy as np

from npvae.arrays import Array
from npvae.datasets.reading import reading
from npvae.errors import DataError

LIMIT = 1 << 31  # bytes of an .npz once unpacked, for it cannot be memory-mapped
ADVICE = "save it again from NumPy, plain numbers without pickled objects"


def map_array(path: str | Path) -> Array:
    """Return the array in an .npy file as a memory map: nothing but its header is read.

    Raises
    ------
    DataError : it is no .npy file, holds Python objects, or is longer or shorter than it says
    """
    with reading(path, "an .npy file", ADVICE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about headers that Python 2 wrote
        array = np.lib.format.open_memmap(path, mode="r")
        surplus = Path(path).stat().st_size - array.offset - array.nbytes
    if surplus:
        raise DataError(
            f"{path} is {surplus} bytes longer than its header says; if several arrays were saved "
            "into this one file, save them with np.savez"
        )
    return array


def read_arrays(path: str | Path) -> dict[str, Array]:
    """Return the arrays in an .npz file by name; the checksum of each is verified.

    Raises
    ------
    DataError : it is no .npz file, is damaged, holds Python objects, or too much
    """
    arrays: dict[str, Array] = {}
    with (
        reading(path, "an .npz file", ADVICE),
        warnings.catch_warnings(),
        zipfile.ZipFile(path) as archive,
    ):
        warnings.simplefilter("ignore")
        size = sum(member.file_size for member in archive.infolist())
        if size > LIMIT:
            raise DataError(
                f"{path} unpacks to {size} bytes, more than the {LIMIT} that npvae reads into "
                "memory; save x alone with np.save, since an .npy file of any size will do"
            )
        for member in archive.infolist():
            with archive.open(member) as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
                if file.read(1):  # reading to the end is what verifies the checksum
                    raise DataError(f"{path}: {member.filename} is longer than its header says")
            arrays[member.filename.removesuffix(".npy")] = array
    return arrays
