"""Melodies in the public domain: how the file tunes.txt is read."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from npvae.errors import DataError

HEADINGS = ("Title", "From", "Free", "Key", "Metre")
REST, HOLD = -1, -2  # steps that are not the beginning of a note
MIDDLE_C = 60  # as MIDI counts pitches, in semitones
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SIGNS = {"^": 1, "_": -1, "": 0}
OCTAVES = {",": -12, "'": 12, "": 0}
NOTE = re.compile(r"([_^]?)([A-Ga-g])([,']?)(\d*)|([z-])(\d*)")


@dataclass(frozen=True)
class Melody:
    """A melody of tunes.txt.

    Attributes
    ----------
    title, origin : what it is called, and where it comes from
    free : why it is in the public domain
    key : its tonic and its mode, such as "A minor"
    metre : of its bars, such as "3/4"
    bars : what begins at each eighth note of each bar: a pitch in semitones, of which 60 is middle
        C, or `REST`, or `HOLD` where the note or rest before it continues
    """

    title: str
    origin: str
    free: str
    key: str
    metre: str
    bars: tuple[tuple[int, ...], ...]

    @property
    def steps_per_bar(self) -> int:
        """The number of eighth notes in a full bar.

        >>> [Melody("", "", "", "", metre, ()).steps_per_bar for metre in ("4/4", "3/4", "6/8")]
        [8, 6, 6]
        """
        beats, unit = map(int, self.metre.split("/"))
        return beats * 8 // unit

    @property
    def tonic(self) -> int:
        """The pitch class of the tonic, from 0 for C to 11 for B."""
        return SEMITONES[self.key[0]]

    @property
    def mode(self) -> str:
        """The mode, such as minor."""
        return self.key.split()[1]

    @property
    def from_first_bar(self) -> list[int]:
        """The steps from the first full bar on, without the upbeat, in whole bars."""
        n = self.steps_per_bar
        first = 0 if len(self.bars[0]) == n else 1
        steps = [step for bar in self.bars[first:] for step in bar]
        return steps + [REST] * (-len(steps) % n)


@cache
def melodies() -> tuple[Melody, ...]:
    """Return all melodies, in the order of the file.

    >>> melodies()[0].title, melodies()[0].bars[0]
    ('Twinkle, Twinkle, Little Star', (60, -2, 60, -2, 67, -2, 67, -2))
    """
    text = files("npvae.datasets").joinpath("tunes.txt").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(read_melody(block) for block in re.split(r"\n\n+", lines.strip()))


def read_melody(block: str) -> Melody:
    """Return the melody that a block of lines describes: five headings, and the notes.

    Raises
    ------
    DataError : a heading is missing, or the notes contain something that is not a note
    """
    lines = block.splitlines()
    named = dict(line.split(": ", 1) for line in lines[: len(HEADINGS)] if ": " in line)
    if tuple(named) != HEADINGS:
        raise DataError(
            f"a melody has the headings {', '.join(named)}; expected {', '.join(HEADINGS)}"
        )
    title, origin, free, key, metre = named.values()
    bars = "".join(lines[len(HEADINGS) :]).split("|")
    return Melody(title, origin, free, key, metre, tuple(map(read_bar, bars)))


def read_bar(text: str) -> tuple[int, ...]:
    """Return what begins at each step of a bar.

    Raises
    ------
    DataError : the text contains something that is not a note

    >>> read_bar("C2^fz-")
    (60, -2, 78, -1, -2)
    """
    steps, end = [], 0
    while end < len(text):
        found = NOTE.match(text, end)
        if found is None:
            raise DataError(f"{text[end:]!r} in the bar {text!r} is not a note")
        sign, letter, octave, length, silent, length_of_silent = found.groups()
        if letter:
            raised = 12 * letter.islower() + OCTAVES[octave] + SIGNS[sign]
            begins = MIDDLE_C + SEMITONES[letter.upper()] + raised
        else:
            begins = REST if silent == "z" else HOLD
        steps += [begins] + [HOLD] * (int(length or length_of_silent or 1) - 1)
        end = found.end()
    return tuple(steps)
