"""The house: imports point one way, and nothing heavy is imported before it is used."""

import ast
import io
import subprocess
import sys
import tokenize
from functools import cache
from pathlib import Path

import pytest

import npvae

PACKAGE = Path(npvae.__file__).parent
HEART = """
    errors parameters layers gaussian likelihoods encoder_decoder autoencoder vae iwae
    optimizers schedules training gradreport gradcheck selfcheck
""".split()  # noqa: SIM905
DOORS_BELOW = ["storage", "devices", "parallel"]
DOORS_ABOVE = ["datasets", "evaluation", "figures", "runs", "estimators", "explorer", "cli"]
ORDER = ["errors", *DOORS_BELOW, *HEART[1:], *DOORS_ABOVE, "__main__"]
KNOWS = {  # the files of the heart that know a door
    "devices": {"parameters", "encoder_decoder", "training"},  # and put arrays where they belong
    "parallel": {"parameters", "likelihoods", "training"},  # and compute what processes share
}
ONLY = {
    "storage": {"errors", "storage"},
    "devices": {"errors", "devices"},
    "parallel": {"errors", "devices", "parallel"},
    "datasets": {"errors", "storage", "devices", "parameters", "datasets"},
    "gradreport": set(),
    "gradcheck": {"errors", "parameters", "gradreport"},
}
OUTSIDE = """
    argparse atexit glob gzip io json logging multiprocessing os pathlib pickle shutil signal
    socket subprocess sys tempfile threading tqdm warnings zipfile
""".split()  # noqa: SIM905  (files, folders, processes, signals, progress bars, flags)
FROM_INIT = {"__version__", "_leave"}
HEAVY = {"matplotlib", "PIL", "pooch", "requests", "tqdm", "scipy", "torch", "cupy", "sklearn"}
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path):
    return path.relative_to(PACKAGE).as_posix()


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def room(path):
    """The first name below npvae: "vae" for npvae/vae.py, "datasets" for npvae/datasets/idx.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """Every module that a file imports, wherever in it, by its full name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in (alias for alias in node.names if alias.name not in FROM_INIT):
                inner = PACKAGE.parent / node.module.replace(".", "/") / alias.name
                is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                yield f"{node.module}.{alias.name}" if is_module else node.module


def rooms_imported(path):
    """The rooms of npvae that a file imports from; "npvae" for the package itself."""
    names = (name.split(".") for name in imported(path))
    return {parts[1] if parts[1:] else "npvae" for parts in names if parts[0] == "npvae"}


def test_every_room_has_its_place_in_the_order():
    assert {room(path) for path in FILES} == {*ORDER, "__init__"}


def test_imports_point_one_way():
    for path in FILES:
        here = room(path)
        below = set(ORDER[: ORDER.index("cli" if here == "__init__" else here)])
        own = {here} if path.parent != PACKAGE else set()
        assert rooms_imported(path) <= below | own, path


@pytest.mark.parametrize("here", ONLY)
def test_these_stand_on_little(here):
    files = [path for path in FILES if room(path) == here]
    assert set().union(*map(rooms_imported, files)) <= ONLY[here]


@pytest.mark.parametrize("path", [path for path in FILES if room(path) in HEART], ids=name_of)
def test_the_heart_knows_no_files_signals_bars_or_flags(path):
    """Nor any door but the devices and the processes, and those only where it is needed."""
    names = {name.partition(".")[0] for name in imported(path)}
    assert not names & set(OUTSIDE)
    doors = rooms_imported(path) & {*DOORS_BELOW, *DOORS_ABOVE}
    assert doors <= {door for door, known in KNOWS.items() if room(path) in known}
    calls = (node for node in ast.walk(tree(path)) if is_call(node))
    assert not {node.func.id for node in calls} & {"open", "print", "input"}


def is_call(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def test_only_the_command_line_knows_flags():
    """Nothing else imports argparse; and only it, runs and datasets know of folders to read."""
    assert {room(path) for path in FILES if "argparse" in imported(path)} == {"cli"}


def test_only_the_estimators_know_scikit_learn_and_nothing_imports_them():
    knows = [path for path in FILES if any(name.startswith("sklearn") for name in imported(path))]
    assert {room(path) for path in knows} == {"estimators"}
    assert {room(path) for path in FILES if "estimators" in rooms_imported(path)} == {"estimators"}


def test_the_package_says_in_which_order_to_read_it():
    listed = [line.split()[0] for line in npvae.__doc__.splitlines() if "  " in line]
    assert sorted(listed) == sorted({room(path) for path in FILES} - {"__init__", "__main__"})


def test_nothing_heavy_is_imported_at_module_level():
    for path in FILES:
        for node in tree(path).body:
            names = [alias.name for alias in getattr(node, "names", [])]
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module] if isinstance(node, ast.ImportFrom) else names
                heavy = {name.partition(".")[0] for name in names} & HEAVY
                assert heavy <= ({"sklearn"} if room(path) == "estimators" else set()), path


@pytest.mark.parametrize(
    "module", ["npvae", "npvae.cli", "npvae.figures", "npvae.runs.pictures", "npvae.datasets"]
)
def test_importing_is_light(module):
    code = f"import {module}, sys; print(*sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def docstring_lines(tree):
    """The line numbers that docstrings, or strings that stand alone, take."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield from range(node.lineno, node.end_lineno + 1)


@pytest.mark.parametrize("path", [path for path in FILES if room(path) in HEART], ids=name_of)
def test_a_file_of_the_heart_is_short(path):
    text = path.read_text(encoding="utf-8")
    blank = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in (*blank, tokenize.ENDMARKER)
        for line in range(token.start[0], token.end[0] + 1)
    }
    assert len(code - set(docstring_lines(tree(path)))) <= 200


def test_there_is_no_drawer_for_everything():
    assert not {path.stem for path in FILES} & {"utils", "util", "helpers", "common", "misc"}


def test_every_file_opens_with_what_it_is_for():
    for path in FILES:
        docstring = ast.get_docstring(tree(path))
        assert docstring, path
        assert docstring.splitlines()[0].endswith((".", "?")), path


def test_all_public_names_are_there():
    assert sorted(npvae.__all__) == sorted(set(npvae.__all__))
    for name in npvae.__all__:
        assert hasattr(npvae, name)
