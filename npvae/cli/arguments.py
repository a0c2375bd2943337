"""Flags, made from the kinds of value and from the declarations of settings."""

import argparse
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any

from npvae.devices import DEVICES
from npvae.errors import InputError
from npvae.runs.kinds import MOST_SEED, Kind, OneOf, Real, Whole, YesNo, read
from npvae.runs.settings import Settings, declared, flag_name


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
    for one in fields(Settings):
        title = declared(one).group
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        groups[title].add_argument(
            flag_name(one.name), default=argparse.SUPPRESS, help=_help(one), **_options(one)
        )


def _options(one: "Field[Any]") -> dict[str, Any]:
    """Return how argparse reads the flag of a setting."""
    kind = declared(one).kind
    if isinstance(kind, YesNo):
        return {"action": argparse.BooleanOptionalAction}
    names = f"{{{','.join(kind.names)}}}" if isinstance(kind, OneOf) else None
    may_be_none = one.default is None and not kind.fits("none")
    return {"type": reads(kind, or_none=may_be_none), "metavar": declared(one).metavar or names}


def _help(one: "Field[Any]") -> str:
    """Return what a setting does and, in brackets, its default."""
    about = declared(one)
    default = about.unset
    if one.default not in (None, MISSING) and one.default is not False:
        default = about.kind.write(one.default)
    text = f"{about.help} (default: {default})" if default else about.help
    return text.replace("%", "%%")


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
