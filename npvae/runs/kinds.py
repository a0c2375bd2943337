"""The kinds of value that a setting can have: each reads a value from text and checks it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Protocol

from npvae.errors import InputError

MOST = 10**9  # the largest whole number, unless a kind sets another limit
MOST_SEED = (1 << 63) - 1
MOST_REAL = 1e12  # far beyond every sensible setting
MOST_SIZES = 100
SHOWN = 60  # characters of a refused value that the message repeats
PLAIN = re.compile(r"[-+.,\d][-+.,\de]*", re.ASCII)  # numbers, repeated without quotes


class Kind(Protocol):
    """One kind of value.

    `read` may raise ValueError or KeyError, and `fits` still has to check what it returns.
    """

    @property
    def expected(self) -> str:
        """What is expected, in the words of an error message."""

    def read(self, text: str, /) -> Any:
        """Return the value that a text stands for."""

    def fits(self, value: Any, /) -> bool:
        """Return whether a value, from Python or from a file, is of this kind."""


@dataclass(frozen=True)
class Whole:
    """A whole number from `least` to `most`, both included."""

    least: int = 0
    most: int = MOST

    @property
    def expected(self) -> str:
        if self.most in (MOST, MOST_SEED):  # limits that nobody means to reach
            return f"a whole number, at least {self.least}"
        return f"a whole number from {self.least} to {self.most}"

    def read(self, text: str) -> int:
        if len(text) > SHOWN and text.isdecimal():
            return self.most + 1  # int() refuses numbers of more than 4300 digits
        return int(text)

    def fits(self, value: Any) -> bool:
        return type(value) is int and self.least <= value <= self.most


@dataclass(frozen=True)
class Real:
    """A finite number: at least `least` or above `above`, and at most `most` or below `below`."""

    least: float = -MOST_REAL
    above: float = -inf
    most: float = MOST_REAL
    below: float = inf

    @property
    def expected(self) -> str:
        limited = self.most < MOST_REAL or isfinite(self.below)
        low = f"above {self.above:g}" if isfinite(self.above) else f"of at least {self.least:g}"
        high = f"below {self.below:g}" if isfinite(self.below) else f"at most {self.most:g}"
        return f"a number {low}" + f" and {high}" * limited

    def read(self, text: str) -> float:
        return float(text)

    def fits(self, value: Any) -> bool:
        if type(value) not in (int, float):  # refuses True and NumPy numbers as well
            return False
        return self.least <= value <= self.most and self.above < value < self.below


@dataclass(frozen=True)
class OneOf:
    """One of a few names."""

    names: tuple[str, ...]

    @property
    def expected(self) -> str:
        return f"one of {', '.join(self.names)}"

    def read(self, text: str) -> str:
        return text

    def fits(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.names


@dataclass(frozen=True)
class Text:
    """Any text, such as a name or a path."""

    expected: str = "text"

    def read(self, text: str) -> str:
        return text

    def fits(self, value: Any) -> bool:
        return isinstance(value, str)


@dataclass(frozen=True)
class Texts:
    """Several texts, such as names of columns: a tuple, which may be empty."""

    expected: str = "texts separated by commas, or none"

    def read(self, text: str) -> tuple[str, ...]:
        return () if text in ("none", "") else tuple(text.split(","))

    def fits(self, value: Any) -> bool:
        return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


@dataclass(frozen=True)
class YesNo:
    """True or false, on the command line --flag or --no-flag."""

    expected: str = "true or false"

    def read(self, text: str) -> bool:
        return {"true": True, "false": False}[text]

    def fits(self, value: Any) -> bool:
        return type(value) is bool


@dataclass(frozen=True)
class Sizes:
    """The sizes of hidden layers: a tuple of whole numbers, which may be empty."""

    expected: str = f"1 to {MOST_SIZES} layer sizes such as 400 or 500,300, or none"
    size: Whole = Whole(1)

    def read(self, text: str) -> tuple[int, ...]:
        return () if text in ("none", "") else tuple(map(self.size.read, text.split(",")))

    def fits(self, value: Any) -> bool:
        return (
            isinstance(value, tuple)
            and len(value) <= MOST_SIZES
            and all(self.size.fits(size) for size in value)
        )


@dataclass(frozen=True)
class Pair:
    """Two numbers within bounds, the smaller first."""

    each: Real

    @property
    def expected(self) -> str:
        bounds = f"from {self.each.least:g} to {self.each.most:g}"
        return f"two numbers {bounds}, the smaller first, such as -6,2"

    def read(self, text: str) -> tuple[float, ...]:
        return tuple(map(self.each.read, text.split(",")))

    def fits(self, value: Any) -> bool:
        is_pair = isinstance(value, tuple) and len(value) == 2
        return is_pair and all(map(self.each.fits, value)) and value[0] < value[1]


@dataclass(frozen=True)
class NumberOr:
    """A number, or one of a few names."""

    number: Real
    names: tuple[str, ...]

    @property
    def expected(self) -> str:
        return f"{self.number.expected}, or one of {', '.join(self.names)}"

    def read(self, text: str) -> float | str:
        return text if text in self.names else self.number.read(text)

    def fits(self, value: Any) -> bool:
        return (isinstance(value, str) and value in self.names) or self.number.fits(value)


def read(kind: Kind, text: str) -> Any:
    """Return the value that a text stands for.

    Raises
    ------
    InputError : the text is not of this kind; the message begins with "is", and the caller puts
        the name of the value in front

    >>> read(Whole(1), "20"), read(Sizes(), "500,300")
    (20, (500, 300))
    """
    try:
        value = kind.read(text)
    except (ValueError, KeyError):
        value = None
    if not kind.fits(value):
        raise InputError(f"is {shown(text)}; {_advice(kind, value)}")
    return value


def require(values: Mapping[str, tuple[Any, Kind]]) -> None:
    """Raise `InputError` for the first value that is not of its kind; the message names it."""
    for name, (value, kind) in values.items():
        if not kind.fits(value):
            huge = type(value) is int and abs(value) >= 10**SHOWN
            given = "too large" if huge else f"{value!r:.{SHOWN}}"
            raise InputError(f"{name} is {given}; {_advice(kind, value)}")


def _advice(kind: Kind, value: Any) -> str:
    """Return what to choose in place of a value that does not fit: a limit, if that is all."""
    if isinstance(kind, Whole | Real) and type(value) in (int, float):
        if value > kind.most:
            return f"choose at most {written(kind.most)}"
        if value < kind.least and getattr(kind, "above", -inf) < kind.least:
            return f"choose at least {written(kind.least)}"
    return f"expected {kind.expected}"


def shown(text: str) -> str:
    """Return given text as a message repeats it: shortened, and quoted unless it is a number.

    >>> print(shown("-3"), shown("big"), shown(""))
    -3 'big' ''
    """
    return text[:SHOWN] if PLAIN.fullmatch(text) else f"{text!r:.{SHOWN}}"


def written(value: Any) -> str:
    """Return a value as the text that its kind reads back.

    >>> [written(value) for value in ((500, 300), (), 0.001, None, True)]
    ['500,300', 'none', '0.001', 'none', 'true']
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, tuple):
        return ",".join(map(written, value)) or "none"
    return "none" if value is None else str(value)
