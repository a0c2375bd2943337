"""Write the workbook: the lessons with their key functions cut out, and tests that grade them.

    python lessons/workbook.py DIR              # the whole course
    python lessons/workbook.py DIR 01 04 11     # some lessons
    python lessons/workbook.py DIR --notebooks  # as notebooks

A block between `### BEGIN SOLUTION` and `### END SOLUTION` becomes a stub that raises
NotImplementedError. The two concept questions get a cell for the letters. Each lesson comes with a
test file, which is its grader from `graders/`; a lesson without one is graded by its own asserts.
"""

import argparse
import base64
import json
import os
import re
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

LESSONS = Path(__file__).resolve().parent
GRADERS = LESSONS / "graders"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
BLOCK = re.compile(rf"^( +){BEGIN}\n(.*?)^ +{END}\n", re.M | re.S)
QUESTION = re.compile(r"^\*\*Question (\d+)\.\*\*", re.M)
ANSWER = re.compile(r"^\*\*Question (\d+): ([a-z])\.\*\*", re.M)
OPTION = re.compile(r"^- \*\*([a-z])\*\* ", re.M)
HELPERS = ("course.py", "diagrams.py", "ring.py")

RUN_IT = '''"""The asserts of this lesson grade it: it is run at its small sizes."""

import pytest
from grading import grade_by_running


def test_the_asserts_of_the_lesson_hold(lesson):
    grade_by_running(lesson)
'''
QUESTIONS = """

# The explanations of the answers, encoded so that nobody reads them by accident.
ANSWERS = '''
{answers}'''


@pytest.mark.parametrize("number", {numbers})
def test_question(lesson, number):
    grade_question(lesson, number, ANSWERS)
"""
CONFTEST = '''"""What the tests of the workbook share: the student's script, and random numbers."""

import numpy as np
import pytest

try:
    import npvae  # noqa: F401
except ModuleNotFoundError:
    pytest.exit("npvae is not installed here; the page Install npvae of its guide says how", 2)
from grading import Lesson, fail

LOADED = {}  # the lesson of each test file, or None if it cannot be loaded


@pytest.fixture
def lesson(request):
    """The script, or the notebook, that a test file grades."""
    name = request.path.stem.removeprefix("test_")
    path = request.path.with_name(f"{name}.py")
    notebook = path.with_suffix(".ipynb")
    if name not in LOADED:
        LOADED[name] = None
        LOADED[name] = Lesson(notebook if notebook.exists() and not path.exists() else path)
    if LOADED[name] is None:
        pytest.skip("the first test of this lesson says why it cannot be loaded")
    return LOADED[name]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """Say in plain words that a test cannot use what a function of the student returns."""
    try:
        return (yield)
    except Exception as error:
        lesson = pyfuncitem.funcargs.get("lesson")
        fail(
            f"a result of {lesson.last} does not have the form that its docstring asks for\\n"
            f"  {type(error).__name__}: {error}\\n  Hint: is its `return` missing?"
        )


@pytest.fixture
def rng():
    """The same random numbers in every run."""
    return np.random.default_rng(0)
'''
PYTEST = "[pytest]\naddopts = -q --tb=short --no-header -rP\n"
README = """\
# The workbook

Each lesson is a {kind}, for example `{lesson}`. Read it from the top. Where a function ends in
`raise NotImplementedError`, write its body: the docstring says what it returns. Near the end are
two questions; write a letter between the quotation marks of `QUESTION_1` and `QUESTION_2`.

1. You need npvae and pytest. `python -c "import npvae, pytest"` prints nothing if both are there.
2. Solve a function, and run the tests of the lesson: `pytest test_{stem}.py`.
3. Read the messages from the top. They name the function, the shapes it was called with, what was
   expected and what was found, and often a hint.
4. When the tests pass, run the lesson itself{run}. Its asserts must hold.

`pytest test_{stem}.py -k NAME` runs only the tests with NAME in their names. The tests do not run
the lesson: they load its imports, definitions and constants (names that begin with two capitals).
So a function may use its arguments, other functions and constants, and no other variable of the
lesson. A function that runs for longer than half a minute is stopped: perhaps a loop has no end.
When a question is answered rightly, the explanation is printed among the tests that passed.
The files `answers_...` that the exercises mention are not in this folder; ask your teacher.
"""


