import gc
import io
import os
import zipfile

import numpy as np
import pytest

from npvae.errors import DataError
from npvae.storage import arrays as module
from npvae.storage.arrays import MappedArray, read_array, read_arrays, write_arrays

ARRAY = np.arange(60, dtype=np.float32).reshape(12, 5)


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def test_an_npy_file_is_read_into_memory(tmp_path):
    np.save(tmp_path / "x.npy", ARRAY)
    found = read_array(tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", ARRAY[:1])  # which changes nothing
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, ARRAY)


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    """An array that is too large for the memory, and its file."""
    monkeypatch.setattr(module, "LIMIT", 100)
    path = tmp_path / "x.npy"
    np.save(path, ARRAY)
    return read_array(path), path


def test_a_large_npy_file_is_mapped(mapped):
    array, _ = mapped
    assert isinstance(array, MappedArray)
    assert not array.flags.writeable
    np.testing.assert_array_equal(array.reshape(-1, 5)[[3, 1]][1:], ARRAY[[1]])


def replace(path):
    """Put a file of the same length and the same date in its place."""
    date = path.stat().st_mtime_ns
    path.rename(path.with_name("y.npy"))
    np.save(path, ARRAY + 1)
    os.utime(path, ns=(date, date))


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b""),  # any access would be a bus error
        lambda path: np.save(path, ARRAY + 1),
        lambda path: path.unlink(),
        replace,
    ],
    ids=["cut", "overwritten", "removed", "replaced"],
)
def test_a_mapped_file_that_changes_is_refused(mapped, change):
    array, path = mapped
    rows = array.reshape(12, -1)
    change(path)
    for read in (lambda: rows[[0]], lambda: rows[2:], lambda: array[0]):
        with pytest.raises(DataError, match=r"x\.npy has changed"):
            read()


def damaged_npy():
    sound = npy(ARRAY)
    header = sound[10 : sound.index(b"\n") + 1]
    huge = sound.replace(b"(12, 5)", b"(9**9**9, 5)")
    return {
        "empty": b"",
        "magic only": sound[:6],
        "header cut": sound[:40],
        "cut short": sound[:-1],
        "too long": sound + b"\0",
        "two arrays": sound + sound,
        "text": b"hello, I am no array",
        "pickle": npy(np.array([{"a": 1}], dtype=object), allow_pickle=True),
        "bare pickle": b"\x80\x04\x95\x00.",
        "zip": b"PK\3\4" + bytes(30),
        "syntax": sound.replace(b"{'descr'", b"{{{descr'"),
        "dtype": sound.replace(b"'<f4'", b"'<zz'"),
        "not a dict": sound[:10] + b"[1]".ljust(len(header) - 1) + b"\n",
        "negative": sound.replace(b"(12, 5)", b"(-2, 5)"),
        "huge": huge.replace(b"(9**9**9, 5)", b"(" + b"9" * 20 + b", 5)"),
        "version": sound[:6] + b"\x09" + sound[7:],
        "nobody": sound.replace(b"(12, 5)", b"(-3,-4)"),
        "header of gigabytes": sound[:6] + b"\2\0\xff\xff\xff\xff" + sound[10:],
        "deep": sound[:10] + b"(" * (len(header) - 1) + sound[9 + len(header) :],
    }


@pytest.mark.parametrize("name", damaged_npy())
def test_a_damaged_npy_file_is_named(tmp_path, name):
    path = tmp_path / "x.npy"
    path.write_bytes(damaged_npy()[name])
    with pytest.raises(DataError, match=r"x\.npy"):
        read_array(path)


def test_a_missing_file_is_named(tmp_path):
    for read in (read_array, read_arrays):
        with pytest.raises(DataError, match=r"nothing\.npy cannot be read .+No such file"):
            read(tmp_path / "nothing.npy")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_file(tmp_path, save):
    save(tmp_path / "x.npz", x=ARRAY, labels=np.arange(12))
    arrays = read_arrays(tmp_path / "x.npz")
    assert list(arrays) == ["x", "labels"]
    np.testing.assert_array_equal(arrays["x"], ARRAY)


def test_every_flipped_byte_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=ARRAY)
    content = path.read_bytes()
    for i in range(len(content)):
        path.write_bytes(content[:i] + bytes([content[i] ^ 0xFF]) + content[i + 1 :])
        try:
            arrays = read_arrays(path)
        except DataError as error:
            assert "x.npz" in str(error)  # noqa: PT017
        else:  # a byte of the archive's own notes, such as a date
            for array in arrays.values():
                np.testing.assert_array_equal(array, ARRAY)


