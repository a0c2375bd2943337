"""What all tests share: numbers that overflow raise, the same examples every time, MNIST if there.

Hypothesis draws the same examples in every run, so that a red test stays red. To explore, set
HYPOTHESIS_PROFILE=random.
"""

import os
from pathlib import Path

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
def mnist_folder():
    """The folder of MNIST's files below the one that `NPVAE_DATA` names; skips where it is not."""
    folder = Path(os.environ.get(places.VARIABLE, ""), "mnist")
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip(f"no MNIST files: set {places.VARIABLE} to the folder that holds mnist/")
    return folder


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


GRADIENTS_CHECKED = pytest.StashKey[GradientsChecked]()


def pytest_configure(config):
    config.stash[GRADIENTS_CHECKED] = GradientsChecked()


@pytest.fixture
def gradients_checked(pytestconfig):
    """Where the gradient tests note what they have checked."""
    return pytestconfig.stash[GRADIENTS_CHECKED]


def pytest_terminal_summary(terminalreporter, config):
    checked = config.stash[GRADIENTS_CHECKED]
    if checked.reports:
        terminalreporter.section("gradients by hand against central differences")
        for line in checked.lines():
            terminalreporter.write_line(line)