class WorkbookError(Exception):
    """What was asked for cannot be written; the message says why, and what to do."""


def main(arguments=None):
    """Write the workbook, and say where it is and how to begin."""
    parser = argparse.ArgumentParser(
        description="Write the lessons as a workbook: solutions cut out, with tests that grade.",
        epilog="example: python lessons/workbook.py workbook 01 04 11",
    )
    parser.add_argument("dir", metavar="DIR", type=Path, help="a folder that is new or empty")
    parser.add_argument(
        "lessons",
        metavar="LESSON",
        nargs="*",
        default=[],
        help="such as 01 or 01_dense_layer; 12 is 12a and 12b; else all",
    )
    parser.add_argument(
        "--notebooks", action="store_true", help="write .ipynb files; needs jupytext"
    )
    asked = parser.parse_args(arguments)
    try:
        chosen = choose(asked.lessons)
        write(asked.dir, files_of(chosen, asked.notebooks))
    except WorkbookError as error:
        print(f"workbook.py: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    print(f"{len(chosen)} lesson{'s' * (len(chosen) > 1)} in {asked.dir}; begin with its README.md")


def all_lessons():
    """Return the scripts of all lessons that have something to solve, in order."""
    scripts = sorted(LESSONS.glob("[0-9]*.py"))
    return [path for path in scripts if f"{BEGIN}\n" in path.read_text(encoding="utf-8")]


def choose(names):
    """Return the scripts of the lessons named, or of all."""
    known = all_lessons()
    numbers = [path.stem.partition("_")[0] for path in known]
    chosen = set()
    for name in names:
        key = Path(name).name.removesuffix(".py")
        meant = re.compile(f"0?{re.escape(key)}[a-z]?")
        found = {
            path
            for path, number in zip(known, numbers, strict=True)
            if key == path.stem or meant.fullmatch(number)
        }
        if not found:
            told = ", ".join(numbers)
            raise WorkbookError(f"there is no lesson {name} to solve; choose from {told}")
        chosen |= found
    return sorted(chosen) or known


# ---- from a lesson to its exercise ---------------------------------------------------------------


def student_version(text):
    """Return the text of a lesson with solutions cut out, and with a cell for the letters."""
    names = iter(solved_functions(text))

    def stub(block):
        return (
            f"{block[1]}# Write this function, in place of the next line.\n"
            f'{block[1]}raise NotImplementedError("{next(names)} is not solved yet")\n'
        )

    return with_cell_for_letters(BLOCK.sub(stub, text))


def solved_functions(text):
    """Return the name of the function that each solution of a lesson is in."""
    names = []
    for block in BLOCK.finditer(text):
        (*_, name) = re.findall(r"^ *def (\w+)\(", text[: block.start()], re.M)
        names.append(name)
    return names


def with_cell_for_letters(text):
    """Return the text of a lesson with a cell after its questions, in which letters are entered."""
    before, heading, after = text.partition("# ## Questions\n")
    if not heading:
        return text
    questions, exercises, rest = after.partition("# ## Exercises\n")
    numbers = QUESTION.findall(plain(questions))
    letters = "".join(f'QUESTION_{number} = ""\n' for number in numbers)
    cell = f"\n# %%\n# Write your letters between the quotation marks.\n{letters}\n"
    questions = questions.rstrip("\n").removesuffix("# %% [markdown]").rstrip("#\n") + "\n"
    return f"{before}{heading}{questions}{cell}# %% [markdown]\n{exercises}{rest}"


def questions_of(lesson):
    """Return the text of each concept question of a lesson and its options, by their letters."""
    text = plain(lesson.read_text(encoding="utf-8"))
    text = text.partition("## Questions\n")[2].partition("## Exercises\n")[0]
    found = numbered(QUESTION, text)
    return [(" ".join(OPTION.split(below)[0].split()), options(below)) for _, below in found]


def answers_of(lesson):
    """Return for each concept question its right letter, and the explanation of each option."""
    path = lesson.with_name(f"answers_{lesson.name}")
    if not path.exists():
        return []
    text = plain(path.read_text(encoding="utf-8")).partition("## Questions\n")[2]
    return [{"right": letter, "why": options(below)} for _, letter, below in numbered(ANSWER, text)]


def numbered(heading, text):
    """Return for each question what the heading has in brackets, and the text below it."""
    _, *parts = heading.split(text)
    width = heading.groups + 1
    return [tuple(parts[start : start + width]) for start in range(0, len(parts), width)]


def options(text):
    """Return what follows each letter of a list, on one line."""
    _, *parts = OPTION.split(text)
    texts = (" ".join(part.split()) for part in parts[1::2])
    return dict(zip(parts[::2], texts, strict=True))


def plain(text):
    """Return the prose of a script without its comment signs."""
    return re.sub(r"^# ?", "", text, flags=re.M)


# ---- the files -----------------------------------------------------------------------------------


def files_of(lessons, notebooks):
    """Return the name and the text of every file of a workbook."""
    if notebooks and find_spec("jupytext") is None:
        raise WorkbookError("--notebooks needs jupytext: pip install jupytext")
    ending = "ipynb" if notebooks else "py"
    example = lessons[0].stem
    files = {
        "README.md": README.format(
            kind="notebook" if notebooks else "script",
            lesson=f"{example}.{ending}",
            stem=example,
            run="" if notebooks else f", `python {example}.py`",
        ),
        "pytest.ini": PYTEST,
        "conftest.py": CONFTEST,
        "grading.py": (GRADERS / "grading.py").read_text(encoding="utf-8"),
    }
    files |= {name: (LESSONS / name).read_text(encoding="utf-8") for name in HELPERS}
    for lesson in lessons:
        text, name = student_version(lesson.read_text(encoding="utf-8")), lesson.stem
        files[f"{name}.{ending}"] = notebook(text) if notebooks else text
        files[f"test_{name}.py"] = test_file(lesson)
    return files


def test_file(lesson):
    """Return the text of the tests of a lesson: its grader, and its concept questions."""
    grader = GRADERS / f"grade_{lesson.name}"
    text = grader.read_text(encoding="utf-8") if grader.exists() else RUN_IT
    numbers = list(range(1, len(questions_of(lesson)) + 1))
    if not numbers:
        return text
    text = re.sub(
        r"^from grading import ", "from grading import grade_question, ", text, flags=re.M
    )
    if "\nimport pytest\n" not in text:
        text = text.replace("\nfrom grading", "\nimport pytest\nfrom grading", 1)
    return text + QUESTIONS.format(numbers=numbers, answers=sealed(answers_of(lesson)))


def sealed(answers):
    """Return answers as text that nobody reads by accident. It is not a secret."""
    text = base64.b64encode(json.dumps(answers).encode()).decode()
    return "\n".join(text[start : start + 76] for start in range(0, len(text), 76)) + "\n"


def notebook(text):
    """Return a percent script as a notebook."""
    import jupytext

    made = jupytext.reads(text, fmt="py:percent")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made.metadata["kernelspec"] = kernel
    return jupytext.writes(made, fmt="ipynb")


def write(folder, files):
    """Write all files into a folder that is new or empty; it appears when it is complete."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WorkbookError(f"{folder} is not an empty folder; choose a new one for the workbook")
    try:
        above = folder.resolve().parent
        above.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=above, prefix=".workbook-") as temporary:
            complete = Path(temporary, "workbook")
            complete.mkdir()
            for name, text in files.items():
                (complete / name).write_text(text, encoding="utf-8")
            if folder.exists():
                folder.rmdir()  # empty; Windows does not rename onto a folder
            os.replace(complete, folder)
    except OSError as error:
        raise WorkbookError(f"{folder} cannot be written: {error.strerror or error}") from error


if __name__ == "__main__":
    main()
