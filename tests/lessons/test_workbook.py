"""The workbook: stubs fail, solutions pass, mistakes are named, and the command refuses politely.

The graders are called here with the functions of the lessons. No lesson is run.
"""

import ast
import base64
import builtins
import importlib
import inspect
import json
import re
import signal
import subprocess
import symtable
import sys
import types

import numpy as np
import pytest
from lesson_files import LESSONS, SCRIPTS, name_of
from lesson_mistakes import MISTAKES

GRADED = [path for path in SCRIPTS if (LESSONS / "graders" / f"grade_{path.name}").exists()]


@pytest.fixture(autouse=True)
def without_course(monkeypatch):
    """Let lessons import the helpers that they share without their settings of matplotlib."""
    for name in ("course", "diagrams"):
        module = types.ModuleType(name)
        module.__getattr__ = lambda name: None
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.syspath_prepend(LESSONS / "graders")
    monkeypatch.syspath_prepend(LESSONS)


@pytest.fixture
def workbook():
    return importlib.import_module("workbook")


@pytest.fixture
def grading():
    return importlib.import_module("grading")


@pytest.fixture
def failures(grading):
    """Yield name and message of each test of a lesson that fails for a text of the script."""

    def graded(path, text):
        lesson = grading.Lesson(path, text)
        for name, test, given in cases_of(importlib.import_module(f"grade_{path.stem}")):
            try:
                test(lesson, **given)
            except pytest.fail.Exception as failure:
                yield name, str(failure)

    return graded


def cases_of(grader):
    """Yield each test of a grader, for each of its parameters, with what pytest would give it."""
    for name, test in vars(grader).items():
        if not name.startswith("test_"):
            continue
        cases = [{}]
        for mark in getattr(test, "pytestmark", []):
            parameter, values = mark.args
            cases = [case | {parameter: value} for case in cases for value in values]
        for case in cases:
            if "rng" in inspect.signature(test).parameters:
                case["rng"] = np.random.default_rng(0)
            yield f"{name} {case.get('test', '')}".strip(), test, case


def lessons(paths=SCRIPTS):
    return pytest.mark.parametrize("path", paths, ids=name_of)


def text_of(path):
    return path.read_text(encoding="utf-8")


# ---- the form ------------------------------------------------------------------------------------


@lessons()
def test_one_to_four_functions_are_marked_and_their_docstrings_say_what_to_write(path, workbook):
    text = text_of(path)
    names = workbook.solved_functions(text)
    assert 1 <= len(names) <= 4
    assert len(set(names)) == len(names)
    for marker in ("BEGIN SOLUTION", "END SOLUTION"):
        assert text.count(marker) == len(names), "a marker is alone, or not spelt as the others"
    defined = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    lines = text.splitlines()
    begins = [number for number, line in enumerate(lines) if "BEGIN SOLUTION" in line]
    for name, begin in zip(names, begins, strict=True):
        node = max((node for node in defined if node.lineno <= begin), key=lambda n: n.lineno)
        assert node.name == name
        first, *_ = node.body[1:]
        assert len(ast.get_docstring(node).split()) >= 6, name
        assert "BEGIN SOLUTION" in "".join(lines[node.body[0].end_lineno : first.lineno - 1]), name
        assert lines[node.end_lineno].strip() == "### END SOLUTION", f"{name} goes on after it"


@lessons()
def test_a_marked_function_uses_what_is_loaded_without_running_the_lesson(path, grading):
    loaded = grading.Lesson(path).space
    table = symtable.symtable(text_of(path), path.name, "exec")
    for function in solved_tables(table, text_of(path)):
        for name in names_from_outside(function):
            assert name in loaded or hasattr(builtins, name), f"{function.get_name()}: {name}"


def solved_tables(table, text):
    """Yield the symbol table of each function that has a solution."""
    begins = [number for number, line in enumerate(text.splitlines()) if "BEGIN SOLUTION" in line]
    for inner in table.get_children():
        if inner.get_type() == "class":
            yield from solved_tables(inner, text)
        elif any(is_in(inner.get_name(), inner.get_lineno(), begin, text) for begin in begins):
            yield inner


