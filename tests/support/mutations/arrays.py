""".npy files whose headers or numbers are not what a reader hopes for."""

import io
import os

import numpy as np

SHAPES = str.split(
    """(2**60,) (1152921504606846976,) (1000000000,1000000000) (4294967296,4294967296) (-2,-3)
    (-1,) () [12,5] 12 (12.0,5) ('12',5) (True,5) (None,) (0,5) (12,0) (0,1152921504606846976)
    (18446744073709551616,) (12,5,1) (1,12,5) (9223372036854775807,2) (9223372036854775807,0)"""
)
TYPES = str.split(
    """'|O' '|V8' '|V0' '<U0' '|S0' '<U4294967295' '|S2147483647' '<M8[ns]' '<m8' '<c16' '<c8'
    '<f2' '<f16' '>f8' '<i8' '>u2' '|b1' '<U15' '|S60' '<zz' 'f4,i4' 'object' 'O' 3 None []
    [('a','<f4')] [('a','|O')] [('x','<f4',(1000000,1000000))] ('<f4',(5,)) [('','|V4')] {'a':1}
    ('<f4',(2147483647,)) [('é','<f4')] '|V4294967295' '=f4' b'<f4' ['<f4'] '<f4'*1000000 '<f8,'"""
)
KINDS = str.split("? i1 u1 >u2 i4 >i8 u8 f2 >f4 f8 g F D S5 U5 m8[s] M8[s] V3")
BAD = [0, 255, 256, 1e300, np.nan, np.inf, -np.inf, -1]
HEADERS = [
    b"",
    b"{",
    b"[1]",
    b"{}",
    b"(" * 9_000,
    b"-" * 9_000 + b"1",
    b"1" + b"+1j" * 3_000,
    b"{'descr': " + b"[" * 4_000,
    b"{" + b"'a': 1, " * 1_000 + b"}",
    b"__import__('os').mkdir('called')",
    b"{'descr': __import__('os').mkdir('called'), 'fortran_order': False, 'shape': (5,)}",
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (60L,), }",
    b"{'descr': '<f4', 'fortran_order': 0, 'shape': (60,), }",
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (60,), 'x': 1}",
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1," * 3_000 + b"60)}",
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"9" * 4_000 + b",)}",
    b"\xff\xfe\0\0",
    b"'\0'",
    b" " * 20_000,
    b"\\",
]


class Trap:
    """What leaves a folder named `pickled` behind when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("pickled",)


def as_npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def with_header(text, body=b"", version=1, length=None):
    """Return an .npy file with this text for its header."""
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    width = 2 if version == 1 else 4
    length = len(text) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + length.to_bytes(width, "little") + text + body


def other_shape(rng, content):
    return _announce(content, shape=SHAPES[rng.integers(len(SHAPES))])


def other_dtype(rng, content):
    return _announce(content, descr=TYPES[rng.integers(len(TYPES))])


def fortran(rng, content):
    return _announce(content, order=["True", "1", "None"][rng.integers(3)])


def odd_header(rng, content):
    """A header that is no dictionary, does too much, or is not as long as it says."""
    version = int(rng.choice([1, 1, 2, 3, 9]))
    length = None if version == 1 else [None, 0, 2**32 - 1, 2**31][rng.integers(4)]
    return with_header(HEADERS[rng.integers(len(HEADERS))], content[-240:], version, length)


def pickled(rng, content):
    """An array of objects, one of which is a trap; as long as its header says, or not."""
    bare = as_npy(np.array([[Trap()], [None]], dtype=object))
    pickle = bare[bare.index(b"\n") + 1 :]
    pickle += bytes(-len(pickle) % 8)  # so that it is as long as that many pointers to objects
    text = f"{{'descr': '|O', 'fortran_order': False, 'shape': ({len(pickle) // 8},), }}"
    return [bare, pickle, with_header(text.encode(), pickle)][rng.integers(3)]


def other_numbers(rng, content):
    """An array of the same shape and another type, or with a number that is none."""
    array = np.load(io.BytesIO(content))
    array = np.arange(array.size).reshape(array.shape) if array.dtype.kind == "U" else array.copy()
    kind = KINDS[rng.integers(len(KINDS))]
    with np.errstate(all="ignore"):
        array = array.astype("i8").astype(kind) if kind[0] in "mMV" else array.astype(kind)
        if array.dtype.kind == "f" and array.size:
            array.reshape(-1)[rng.integers(array.size)] = BAD[rng.integers(len(BAD))]
        constant = array * 0 if array.dtype.kind in "iuf" else array
    return as_npy([array, array.T, np.flip(array), constant][rng.integers(4)])


def no_text(rng, content):
    """Text of code points that do not exist, far too long text, or bytes that are no UTF-8."""
    n = np.load(io.BytesIO(content)).shape[:1] or (1,)
    wild = np.full((*n, 3), 0x7FFFFFFF, np.uint32).view("U3").reshape(n)
    arrays = [wild, np.full(n, "\ud800"), np.full(n, b"\xff\xfe"), np.full(n, "x" * 50_000)]
    arrays += [np.full(n, b"x" * 50_000), np.full(n, "9" * 500), np.full(n, "\0"), np.full(n, "")]
    return as_npy(arrays[rng.integers(len(arrays))])


def _announce(content, *, shape=None, descr=None, order=None):
    """Return the file with something else in its header."""
    sound = np.load(io.BytesIO(content))
    shape = shape or repr(sound.shape)
    descr = descr or repr(sound.dtype.str)
    text = f"{{'descr': {descr}, 'fortran_order': {order or 'False'}, 'shape': {shape}, }}"
    return with_header(text.encode("latin1"), content[content.index(b"\n") + 1 :])


NPY = (
    other_shape,
    other_dtype,
    fortran,
    odd_header,
    pickled,
    other_numbers,
    other_numbers,
    no_text,
)
