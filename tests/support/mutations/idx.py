"""IDX files that lie about their sizes, plain and in sound gzip."""

import gzip

from mutations import bombs

LENGTHS = [0, 1, 2, 255, 2**16, 2**24, 2**26, 2**31 - 1, 2**31, 2**32 - 1]


def other_lengths(rng, content):
    """One or all of the axes of another length."""
    lengths = [content[i : i + 4] for i in (4, 8, 12)]
    for axis in range(3) if rng.random() < 0.3 else [rng.integers(3)]:
        lengths[axis] = LENGTHS[rng.integers(len(LENGTHS))].to_bytes(4, "big")
    return content[:4] + b"".join(lengths) + content[16:]


def other_type(rng, content):
    return content[:2] + bytes([rng.integers(16), rng.integers(6)]) + content[4:]


def as_other_type(rng, content):
    """A type with wider numbers, and as many of them as there is room for."""
    kind, width = [(9, 1), (0x0B, 2), (0x0C, 4), (0x0D, 4), (0x0E, 8)][rng.integers(5)]
    lengths = (len(content) - 16) // width // 4
    shape = b"".join(n.to_bytes(4, "big") for n in (lengths, 2, 2))
    return bytes([0, 0, kind, 3]) + shape + content[16 : 16 + 4 * width * lengths]


def bomb(rng, content):
    """Zeros that the header announces, or does not."""
    megabytes, raw = int(rng.choice([1, 24, 200])), gzip.decompress(content)
    honest = [n.to_bytes(4, "big") for n in (megabytes, 1024, 1024)]
    start = raw[:4] + b"".join(honest) if rng.random() < 0.5 else raw
    return bombs.gzipped(start, megabytes)


def inside_gzip(change):
    """Return the change of what a gzip file holds, its checksum made right again."""

    def changed(rng, content):
        return gzip.compress(change(rng, gzip.decompress(content)), mtime=0)

    changed.__name__ = change.__name__
    return changed


def several_members(rng, content):
    """Two gzip members that are one file, or one after the other, or many empty ones between."""
    sound = gzip.decompress(content)
    cut = int(rng.integers(len(sound)))
    halves = [gzip.compress(half, mtime=0) for half in (sound[:cut], sound[cut:])]
    empty = gzip.compress(b"", mtime=0)
    return [b"".join(halves), content + content, 5_000 * empty + content][rng.integers(3)]


def odd_gzip_header(rng, content):
    """Flags that announce names, comments and extra fields of any length."""
    flags, extra = int(rng.integers(1, 32)), rng.bytes(2) + int(rng.integers(300)) * b"x"
    return content[:3] + bytes([flags]) + content[4:10] + extra + content[10:]


RAW = (other_lengths, other_lengths, other_type, as_other_type)
GZIP = (*map(inside_gzip, RAW), bomb, several_members, odd_gzip_header)