def is_in(name, lineno, begin, text):
    """Whether the marker on a line belongs to the function of that name that begins above it."""
    above = text.splitlines()[:begin]
    last = max(i for i, line in enumerate(above) if re.match(r" *def ", line))
    return last == lineno - 1


def names_from_outside(table):
    inner = [name for child in table.get_children() for name in names_from_outside(child)]
    return [*table.get_globals(), *inner]


@lessons()
def test_two_questions_are_asked_and_every_option_is_explained(path, workbook):
    questions, answers = workbook.questions_of(path), workbook.answers_of(path)
    assert len(questions) == len(answers) == 2
    for (text, options), answer in zip(questions, answers, strict=True):
        assert text.endswith("?") or text.endswith(".")
        assert 3 <= len(options) <= 4
        assert list(options) == list("abcd")[: len(options)]
        assert list(answer["why"]) == list(options)
        assert answer["right"] in options
        for each in answer["why"].values():
            assert each.endswith((".", "!", "?")), each


def test_the_right_letters_are_spread(workbook):
    letters = [answer["right"] for path in SCRIPTS for answer in workbook.answers_of(path)]
    assert max(map(letters.count, "abc")) < len(letters) / 2


# ---- graders -------------------------------------------------------------------------------------


@lessons(GRADED)
def test_the_solutions_of_a_lesson_pass(path, failures):
    assert list(failures(path, text_of(path))) == []


@lessons(GRADED)
def test_each_stub_by_itself_fails_and_says_that_it_is_not_solved(path, failures, workbook):
    text = text_of(path)
    stubs = workbook.BLOCK.findall(workbook.student_version(text))
    assert stubs == []
    names = workbook.solved_functions(text)
    for name, block in zip(names, list(workbook.BLOCK.finditer(text)), strict=True):
        stub = f'{block[1]}raise NotImplementedError("{name} is not solved yet")\n'
        told = failures(path, text[: block.start()] + stub + text[block.end() :])
        assert any("not solved" in message and name in message for _, message in told)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "hint"),
    [(name, *mistake) for name, mistakes in MISTAKES.items() for mistake in mistakes],
    ids=[f"{name[:3]}{i}" for name, mistakes in MISTAKES.items() for i in range(len(mistakes))],
)
def test_a_mistake_is_noticed_with_its_hint(name, right, wrong, hint, failures):
    path = LESSONS / f"{name}.py"
    text = text_of(path)
    assert right in text
    told = []
    for _, message in failures(path, text.replace(right, wrong)):
        told.append(message)
        if hint in message:
            return
    pytest.fail(f"{hint!r} is not in {told}")


def test_every_graded_lesson_has_mistakes_planted():
    assert [path.stem for path in GRADED] == list(MISTAKES)


def test_the_museum_lists_what_was_caught_and_what_was_missed(failures):
    path = LESSONS / "04_gradient_checking.py"
    right = "return np.isclose(f(np.full((1, 1), float(at)))[0], expected)"
    text = text_of(path).replace(right, "return True")
    report = dict(failures(path, text))["test_the_museum"].splitlines()
    assert "4 of 6" in report[0]
    assert [line.split()[1] for line in report[1:] if "MISSED" in line] == ["decoder", "gaussian"]
    assert len([line for line in report[1:] if "caught by" in line]) == 4


def test_the_museum_says_that_a_test_stops_with_an_error(failures):
    path = LESSONS / "04_gradient_checking.py"
    right = "return np.isclose(f(np.full((1, 1), float(at)))[0], expected)"
    told = dict(failures(path, text_of(path).replace(right, "assert at == 7")))
    assert "MISSED: value stops with an error. AssertionError" in told["test_the_museum"]


# ---- concept questions ---------------------------------------------------------------------------


