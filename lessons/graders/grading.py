"""What the graders of all lessons share: loading a script without running it, and comparing.

A grader calls the functions of a student's script with small random inputs, and compares what they
return with reference values. The script is not run: `Lesson` keeps its imports, its definitions
and its constants (names that begin with two capitals). What trains or draws is left out.

A comparison that fails says which function was called with which shapes, what was expected and
what was found, and, where it recognises the mistake, a hint.
"""

import _thread
import ast
import base64
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import pytest

CONSTANT = re.compile(r"[A-Z]{2}|[A-Z_]{3}")  # W is an array of the lesson, and no constant
MAGIC = re.compile(  # %matplotlib inline, !pip install, np.dot?, files = !ls
    r"^(\s*)(%%?[a-z]|!(?!=)|\?|[\w.]+\?|\w+ *= *[%!]\w).*$", re.M
)
PATIENCE = 30  # seconds after which a call is ended, since a loop in it may have no end
SLOW = 300  # seconds that a lesson may take in quick mode
TOLERANCE = 1e-6  # relative; finite differences are more accurate than that
ROUGHLY = 1e-4  # to recognise a mistake, which may come with a rounding error of its own


ERRORS = {  # what NumPy says, and what it mostly means
    "matmul": "in a @ b the columns of a meet the rows of b. Is one to be transposed, or the order "
    "to be changed?",
    "could not be broadcast": "an array (n,) beside one of (n, k) needs a second axis: [:, None].",
    "unexpected keyword": "keep the arguments of the function as they were.",
    "positional argument": "keep the arguments of the function as they were.",
    "inhomogeneous": "a tuple of several results is used as one. Take the one you need: f(x)[0].",
    "is not defined": "is the name spelt as above? Letters of questions stand between quotation "
    "marks. The tests load imports, definitions and constants, and do not run the lesson.",
}


