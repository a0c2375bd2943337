"""Every reader of a file, on files that are damaged by accident or on purpose.

Whatever the file: either what is read is well formed (and, where the format has checksums and the
change did not mend them, what the valid file holds), or one of npvae's own errors says in plain
words which file is damaged. Nothing else is raised, warned of, executed or written; time and memory
have bounds. File number i of a subject is the same in every run:

    pytest tests/storage/test_damaged_files.py --damaged-files 20000       the whole campaign
    pytest tests/storage/test_damaged_files.py -k npz --damaged-files :17  file 17 of one subject

Should a file kill Python itself, `reading-now.txt` beside the tests' temporary folders says which.
"""

import ctypes
import faulthandler
import os
import re
import time
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from mutations.content import mutate
from subjects import LIMIT, SUBJECTS

from npvae.datasets import user_images as image_folder
from npvae.errors import NpvaeError
from npvae.storage import arrays as archive
from npvae.storage import reading

SEED = 0
SECONDS, HANGING = 10, 60  # for one file; until a reader that never returns is ended
LONGEST_MESSAGE = 600  # characters, those of the temporary folder not counted
OUTSIDE = [Path("/tmp/npvae-evil.npy"), Path("/evil.npy")]  # named by some of the archives
PEAK = Path("/proc/self/clear_refs")  # "5" sets the peak to what is held now


@pytest.fixture(autouse=True)
def lower_limits(monkeypatch):
    for module in (reading, archive, image_folder):
        monkeypatch.setattr(module, "LIMIT", LIMIT)


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """A working folder with room above it for files that should not be."""
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return tmp_path


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_damaged_file_is_read_rightly_or_refused_plainly(
    name, sandbox, damaged_files, tmp_path_factory
):
    subject = SUBJECTS[name]
    subject.make()
    note, complaints = tmp_path_factory.getbasetemp() / "reading-now.txt", []
    trial = Trial(subject, sandbox)
    for number in damaged_files.numbers(list(SUBJECTS).index(name), len(SUBJECTS)):
        note.write_text(f"{name}, file {number}, seed {SEED}")
        complaint = trial.of(number)
        damaged_files.add(name, trial)
        if complaint:
            complaints.append(f"file {number} ({trial.change}): {complaint}")
    if complaints:
        again = f"-k '{name}' --damaged-files :NUMBER"
        heading = f"{len(complaints)} files of {name}, with seed {SEED}; to see one again: {again}"
        pytest.fail("\n".join([heading, *complaints[:40]]), pytrace=False)


class Trial:
    """A subject's file, damaged in one way after the other, and what its reader does."""

    def __init__(self, subject, sandbox):
        self.subject, self.sandbox = subject, sandbox
        self.path = Path(subject.file)
        several = self.path.parent.name == "own"  # a folder of images
        files = self.path.parent.iterdir() if several else [self.path]
        self.sound = {path: path.read_bytes() for path in files}
        self.expected = subject.same(subject.read(self.path))

    def of(self, number):
        """Read file `number`; return what is wrong with how that went, or None."""
        rng = np.random.default_rng([SEED, number])
        crafted = self.subject.crafted
        self.change, content, mended = mutate(rng, self.sound[self.path], crafted)
        everywhere = mended and rng.random() < 0.5
        for path in self.sound if everywhere else [self.path]:
            path.write_bytes(content)
        complaint = self._read(must_be_same=self.subject.checked and not mended)
        for path, sound in self.sound.items():
            path.write_bytes(sound)
        return complaint

    def _read(self, must_be_same):
        """Read the file as it is now, and judge what comes of it."""
        before, size = listing(self.sandbox), sum(path.stat().st_size for path in self.sound)
        found = error = None
        with watched() as self.watch:
            try:
                found = self.subject.read(self.path)
            except Exception as caught:
                error = caught
        self.loaded = error is None
        complaints = [self.watch.complaint(reading.memory_bound(size))]
        if listing(self.sandbox) != before or any(path.exists() for path in OUTSIDE):
            complaints.append(f"a file appeared or changed: {listing(self.sandbox) ^ before}")
        if isinstance(error, NpvaeError):
            complaints.append(wrong_with_message(str(error), self.path, self.sandbox))
        elif error is not None:
            complaints.append(f"a traceback: {in_a_line(error)}")
        else:
            complaints.append(self._wrong_with(found, must_be_same))
        return "; ".join(filter(None, complaints))

    def _wrong_with(self, found, must_be_same):
        try:
            self.subject.judge(found)
            if must_be_same:
                for value, expected in zip(self.subject.same(found), self.expected, strict=True):
                    np.testing.assert_array_equal(value, expected)
        except Exception as error:
            return f"a false load: {in_a_line(error)}"
        return None


