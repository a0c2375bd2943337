"""What the tests of the lessons share: where they are, and their cells."""

import re
from pathlib import Path

LESSONS = Path(__file__).parents[2] / "lessons"
ONE_PAGE = LESSONS / "00_one_page.py"
SCRIPTS = [path for path in sorted(LESSONS.glob("[0-9]*.py")) if path != ONE_PAGE]
ANSWERS = sorted(LESSONS.glob("answers_*.py"))


def name_of(path):
    return path.stem


def number_of(path):
    """Return 05 for 05_learning.py, and 12a for 12a_elbo.py and for its answers."""
    return path.stem.removeprefix("answers_").partition("_")[0]


def cells(path):
    """Return the cells of a script in order: whether it is prose, and its text."""
    first, *parts = re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.M)
    assert first == "", f"{path.name} does not begin with a cell"
    found = []
    for part in parts:
        head, _, text = part.partition("\n")
        prose = head == " [markdown]"
        assert prose or head == "", f"{path.name}: a cell begins with # %%{head}"
        found.append((prose, re.sub(r"^# ?", "", text, flags=re.M) if prose else text))
    return found


def prose_of(path):
    return "\n".join(text for prose, text in cells(path) if prose)


def code_of(path):
    return "\n".join(text for prose, text in cells(path) if not prose)