class Lesson:
    """The functions of a student's script or notebook, which can be called and compared.

    Parameters
    ----------
    path : Path
        A script in the percent format, or a notebook.
    source : str, optional
        Its text, if it should not be read from the file.
    """

    def __init__(self, path, source=None):
        self.path = Path(path)
        self.source = code_of(self.path) if source is None else source
        try:
            tree = ast.parse(self.source)
        except SyntaxError as error:
            line = f"line {error.lineno}" if self.path.suffix == ".py" else "the line"
            fail(
                f"{self.path.name} is not valid Python yet; {error.msg} in {line}: "
                f"{(error.text or '').strip()}"
            )
        tree.body = list(filter(is_kept, tree.body))
        self.space = {"__name__": self.path.stem}
        self.last = None  # the function that was called last
        try:
            exec(compile(tree, str(self.path), "exec"), self.space)
        except (Exception, SystemExit) as error:
            fail(f"{self.path.name} cannot be loaded. {self.where(error)}")

    def __getitem__(self, name):
        """The function, method (as `Class.method`), class or constant of that name."""
        found = self.space.get(name.partition(".")[0])
        for part in name.split(".")[1:]:
            found = getattr(found, part, None)
        if found is None:
            fail(f"{self.path.name} no longer defines {name}; put it back as it was")
        return found

    def call(self, name, *arguments, function=None, strict=False):
        """Call a function of the script; whatever it raises becomes a failure in plain words.

        Parameters
        ----------
        name : str
            What it is called in the messages, and in the script unless `function` is given.
        strict : bool
            Whether an overflow, or a NaN, is an error.
        """
        self.last = name
        function = self[name] if function is None else function
        kept = [np.copy(each) if isinstance(each, np.ndarray) else None for each in arguments]
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a job in the background
            signal.signal(signal.SIGINT, signal.default_int_handler)
        begun, alarm = time.monotonic(), threading.Timer(PATIENCE, _thread.interrupt_main)
        alarm.start()
        try:
            with np.errstate(all="raise" if strict else "ignore", under="ignore"):
                result = function(*arguments)
        except KeyboardInterrupt as error:
            if time.monotonic() - begun < PATIENCE:
                raise  # the student's Ctrl-C
            fail(f"{name} has not ended after {PATIENCE} seconds. {self.where(error)}")
        except NotImplementedError as error:
            unsolved = str(error).partition(" ")[0]
            first = f"{name} is not solved yet"
            if unsolved and unsolved != name.rpartition(".")[2]:
                first = f"{name} needs {unsolved}, which is not solved yet"
            fail(f"{first} in {self.path.name}. Its docstring says what it should return.")
        except (Exception, SystemExit) as error:
            fail(
                f"{name} stops with an error. {self.where(error)}\n  {called(function, arguments)}"
            )
        finally:
            alarm.cancel()
        for before, each in zip(kept, arguments, strict=True):
            if before is not None and not same(each, before, 1e-12):
                fail(
                    f"{name} changes one of its inputs in place\n  {called(function, arguments)}\n"
                    "  Hint: `a -= b` writes into a; `a = a - b` makes a new array. Where an input "
                    "has to\n  be changed for a while, store the old number, and put it back."
                )
        return result

    def verdict(self, name, *arguments):
        """Whether a test that the student wrote, which returns True or False, is passed."""
        answer = self.call(name, *arguments)
        if not isinstance(answer, bool | np.bool_):
            fail(f"{name} returned {answer!r:.40}; it should return True or False")
        return bool(answer)

    def compare(
        self,
        name,
        arguments,
        expected,
        hints=None,
        function=None,
        tolerance=TOLERANCE,
        by="",
    ):
        """Call a function and compare what it returns; return the results.

        Parameters
        ----------
        name : str
            The function, as for `call`.
        arguments : tuple
        expected : dict
            The name of each result, in their order, and its value.
        hints : dict, optional
            A hint, and what the results are if that hint is the right one: a dict as `expected`,
            of some of the results.
        tolerance : float
            Relative to the largest number expected.
        by : str
            Where the expected values come from, for example "finite differences".
        """
        found = self.call(name, *arguments, function=function)
        found = found if isinstance(found, tuple | list) and len(expected) > 1 else (found,)
        context = f"  {called(self[name] if function is None else function, arguments)}"
        if len(found) == 1 and found[0] is None:
            fail(f"{name} returns nothing\n{context}\n  Hint: is its `return` missing?")
        if len(found) != len(expected):
            names = ", ".join(expected)
            fail(f"{name} returns {counted(len(found))}, expected {names}\n{context}")
        problems = []
        for (what, right), value in zip(expected.items(), found, strict=True):
            wrong = {hint: values[what] for hint, values in (hints or {}).items() if what in values}
            order = f"the order of the results is {', '.join(expected)}; this is "
            wrong |= {f"{order}{other}.": expected[other] for other in expected if other != what}
            if problem := difference(what, value, right, wrong, tolerance):
                problems.append(problem)
        if problems:
            source = f"  The expected values come from {by}." if by else ""
            fail("\n".join(filter(None, [f"{name} is not right", context, *problems, source])))
        return found if len(found) > 1 else found[0]

    def where(self, error):
        """Return an error with the line of the script that it comes from."""
        steps = traceback.extract_tb(error.__traceback__)
        numbers = [step.lineno for step in steps if step.filename == str(self.path)]
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        if not numbers:
            return text
        line = self.source.splitlines()[numbers[-1] - 1].strip()
        number = f" in line {numbers[-1]}" if self.path.suffix == ".py" else ""
        hint = next((hint for sign, hint in ERRORS.items() if sign in text), None)
        return "\n".join(
            filter(None, [text, f"  raised{number} by: {line}", hint and f"  Hint: {hint}"])
        )


def fail(message):
    """End a test with a message, and without a traceback."""
    raise pytest.fail.Exception(message, pytrace=False) from None


def is_kept(node):
    """Whether a statement is loaded: an import, a definition, or the value of a constant."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [part for each in targets for part in getattr(each, "elts", [each])]
        named = all(isinstance(name, ast.Name) for name in names) and node.value is not None
        function = isinstance(node.value, ast.Lambda)
        return named and (function or all(CONSTANT.match(name.id) for name in names))
    return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)


def code_of(path):
    """Return the code of a script, or of the code cells of a notebook."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix != ".ipynb":
            return text
        cells = json.loads(text)["cells"]
    except FileNotFoundError:
        fail(f"{path.name} is not here; the tests look for it beside them, under this name")
    except UnicodeDecodeError:
        fail(f"{path.name} is not stored as UTF-8; save it with that encoding")
    except (ValueError, KeyError, TypeError):
        fail(f"{path.name} is not a notebook; save it as one again")
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return MAGIC.sub(r"\1pass", "\n\n".join(code))


# ---- comparing -----------------------------------------------------------------------------------


