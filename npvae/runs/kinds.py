"""What a value may be: each kind reads it from text, and checks it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Protocol

from npvae.errors import InputError

MOST = 10**9  # of what is counted, unless something else is said
MOST_SEED = (1 << 63) - 1
MOST_REAL = 1e12  # no sensible setting comes near
MOST_SIZES = 100
SHOWN = 60  # characters of a value that is refused


class Kind(Protocol):
    """One kind of value. `read` may raise ValueError; what it returns is still to be checked."""

    @property
    def expected(self) -> str:
        """What is expected, as an error says it."""

    def read(self, text: str, /) -> Any:
        """Return the value that a text says."""

    def fits(self, value: Any, /) -> bool:
        """Whether a value, from Python or from a file, is of this kind."""


@dataclass(frozen=True)
class Whole:
    """A whole number between two bounds, which belong to it."""

    least: int = 0
    most: int = MOST

    @property
    def expected(self) -> str:
        return f"a whole number, at least {self.least} and at most {self.most}"

    def read(self, text: str) -> int:
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
        low = f"above {self.above:g}" if isfinite(self.above) else f"at least {self.least:g}"
        high = f"below {self.below:g}" if isfinite(self.below) else f"at most {self.most:g}"
        return f"a number, {low} and {high}"

    def read(self, text: str) -> float:
        return float(text)

    def fits(self, value: Any) -> bool:
        if type(value) not in (int, float):  # neither True nor a NumPy number
            return False
        return self.least <= value <= self.most and self.above < value < self.below


@dataclass(frozen=True)
class OneOf:
    """One of some names."""

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
class YesNo:
    """True or false: a flag without a value, --flag or --no-flag."""

    expected: str = "true or false"

    def read(self, text: str) -> bool:
        return {"true": True, "false": False}[text]

    def fits(self, value: Any) -> bool:
        return type(value) is bool


@dataclass(frozen=True)
class Sizes:
    """The sizes of some layers, a tuple of whole numbers that may be empty."""

    expected: str = f"sizes such as 400 or 500,300, at most {MOST_SIZES} of them, or none"
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
    """Two numbers within bounds, the lower first."""

    each: Real

    @property
    def expected(self) -> str:
        bounds = f"between {self.each.least:g} and {self.each.most:g}"
        return f"two numbers, the lower first, such as -6,2, {bounds}"

    def read(self, text: str) -> tuple[float, ...]:
        return tuple(map(self.each.read, text.split(",")))

    def fits(self, value: Any) -> bool:
        is_pair = isinstance(value, tuple) and len(value) == 2
        return is_pair and all(map(self.each.fits, value)) and value[0] < value[1]


@dataclass(frozen=True)
class NumberOr:
    """A number, or one of some names."""

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
    """Return the value that a text says, once it is checked.

    Raises
    ------
    InputError : it says none, or one that does not fit

    >>> read(Whole(1), "20"), read(Sizes(), "500,300")
    (20, (500, 300))
    """
    try:
        value = kind.read(text)
    except (ValueError, KeyError):
        value = None
    if not kind.fits(value):
        raise InputError(f"{text!r:.{SHOWN}} given, expected {kind.expected}")
    return value


def require(values: Mapping[str, tuple[Any, Kind]]) -> None:
    """Refuse the first value, by its name, that is not of its kind."""
    for name, (value, kind) in values.items():
        if not kind.fits(value):
            huge = type(value) is int and abs(value) >= 10**SHOWN
            shown = "huge" if huge else f"{value!r:.{SHOWN}}"
            raise InputError(f"{name} is {shown}, expected {kind.expected}")


def written(value: Any) -> str:
    """Return a value as text, as its kind reads it.

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
