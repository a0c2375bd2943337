"""The README tells the truth: its Python runs, its files exist, its flags are the parser's."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from host_kernels import COMPILER

from npvae import cli
from npvae.cli import build_parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


VERBS = list(cli.VERBS)
WITHOUT = {"recipes", "datasets", "gradcheck"}  # which need no argument


def block(name):
    """The code block below <!-- name -->."""
    return re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", README, re.DOTALL)[1]


PRINTED = {
    "tour": ["epoch 3: train -", "-ELBO ", "VAE: all agree"],
    "figures": ["epoch 3: held out -"],
    "log likelihood": ["epoch 4: L_5 held out -", "-log p(x) ", "given the label -"],
    "own layer": ["Scale: all agree"],
    "resume": ["epoch 1: held out -", "epoch 2: held out -"],
    "gpu": ["epoch 2: held out -"],
}
ON_THE_STAND_IN = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests" / "support")!r})
import strict_cupy, strict_device
sys.modules["cupy"] = strict_cupy
waiting = strict_device.waiting_allowed()
waiting.__enter__()
"""


@pytest.mark.parametrize("name", PRINTED)
def test_the_python_runs(name, tmp_path):
    if name == "gpu" and COMPILER is None:
        pytest.skip("no C++ compiler for the kernels of the stand-in")
    before = ON_THE_STAND_IN if name == "gpu" else ""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", before + block(name)],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert all(text in done.stdout for text in PRINTED[name]), done.stdout


def test_the_tour_has_twenty_lines():
    code = [line for line in block("tour").splitlines() if line.strip()]
    assert len(code) <= 20


def test_a_layer_of_ones_own_takes_six_lines():
    layer = block("own layer").partition("\n\n\n")[2].splitlines()
    assert len([line for line in layer if line.strip()]) <= 6


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:npvae|tests|benchmarks)/[^` ]*)`", README)))
)
def test_files_exist(path):
    assert (ROOT / path).exists()


def test_commands_parse():
    commands = re.findall(
        rf"(?:^`?|\| `)npvae ((?:{'|'.join(VERBS)}) [^#\n`]*)",
        README,
        re.M,
    )
    assert {command.split()[0] for command in commands} >= set(VERBS) - WITHOUT
    for command in commands:
        build_parser().parse_args(command.split())


def test_the_picture_is_small():
    assert (ROOT / "README.png").stat().st_size <= 200_000