def difference(what, found, expected, hints, tolerance=TOLERANCE):
    """Return in words how a result differs from what is expected, or nothing."""
    expected = np.asarray(expected)
    try:
        integers = np.asarray(found).dtype.kind in "iu"
        found = np.asarray(found, dtype=np.float64 if found is not None else int)
    except (TypeError, ValueError):
        return f"  {what}: expected {shape(expected)}, found {found!r:.60}"
    roughly = max(tolerance, ROUGHLY)
    hint = next((text for text, wrong in hints.items() if same(found, wrong, roughly)), None)
    if found.shape != expected.shape:
        hint = hint or hint_at_shape(found, expected, roughly)
        return said(f"{what}: expected {shape(expected)}, found {shape(found)}", hint)
    if same(found, expected, tolerance):
        return None
    if not np.isfinite(found).all() and np.isfinite(expected).all():
        at, value = first(found, ~np.isfinite(found))
        return said(f"{what}{at}: expected {first(expected, ~np.isfinite(found))[1]:.6g}, "
                    f"found {value}", hint)  # fmt: skip
    with np.errstate(all="ignore"):
        off = np.abs(found - expected)
    wrong = off > tolerance * np.abs(expected).max(initial=1e-300)
    worst = off == off.max()
    at, value = first(found, worst)
    text = f"{what}{at}: expected {first(expected, worst)[1]:.6g}, found {value:.6g}"
    if wrong.size > 1:
        text += f" ({wrong.sum()} of {wrong.size} numbers differ)"
    if integers and (expected % 1).any():
        hint = hint or "these are integers. An array of floats keeps the decimals."
    return said(text, hint or hint_at_values(found, expected, roughly))


def same(found, expected, tolerance=TOLERANCE):
    """Whether two arrays have the same shape, and the same values up to rounding."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return False
    size = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    return np.allclose(found, expected, rtol=tolerance, atol=tolerance * size, equal_nan=True)


def hint_at_shape(found, expected, tolerance):
    if found.shape == expected.T.shape:
        return "this is the shape of the transpose."
    if same(found.squeeze(), expected.squeeze(), tolerance):
        return "the numbers are right; an axis is left over or missing (keepdims)."
    if found.ndim == expected.ndim + 1:
        return "there is an axis too many: is a sum over it missing?"
    if found.ndim < expected.ndim:
        if any(same(found, row, tolerance) for row in expected):
            return "this is one row only: is `return` inside the loop?"
        return "an axis is missing: is too much summed, or only a part returned?"
    return None


def hint_at_values(found, expected, tolerance):
    """Return a hint for mistakes that every formula may have, or None."""
    if found.ndim == 2 and same(found.T, expected, tolerance):
        return "this is the transpose."
    if found.size > 1 and found.any() and not found.ravel()[1:].any():
        return "only the first number is there: is `return` inside the loop?"
    factor = np.vdot(expected, found) / max(np.vdot(expected, expected), 1e-300)
    much = abs(factor) > 1e-9 and abs(factor - 1) > 10 * tolerance
    much = much and (expected.size > 1 or "." not in fraction(factor))  # one number has a factor
    if much and same(found, factor * expected, tolerance):
        if np.isclose(factor, -1):
            return "the sign is wrong."
        return f"every number is {fraction(factor)} times what it should be; look for that factor."
    gap = float(np.mean(found - expected))
    much = abs(gap) > 100 * tolerance * np.abs(expected).max(initial=0)
    if much and expected.size > 1 and same(found, expected + gap, tolerance):
        return f"every number is {abs(gap):.4g} too {'large' if gap > 0 else 'small'}."
    return None


def fraction(factor):
    """Return a factor as people write it: 2, 1/6 or 0.37."""
    for number, form in ((factor, "{}"), (1 / factor, "1/{}")):
        if abs(number) >= 1 and np.isclose(number, round(number), rtol=1e-5):
            return form.format(round(number))
    return f"{factor:.4g}"


def said(text, hint):
    return f"  {text}\n  Hint: {hint}" if hint else f"  {text}"


def first(array, chosen):
    """Return the place, as text, and the value of the first number chosen."""
    index = np.unravel_index(int(np.argmax(chosen)), array.shape)
    place = ", ".join(str(int(i)) for i in index)
    return (f"[{place}]" if place else ""), float(array[index])


def shape(array):
    return f"shape {array.shape}" if array.ndim else "a single number"


def counted(n):
    return "a single result" if n == 1 else f"{n} results"


def called(function, arguments):
    """Return how a function was called, with the names and the shapes of its arguments."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    names += ["an argument"] * len(arguments)
    parts = []
    for name, each in zip(names, arguments, strict=False):
        if isinstance(each, np.ndarray) and each.ndim:
            parts.append(f"{name} {each.shape}")
        elif isinstance(each, int | float | np.number | np.ndarray):
            parts.append(f"{name} = {each:.4g}")
        else:
            parts.append(name)
    return f"called with {', '.join(parts)}" if parts else "called without arguments"


