"""Zip files with right checksums and wrong intentions."""

import bz2
import io
import lzma
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace

import numpy as np

from mutations import bombs
from mutations.arrays import NPY, as_npy, with_header
from mutations.texts import JSON

NAMES = [
    *["../../evil.npy", "/tmp/npvae-evil.npy", "C:\\evil.npy", "..\\..\\evil.npy", "x.npy/", "/"],
    *["", ".npy", "x", "x.npy", "header.npy", "\0.npy", "\x1b[31m.npy", "é.npy", "n" * 60_000, "."],
    *["labels.npy", "file", "self", "__class__", "allow_pickle.npy", "x.npy.npy", "a/b/../x.npy"],
]


@dataclass(frozen=True)
class Member:
    """A member of a zip file; what it says about itself need not be so."""

    name: str
    packed: bytes
    crc: int
    size: int
    method: int = zipfile.ZIP_STORED
    flags: int = 0
    packed_size: int | None = None

    def notes(self):
        name = self.name.encode()
        size = len(self.packed) if self.packed_size is None else self.packed_size
        notes = struct.pack("<HHHIIIIHH", 20, self.flags | 0x800, self.method, 0x210000, self.crc,
                            size, self.size, len(name), 0)  # fmt: skip
        return notes, name


def stored(name, content):
    return Member(name, content, zlib.crc32(content), len(content))


def zipped(members):
    """Return these members as a zip file."""
    body, contents = b"", b""
    for member in members:
        notes, name = member.notes()
        contents += b"PK\1\2\x14\0" + notes + bytes(10) + len(body).to_bytes(4, "little") + name
        body += b"PK\3\4" + notes + name + member.packed
    n = len(members)
    return (
        body
        + contents
        + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, n, n, len(contents), len(body), 0)
    )


def unzipped(content):
    """Return the members of a valid one."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [stored(name, archive.read(name)) for name in archive.namelist()]


def one_member(change):
    """Return the change of a list of members that makes another one of one of them."""

    def changed(rng, content):
        members = unzipped(content)
        chosen = int(rng.integers(len(members)))
        members[chosen] = change(rng, members[chosen])
        return zipped(members)

    changed.__name__ = change.__name__
    return changed


@one_member
def other_array(rng, member):
    """A member that is a damaged .npy file, though its checksum is right."""
    change = NPY[rng.integers(len(NPY))]
    return stored(member.name, change(rng, member.packed))


@one_member
def other_name(rng, member):
    return replace(member, name=NAMES[rng.integers(len(NAMES))])


@one_member
def bomb(rng, member):
    """Many zeros: as the member says, or not; as the array's header says, or not."""
    megabytes = int(rng.choice([1, 24, 200]))
    rows, size = megabytes << 10, None
    if rng.random() < 0.5:
        rows = [rows, 12, 1 << 40][rng.integers(3)]
        size = [None, 12 << 10, 2**32 - 2][rng.integers(3)]
    descr = "|u1" if rng.random() < 0.5 else "|b1"
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, 1024), }}".encode()
    start = with_header(text)
    packed, crc = bombs.deflated(start, megabytes), bombs.crc32(start, megabytes)
    size = len(start) + (megabytes << 20) if size is None else size
    return Member(member.name, packed, crc, size, zipfile.ZIP_DEFLATED)


@one_member
def long_header_bomb(rng, member):
    """A header of many megabytes of zeros."""
    start = with_header(b"{'descr': ", version=2, length=24 << 20)
    packed, crc = bombs.deflated(start, 24), bombs.crc32(start, 24)
    return Member(member.name, packed, crc, len(start) + (24 << 20), zipfile.ZIP_DEFLATED)


@one_member
def other_packing(rng, member):
    """Packed in one of zip's other ways, or said to be."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = lzma.compress(member.packed, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1}])
    ways = [
        (8, packer.compress(member.packed) + packer.flush()),
        (12, bz2.compress(member.packed)),
        (12, bz2.compress(bytes(60 << 20))[: 1 << 12]),
        (14, b"\x09\x04\x05\x00" + struct.pack("<BI", 93, 1 << 23) + raw),
        (8, member.packed),
        (int(rng.choice([1, 9, 99, 255])), member.packed),
    ]
    method, packed = ways[rng.integers(len(ways))]
    return replace(member, method=method, packed=packed)


@one_member
def lie(rng, member):
    """A wrong checksum, wrong sizes, or flags of what is not so."""
    lies = [
        {"crc": 0},
        {"size": 0},
        {"size": 2**32 - 1},
        {"size": member.size - 1},
        {"size": 2**31, "packed_size": 2**31},
        {"size": 2**30 - 1, "method": 8},
        {"packed_size": 0},
        {"packed_size": 2**32 - 1},
        {"flags": 1},
        {"flags": 8},
        {"flags": 0x2020},
        {"flags": 0x40},
    ]
    return replace(member, **lies[rng.integers(len(lies))])


def overlapping(rng, content):
    """A first member that holds the second one, too: together they are longer than the file."""
    members = unzipped(content)
    body = np.zeros(300 << 10, np.uint8)
    inner = stored("inner.npy", as_npy(body))
    notes, name = inner.notes()
    local = b"PK\3\4" + notes + name + inner.packed
    header = with_header(b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }" % len(local))
    outer = Member("outer.npy", header + local, zlib.crc32(header + local), len(header + local))
    archive = zipped([outer, *members])
    end = archive.rindex(b"PK\5\6")
    (start,) = struct.unpack("<I", archive[end + 16 : end + 20])
    place = len(outer.notes()[0]) + len("outer.npy") + 4 + len(header)
    entry = b"PK\1\2\x14\0" + notes + bytes(10) + place.to_bytes(4, "little") + name
    last = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 9, 9, end - start + len(entry), start, 0)
    return archive[:start] + archive[start:end] + entry + last


def other_members(rng, content):
    """Members in another order, missing, there twice, in surplus, very many, or none."""
    members = unzipped(content)
    surplus = stored("more.npy", as_npy(np.arange(3)))
    text = stored("notes.txt", b"hello")
    many = [replace(surplus, name=f"{i}.npy") for i in range(2_000)]
    ways = [members[::-1], members[1:], members[:1], members + members, [*members, surplus]]
    ways += [[*members, text], [text], members + many, [], members[:1] + members]
    return zipped(ways[rng.integers(len(ways))])


def other_json(rng, content):
    """Another text in the member `header`."""
    members = unzipped(content)
    at = [member.name for member in members].index("header.npy")
    text = str(np.load(io.BytesIO(members[at].packed)))
    changed = JSON[rng.integers(len(JSON))](rng, text.encode()).decode()
    members[at] = stored("header.npy", as_npy(np.array(changed)))
    return zipped(members)


NPZ = (other_array, other_array, other_array, other_name, bomb, bomb, long_header_bomb)
NPZ += (other_packing, lie, overlapping, other_members)
MODEL = (*NPZ, *5 * (other_json,))
