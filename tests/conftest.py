"""What all tests share: numbers that overflow raise, the same examples every time, MNIST if there.

Hypothesis draws the same examples in every run, so that a red test stays red. To explore, set
HYPOTHESIS_PROFILE=random.
"""

import gc
import os
import signal
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: as many processes run as cores

import numpy as np
import pytest
from hypothesis import settings

from npvae.datasets import places

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(autouse=True)
def loud_arithmetic():
    """Overflow, an invalid operation and a division by zero are errors in every test."""
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield


@pytest.fixture
def rng():
    """A generator of its own for each test."""
    return np.random.default_rng(0)


@pytest.fixture
def signals_are_heard():
    """As in a terminal, also under nohup, or in the background of a script."""
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.getsignal(getattr(signal, name)) for name in names}
    for name in names:
        default = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
        signal.signal(getattr(signal, name), default)
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.fixture
def mnist_folder():
    """The folder of MNIST's files below the one that `NPVAE_DATA` names; skips where it is not."""
    folder = Path(os.environ.get(places.VARIABLE, ""), "mnist")
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip(f"no MNIST files: set {places.VARIABLE} to the folder that holds mnist/")
    return folder


@pytest.fixture
def off_screen():
    """Figures that pyplot knows nothing of, so that none is left open for the next test."""
    from npvae import figures

    with figures.off_screen():
        yield


def pytest_addoption(parser):
    text = "files in test_damaged_files.py, over all kinds; or :17 for file 17 of each kind"
    parser.addoption("--damaged-files", default="300", metavar="N", help=text)
    text = (
        "kills in test_killed.py, and half as many of runs with two processes; from 200 up, each "
    )
    text += "operation on the disk goes wrong in turn"
    parser.addoption("--kills", type=int, default=8, metavar="N", help=text)
    text = "shapes and seeds in tests/test_gradients.py, for each subject"
    parser.addoption("--gradient-examples", type=int, default=8, metavar="N", help=text)
    text = "whether to run the lessons in test_lessons.py: at small sizes, or as they are"
    parser.addoption("--lessons", choices=["no", "quick", "full"], default="no", help=text)


def pytest_collection_finish():
    """Let the garbage collector leave alone what was collected, and run less often."""
    gc.freeze()
    gc.set_threshold(10_000)


class GradientsChecked:
    """What the gradient tests have checked, for the table at the end of the run."""

    def __init__(self):
        self.reports = {}

    def add(self, name, report):
        self.reports.setdefault(name, []).append(report)

    def lines(self):
        counts = f"{'shapes, seeds':>13} {'probes':>7} {'on a kink':>9}"
        yield f"{'what':<42} {counts} {'worst error':>11}"
        for name, reports in self.reports.items():
            rows = [row for report in reports for row in report.rows]
            checked, skipped = sum(row.checked for row in rows), sum(row.skipped for row in rows)
            worst = max(report.error for report in reports)
            yield f"{name:<42} {len(reports):13d} {checked:7d} {skipped:9d} {worst:11.1e}"


class DamagedFiles:
    """Which damaged files to read, and what came of them, for the table at the end of the run."""

    def __init__(self, asked):
        self.asked, self.rows = asked, {}

    def numbers(self, subject, n_subjects):
        """Return the numbers of a subject's files, its share of all that were asked for."""
        if self.asked.startswith(":"):
            return [int(self.asked[1:])]
        total = int(self.asked)
        return range(total // n_subjects + (subject < total % n_subjects))

    def add(self, name, trial):
        row = self.rows.setdefault(name, [0, 0, 0, 0.0])
        row[0] += 1
        row[1] += trial.loaded
        row[2] = max(row[2], trial.watch.memory or 0)
        row[3] = max(row[3], trial.watch.seconds)

    def lines(self):
        yield f"{'what':<18} {'files':>6} {'loaded':>6} {'refused':>7} {'MB':>6} {'ms':>6}"
        for name, (files, loaded, memory, seconds) in self.rows.items():
            counts = f"{files:6d} {loaded:6d} {files - loaded:7d}"
            yield f"{name:<18} {counts} {memory / 1e6:6.1f} {1000 * seconds:6.0f}"


class KillsSurvived:
    """How often to kill runs, and what came of it, for the table at the end of the run."""

    def __init__(self, asked, workers=1):
        self.asked, self.kills, self.sides = asked, 0, {"outside": 0, "inside": 0}
        self.workers = workers
        self.within_write, self.runs, self.bytes_lost, self.seconds = 0, 0, 0, 0.0

    def add_kill(self, side, parts):
        self.kills += 1
        self.sides[side] += 1
        self.within_write += bool(parts)

    def add_run(self, differing):
        self.runs += 1
        self.bytes_lost += sum(differing.values())

    @staticmethod
    def head():
        counts = f"workers kills outside  inside {'within a write':>14} {'runs':>4}"
        return f"{counts} {'bytes lost':>10} {'seconds':>7}"

    def line(self):
        sides = " ".join(f"{n:7d}" for n in self.sides.values())
        counts = f"{self.workers:7d} {self.kills:5d} {sides} {self.within_write:14d} {self.runs:4d}"
        return f"{counts} {self.bytes_lost:10d} {self.seconds:7.0f}"


GRADIENTS_CHECKED = pytest.StashKey[GradientsChecked]()
DAMAGED_FILES = pytest.StashKey[DamagedFiles]()
KILLS_SURVIVED = pytest.StashKey[dict[int, KillsSurvived]]()


def pytest_configure(config):
    config.stash[GRADIENTS_CHECKED] = GradientsChecked()
    config.stash[DAMAGED_FILES] = DamagedFiles(config.getoption("--damaged-files"))
    kills = config.getoption("--kills")
    config.stash[KILLS_SURVIVED] = {1: KillsSurvived(kills), 2: KillsSurvived(kills // 2, 2)}


@pytest.fixture
def gradients_checked(pytestconfig):
    """Where the gradient tests note what they have checked."""
    return pytestconfig.stash[GRADIENTS_CHECKED]


@pytest.fixture
def damaged_files(pytestconfig):
    """Which damaged files to read, and where to note what came of them."""
    return pytestconfig.stash[DAMAGED_FILES]


@pytest.fixture
def kills_survived(pytestconfig):
    """How often to kill runs of one and of two processes, and where to note what came of it."""
    return pytestconfig.stash[KILLS_SURVIVED]


def pytest_terminal_summary(terminalreporter, config):
    checked = config.stash[GRADIENTS_CHECKED]
    if checked.reports:
        terminalreporter.section("gradients by hand against central differences")
        for line in checked.lines():
            terminalreporter.write_line(line)
    damaged = config.stash[DAMAGED_FILES]
    if damaged.rows:
        terminalreporter.section("damaged files: most memory and most time that one took")
        for line in damaged.lines():
            terminalreporter.write_line(line)
    survived = [each for each in config.stash[KILLS_SURVIVED].values() if each.runs]
    if survived:
        terminalreporter.section("killed runs against one that was not: bytes that differ are lost")
        for line in (KillsSurvived.head(), *(each.line() for each in survived)):
            terminalreporter.write_line(line)