@lessons([path for path in SCRIPTS if "## Questions" in text_of(path)])
def test_the_right_letter_and_a_wrong_one_are_explained(path, workbook, grading, tmp_path, capsys):
    questions, answers = workbook.questions_of(path), workbook.answers_of(path)
    script, sealed = tmp_path / path.name, workbook.sealed(answers)
    for number, ((_, options), answer) in enumerate(zip(questions, answers, strict=True), start=1):
        for letter in options:
            lesson = grading.Lesson(script, f'QUESTION_{number} = "{letter.upper()}"')
            if letter == answer["right"]:
                grading.grade_question(lesson, number, sealed)
                assert answer["why"][letter] in " ".join(capsys.readouterr().out.split())
                continue
            with pytest.raises(pytest.fail.Exception) as told:
                grading.grade_question(lesson, number, sealed)
            explanation = " ".join(str(told.value).split())
            assert answer["why"][letter] in explanation
            assert answer["why"][answer["right"]] not in explanation
        for given in ("", "q"):
            lesson = grading.Lesson(script, f'QUESTION_{number} = "{given}"')
            with pytest.raises(pytest.fail.Exception, match=f"QUESTION_{number}"):
                grading.grade_question(lesson, number, sealed)


@pytest.mark.parametrize(
    "written",
    ['QUESTION_1, QUESTION_2 = "b", "c"', 'QUESTION_1: str = "(B)"', 'QUESTION_1 = "b."'],
)
def test_a_letter_may_be_written_in_several_ways(written, workbook, grading, tmp_path):
    sealed = workbook.sealed([{"right": "b", "why": {"a": "No.", "b": "Yes."}}])
    grading.grade_question(grading.Lesson(tmp_path / "01.py", written), 1, sealed)


# ---- a student's session -------------------------------------------------------------------------


@pytest.fixture
def folder(workbook, tmp_path, capsys):
    """The workbook of lesson 01."""
    workbook.main([str(tmp_path / "work"), "01"])
    assert "README.md" in capsys.readouterr().out
    return tmp_path / "work"


def pytest_in(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_a_student_reads_what_is_solved_what_is_wrong_and_what_is_left(folder):
    script = folder / "01_dense_layer.py"
    text = text_of(script)
    for name, body in {
        "forward": "return x @ W + b",
        "backward": "return dy.T @ x, dy.mean(axis=0), dy @ W.T",
    }.items():
        stub = f'raise NotImplementedError("{name} is not solved yet")'
        assert stub in text
        text = text.replace(stub, body)
    text = text.replace('QUESTION_1 = ""', 'QUESTION_1 = "a"')
    script.write_text(text.replace('QUESTION_2 = ""', 'QUESTION_2 = "c"'), "utf-8")
    done = pytest_in(folder, "test_01_dense_layer.py")
    assert re.search(r"^5 failed, 2 passed", done.stdout, re.M)
    for told in ("transpose", "add them up", "numeric_gradient is not solved", "not a."):
        assert told in done.stdout
    assert "Traceback" not in done.stdout
    assert len(done.stdout.splitlines()) < 40
    assert done.stderr == ""


def test_the_course_solved_by_the_lessons_themselves_passes(workbook, tmp_path, request):
    if request.config.getoption("--lessons") == "no":
        pytest.skip("it takes half a minute: give --lessons quick")
    folder = tmp_path / "work"
    workbook.main([str(folder), *(path.stem for path in GRADED)])
    for path in GRADED:
        letters = (answer["right"] for answer in workbook.answers_of(path))
        lines = [f'QUESTION_{i} = "{letter}"' for i, letter in enumerate(letters, start=1)]
        (folder / path.name).write_text("\n".join([text_of(path), *lines, ""]), "utf-8")
    done = pytest_in(folder)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d+ passed", done.stdout, re.M)


def test_a_script_that_is_not_python_is_named_with_its_line(grading, tmp_path):
    with pytest.raises(pytest.fail.Exception, match=r"01\.py .*line 2"):
        grading.Lesson(tmp_path / "01.py", "import os\ndef forward(:\n")


def test_a_script_is_loaded_with_its_constants_its_lambdas_and_its_byte_order_mark(
    grading, tmp_path
):
    script = tmp_path / "01.py"
    script.write_text("ON: float = 1.0\nEPS = 2.0\nmm = lambda a: 2 * a\nW = 1 / 0\n", "utf-8-sig")
    lesson = grading.Lesson(script)
    assert (lesson["ON"], lesson["EPS"], lesson.call("mm", 3)) == (1, 2, 6)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "01.py is not here"),
        (b'"\xe4"', "UTF-8"),
        (b"QUESTION_1 = b", "quotation marks"),
        (b"ON = exit()", "SystemExit"),
    ],
)
def test_a_script_that_cannot_be_loaded_is_explained(grading, tmp_path, content, told):
    if content is not None:
        (tmp_path / "01.py").write_bytes(content)
    with pytest.raises(pytest.fail.Exception, match=told):
        grading.Lesson(tmp_path / "01.py")


