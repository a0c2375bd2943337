"""What the tests of the command line share."""

import pytest
from cli_files import save_files, work_offline
from run_files import draw_quickly
from tiny_runs import save_tiny_data


@pytest.fixture
def tiny_files(tmp_path, monkeypatch, signals_are_heard):
    """Work in a new folder with tiny data; pictures are blots, and signals are heard."""
    monkeypatch.chdir(tmp_path)
    save_tiny_data()
    draw_quickly(monkeypatch)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with small data; the tests leave it as it is."""
    folder = tmp_path_factory.mktemp("files")
    save_files(folder)
    return folder


@pytest.fixture
def offline(tmp_path, monkeypatch, files):
    """Work in the folder of the files, with no dataset in place, no cache and no network."""
    work_offline(monkeypatch, files, tmp_path)
