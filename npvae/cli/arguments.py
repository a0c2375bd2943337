"""Flags that several commands share, and the flags of `npvae train` made from the settings."""

import argparse
from collections.abc import Callable
from typing import Any

from npvae.devices import DEVICES
from npvae.errors import InputError
from npvae.runs.kinds import MOST_SEED, Kind, Real, Whole, YesNo, read
from npvae.runs.settings import flags


def add_run(parser: argparse.ArgumentParser) -> None:
    """Declare RUN, --data and --device, which most commands on a trained run take."""
    add_folder(parser)
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="new path of the data, if it has moved (default: the path that the run was trained "
        "on)",
    )
    add_device(parser)


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Declare RUN, the folder of the run that a command works on."""
    parser.add_argument(
        "folder",
        metavar="RUN",
        help="the run folder, such as runs/mnist-001, or a model that comes with npvae, such as "
        "pretrained:gated",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Declare --device, where the model computes."""
    default = DEVICES[0]
    help = (
        f"compute on this device, whichever the run was trained on (default: {default}; cuda "
        "needs an NVIDIA GPU and CuPy)"
    )
    parser.add_argument("--device", choices=DEVICES, default=default, help=help)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare a flag for every setting; a flag that is not given is absent from the options.

    The common settings join the parser's own options; every other group gets a title of its own.
    """
    groups: dict[str, Any] = {"": parser}
    for flag in flags():
        if flag.group not in groups:
            groups[flag.group] = parser.add_argument_group(flag.group)
        how: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
        if not isinstance(flag.kind, YesNo):
            how = {"type": reads(flag.kind, or_none=flag.or_none), "metavar": flag.metavar}
        help = flag.help.replace("%", "%%")
        groups[flag.group].add_argument(flag.name, default=argparse.SUPPRESS, help=help, **how)


def reads(kind: Kind, *, or_none: bool = False) -> Callable[[str], Any]:
    """Return a function that argparse calls to turn text into a checked value.

    Parameters
    ----------
    kind : the kind of value to accept
    or_none : whether the text "none" gives None, which resets a setting that a recipe changes
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
