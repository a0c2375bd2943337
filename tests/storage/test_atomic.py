import errno
import os
import stat

import pytest

from npvae import WriteError
from npvae.storage.atomic import append, atomic_write, remove_parts


def test_a_file_and_its_folder_appear(tmp_path):
    path = tmp_path / "new" / "folder" / "note.txt"
    with atomic_write(path, "w", encoding="utf-8") as file:
        file.write("ELBO ≤ log p(x)")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "ELBO ≤ log p(x)"


def test_until_the_end_the_old_file_is_there(tmp_path):
    path = tmp_path / "note.txt"
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("reason", [ValueError, KeyboardInterrupt])
def test_what_fails_halfway_leaves_everything_as_it_was(tmp_path, reason):
    path = tmp_path / "note.txt"
    path.write_bytes(b"old")

    def write_half():
        with atomic_write(path) as file:
            file.write(b"half")
            raise reason

    with pytest.raises(reason):
        write_half()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["note.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_others_may_read_it_as_they_may_any_new_file(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    with atomic_write(tmp_path / "whole") as file:
        file.write(b"")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_full_disk_is_one_clear_message_and_the_old_file_stays(tmp_path):
    path = tmp_path / "note.txt"
    path.write_bytes(b"old")

    def write_half():
        with atomic_write(path) as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(WriteError, match=r"note\.txt could not be written: No space left on"):
        write_half()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["note.txt"]


def test_content_and_name_are_brought_to_the_disk_in_this_order(tmp_path, monkeypatch):
    """After a power cut there is the old file or the new one: what is renamed is flushed."""
    done = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def noted(*arguments, name=name, real=real):
            done.append(name)
            return real(*arguments)

        monkeypatch.setattr(os, name, noted)
    with atomic_write(tmp_path / "note.txt") as file:
        file.write(b"whole")
    assert done == (["fsync", "replace"] if os.name == "nt" else ["fsync", "replace", "fsync"])


def test_only_what_writers_left_is_swept(tmp_path):
    for name in (".model.npz.x1y2.npvae-part", ".film.part", ".hidden", "model.npz", "a.part"):
        (tmp_path / name).write_bytes(b"")
    remove_parts(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".film.part", ".hidden", "a.part", "model.npz"]


def test_a_folder_that_is_a_file_is_an_os_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"), atomic_write(tmp_path / "file" / "note.txt"):
        pass


def test_what_the_disk_takes_in_pieces_is_appended_whole(tmp_path, monkeypatch):
    path = tmp_path / "note.txt"
    path.write_bytes(b"old\n")
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: write(handle, content[:3]))
    append(path, "new line\n", 4)
    assert path.read_bytes() == b"old\nnew line\n"


def test_where_the_disk_is_full_within_a_line_the_file_is_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "note.txt"
    path.write_bytes(b"old\n")
    write = os.write

    def take_three(handle, content):
        if path.stat().st_size > 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, content[:3])

    monkeypatch.setattr(os, "write", take_three)
    with pytest.raises(WriteError, match=r"note\.txt could not be written: No space left on"):
        append(path, "new line\n", 4)
    assert path.read_bytes() == b"old\n"


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of Unix")
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")
    path.chmod(0o640)
    with atomic_write(path) as file:
        file.write(b"new")
    assert path.stat().st_mode & 0o777 == 0o640