def test_what_cannot_be_loaded_or_used_is_explained_once(workbook, tmp_path):
    """Here the script of lesson 01 is not Python, and lesson 11 has a result of another form."""
    workbook.main([str(tmp_path / "work"), "01", "11"])
    (tmp_path / "work/01_dense_layer.py").write_text("def forward(:")
    script = tmp_path / "work/11_reparameterization.py"
    text = text_of(script)
    for name, body in {
        "draw": "return mu + np.exp(logvar / 2) * eps",
        "score_gradient": "return 3",
    }.items():
        text = text.replace(f'raise NotImplementedError("{name} is not solved yet")', body)
    script.write_text(text, "utf-8")
    done = pytest_in(tmp_path / "work", "-k", "01_dense_layer or average")
    assert re.search(r"^1 failed, 6 skipped, \d+ deselected, 1 error", done.stdout, re.M)
    assert "line 1" in done.stdout
    assert "a result of score_gradient" in done.stdout
    assert len(done.stdout.splitlines()) < 16


def test_a_notebook_is_read_without_its_magic_and_its_prose(grading, tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["# not code ("]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "QUESTION_1 = 'b'\n"]},
        {"cell_type": "code", "source": ["import os\n", "os.path?\n", "files = !ls\n", "!ls -l"]},
        {"cell_type": "code", "source": ["REST = (7\n", "        % 4)"]},
        {"cell_type": "code", "source": ["def f():\n", "    return 2"]},
    ]
    (tmp_path / "01.ipynb").write_text(json.dumps({"cells": cells}))
    lesson = grading.Lesson(tmp_path / "01.ipynb")
    assert lesson["QUESTION_1"] == "b"
    assert lesson["REST"] == 3
    assert lesson.call("f") == 2


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["shell", "background"])
def ctrl_c(request):
    """What Ctrl-C does: it interrupts a program, but not one in the background."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_a_loop_that_takes_too_long_is_ended(grading, tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "PATIENCE", 0.1)
    loop = "import time\ndef f():\n    for _ in range(2000):\n        time.sleep(0.005)\n"
    lesson = grading.Lesson(tmp_path / "01.py", loop)
    with pytest.raises(pytest.fail.Exception, match=r"f has not ended .*\n.* in line [34]"):
        lesson.call("f")


def test_what_an_error_comes_from_is_named(grading, tmp_path):
    lesson = grading.Lesson(tmp_path / "01.py", "def f(x):\n    y = x @ x\n    return y\n")
    with pytest.raises(pytest.fail.Exception, match=r"ValueError.*\n.*line 2.*y = x @ x"):
        lesson.call("f", np.ones((2, 3)))


# ---- what is written -----------------------------------------------------------------------------


def test_the_whole_course_is_written_without_a_solution_or_an_answer(workbook, tmp_path):
    workbook.main([str(tmp_path / "work")])
    files = {path.name for path in (tmp_path / "work").iterdir()}
    assert {
        "README.md",
        "course.py",
        "diagrams.py",
        "ring.py",
        "grading.py",
        "conftest.py",
    } <= files
    assert not [name for name in files if name.startswith("answers")]
    for path in workbook.all_lessons():
        assert {path.name, f"test_{path.name}"} <= files
        text = text_of(tmp_path / "work" / path.name)
        compile(text, path.name, "exec")
        compile(text_of(tmp_path / "work" / f"test_{path.name}"), path.name, "exec")
        assert "SOLUTION" not in text
        assert text.count("raise NotImplementedError") == len(workbook.BLOCK.findall(text_of(path)))
        assert text.count("assert ") == text_of(path).count("assert ") - in_blocks(workbook, path)


def in_blocks(workbook, path):
    return sum(block.count("assert ") for _, block in workbook.BLOCK.findall(text_of(path)))


def test_a_lesson_is_named_by_its_number_its_name_or_its_file(workbook):
    for name in ("01", "01_dense_layer", "01_dense_layer.py", "lessons/01_dense_layer.py"):
        assert workbook.choose([name, "04"]) == [
            LESSONS / "01_dense_layer.py",
            LESSONS / "04_gradient_checking.py",
        ]


def refused(workbook, capsys, *arguments):
    """Return the one line that the command says before it ends with status 2."""
    with pytest.raises(SystemExit) as stopped:
        workbook.main([str(each) for each in arguments])
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


def test_a_number_may_lack_its_zero_or_its_letter(workbook):
    assert [path.name[:4] for path in workbook.choose(["1", "12", "13b"])] == [
        "01_d",
        "12a_",
        "12b_",
        "13b_",
    ]


def test_an_unknown_lesson_is_refused_and_nothing_is_written(workbook, tmp_path, capsys):
    assert "99" in refused(workbook, capsys, tmp_path / "work", "01", "99")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_refused_and_left_as_it_is(workbook, tmp_path, capsys):
    (tmp_path / "work").mkdir()
    (tmp_path / "work/mine.txt").write_text("mine")
    assert "work" in refused(workbook, capsys, tmp_path / "work", "01")
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["mine.txt"]
    assert "mine.txt" in refused(workbook, capsys, tmp_path / "work/mine.txt", "01")
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_where_writing_fails_nothing_is_left(workbook, tmp_path, capsys, monkeypatch):
    write_text = type(tmp_path).write_text

    def full(path, text, **options):
        if path.name == "grading.py":
            raise OSError(28, "No space left on device")
        return write_text(path, text, **options)

    monkeypatch.setattr(type(tmp_path), "write_text", full)
    assert "No space" in refused(workbook, capsys, tmp_path / "work", "01")
    assert list(tmp_path.iterdir()) == []


def test_it_is_written_where_pytest_is_not_installed(workbook, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytest", None)
    monkeypatch.delitem(sys.modules, "grading", raising=False)
    workbook.main([str(tmp_path / "work"), "01"])
    assert (tmp_path / "work/test_01_dense_layer.py").exists()


def test_an_empty_folder_is_used(workbook, tmp_path):
    (tmp_path / "work").mkdir()
    workbook.main([str(tmp_path / "work"), "01"])
    assert (tmp_path / "work/01_dense_layer.py").exists()


def test_without_jupytext_notebooks_are_refused(workbook, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(workbook, "find_spec", lambda name: None)
    told = refused(workbook, capsys, tmp_path / "work", "01", "--notebooks")
    assert "jupytext" in told
    assert list(tmp_path.iterdir()) == []


def test_notebooks_are_valid_and_can_be_graded(workbook, grading, tmp_path):
    pytest.importorskip("jupytext")
    nbformat = pytest.importorskip("nbformat")
    workbook.main([str(tmp_path / "work"), "--notebooks"])
    notebooks = sorted((tmp_path / "work").glob("*.ipynb"))
    assert [path.stem for path in notebooks] == [path.stem for path in workbook.all_lessons()]
    for path in notebooks:
        nbformat.validate(nbformat.read(path, as_version=4))
    assert "QUESTION_1" in grading.Lesson(notebooks[0]).space


def test_a_lesson_without_a_grader_is_graded_by_its_asserts(workbook, grading, tmp_path):
    lesson = tmp_path / "77_new.py"
    lesson.write_text("")
    solved = 'def f(x):\n    """Twice x."""\n    return 2 * x\n\n\nassert f(2) == 4\n'
    assert "grade_by_running" in workbook.test_file(lesson)
    grading.grade_by_running(grading.Lesson(lesson, solved))
    with pytest.raises(pytest.fail.Exception, match="AssertionError"):
        grading.grade_by_running(grading.Lesson(lesson, solved.replace("2 * x", "3 * x")))
    stub = solved.replace("return 2 * x", 'raise NotImplementedError("f is not solved yet")')
    with pytest.raises(pytest.fail.Exception, match="f: not solved"):
        grading.grade_by_running(grading.Lesson(lesson, stub))


def test_answers_are_not_read_by_accident(workbook):
    answers = workbook.answers_of(LESSONS / "01_dense_layer.py")
    assert len(answers) == 2
    text = workbook.sealed(answers)
    assert "right" not in text
    assert json.loads(base64.b64decode(text)) == answers
