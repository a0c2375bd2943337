"""Flags, made from the kinds of value and from the declarations of settings."""

import argparse
from collections.abc import Callable
from typing import Any

from npvae.devices import DEVICES
from npvae.errors import InputError
from npvae.runs.kinds import MOST_SEED, Kind, Real, Whole, YesNo, read
from npvae.runs.settings import flags


def add_run(parser: argparse.ArgumentParser) -> None:
    """Declare the run that a verb is about, where its data are, and where its model computes."""
    add = parser.add_argument
    add("folder", metavar="RUN", help="the folder of a run")
    add("--data", metavar="D", help="where the run's own data are now")
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Declare where the model computes."""
    default = DEVICES[0]
    told = f"where the model computes (default: {default}, even if it was trained on a GPU)"
    parser.add_argument("--device", choices=DEVICES, default=default, help=told)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare a flag for every setting; what is not given is not there, and has its default."""
    groups: dict[str, Any] = {}
    for flag in flags():
        if flag.group not in groups:
            groups[flag.group] = parser.add_argument_group(flag.group)
        how: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
        if not isinstance(flag.kind, YesNo):
            how = {"type": reads(flag.kind, or_none=flag.or_none), "metavar": flag.metavar}
        help = flag.help.replace("%", "%%")
        groups[flag.group].add_argument(flag.name, default=argparse.SUPPRESS, help=help, **how)


def reads(kind: Kind, *, or_none: bool = False) -> Callable[[str], Any]:
    """Return what argparse calls with a text.

    Parameters
    ----------
    kind : of the value
    or_none : whether "none" says None, which undoes what a recipe sets
    """

    def read_text(text: str) -> Any:
        if or_none and text == "none":
            return None
        try:
            return read(kind, text)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read_text


natural = reads(Whole(1))
whole = reads(Whole(most=MOST_SEED))
positive = reads(Real(above=0))