# ---- reference values ----------------------------------------------------------------------------


def differences(value, array, h=1e-5):
    """Return the gradient of value(array) with respect to each number, by central differences."""
    gradient, point = np.zeros(array.shape), np.array(array, dtype=np.float64)
    for index in np.ndindex(point.shape):
        at = []
        for offset in (h, -h):
            moved = point.copy()
            moved[index] += offset
            at.append(float(value(moved)))
        gradient[index] = (at[0] - at[1]) / (2 * h)
    return gradient


def sizes(rng, n):
    """Return n different small sizes, so that no two axes can be mistaken for each other."""
    return [int(size) for size in rng.permutation(np.arange(2, 9))[:n]]


def normal(rng, *shapes):
    """Return an array of standard normal numbers for each shape."""
    arrays = [rng.standard_normal(shape) for shape in shapes]
    return arrays if len(arrays) > 1 else arrays[0]


def without_sign(found, expected):
    """Return columns with the signs of those expected, for results whose signs are arbitrary."""
    return (
        found if found.shape != expected.shape else found * np.sign((found * expected).sum(axis=0))
    )


def within(found, expected, standard_error):
    """Whether a mean over draws is what it should be, within five standard errors."""
    return bool(np.all(np.abs(found - expected) <= 5 * standard_error))


# ---- tests that the student writes ---------------------------------------------------------------


def fault(test, passes_what_is_right):
    """Return why a student's test cannot catch anything, or "" if it can.

    `passes_what_is_right` is called without arguments: whether the test passes what has no bug.
    """
    try:
        sound = passes_what_is_right()
    except pytest.fail.Exception as failure:
        return str(failure).splitlines()[0]
    return "" if sound else f"{test} also rejects what is right."


def report_bugs(rows):
    """Print which tests catch each bug; fail if one is missed.

    Each row has the name of a bug, the tests that catch it, and what is said if none does.
    """
    caught = sum(bool(caught_by) for _, caught_by, _ in rows)
    lines = [
        f"  {bug} " + (f"caught by {', '.join(caught_by)}" if caught_by else f"MISSED: {why}")
        for bug, caught_by, why in rows
    ]
    report = "\n".join([f"your tests catch {caught} of {len(rows)} bugs", *lines])
    print(report) if caught == len(rows) else fail(report)


# ---- questions -----------------------------------------------------------------------------------


def grade_question(lesson, number, answers):
    """Compare the letter that the student gives with the right one, and explain it."""
    name = f"QUESTION_{number}"
    letter = lesson.space.get(name)
    which = f"question {number} of lesson {lesson.path.stem.partition('_')[0]}"
    if not letter:
        fail(f"{which} is not answered yet; write a letter into {name}")
    question = json.loads(base64.b64decode(answers))[number - 1]
    letter = str(letter).strip(" .:()").lower()
    if letter not in question["why"]:
        fail(f"{name} is {letter!r}; choose one of {', '.join(question['why'])}")
    right = letter == question["right"]
    told = f"{which}: {'' if right else 'not '}{letter}. {question['why'][letter]}"
    told = textwrap.fill(told, 88, subsequent_indent="  ", break_on_hyphens=False)
    print(told) if right else fail(told)


# ---- lessons without a grader of their own -------------------------------------------------------


def grade_by_running(lesson):
    """Run a lesson at its small sizes; its own asserts grade it."""
    unsolved = re.findall(r"raise NotImplementedError\(\"([\w.]+) ", lesson.source)
    if unsolved:
        fail(f"{', '.join(unsolved)}: not solved yet")
    setting = {"NPVAE_QUICK": "1", "MPLBACKEND": "agg", "NPVAE_PICTURES": "pictures"}
    done = subprocess.run(
        [sys.executable, "-c", lesson.source],
        env=os.environ | setting,
        cwd=lesson.path.parent,
        capture_output=True,
        text=True,
        timeout=SLOW,
    )
    if done.returncode:
        fail(f"{lesson.path.name} stops: " + done.stderr.strip().splitlines()[-1])
