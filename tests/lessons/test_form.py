"""The lessons as texts: all of them have the same form. Whether they are right, running shows."""

import ast
import re
import sys
from itertools import groupby

import pytest
from lesson_files import (
    ANSWERS,
    LESSONS,
    SCRIPTS,
    cells,
    code_of,
    name_of,
    number_of,
    prose_of,
)

MOST_SKIPPED = 3  # asserts that quick mode may leave out, in the whole course
AMERICAN = re.compile(
    r"\b(behavior|color|center|favor|gray|neighbor|analyze|\w+ization|"
    r"normalize|optimize|optimizer|minimize|maximize|memorize|recognize|realize|generalize)\w*\b",
    re.IGNORECASE,
)


def lessons():
    return pytest.mark.parametrize("path", SCRIPTS, ids=name_of)


def scripts():
    return pytest.mark.parametrize("path", [*SCRIPTS, *ANSWERS], ids=name_of)


def trees(path):
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_the_lessons_are_numbered_and_the_parts_of_one_number_have_letters():
    numbers = [number_of(path) for path in SCRIPTS]
    groups = groupby(numbers, key=lambda number: number[:2])
    letters = {number: [each[2:] for each in group] for number, group in groups}
    assert list(letters) == [f"{i:02d}" for i in range(1, len(letters) + 1)]
    assert all(each in ([""], ["a", "b"], ["a", "b", "c"]) for each in letters.values())


@scripts()
def test_the_lessons_that_it_names_are_named_in_full(path):
    """There is no lesson 12, but 12a and 12b; of lessons yet to come nothing is asked."""
    divided = {number_of(other)[:2] for other in SCRIPTS if number_of(other)[2:]}
    prose = " ".join(prose_of(path).split())
    assert not divided & named(prose)


def named(prose):
    """Return the numbers in `lesson 05`, `lessons 03, 07 and 13a to 16` and `as before (11)`."""
    lists = re.findall(r"[Ll]essons? (\d\d[a-z]?(?:(?:, | and | or | to )\d\d[a-z]?)*)\b", prose)
    return set(re.findall(r"\d\d[a-z]?", " ".join(lists))) | set(re.findall(r"\((\d\d)\)", prose))


def test_the_numbers_of_lessons_are_found():
    prose = "lessons 03, 07 and 13a to 16. As in lesson 12 (04), and in 20 dimensions"
    assert named(prose) == {"03", "07", "13a", "16", "12", "04"}


@lessons()
def test_it_opens_with_its_question_what_it_needs_and_what_it_gives(path):
    prose, text = cells(path)[0]
    assert prose
    title, question, points = text.rstrip().split("\n\n")
    assert re.fullmatch(rf"# {number_of(path)} · \S.*", title)
    assert re.fullmatch(r"\*[^*]+\?\*", question)
    told = re.findall(r"^- \*\*(.*?):\*\* ", points, re.M)
    assert told == ["You need", "You get", "Run time"]


@lessons()
def test_at_least_half_of_its_words_are_prose(path):
    prose, code = len(prose_of(path).split()), len(code_of(path).split())
    assert prose >= code


@lessons()
def test_every_claim_is_asserted_and_predicted_and_shown(path):
    asserts = [node for node in trees(path) if isinstance(node, ast.Assert)]
    assert len(asserts) >= 5
    assert prose_of(path).count("**Predict first:**") >= 2
    assert len(re.findall(r"^show\(", code_of(path), re.M)) >= 2


@lessons()
def test_it_ends_in_exercises_that_can_be_checked_and_have_answers(path):
    _, exercises = prose_of(path).split("## Exercises\n")
    numbered = re.split(r"^\d\. ", exercises, flags=re.M)[1:]
    assert 2 <= len(numbered) <= 3
    for exercise in numbered:
        assert re.search(r"\*Check[^*]*\*", exercise)
    answers = LESSONS / f"answers_{path.name}"
    assert f"`{answers.name}`" in exercises
    headings = re.findall(r"^## (\d)\. ", prose_of(answers), re.M)
    assert headings == [str(i + 1) for i in range(len(numbered))]
    parts = re.split(r"^# ## \d\. ", answers.read_text(encoding="utf-8"), flags=re.M)[1:]
    assert all("\nassert " in part or "\n    assert " in part for part in parts)


def test_there_are_no_other_answers():
    assert [path.name.removeprefix("answers_") for path in ANSWERS] == [p.name for p in SCRIPTS]


@scripts()
def test_it_uses_public_names_only_and_no_other_lesson(path):
    known = {"numpy", "matplotlib", "npvae", "course", "diagrams", "ring", *sys.stdlib_module_names}
    for node in trees(path):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(alias.name for alias in node.names)]
            assert node.module.partition(".")[0] in known
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        else:
            continue
        assert not [name for name in names if re.search(r"(^|\.)_(?!_)", name)]


def test_quick_mode_leaves_out_no_more_asserts_than_agreed():
    """An assert is left out where it stands below a question about the mode."""
    asked = [
        node
        for path in [*SCRIPTS, *ANSWERS]
        for node in trees(path)
        if isinstance(node, ast.If) and re.search(r"QUICK|sized", ast.unparse(node.test))
    ]
    assert len(asked) <= MOST_SKIPPED


@scripts()
def test_it_is_written_in_british_english(path):
    assert not AMERICAN.findall(re.sub(r"`[^`]*`|\$[^$]*\$", "", prose_of(path)))


def test_the_path_names_every_lesson_in_order():
    text = (LESSONS / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\[(\d\d[a-z]?) (.+?)\]\((\d\d[a-z]?_\w+\.py)\)", text)
    assert [file for _, _, file in linked] == [path.name for path in SCRIPTS]
    for (number, title, _), path in zip(linked, SCRIPTS, strict=True):
        assert prose_of(path).startswith(f"# {number} · {title}\n")


def test_the_explorer_names_lessons_by_their_titles():
    strings = (LESSONS.parent / "npvae/explorer/script/strings.js").read_text(encoding="utf-8")
    titles = {number_of(path): prose_of(path).partition("\n")[0] for path in SCRIPTS}
    names = re.findall(r'^  lesson(\d\d\w?): "(.*)",$', strings, re.M)
    assert names
    for number, name in names:
        assert titles[number] == f"# {name}"
