"""Zeros, compressed a thousand to one without ever being held."""

import zlib
from functools import cache

ZEROS = bytes(1 << 20)


@cache
def deflated(start, megabytes):
    """Return these bytes and so many megabytes of zeros after them, deflated, without a header."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + megabytes * block + packer.flush(zlib.Z_FINISH)


@cache
def crc32(start, megabytes):
    """Return their CRC-32."""
    crc = zlib.crc32(start)
    for _ in range(megabytes):
        crc = zlib.crc32(ZEROS, crc)
    return crc


def gzipped(start, megabytes):
    """Return them as a gzip file."""
    length = (len(start) + megabytes * len(ZEROS)) % 2**32
    end = crc32(start, megabytes).to_bytes(4, "little") + length.to_bytes(4, "little")
    return bytes.fromhex("1f8b0800000000000003") + deflated(start, megabytes) + end


def zlibbed(megabytes):
    """Return so many megabytes of zeros as a zlib stream, as it is found in a .png."""
    adler = (megabytes * len(ZEROS) % 65521 << 16) + 1
    return b"\x78\x9c" + deflated(b"", megabytes) + adler.to_bytes(4, "big")
