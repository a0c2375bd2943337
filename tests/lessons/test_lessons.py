"""The lessons and their answers, run: what they claim holds, on MNIST and on glyphs.

`pytest tests/lessons/test_lessons.py --lessons quick` takes four minutes, `full` twenty.
"""

import os
import subprocess
import sys

import pytest
from lesson_files import ANSWERS, ONE_PAGE, SCRIPTS, code_of, name_of, number_of

LOOKS_AT_DIGITS = "digits()"


def on_both():
    """Each script, and each that looks at digits on both kinds of them."""
    for path in [ONE_PAGE, *SCRIPTS, *ANSWERS]:
        if LOOKS_AT_DIGITS in code_of(path):
            yield pytest.param(path, "mnist", id=f"{name_of(path)}, mnist", marks=pytest.mark.mnist)
        yield pytest.param(path, "glyphs", id=f"{name_of(path)}, glyphs")


@pytest.fixture
def mode(request):
    asked = request.config.getoption("--lessons")
    if asked == "no":
        pytest.skip("the lessons take minutes: give --lessons quick, or --lessons full")
    return asked


@pytest.mark.parametrize(("path", "digits"), list(on_both()))
def test_it_runs_from_any_folder_and_all_it_claims_holds(path, digits, mode, tmp_path, request):
    if digits == "mnist":
        request.getfixturevalue("mnist_folder")
    pictures = tmp_path / "pictures"
    environment = os.environ | {
        "NPVAE_QUICK": "1" if mode == "quick" else "0",
        "NPVAE_DIGITS": digits,
        "NPVAE_PICTURES": str(pictures),
        "MPLBACKEND": "agg",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", path],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    if LOOKS_AT_DIGITS in code_of(path):
        assert f"digits: {digits}" in done.stdout
    files = sorted(file.name for file in pictures.glob("*")) if pictures.exists() else []
    for suffix, what, by in ((".png", "picture", "show"), (".wav", "sound", "hear")):
        made = [name for name in files if name.endswith(suffix)]
        assert len(made) == code_of(path).count(f"\n{by}(")
        assert all(f"{what}: {pictures / name}" in done.stdout for name in made)
        files = [name for name in files if name not in made]
        assert all(name.startswith(f"{number_of(path)}-") for name in made)
    assert not files
