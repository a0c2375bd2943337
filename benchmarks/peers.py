"""Environments for the libraries that npvae is compared with, apart from npvae's own."""

import os
import subprocess
import sys
import venv
from argparse import Namespace
from pathlib import Path

REQUIREMENTS = {"torch": "torch", "jax": "jax"}  # what pip installs, by module


def pythons(options: Namespace) -> dict[str, str]:
    """Return the Python of each peer's environment, by the peer's module; make what is missing.

    Parameters
    ----------
    options : Namespace
        `peers` is an environment that has all peers, or a folder of one environment per peer.
        `torch_requirement` and `jax_requirement` are what pip installs.

    Raises
    ------
    SystemExit
        If pip fails. It has printed why.
    """
    found = {}
    for module in REQUIREMENTS:
        whole = (options.peers / "pyvenv.cfg").exists()
        folder = options.peers if whole else options.peers / module
        python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if not has(python, module):
            install(folder, python, [getattr(options, f"{module}_requirement"), "numpy"])
        found[module] = str(python)
    return found


def has(python: Path, module: str) -> bool:
    """Return whether the environment of this Python has a module."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{module}') is None)"
    return python.exists() and subprocess.run([python, "-c", code]).returncode == 0


def install(folder: Path, python: Path, requirements: list[str]) -> None:
    """Make an environment if there is none, and install the requirements in it."""
    print(f"installing {', '.join(requirements)} in {folder}", file=sys.stderr)
    if not python.exists():
        venv.create(folder, with_pip=True)
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements])
    if done.returncode != 0:
        raise SystemExit(
            f"pip could not install {', '.join(requirements)} in {folder}. Name what it should "
            "install with --torch-requirement or --jax-requirement, an environment that has "
            "PyTorch and JAX with --peers, or measure npvae alone with --alone."
        )
