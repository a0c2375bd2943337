"""Stopping early: when, what comes back, and that a training stopped within it ends alike."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_runs
from run_files import differing_bytes
from small_runs import require_same, small_data, stop_after
from small_training import BATCH, DATA, MODELS, SCALING, saved_after, state, train

from npvae import (
    Adam,
    DataError,
    EarlyStopping,
    Evaluation,
    InputError,
    Pixels,
    Progress,
    evaluate,
    fit,
    load_checkpoint,
    load_model,
    save_checkpoint,
    training,
)
from npvae.cli import main
from npvae.runs.folder import RunFolder

BOUNDS = (-5.0, -4.0, -4.5, -4.2, -1.0, -1.0)  # patience 2: over after the fourth, the second best


@pytest.fixture
def bounds(monkeypatch):
    """Let the bounds on the validation part be these, epoch by epoch, the ELBO the other way."""

    def script(*values):
        left = iter(values)

        def evaluate(model, split, scaling, seed):
            bound = next(left)
            return Evaluation(-bound, bound, 0.0, (0.0, 0.0), 0, len(split), bound)

        monkeypatch.setattr(training, "evaluate", evaluate)

    return script


def begun():
    return MODELS["vae"](), Adam(0.02), Progress(rng=7)


def fitted(patience, epochs=6, after=0):
    """Train anew; return the parameters after each epoch, and those in the end."""
    model, adam, progress = begun()
    options = {"scaling": SCALING, "optimizer": adam, "batch_size": BATCH, "progress": progress}
    stopping = EarlyStopping(patience, after)
    records = fit(model, DATA, epochs=epochs, early_stopping=stopping, **options)
    return [model.params.flat.copy() for _ in records], model.params.flat


# ---- by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patience", "after", "bounds", "best", "over"),
    [
        (1, 0, [], 0, False),
        (1, 0, [-9], 1, False),
        (2, 0, [-9, -7, -8], 2, False),
        (2, 0, [-9, -7, -8, -7.5], 2, True),
        (2, 0, [-9, -7, -8, -6], 4, False),
        (1, 0, [-7, -7], 1, True),  # as good is no better
        (2, 3, [-1, -2], 0, False),
        (2, 3, [-1, -2, -3], 0, False),
        (2, 3, [-1, -2, -3, -9, -8], 5, False),
        (2, 3, [-1, -2, -3, -8, -9], 4, False),
        (2, 3, [-1, -2, -3, -8, -9, -9], 4, True),
    ],
)
def test_when_it_is_over_and_which_was_the_best(patience, after, bounds, best, over):
    stopping = EarlyStopping(patience, after)
    assert (stopping.best(bounds), stopping.is_over(bounds)) == (best, over)


@pytest.mark.parametrize(("patience", "after"), [(0, 0), (-1, 0), (1, -1)])
def test_a_patience_that_makes_no_sense(patience, after):
    with pytest.raises(InputError, match="patience is at least 1 epoch, and after at least 0"):
        EarlyStopping(patience, after)


# ---- in a training -------------------------------------------------------------------------------


def test_it_stops_after_its_patience_with_the_parameters_of_the_best_epoch(bounds):
    bounds(*BOUNDS)
    each, end = fitted(patience=2)
    assert len(each) == 4
    np.testing.assert_array_equal(end, each[1])
    assert len({flat.tobytes() for flat in each}) == 4  # until then each epoch goes on


def test_at_the_last_epoch_the_best_comes_back_too(bounds):
    bounds(*BOUNDS)
    each, end = fitted(patience=5, epochs=4)
    assert len(each) == 4
    np.testing.assert_array_equal(end, each[1])


def test_epochs_of_the_warm_up_do_not_count(bounds):
    bounds(-1, -2, -9, -8, -8.5, -8.6)
    each, end = fitted(patience=2, after=2)
    assert len(each) == 6
    np.testing.assert_array_equal(end, each[3])


def test_where_no_epoch_counts_the_last_stays(bounds):
    bounds(-1, -2, -3)
    each, end = fitted(patience=1, epochs=3, after=3)
    np.testing.assert_array_equal(end, each[2])


def test_without_early_stopping_nothing_comes_back(bounds):
    """Also of a training that once had it."""
    bounds(*BOUNDS)
    model, adam, progress = begun()
    train(model, adam, progress, epochs=3, early_stopping=EarlyStopping(5))
    train(model, adam, progress, epochs=4)
    assert (model.params.flat != progress.best).any()


def test_it_needs_a_validation_part():
    alone = replace(DATA, validation=DATA.validation.__class__(DATA.train.x, np.arange(0)))
    with pytest.raises(InputError, match=r"needs a validation part; hold some out \(--validation"):
        train(*begun(), epochs=3, data=alone, early_stopping=EarlyStopping(1))


# ---- stopped and gone on with --------------------------------------------------------------------


def test_stopped_at_every_update_it_ends_with_the_same_bits(bounds, tmp_path):
    options = {"epochs": 6, "early_stopping": EarlyStopping(2)}
    bounds(*BOUNDS)
    never = begun()
    assert len(train(*never, **options)) == 4
    for updates in range(1, 13):
        bounds(*BOUNDS)
        saved_after(tmp_path / "c.npz", updates, early_stopping=EarlyStopping(2))
        again = load_checkpoint(tmp_path / "c.npz")
        train(again.model, again.optimizer, again.progress, **options)
        assert state(again.model, again.optimizer, again.progress) == state(*never)


def test_one_that_is_over_is_not_trained_on_and_has_its_best_again(bounds, tmp_path):
    bounds(*BOUNDS)
    model, adam, progress = begun()
    options = {"scaling": SCALING, "batch_size": BATCH, "early_stopping": EarlyStopping(2)}
    records = fit(model, DATA, optimizer=adam, progress=progress, epochs=6, **options)
    for _ in range(4):
        next(records)
    save_checkpoint(tmp_path / "c.npz", model, SCALING, (2, 3), adam, progress)
    last = model.params.flat.copy()
    assert list(records) == []
    again = load_checkpoint(tmp_path / "c.npz")
    np.testing.assert_array_equal(again.model.params.flat, last)
    options |= {"optimizer": again.optimizer, "progress": again.progress, "epochs": 9}
    assert list(fit(again.model, DATA, **options)) == []
    np.testing.assert_array_equal(again.model.params.flat, model.params.flat)


# ---- npvae train ---------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path, monkeypatch):
    yield from small_data(tmp_path, monkeypatch)


def begin(out, *more, patience=2, epochs=6):
    return small_runs.begin(out, "--patience", patience, *more, epochs=epochs)


def resume(out, *more):
    return small_runs.train("--resume", out, *more)


def metrics(out):
    return json.loads(Path(out, "metrics.json").read_text())


def flat_of(path):
    return load_model(path).model.params.flat


def test_the_checkpoint_keeps_the_last_parameters_and_the_model_the_best(
    own, bounds, monkeypatch, capsys
):
    after, save = {}, RunFolder.save

    def note(self, checkpoint):
        after[len(checkpoint.progress.records)] = checkpoint.model.params.flat.copy()
        save(self, checkpoint)

    monkeypatch.setattr(RunFolder, "save", note)
    bounds(*BOUNDS)
    assert begin("run", "--checkpoint-epochs", "3") == 0  # the second and fourth are not its turn
    assert "best   epoch 2 on the validation part" in capsys.readouterr().out
    assert (metrics("run")["epochs"], metrics("run")["best_epoch"]) == (4, 2)
    assert sorted(after) == [0, 3, 4]
    checkpoint = load_checkpoint("run/checkpoint.npz")
    np.testing.assert_array_equal(checkpoint.model.params.flat, after[4])
    best = checkpoint.progress.best
    np.testing.assert_array_equal(flat_of("run/model.npz"), best)
    np.testing.assert_array_equal(flat_of("run/checkpoint.npz"), best)  # where model.npz is gone
    assert (best != after[4]).any()
    dataset = RunFolder(Path("run")).load_data()
    measured = evaluate(load_model("run/model.npz").model, dataset.test, Pixels("dynamic"))
    assert metrics("run")["test"]["elbo"] == measured.elbo


@pytest.mark.parametrize("update", [1, 6, 7, 11, 12])
def test_a_run_stopped_by_ctrl_c_leaves_the_same_files(own, bounds, monkeypatch, update):
    """Twelve updates are four epochs, after which it is over: the very last among them."""
    bounds(*BOUNDS)
    assert begin("never") == 0
    bounds(*BOUNDS)
    stop_after(monkeypatch, update)
    assert begin("run") == 130
    assert not RunFolder(Path("run")).has_ended()
    progress = load_checkpoint("run/checkpoint.npz").progress
    assert 3 * (progress.epoch - 1) + progress.step == update
    assert resume("run") == 0
    assert RunFolder(Path("run")).has_ended()
    require_same("never", "run")


def test_ctrl_c_in_the_last_update_of_the_last_epoch(own, bounds, monkeypatch, capsys):
    bounds(*BOUNDS)
    assert begin("never", patience=4, epochs=4) == 0
    bounds(*BOUNDS)
    stop_after(monkeypatch, 12)
    assert begin("run", patience=4, epochs=4) == 130
    assert "saved as it was after epoch 4" in capsys.readouterr().err
    checkpoint = load_checkpoint("run/checkpoint.npz")
    assert (checkpoint.model.params.flat != checkpoint.progress.best).any()
    np.testing.assert_array_equal(flat_of("run/model.npz"), checkpoint.progress.best)
    assert resume("run") == 0
    require_same("never", "run")


def test_a_run_that_had_stopped_early_is_not_trained_on(own, bounds, capsys):
    bounds(*BOUNDS)
    assert begin("never") == 0
    bounds(*BOUNDS)
    assert begin("run") == 0
    capsys.readouterr()
    assert resume("run") == 0
    said = capsys.readouterr().out
    assert "it is complete: it has stopped early, by --patience 2" in said
    assert "----- validation" not in said
    require_same("never", "run")
    assert resume("run", "--epochs", "9") == 2
    assert "give a larger --patience as well" in capsys.readouterr().err
    require_same("never", "run")


def test_the_part_that_chose_the_epoch_says_so(own, bounds, capsys):
    bounds(*BOUNDS)
    assert begin("run") == 0
    for part, chose in (("validation", True), ("test", False)):
        capsys.readouterr()
        assert main(["evaluate", "run", "--part", part]) == 0
        assert ("on which the epoch was chosen" in capsys.readouterr().out) == chose


def test_with_a_larger_patience_it_goes_on_from_its_last_parameters(own, bounds, capsys):
    bounds(*BOUNDS)
    assert begin("never", patience=4) == 0
    bounds(*BOUNDS[:4])
    assert begin("run") == 0
    bounds(*BOUNDS[4:])
    assert resume("run", "--patience", "4") == 0
    assert metrics("run")["epochs"] == 6
    require_same("never", "run")
    assert resume("run", "--patience", "none") == 2
    assert (
        "keeps its best epoch; with or without early stopping begin an" in capsys.readouterr().err
    )


def test_in_the_library_too_a_training_goes_on_from_its_last_parameters(bounds, tmp_path):
    """Six epochs in one go, and four, after which the model has the best of them, then two more."""

    def go(epochs, model, adam, progress):
        options = {"scaling": SCALING, "optimizer": adam, "batch_size": BATCH}
        stopping = EarlyStopping(6)
        list(fit(model, DATA, epochs=epochs, early_stopping=stopping, progress=progress, **options))

    bounds(*BOUNDS)
    straight = begun()
    go(6, *straight)
    bounds(*BOUNDS[:4])
    parted = begun()
    go(4, *parted)
    assert (parted[0].params.flat == parted[2].best).all()
    save_checkpoint(tmp_path / "c.npz", parted[0], SCALING, (2, 3), parted[1], parted[2])
    kept = load_checkpoint(tmp_path / "c.npz")
    for model, adam, progress in (parted, (kept.model, kept.optimizer, kept.progress)):
        bounds(*BOUNDS[4:])
        go(6, model, adam, progress)
        np.testing.assert_array_equal(model.params.flat, straight[0].params.flat)
        np.testing.assert_array_equal(adam.M, straight[1].M)


def test_one_that_had_reached_its_end_goes_on_from_its_last_parameters(own, bounds):
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


def test_a_run_that_goes_on_for_longer_has_not_ended(own, bounds, monkeypatch):
    """Its metrics.json is that of the shorter one."""
    bounds(*BOUNDS)
    assert begin("run", patience=4, epochs=2) == 0
    stop_after(monkeypatch, 1)
    assert resume("run", "--epochs", "4") == 130
    assert not RunFolder(Path("run")).has_ended()


@pytest.mark.parametrize(
    "best", [np.zeros(3, "f4"), np.full(110, np.nan, "f4"), np.full(110, "b"), np.full(110, 1e300)]
)
def test_best_parameters_that_are_none_are_refused(bounds, tmp_path, best):
    bounds(*BOUNDS)
    path = saved_after(tmp_path / "c.npz", 5, early_stopping=EarlyStopping(2))
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    assert arrays["progress/best"].shape == (110,)
    np.savez(path, **(arrays | {"progress/best": best}))
    with pytest.raises(DataError, match=r"c\.npz"):
        load_checkpoint(path)
