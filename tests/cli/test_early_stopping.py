"""`npvae train --patience`: what is kept, and that a run stopped within it ends alike."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_runs
from run_files import differing_bytes
from tiny_runs import require_same, stop_after
from tiny_trainings import BOUNDS

from npvae import Evaluation, Pixels, evaluate, load_model
from npvae.cli import main
from npvae.runs.checkpoints import read_checkpoint
from npvae.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("tiny_files")


@pytest.fixture
def bounds(monkeypatch):
    """Let the bounds on the validation part be these, epoch by epoch, the ELBO the other way."""

    def script(*values):
        left = iter(values)

        def evaluate(model, split, scaling, seed, *, comm):
            bound = next(left)
            return Evaluation(-bound, bound, 0.0, (0.0, 0.0), 0, len(split), bound)

        monkeypatch.setattr("npvae.runs.fit.evaluate", evaluate)

    return script


def begin(out, *more, patience=2, epochs=6):
    return tiny_runs.begin(out, "--patience", patience, *more, epochs=epochs)


def resume(out, *more):
    return tiny_runs.train("--resume", out, *more)


def metrics(out):
    return json.loads(Path(out, "metrics.json").read_text())


def flat_of(path):
    return load_model(path).model.params.flat


def test_the_checkpoint_keeps_the_last_parameters_and_the_model_the_best(
    bounds, monkeypatch, capsys
):
    after, save = {}, RunFolder.save

    def note(self, trainer, *given):
        after[len(trainer.records)] = trainer.model.params.flat.copy()
        save(self, trainer, *given)

    monkeypatch.setattr(RunFolder, "save", note)
    bounds(*BOUNDS)
    assert begin("run", "--checkpoint-epochs", "3") == 0  # the second and fourth are not its turn
    assert "epoch 2" in capsys.readouterr().out
    assert (metrics("run")["epochs"], metrics("run")["best_epoch"]) == (4, 2)
    assert sorted(after) == [3, 4]
    arrays = read_checkpoint(Path("run/checkpoint.npz")).arrays
    np.testing.assert_array_equal(arrays["params/decoder.2.b"], after[4][-35:])
    best = arrays["progress/best"]
    np.testing.assert_array_equal(flat_of("run/model.npz"), best)
    np.testing.assert_array_equal(flat_of("run/checkpoint.npz"), best)  # where model.npz is gone
    assert (best != after[4]).any()
    dataset = RunFolder(Path("run")).load_data()
    measured = evaluate(load_model("run/model.npz").model, dataset.test, Pixels("dynamic"))
    assert metrics("run")["test"]["elbo"] == measured.elbo


@pytest.mark.parametrize("update", [1, 6, 7, 11, 12])
def test_a_run_stopped_by_ctrl_c_leaves_the_same_files(bounds, monkeypatch, update):
    """Twelve updates are four epochs, after which it is over: the very last among them."""
    bounds(*BOUNDS)
    assert begin("never") == 0
    bounds(*BOUNDS)
    stop_after(monkeypatch, update)
    assert begin("run") == 130
    assert not RunFolder(Path("run")).has_ended()
    assert resume("run") == 0
    assert RunFolder(Path("run")).has_ended()
    require_same("never", "run")


def test_the_figures_of_another_run_do_not_say_that_this_one_has_ended(bounds, monkeypatch):
    bounds(*BOUNDS)
    assert begin("other", "--seed", "1") == 0
    bounds(*BOUNDS)
    stop_after(monkeypatch, 12)
    assert begin("run") == 130
    shutil.copy("other/metrics.json", "run")
    assert not RunFolder(Path("run")).has_ended()


def test_ctrl_c_in_the_last_update_of_the_last_epoch(bounds, monkeypatch):
    bounds(*BOUNDS)
    assert begin("never", patience=4, epochs=4) == 0
    bounds(*BOUNDS)
    stop_after(monkeypatch, 12)
    assert begin("run", patience=4, epochs=4) == 130
    assert resume("run") == 0
    require_same("never", "run")


def test_a_run_that_had_stopped_early_is_not_trained_on(bounds, capsys):
    bounds(*BOUNDS)
    assert begin("never") == 0
    bounds(*BOUNDS)
    assert begin("run") == 0
    capsys.readouterr()
    assert resume("run") == 0
    said = capsys.readouterr().out
    assert "--patience 2" in said
    assert "---- validation" not in said
    require_same("never", "run")
    assert resume("run", "--epochs", "9") == 2
    assert "--patience" in capsys.readouterr().err
    require_same("never", "run")


def test_the_part_that_chose_the_epoch_says_so(bounds, capsys):
    bounds(*BOUNDS)
    assert begin("run") == 0
    for part, chose in (("validation", True), ("test", False)):
        capsys.readouterr()
        assert main(["evaluate", "run", "--part", part]) == 0
        assert ("the epoch was chosen" in capsys.readouterr().out) == chose


def test_with_a_larger_patience_it_goes_on_from_its_last_parameters(bounds, capsys):
    bounds(*BOUNDS)
    assert begin("never", patience=4) == 0
    bounds(*BOUNDS[:4])
    assert begin("run") == 0
    bounds(*BOUNDS[4:])
    assert resume("run", "--patience", "4") == 0
    assert metrics("run")["epochs"] == 6
    require_same("never", "run")
    assert resume("run", "--patience", "none") == 2
    assert "--patience none" in capsys.readouterr().err


def test_one_that_had_reached_its_end_goes_on_from_its_last_parameters(bounds):
    values = (-5.0, -4.0, -4.5, -4.2, -3.0, -3.5)
    bounds(*values)
    assert begin("never", patience=4) == 0
    bounds(*values)
    assert begin("run", patience=4, epochs=4) == 0
    assert metrics("run")["best_epoch"] == 2
    assert RunFolder(Path("run")).has_ended()
    assert resume("run", "--epochs", "6") == 0
    assert metrics("run")["best_epoch"] == 5
    assert not {"model.npz", "history.csv"} & differing_bytes("never", "run").keys()


def test_a_run_that_goes_on_for_longer_has_not_ended(bounds, monkeypatch):
    """Its metrics.json is that of the shorter one."""
    bounds(*BOUNDS)
    assert begin("run", patience=4, epochs=2) == 0
    stop_after(monkeypatch, 1)
    assert resume("run", "--epochs", "4") == 130
    assert not RunFolder(Path("run")).has_ended()