def test_an_npz_file_of_pickles_or_of_anything_else(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, x=np.array([None]))
    with pytest.raises(DataError, match="without pickled objects"):
        read_arrays(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(DataError, match=r"cannot be read as an \.npz"):
        read_arrays(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", npy(ARRAY) + b"\0")
    with pytest.raises(DataError, match="longer than its header"):
        read_arrays(path)


def test_a_small_archive_cannot_fill_the_memory(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.zeros(100_000))
    monkeypatch.setattr(module, "LIMIT", 100_000)
    with pytest.raises(DataError, match="unpacks to 800"):
        read_arrays(path)


def pack(path, members, how=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def test_an_absurd_shape_is_refused_before_it_takes_memory(tmp_path):
    for shape in (
        b"(1152921504606846976,)",
        b"(4294967296, 4294967296)",
        b"(134217728,)",
        b"(-3,)",
    ):
        absurd = npy(ARRAY).replace(b"(12, 5), }" + b" " * 20, (shape + b", }").ljust(30))
        path = pack(tmp_path / "x.npz", [("x.npy", absurd)])
        with pytest.raises(DataError, match=r"too short for its shape|its shape .+ is negative"):
            read_arrays(path)


def test_what_npvae_wrote_itself_is_not_packed(tmp_path):
    np.savez(tmp_path / "x.npz", x=ARRAY)
    np.testing.assert_array_equal(read_arrays(tmp_path / "x.npz", packed=False)["x"], ARRAY)
    np.savez_compressed(tmp_path / "x.npz", x=ARRAY)
    with pytest.raises(DataError, match="compressed"):
        read_arrays(tmp_path / "x.npz", packed=False)


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_numpy_packs_in_one_way_only(tmp_path, how):
    path = pack(tmp_path / "x.npz", [("x.npy", npy(ARRAY))], how)
    with pytest.raises(DataError, match="compressed"):
        read_arrays(path)


def test_what_npvae_wrote_itself_may_be_large(tmp_path, monkeypatch):
    np.savez(tmp_path / "x.npz", x=ARRAY)
    monkeypatch.setattr(module, "LIMIT", 100)
    assert "x" in read_arrays(tmp_path / "x.npz", packed=False)


def test_two_arrays_of_one_name(tmp_path):
    path = pack(tmp_path / "x.npz", [("x.npy", npy(ARRAY)), ("x", npy(ARRAY))])
    with pytest.raises(DataError, match="two arrays of the same name"):
        read_arrays(path)


@pytest.mark.parametrize(
    "name", ["../../evil.npy", "/evil.npy", "C:\\evil.npy", "a/../../evil.npy"]
)
def test_a_name_that_leads_elsewhere_is_only_a_name(tmp_path, name):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    read_arrays(pack(folder / "x.npz", [(name, npy(ARRAY))]))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "x.npz"]


def test_an_array_of_nothing_is_none(tmp_path):
    """A million words of no letter take no byte in the file, but count as a million."""
    header = io.BytesIO()
    described = {"descr": "<U0", "fortran_order": False, "shape": (10**6,)}
    np.lib.format.write_array_header_1_0(header, described)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("x.npy", header.getvalue())
    for packed in (True, False):
        with pytest.raises(DataError, match="it contains Python objects"):
            read_arrays(tmp_path / "x.npz", packed=packed)


def test_what_is_written_is_what_numpy_writes(tmp_path):
    arrays = {
        "x": ARRAY,
        "labels": np.arange(12),
        "header": np.array("some text"),
        "none": ARRAY[:0],
    }
    with open(tmp_path / "x.npz", "wb") as file:
        write_arrays(file, arrays)
    np.savez(tmp_path / "numpys.npz", **arrays)
    assert (tmp_path / "x.npz").read_bytes() == (tmp_path / "numpys.npz").read_bytes()


def test_no_pickle_is_written(tmp_path):
    with open(tmp_path / "x.npz", "wb") as file, pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(file, {"x": np.array([{}])})


def test_a_disk_that_is_full_leaves_no_open_archive():
    """Which its destructor would close one day, complaining into whatever runs by then."""

    class Full(io.BytesIO):
        def write(self, data):
            if self.tell() > 300:
                raise OSError("No space left on device")
            return super().write(data)

    with pytest.raises(OSError, match="No space left"):
        write_arrays(Full(), {"x": ARRAY, "y": ARRAY})
    gc.collect()  # a complaint would be an error
