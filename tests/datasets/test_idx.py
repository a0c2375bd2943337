import gzip
import struct

import numpy as np
import pytest

from npvae.datasets.idx import read_idx
from npvae.errors import DataError

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
FILE = struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 3, 4) + IMAGES.tobytes()


def test_reads_what_was_written():
    np.testing.assert_array_equal(read_idx(FILE, "images", axes=3), IMAGES)
    np.testing.assert_array_equal(read_idx(gzip.compress(FILE, mtime=0), "images", axes=3), IMAGES)


def test_numbers_of_several_bytes_have_the_most_significant_first():
    file = struct.pack(">BBBBIhh", 0, 0, 0x0B, 1, 2, 258, -1)
    np.testing.assert_array_equal(read_idx(file, "shorts", axes=1), [258, -1])


def test_an_empty_array_is_an_array():
    assert read_idx(struct.pack(">BBBBI", 0, 0, 8, 1, 0), "none", axes=1).shape == (0,)


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        (b"", "IDX file"),
        (FILE[:3], "IDX file"),
        (b"\1" + FILE[1:], "IDX file"),
        (b"\0\1" + FILE[2:], "IDX file"),
        (b"\0\0\7" + FILE[3:], "IDX file"),
        (b"<html>403 Forbidden</html>", "IDX file"),
        (b"\0\0\x08\1" + FILE[4:], "1 axes; expected 3"),
        (FILE[:9], "within its header"),
        (FILE[:-1], "1 bytes shorter"),
        (FILE + b"\0", "longer"),
        (FILE[:4] + b"\xff\xff\xff\xff" * 3, "more than"),
        # little-endian lengths announce 2 * 2**24 images
        (struct.pack("<BBBBIII", 0, 0, 8, 3, 2, 3, 4) + IMAGES.tobytes(), "more than"),
        (gzip.compress(FILE, mtime=0)[:-9], "cannot be read"),
        (gzip.compress(FILE, mtime=0)[:20], "cannot be read"),
        (gzip.compress(FILE, mtime=0)[:-8] + b"12345678", "cannot be read"),
        (b"\x1f\x8b junk", "cannot be read"),
    ],
)
def test_every_damage_is_named(file, complaint):
    with pytest.raises(DataError, match=complaint) as caught:
        read_idx(file, "train-images", axes=3)
    assert "train-images" in str(caught.value)


def test_a_small_file_cannot_fill_the_memory():
    bomb = gzip.compress(FILE[:16] + bytes(50_000_000))
    assert len(bomb) < 100_000
    with pytest.raises(DataError, match="longer than its header says"):
        read_idx(bomb, "bomb", axes=3)
    announced = struct.pack(">BBBBI", 0, 0, 8, 1, 50_000_000)
    with pytest.raises(DataError, match="more than 1000 bytes"):
        read_idx(gzip.compress(announced + bytes(50_000_000)), "bomb", axes=1, limit=1000)
