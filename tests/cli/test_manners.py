"""How the commands behave: what was meant, where nobody reads, and what they say of a training."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from cli_files import SMALL, assert_one_clear_message, python, run

from npvae.cli import train
from npvae.cli.train import _best_before, _still_rising
from npvae.datasets import load_dataset
from npvae.datasets.user_data import load_own
from npvae.runs import finish
from npvae.runs.settings import Settings

pytestmark = pytest.mark.usefixtures("offline")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("trian", "train"),
        ("train --epocs 3", "--epochs"),
        ("train --latnt=3", "--latent"),
        ("train --label=3", "--label-column"),
        ("train clean.csv", "--data clean.csv"),
        ("sample run --n 5", "-n"),
    ],
)
def test_a_slip_is_told_what_was_probably_meant(capsys, line, meant):
    assert run(*line.split()) == 2
    assert_one_clear_message(capsys.readouterr(), f"did you mean {meant}?")


def shell(command):
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)


NPVAE = f"{sys.executable} -m npvae"


def test_a_result_that_cannot_be_printed_is_an_error():
    done = shell(f"{NPVAE} recipes > /dev/full")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "standard output could not be written" in done.stderr
    assert shell(f"{NPVAE} --help > /dev/full").returncode == 1


def test_a_result_that_nobody_reads_is_no_error_message():
    done = shell(f"{NPVAE} recipes | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("nowhere", [">&-", "> /dev/full", "2>&- >&-"])
def test_a_training_ends_well_also_where_nobody_can_read(tmp_path, nowhere):
    out = tmp_path / "run"
    given = f"--data own.npy {' '.join(SMALL)} --no-report --out {out}"
    done = shell(f"{NPVAE} train {given} {nowhere}")
    assert (done.returncode, done.stderr) == (0, "")
    assert (out / "metrics.json").is_file()


def test_odd_settings_of_python_and_tqdm_disturb_nothing(tmp_path):
    odd = {"PYTHONWARNINGS": "error", "TQDM_MININTERVAL": "often"}
    given = ("--data", "own.npy", *SMALL, "--no-report", "--out", tmp_path / "run")
    done = python("train", *given, env=os.environ | odd)
    assert (done.returncode, done.stderr) == (0, "")


def test_quiet_and_no_report(tmp_path, capsys):
    out = tmp_path / "run"
    given = ("--data", "own.npy", *SMALL, "--out", out)
    assert run("train", *given, "--quiet", "--no-report") == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")
    assert {"model.npz", "metrics.json", "config.json"} <= {path.name for path in out.iterdir()}
    assert not (out / "report.html").exists()


def records(*bounds):
    held_out = [b if b is None else SimpleNamespace(bound=b) for b in bounds]
    return [SimpleNamespace(epoch=i + 1, held_out=b) for i, b in enumerate(held_out)]


@pytest.mark.parametrize(
    ("bounds", "gain"),
    [
        ((-200.0, -150.0, -140.0), 10.0),
        ((-140.0, -139.0), None),  # less than 1 %
        ((-10.0, -9.6), None),  # less than half a nat
        ((-9.0, -12.0), None),
        ((-9.0,), None),
        ((None, None), None),
        ((), None),
    ],
)
def test_a_training_still_rises_where_the_last_epoch_gained_much(bounds, gain):
    assert _still_rising(records(*bounds)) == gain


@pytest.mark.parametrize(
    ("bounds", "best"),
    [
        ((-200.0, -140.0, -150.0), 2),
        ((-140.0, -141.0), None),  # less than 1 %
        ((-9.6, -10.0), None),  # less than half a nat
        ((-12.0, -9.0), None),
        ((None, None), None),
        ((), None),
    ],
)
def test_a_training_has_overfitted_where_an_earlier_epoch_was_much_better(bounds, best):
    assert _best_before(records(*bounds)) == best


def test_a_training_that_still_rises_says_how_to_train_longer(tmp_path, capsys):
    out = tmp_path / "run"
    given = ("--data", "own.npy", *SMALL, "--lr", "0.1", "--no-report", "--out", out)
    assert run("train", *given) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if "--resume" in line]
    command = f"npvae train --resume {out} --epochs 4"
    assert line.strip().startswith(f"{command}  ")
    assert run(*command.split()[1:], "--no-report") == 0


def test_a_figure_of_the_test_that_is_not_finite_is_an_error(tmp_path, capsys, monkeypatch):
    measured = finish.measure
    monkeypatch.setattr(
        finish, "measure", lambda *given, comm: measured(*given) | {"kl": float("inf")}
    )
    out = tmp_path / "run"
    assert run("train", "--data", "own.npy", *SMALL, "--no-report", "--out", out) == 2
    assert_one_clear_message(capsys.readouterr(), "the test part's kl is inf")
    assert not (out / "metrics.json").exists()


def test_a_cosine_is_not_made_longer(tmp_path):
    settings = Settings(data="own.npy", lr_schedule="cosine")
    assert train._longer(settings, 4, tmp_path) == "start a new run with --epochs 4"


@pytest.mark.skipif(os.name == "nt", reason="a process cannot interrupt itself there")
@pytest.mark.usefixtures("signals_are_heard")
def test_ctrl_c_during_the_imports_leaves_no_traceback(tmp_path):
    slow = tmp_path / "numpy"
    slow.mkdir()
    interrupted = "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(20)"
    (slow / "__init__.py").write_text(interrupted)
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = python("datasets", env=os.environ | {"PYTHONPATH": path})
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize("quiet", [True, False])
def test_quiet_shows_no_bar_of_the_data_either(tmp_path, monkeypatch, quiet):
    asked = []

    def spy(load):
        def loading(*args, progress=True, **options):
            asked.append(progress)
            return load(*args, progress=progress, **options)

        return loading

    monkeypatch.setattr("npvae.runs.building.load_dataset", spy(load_dataset))
    monkeypatch.setattr("npvae.runs.provenance.load_own", spy(load_own))
    monkeypatch.setattr("npvae.runs.provenance.shows_progress", lambda: True)
    out, flags = tmp_path / "run", ["--quiet"] if quiet else []
    assert run("train", "--data", "own.npy", *SMALL, "--no-report", "--out", out, *flags) == 0
    assert run("train", "--resume", out, "--no-report", *flags) == 0
    assert asked == [not quiet, not quiet]


def test_no_color_is_respected():
    """Python's own help is in colour from 3.14 on."""
    done = python("train", "--help", env=os.environ | {"NO_COLOR": "1", "FORCE_COLOR": "1"})
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
