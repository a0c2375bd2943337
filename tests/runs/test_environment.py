import pytest

import npvae
from npvae.runs.environment import versions


def test_what_a_result_depends_on_is_named():
    found = versions()
    assert set(found) == {"npvae", "numpy", "python", "platform", "threads", "device"}
    assert found["device"] == "cpu"
    assert versions("cuda: a card")["device"] == "cuda: a card"
    assert found["npvae"] == npvae.__version__
    assert all(isinstance(version, str) for version in found.values())


@pytest.mark.parametrize("name", ["OPENBLAS", "MKL", "OMP"])
def test_the_number_of_threads_is_what_was_asked_for(monkeypatch, name):
    for other in ("OPENBLAS", "MKL", "OMP"):
        monkeypatch.delenv(f"{other}_NUM_THREADS", raising=False)
    assert int(versions()["threads"]) >= 1
    monkeypatch.setenv(f"{name}_NUM_THREADS", "77")
    assert versions()["threads"] == "77"
