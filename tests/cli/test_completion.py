"""`npvae completion`: what a shell offers after Tab, asked of real shells where they are."""

import shutil
import subprocess
import sys

import pytest
from cli_files import assert_one_clear_message, run

from npvae.cli.completion import SHELLS

pytest.importorskip("shtab")
OFFERED = {
    "npvae ev": {"evaluate"},
    "npvae train --pat": {"--patience"},
    "npvae train --likelihood ga": {"gaussian"},
    "npvae train --recipe gat": {"gated", "gated-longer"},
    "npvae plot runs scat": {"scatter"},
    "npvae evaluate ru": {"runs", "runs/"},
    "npvae train --data ow": {"own.npy"},
}
BASH = """
. ./npvae.bash
COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$(complete -p npvae | sed 's/.*-F //; s/ .*//') npvae "${COMP_WORDS[COMP_CWORD]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
ASKED = {
    "bash": ["bash", "--norc", "-c", BASH, "bash"],
    "fish": ["fish", "--no-config", "-c", "source npvae.fish; complete -C $argv[1]"],
}


@pytest.mark.parametrize("shell", ASKED)
def test_a_shell_offers_verbs_flags_values_and_paths(shell, tmp_path, capsys, monkeypatch):
    if sys.platform == "win32" or shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "own.npy").touch()
    assert run("completion", shell) == 0
    (tmp_path / f"npvae.{shell}").write_text(capsys.readouterr().out, encoding="utf-8")
    for line, expected in OFFERED.items():
        said = subprocess.run([*ASKED[shell], line], capture_output=True, text=True, check=True)
        offered = {text.partition("\t")[0] for text in said.stdout.splitlines()}
        assert offered & expected, (line, said)
        assert offered <= expected, (line, said)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(shell, capsys):
    assert run("completion", shell) == 0
    said = capsys.readouterr().out
    assert "gradcheck" in said
    assert "tanh-iwae-50" in said


def test_without_shtab_the_message_names_it(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert run("completion", "zsh") == 2
    assert_one_clear_message(capsys.readouterr(), "pip install 'shtab")
