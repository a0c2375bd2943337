"""The melodies of tunes.txt: every bar adds up, every key holds, and all say why they are free."""

import numpy as np
import pytest

from npvae.datasets.melodies import HEADINGS, HOLD, REST, Melody, melodies, read_bar, read_melody
from npvae.datasets.tunes import MAJOR, MODES
from npvae.errors import DataError

every_melody = pytest.mark.parametrize("melody", melodies(), ids=lambda melody: melody.title)
C, D, E, G = 60, 62, 64, 67


def pitches(melody):
    return [step for bar in melody.bars for step in bar if step >= 0]


def test_there_are_some_forty():
    titles = [melody.title for melody in melodies()]
    assert len(set(titles)) == len(titles) >= 40


@every_melody
def test_every_bar_adds_up(melody):
    """The first may be an upbeat, which the last completes."""
    first, *others, last = (len(bar) for bar in melody.bars)
    n = melody.steps_per_bar
    assert others == [n] * len(others)
    assert first <= n
    assert last in (n, n - first % n)


@every_melody
def test_it_fits_into_twelve_keys(melody):
    assert max(pitches(melody)) - min(pitches(melody)) <= 19


@every_melody
def test_its_notes_are_those_of_its_key(melody):
    """All are written on the white keys; few notes have a sign of their own."""
    white = np.isin(np.array(pitches(melody)) % 12, MAJOR)
    assert white.mean() > 0.8
    tonic, mode = melody.key.split()
    assert {"major": "C", "minor": "A", "dorian": "D", "phrygian": "E"}[mode] == tonic
    assert mode in MODES


@every_melody
def test_it_ends_on_its_tonic_or_on_a_note_of_its_chord(melody):
    """A melody of which only the first part is typed in may end on the fifth."""
    assert (pitches(melody)[-1] - melody.tonic) % 12 in (0, 3, 4, 7)


@every_melody
def test_it_says_why_it_is_in_the_public_domain(melody):
    assert any(char.isdigit() for char in melody.free)
    assert melody.origin


def test_well_known_beginnings():
    first = {melody.title: pitches(melody)[:7] for melody in melodies()}
    assert first["Twinkle, Twinkle, Little Star"] == [60, 60, 67, 67, 69, 69, 67]
    assert first["Ode to Joy"] == [64, 64, 65, 67, 67, 65, 64]
    assert first["Frère Jacques"] == [60, 62, 64, 60, 60, 62, 64]


# ---- how notes are read --------------------------------------------------------------------------


def test_notes_rests_and_lengths():
    assert read_bar("C2D") == (C, HOLD, D)
    assert read_bar("C,c'^C_E") == (C - 12, C + 24, C + 1, E - 1)
    assert read_bar("z2-G") == (REST, HOLD, HOLD, G)


def test_a_melody_is_its_headings_and_its_bars():
    block = "\n".join([*(f"{name}: 6/8" for name in HEADINGS), "CDE|", "F6"])
    melody = read_melody(block)
    assert melody.title == melody.metre == "6/8"
    assert list(map(len, melody.bars)) == [3, 6]
    assert len(melody.from_first_bar) == 6


def test_the_last_bar_is_completed_with_rests():
    melody = Melody("", "", "", "C major", "3/4", ((C, HOLD), (D,) * 6, (E,) * 4))
    assert melody.from_first_bar[6:] == [E] * 4 + [REST] * 2


@pytest.mark.parametrize("text", ["C2H", "C2 D2", "2C", "x"])
def test_what_is_not_a_note(text):
    with pytest.raises(DataError, match="not a note"):
        read_bar(text)


def test_a_missing_heading():
    with pytest.raises(DataError, match="Metre"):
        read_melody("Title: a\nFrom: b\nFree: c\nKey: C major\nC8")
