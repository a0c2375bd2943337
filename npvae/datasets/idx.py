"""The IDX format, in which MNIST is published: a short header, followed by the numbers.

byte 0, 1    zero
byte 2       type of the numbers (8: unsigned bytes)
byte 3       number of axes
4 per axis   its length, most significant byte first
the rest     the numbers, last axis fastest, most significant byte first
"""

import gzip
import io
import math
from typing import Any, BinaryIO, cast

import numpy as np

from npvae.errors import DataError
from npvae.parameters import Array
from npvae.storage.reading import reading

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
LIMIT = 1 << 28  # bytes; MNIST's largest file holds 47 million


def read_idx(content: bytes, name: str, *, axes: int, limit: int = LIMIT) -> Array:
    """Return the array in an IDX file.

    Parameters
    ----------
    content : the bytes of the file, plain or compressed with gzip
    name : the name of the file, for error messages
    axes : the number of axes that the array must have
    limit : refuse an array of more bytes; nothing beyond the announced size is decompressed, so a
        small file cannot fill the memory

    Raises
    ------
    DataError : a header field is wrong, or the file is longer or shorter than its header says

    References
    ----------
    LeCun, Cortes & Burges, the MNIST database, "file formats".

    >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]), "labels-idx1-ubyte", axes=1)
    array([7, 8, 9], dtype=uint8)
    """
    stream: BinaryIO = io.BytesIO(content)
    if content[:2] == b"\x1f\x8b":
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=stream))
    with reading(name, "an IDX file", "download it again"), stream:
        dtype, shape = _read_header(stream, name, axes)
        if math.prod(shape) * dtype.itemsize > limit:
            raise DataError(
                f"{name}: the header announces an array of shape {shape}, which is more than "
                f"{limit} bytes and too large for MNIST and its variants; download it again"
            )
        array = np.empty(shape, dtype)
        missing = _fill(array, stream)
        if missing or stream.read(1):
            how = f"is {missing} bytes shorter" if missing else "is longer"
            raise DataError(f"{name} {how} than its header says (shape {shape}); download it again")
    return array


def _read_header(stream: BinaryIO, name: str, axes: int) -> tuple[np.dtype[np.generic], list[int]]:
    """Return the type and the shape that the header announces."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        raise DataError(
            f"{name} is not an IDX file: it begins with the bytes {magic.hex(' ') or '(none)'}; "
            "expected 00 00, a type and the number of axes. Download it again"
        )
    if magic[3] != axes:
        raise DataError(
            f"{name} contains an array with {magic[3]} axes; expected {axes}. Download it again"
        )
    lengths = stream.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise DataError(f"{name} ends within its header; download it again")
    shape = [int.from_bytes(lengths[i : i + 4], "big") for i in range(0, 4 * axes, 4)]
    return np.dtype(TYPES[magic[2]]), shape


def _fill(array: Array, stream: BinaryIO) -> int:
    """Read the array's bytes into it; return how many are missing."""
    if array.size == 0:
        return 0
    rest = memoryview(cast(Any, array.reshape(-1))).cast("B")
    while len(rest) and (count := stream.readinto(rest)):  # type: ignore[attr-defined]
        rest = rest[count:]
    return len(rest)
