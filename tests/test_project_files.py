"""The files around the code agree with each other: versions, and the stages that workflows call."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import npvae

ROOT = Path(__file__).parents[1]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_version_is_the_same():
    assert re.search(r"^version: (.*)$", text("CITATION.cff"), re.M)[1] == npvae.__version__
    assert npvae.__version__ in text("CHANGELOG.md")


def test_the_workflows_and_contributing_call_stages_that_exist():
    script = text(".ci/run")
    stages = re.search(r"^stages=\((.*)\)$", script, re.M)[1].split()
    defined = set(re.findall(r"^(\w+)\(\) \{", script, re.M))
    assert {*stages, "site", "dist"} <= defined
    files = [*map(str, (ROOT / ".github/workflows").glob("*.yml")), "CONTRIBUTING.md"]
    calls = [call for file in files for call in re.findall(r"\.ci/run((?: [a-z]+)+)", text(file))]
    assert len(calls) >= 5
    for call in calls:
        assert set(call.split()) <= {*stages, "site", "dist"}, call


@pytest.mark.skipif(sys.platform == "win32", reason="there bash may be one of another system")
def test_a_stage_that_does_not_exist_is_refused():
    done = subprocess.run(["bash", ".ci/run", "lnit"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "lnit" in done.stderr
