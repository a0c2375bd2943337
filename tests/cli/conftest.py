"""What the tests of the command line share."""

import pytest
from run_files import draw_quickly
from tiny_runs import save_tiny_data


@pytest.fixture
def tiny_files(tmp_path, monkeypatch, signals_are_heard):
    """Work in a new folder with tiny data; pictures are blots, and signals are heard."""
    monkeypatch.chdir(tmp_path)
    save_tiny_data()
    draw_quickly(monkeypatch)
