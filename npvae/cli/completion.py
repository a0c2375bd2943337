"""Print a script that completes commands with the Tab key.

Save it where your shell looks for such scripts, and open a new terminal:

  bash  npvae completion bash > ~/.local/share/bash-completion/completions/npvae
  zsh   npvae completion zsh > ~/.zfunc/_npvae  (a folder in $fpath)
  fish  npvae completion fish > ~/.config/fish/completions/npvae.fish
"""

import argparse
from typing import Any

from npvae.cli.printing import say
from npvae.errors import InputError
from npvae.runs.pictures import PICTURES
from npvae.runs.recipes import RECIPES
from npvae.runs.settings import flags

EXAMPLE = "npvae completion fish"
SHELLS = ("bash", "zsh", "fish")
PATHS = {"RUN": "directory", "DIR": "directory", "FILE": "file", "DATA": "file"}  # by metavar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `npvae completion`."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that you use")


def run(options: argparse.Namespace) -> int:
    """Print the script for one shell, which `shtab` makes from the parser."""
    try:
        import shtab
    except ImportError:
        raise InputError(
            "completion needs shtab, which is not installed; run pip install 'shtab>=1.13'"
        ) from None
    from npvae.cli import build_parser

    parser = build_parser()
    _name_the_values(parser, shtab.CHOICE_FUNCTIONS)
    say(shtab.complete(parser, options.shell).rstrip("\n"))
    return 0


def _name_the_values(parser: argparse.ArgumentParser, functions: dict[str, Any]) -> None:
    """Tell shtab which values are paths, and which names npvae accepts for the others."""
    names = {flag.name: getattr(flag.kind, "names", None) for flag in flags()}
    names |= {"--recipe": tuple(RECIPES), "pictures": tuple(PICTURES)}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                _name_the_values(subparser, functions)
        elif action.metavar in PATHS:
            action.complete = functions[PATHS[str(action.metavar)]]  # type: ignore[attr-defined]
        elif action.choices is None and action.nargs != 0:
            action.choices = names.get((action.option_strings or [action.dest])[0])
