"""pretrained:NAME, a model that comes with npvae, is used like a run."""

from pathlib import Path

import numpy as np
import pytest
from run_files import draw_quickly

from npvae import load_model
from npvae.cli import main
from npvae.errors import InputError
from npvae.runs import pretrained
from npvae.runs.folder import RunFolder
from npvae.runs.pretrained import PRETRAINED, pretrained_names, unpack

SHIPPED = pretrained_names()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A model that comes with npvae, `pretrained:small`, and an empty working directory."""
    monkeypatch.chdir(tmp_path)
    draw_quickly(monkeypatch)
    x = np.random.default_rng(0).integers(0, 256, (40, 3, 3), dtype=np.uint8)
    np.savez("own.npz", x=x)
    given = "train --data own.npz --hidden 5 --latent 2 --epochs 1 --out package/small --quiet"
    assert main([*given.split(), "--no-report"]) == 0
    monkeypatch.setattr(pretrained, "PRETRAINED", tmp_path / "package")


def files(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_verb_works_at_once_and_writes_into_a_copy(small):
    before = files("package/small")
    assert main(["sample", "pretrained:small"]) == 0
    assert "samples.png" in files("runs/pretrained-small")
    assert files("package/small") == before
    assert files("runs") == ["pretrained-small"]


def test_a_copy_that_is_there_is_used_again(small):
    unpack("pretrained:small")
    Path("runs/pretrained-small/notes.txt").write_text("mine")
    assert Path(unpack("pretrained:small"), "notes.txt").read_text() == "mine"


def test_it_is_loaded_in_python_and_trained_further(small):
    model = load_model("pretrained:small").model
    assert np.array_equal(model.params.flat, load_model("package/small").model.params.flat)
    given = "train --data own.npz --start pretrained:small --epochs 1 --out second --quiet"
    assert main([*given.split(), "--no-report"]) == 0
    assert RunFolder.open("second").settings().start == str(Path("runs/pretrained-small").resolve())


def test_one_that_does_not_exist_is_refused_with_the_names(small, capsys):
    assert main(["sample", "pretrained:soup"]) == 2
    assert "pretrained:small" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_place_that_cannot_be_written_is_refused(small):
    Path("runs").write_text("a file")
    with pytest.raises(InputError, match=r"runs.pretrained-small"):
        unpack("pretrained:small")


@pytest.mark.parametrize("name", SHIPPED)
def test_those_that_come_with_npvae_are_small_and_have_their_figures(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.open(name)
    found = folder.metrics_of(folder.load_model().model)["test"]["log_likelihood"]
    assert found["5000"]["k"] == 5000
    inside = PRETRAINED / name.partition(":")[2]
    assert files(inside) == ["config.json", "history.csv", "metrics.json", "model.npz"]
    assert sum(file.stat().st_size for file in inside.iterdir()) < 3e6
    assert len(SHIPPED) <= 2