def in_a_line(error):
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"{type(error).__name__} {' '.join(str(error).split())} at {where}, {place.line}"[:400]


def wrong_with_message(message, path, sandbox):
    if not {path.name, path.stem, path.parent.name} & set(re.split(r"[/\s:,;]+", message)):
        return f"its message does not name the file: {message!r:.400}"
    plain = message.isprintable() and "Traceback" not in message
    if not plain or len(message.replace(str(sandbox), "")) > LONGEST_MESSAGE:
        return f"its message of {len(message)} characters is not plain: {message!r:.400}"
    return None


def listing(folder):
    """Return every file below a folder, with its size and when it was written."""
    found = set()
    for place, folders, names in os.walk(folder):
        for name in (*names, *folders):
            status = os.lstat(os.path.join(place, name))
            written = 0 if name in folders else status.st_mtime_ns
            found.add((place, name, status.st_size * (name in names), written))
    return found


@dataclass
class Watch:
    """What reading one file took."""

    seconds: float = 0.0
    memory: int | None = None
    warned: list = field(default_factory=list)

    def complaint(self, bound):
        if self.warned:
            return f"a warning: {self.warned[0].message!s:.200}"
        if self.memory is not None and self.memory > bound:
            return f"it took {self.memory >> 20} MB, more than {bound >> 20}"
        return f"it took {self.seconds:.1f} s" if self.seconds > SECONDS else None


@contextmanager
def watched():
    """Measure the time and the memory that the block takes, and note every warning in it."""
    watch = Watch()
    start_of_memory = memory_now(anew=True)
    faulthandler.dump_traceback_later(HANGING, exit=True)
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as watch.warned, np.errstate(all="warn"):
        warnings.simplefilter("always")
        yield watch
    watch.seconds = time.perf_counter() - start
    faulthandler.cancel_dump_traceback_later()
    if start_of_memory is not None:
        watch.memory = memory_now() - start_of_memory


def memory_now(anew=False):
    """Return the process's peak memory in bytes, `anew` from now on; None where no one can say."""
    try:
        if anew:
            ctypes.CDLL(None).malloc_trim(0)  # what was freed counts again when it is used again
            PEAK.write_text("5")
        status = Path("/proc/self/status").read_text()
    except (AttributeError, OSError, TypeError):  # no Linux, or no glibc
        return None
    return int(re.search(r"VmHWM:\s*(\d+) kB", status).group(1)) << 10


def test_the_memory_that_reading_takes_is_measured():
    if memory_now(anew=True) is None:
        pytest.skip("only Linux says how much memory was in use at most")
    with watched() as watch:
        np.ones(1 << 24)
    assert 100 << 20 < watch.memory < 150 << 20
    assert "more than 10" in watch.complaint(10 << 20)


def test_a_file_number_is_the_same_file_in_every_run(sandbox):
    SUBJECTS["npz"].make()
    sound = Path("own.npz").read_bytes()
    for number in range(50):
        first, again = (
            mutate(np.random.default_rng([SEED, number]), sound, SUBJECTS["npz"].crafted)
            for _ in range(2)
        )
        assert first == again
