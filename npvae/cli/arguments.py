"""Numbers as the command line takes them: refused with what was expected."""

import argparse
from collections.abc import Callable
from math import isfinite
from typing import Any

from npvae.devices import DEVICES
from npvae.likelihoods import SIGMAS


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


def natural(text: str) -> int:
    """1, 2, 3, ..."""
    return _integer(text, 1, "a whole number, at least 1")


def whole(text: str) -> int:
    """0, 1, 2, ..."""
    return _integer(text, 0, "a whole number, at least 0")


def positive(text: str) -> float:
    """A number above zero."""
    value = _real(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} given, expected a number above 0")
    return value


def non_negative(text: str) -> float:
    """A number that is not below zero."""
    value = _real(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} given, expected a number, at least 0")
    return value


def hidden_layers(text: str) -> tuple[int, ...]:
    """400, or 500,300 for two layers, or none."""
    if text in ("none", ""):
        return ()
    try:
        return tuple(natural(size) for size in text.split(","))
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} given, expected sizes such as 400 or 500,300, or none"
        ) from error


def _integer(text: str, least: int, expected: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"{text!r} given, expected {expected}")
    return value


def _real(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} given, expected a number")
    return value


def or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """What `read` takes, or none, to undo what a recipe says."""

    def read_or_none(text: str) -> Any:
        return None if text == "none" else read(text)

    return read_or_none


def sigma(text: str) -> float | str:
    """A number above zero, or how sigma is found."""
    if text in SIGMAS:
        return text
    try:
        return positive(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} given, expected a number above 0, or {' or '.join(SIGMAS)}"
        ) from error


def two_numbers(text: str) -> tuple[float, float]:
    """Two numbers, the lower first, such as -6,2."""
    try:
        low, high = map(_real, text.split(","))
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} given, expected two numbers, such as -6,2 (written --flag=-6,2)"
        ) from error
    return low, high
