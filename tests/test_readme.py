"""The README and the guide tell the truth: their Python runs; files, links and flags exist."""

import importlib.util
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from host_kernels import COMPILER
from PIL import Image

from npvae import cli
from npvae.cli import build_parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "lessons/book/guide").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "lessons/book/guide").glob("*.py"))
LINKED = [*PAGES, *NOTEBOOKS, ROOT / "lessons/README.md", *(ROOT / "lessons/book").glob("*.md")]
TEXTS = {path: path.read_text(encoding="utf-8") for path in PAGES}
README, EVERYTHING = TEXTS[ROOT / "README.md"], "\n".join(TEXTS.values())
PYTHON = re.compile(r"(?:<!-- ([\w ]+) -->\n)?```python\n(.*?)```", re.DOTALL)
CODE = dict(PYTHON.findall(EVERYTHING))

VERBS = list(cli.VERBS)

PRINTED = {
    "tour": ["epoch 3: train -", "ELBO -", "VAE: all agree"],
    "figures": ["held out -"],
    "log likelihood": ["-log p(x) "],
    "objectives": ["epoch 4: L_5 held out -", "given the label -"],
    "start": ["L_5 held out -"],
    "own layer": ["Scale: all agree"],
    "own kink": ["Rectifier: all agree"],
    "own network": ["epoch 1, train ELBO -"],
    "own likelihood": ["VAE: all agree"],
    "own loop": ["step 100: loss "],
    "resume": ["epoch 1: held out -", "epoch 2: held out -"],
    "python": ["epoch 5, train ELBO -"],
    "dataframe": ["32 + 4 + 4 examples", "('width', 'height')", "('a', 'b')"],
    "workers": ["held out -"],
    "processes": ["log p(x) -"],
    "gpu": ["held out -"],
    "picture of a run": [],
    "asked for": ["0."],
    "cancer": [],
}
AFTER = {"own network": "own layer", "own kink": "own layer"}  # whose names it uses
NEEDS = {"dataframe": "pandas", "cancer": "sklearn"}  # which npvae does not
RUNS = {  # made of a few images before the code that reads them
    "picture of a run": "--latent 2 --out runs/mnist-001",
    "asked for": "--conditional --out runs/conditional",
    "start": "--hidden 400 --out runs/digits",
}
ON_THE_STAND_IN = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests" / "support")!r})
import strict_cupy, strict_device
sys.modules["cupy"] = strict_cupy
waiting = strict_device.waiting_allowed()
waiting.__enter__()
"""


def test_every_block_of_python_has_a_name_and_is_run():
    names = [name for name, _ in PYTHON.findall(EVERYTHING)]
    assert sorted(names) == sorted([*PRINTED, "one page"])


@pytest.fixture
def no_figure_is_left():
    """Figures are shown to nobody, and none is left open for the next test."""
    plt.switch_backend("agg")
    yield
    plt.close("all")


def few(code):
    """Return the code with a tenth of the images, which shows as well that it runs."""
    return re.sub(r"n_train=[\d_]+(, n_test=\d+)?", "n_train=600, n_test=200", code)


@pytest.mark.parametrize("name", [name for name in PRINTED if name != "gpu"])
@pytest.mark.usefixtures("no_figure_is_left", "signals_are_heard")
def test_the_python_runs(name, tmp_path, monkeypatch, capsys, rng, request):
    monkeypatch.chdir(tmp_path)
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"no {NEEDS[name]}")
    if '"mnist"' in CODE[name]:
        request.getfixturevalue("mnist_folder")
    if name in RUNS:
        images = rng.integers(0, 256, (100, 28, 28), dtype=np.uint8)
        np.savez("few.npz", x=images, y=np.arange(100) % 10)
        settings = f"--data few.npz --hidden 20 --epochs 2 --no-report {RUNS[name]}"
        assert cli.main(["train", *settings.split()]) == 0
    exec(few(CODE.get(AFTER.get(name), "") + CODE[name]), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    assert all(text in printed for text in PRINTED[name]), printed


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("no_figure_is_left")
def test_a_page_that_is_a_notebook_runs(path, monkeypatch):
    """With few updates, and with two turns of each loop."""
    monkeypatch.setattr("npvae.runs.building.LEAST_UPDATES", 20)
    shown = []
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: shown.append(plt.gcf()))
    code = re.sub(r"epochs(\W+)\d+", r"epochs\g<1>2", path.read_text(encoding="utf-8"))
    code = re.sub(r"in range\(\d+\)", "in range(2)", code)
    exec(code, {"__name__": "__main__"})
    assert len(shown) == code.count("plt.show()")


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler for the kernels of the stand-in")
def test_the_python_for_a_gpu_runs(tmp_path):
    """In a process of its own, in which a stand-in takes the place of CuPy."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ON_THE_STAND_IN + few(CODE["gpu"])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert all(text in done.stdout for text in PRINTED["gpu"]), done.stdout


def test_the_tour_has_twenty_lines():
    code = [line for line in CODE["tour"].splitlines() if line.strip()]
    assert len(code) <= 20


def test_a_layer_of_ones_own_takes_ten_lines():
    layer = CODE["own layer"].partition("\n\n\n")[2].splitlines()
    assert len([line for line in layer if line.strip()]) <= 10


def test_the_heart_of_the_one_page_is_what_stands_there():
    page = textwrap.dedent((ROOT / "lessons/00_one_page.py").read_text(encoding="utf-8"))
    assert textwrap.indent(CODE["one page"], "    ") in page


@pytest.mark.parametrize(
    "path",
    sorted(set(re.findall(r"`((?:npvae|tests|benchmarks|lessons)/[^` ]*)`", EVERYTHING))),
)
def test_files_exist(path):
    assert (ROOT / path).exists()


def links(page):
    """Return the target and the heading of each link to another file."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]*))?\)", text)


def test_links_lead_somewhere_in_the_sources_of_the_book(tmp_path, monkeypatch):
    """Which `lessons/book/build.py` puts together in one folder, the guide below it."""
    monkeypatch.syspath_prepend(ROOT / "lessons/book")  # for what it imports from there
    spec = importlib.util.spec_from_file_location("build", ROOT / "lessons/book/build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    build.gather(tmp_path / "source")
    for page in (tmp_path / "source").glob("*.md"):
        for target, _ in links(page):
            assert (page.parent / target).exists(), target
            assert tmp_path in (page.parent / target).resolve().parents, target


@pytest.mark.parametrize("page", LINKED, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_links_lead_somewhere(page):
    for target, heading in links(page):
        to = page.parent / target if target else page
        assert to.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)", to.read_text(encoding="utf-8"), re.M)
            anchors = [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings]
            assert heading in anchors, heading


def test_commands_parse():
    commands = re.findall(
        rf"(?:^|`)npvae ((?:{'|'.join(VERBS)})\b[^#\n`]*)",
        EVERYTHING,
        re.M,
    )
    assert {command.split()[0] for command in commands} == set(VERBS)
    for command in commands:
        if not command.rstrip().endswith(("--help", "| head -1")):
            build_parser().parse_args(command.replace('""', "none").split())


def test_the_readme_is_short():
    assert len(README.encode()) <= 7200


@pytest.mark.parametrize("picture", re.findall(r"!\[.+\]\((.+)\)", README))
def test_a_picture_is_small_and_lies_on_white_paper(picture):
    """Which can be read by night, too."""
    assert (ROOT / picture).stat().st_size <= 200_000
    with Image.open(ROOT / picture) as image:
        assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
