"""Tunes as sound: notes played one after another, as the bytes of a WAV file."""

import io
import wave
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from npvae.datasets.tunes import HOLD_TOKEN, LOWEST, N_PITCHES, STEPS
from npvae.parameters import Array

SECONDS = 0.25  # of an eighth note
PAUSE = 4  # steps between two tunes
HARMONICS = (1.0, 0.4, 0.2, 0.1)  # loudness of the fundamental, and of its multiples
RISE, FALL = 0.008, 0.03  # seconds in which a note begins and ends, without a click
DECAY = 0.7  # seconds in which a note becomes quieter by the factor e
LOUDEST = 0.8  # of what a file can hold


class Note(NamedTuple):
    """A note: its first step, its number of steps, and its pitch, of which 60 is middle C."""

    start: int
    steps: int
    pitch: int


def notes(tokens: Sequence[int]) -> Iterator[Note]:
    """Yield the notes of a tune, one token for each step. A hold after a rest is silent.

    >>> list(notes([6, 32, 31, 32, 8]))
    [Note(start=0, steps=2, pitch=60), Note(start=4, steps=1, pitch=62)]
    """
    for start, token in enumerate(tokens):
        if token >= N_PITCHES:
            continue
        end = start + 1
        while end < len(tokens) and tokens[end] == HOLD_TOKEN:
            end += 1
        yield Note(start, end - start, LOWEST + token)


def tone(pitch: int, seconds: float, rate: int) -> Array:
    """Return a decaying note with a few harmonics, as numbers from -1 to 1.

    Parameters
    ----------
    pitch : in semitones; 69 is the A of 440 Hz
    seconds : its length
    rate : samples per second
    """
    t = np.arange(round(seconds * rate)) / rate
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    wave_ = sum(
        loud * np.sin(2 * np.pi * n * hertz * t)
        for n, loud in enumerate(HARMONICS, 1)
        if n * hertz < rate / 2  # a higher one would sound as another pitch
    )
    rising, falling = np.minimum(t / RISE, 1), np.minimum((seconds - t) / FALL, 1)
    return wave_ / sum(HARMONICS) * np.exp(-t / DECAY) * rising * falling


def sound(tunes: Array, rate: int = 22_050) -> Array:
    """Return tunes one after another, with a pause between two, as numbers from -1 to 1.

    Parameters
    ----------
    tunes : (n, 16) int array of tokens
    rate : samples per second
    """
    steps = len(tunes) * (STEPS + PAUSE) - PAUSE
    heard = np.zeros(round(steps * SECONDS * rate))
    for i, tokens in enumerate(tunes):
        for note in notes(tokens.tolist()):
            at = round((i * (STEPS + PAUSE) + note.start) * SECONDS * rate)
            played = tone(note.pitch, note.steps * SECONDS, rate)
            heard[at : at + len(played)] += played[: len(heard) - at]
    return heard


def wav_bytes(tunes: Array, *, rate: int = 22_050, bytes_per_sample: int = 2) -> bytes:
    """Return a WAV file of tunes played one after another.

    Parameters
    ----------
    tunes : (n, 16) int array of tokens
    rate : samples per second
    bytes_per_sample : 1 for a small file with some noise, or 2
    """
    heard = LOUDEST * sound(tunes, rate)
    if bytes_per_sample == 1:
        samples = np.round(127.5 + 127 * heard).astype(np.uint8)  # one byte is without a sign
    else:
        samples = np.round(32_767 * heard).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(bytes_per_sample)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())
    return file.getvalue()
