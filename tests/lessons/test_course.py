"""What the lessons share: where it finds npvae, and what it says of a wrong setting."""

import os
import subprocess
import sys

import pytest
from lesson_files import LESSONS

ROOT = LESSONS.parent


def run(code, **environment):
    """Run code in a fresh Python beside the lessons; return what became of it."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=LESSONS,
        env=os.environ | {"MPLBACKEND": "agg"} | environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("NPVAE_DIGITS", "letters", "NPVAE_DIGITS is 'letters'; choose mnist or glyphs"),
        ("NPVAE_PICTURES", f"{__file__}/pictures", "set NPVAE_PICTURES to a folder"),
    ],
)
def test_a_wrong_setting_ends_in_one_line_before_anything_is_computed(variable, value, told):
    done = run("import course", **{variable: value})
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_in_a_clone_that_nobody_has_installed_it_finds_npvae(tmp_path):
    code = f"""
import sys
sys.path = [path for path in sys.path if path != {str(ROOT)!r}]
try:
    import npvae
except ModuleNotFoundError:
    import course, npvae
print(npvae.__file__)
"""
    done = run(code, PYTHONPATH="", NPVAE_PICTURES=str(tmp_path))
    assert done.stderr == ""
    assert done.stdout.strip() == str(ROOT / "npvae" / "__init__.py")


@pytest.mark.parametrize("name", ["mnist", "glyphs"])
def test_the_digits_are_named_without_a_word_about_flags(name, tmp_path):
    code = f"""
import course, types
course.default_dataset = lambda: (types.SimpleNamespace(name={name!r}), "No --data was given")
course.digits()
"""
    done = run(code, NPVAE_DIGITS="", NPVAE_PICTURES=str(tmp_path))
    assert done.stdout.startswith(f"digits: {name}")
    assert "--data" not in done.stdout


def test_capitals_do_not_matter(tmp_path):
    done = run(
        "import course; print(course.DIGITS)", NPVAE_DIGITS="MNIST", NPVAE_PICTURES=str(tmp_path)
    )
    assert done.stdout == "mnist\n"


def test_matrix_products_take_one_thread(tmp_path):
    code = """
import course
from threadpoolctl import threadpool_info
print(*(pool["num_threads"] for pool in threadpool_info()))
"""
    done = run(code, OPENBLAS_NUM_THREADS="2", NPVAE_PICTURES=str(tmp_path))
    assert set(done.stdout.split()) == {"1"}


def test_a_training_prints_the_loss_of_each_epoch_on_one_line(tmp_path):
    code = """
import types
import course

class Trainer:
    epoch = 1

    def goes_on(self, epochs):
        return self.epoch <= epochs

    def run_epoch(self):
        self.epoch += 1
        return types.SimpleNamespace(train_loss=100 / self.epoch)

course.run_epochs(Trainer(), 3, "a model")
"""
    done = run(code, NPVAE_PICTURES=str(tmp_path))
    assert "a model" in done.stdout
    assert done.stdout.endswith(" 50.0 33.3 25.0\n")
    assert done.stdout.count("\n") == 1


def test_tunes_are_saved_as_sound_and_in_a_notebook_played(tmp_path):
    code = """
import sys, types
import course
import numpy as np

tunes = np.full((1, 16), 31)
course.hear(tunes, "rest")
played = []
display = types.SimpleNamespace(Audio=lambda wav: wav, display=played.append)
sys.modules |= {"IPython": types.ModuleType("IPython"), "IPython.display": display}
course.NOTEBOOK = True
course.hear(tunes, "played")
print(played[0][:4])
"""
    done = run(code, NPVAE_PICTURES=str(tmp_path))
    assert done.stdout == f"sound: {tmp_path / 'rest.wav'}\nb'RIFF'\n"
    assert [file.name for file in tmp_path.iterdir()] == ["rest.wav"]
