"""Tunes as sound: the notes that are heard, their pitch, no clicks, and files that others read."""

import io
import wave

import numpy as np
import pytest

from npvae.datasets.sound import PAUSE, SECONDS, Note, notes, sound, tone, wav_bytes
from npvae.datasets.tunes import HOLD_TOKEN, LOWEST, REST_TOKEN, STEPS

RATE = 22_050
A = 69 - LOWEST  # 440 Hz
SILENCE = np.full((1, STEPS), REST_TOKEN)


def tune(*tokens):
    made = SILENCE.copy()
    made[0, : len(tokens)] = tokens
    return made


def test_notes_last_until_something_else_begins():
    tokens = [A, HOLD_TOKEN, HOLD_TOKEN, REST_TOKEN, HOLD_TOKEN, A, A]
    assert list(notes(tokens)) == [Note(0, 3, 69), Note(5, 1, 69), Note(6, 1, 69)]


@pytest.mark.parametrize(("pitch", "hertz"), [(69, 440.0), (57, 220.0), (81, 880.0), (60, 261.63)])
def test_a_tone_has_its_pitch(pitch, hertz):
    played = tone(pitch, 1.0, RATE)
    loudest = np.abs(np.fft.rfft(played)).argmax()  # of a second, in hertz
    assert loudest == pytest.approx(hertz, abs=1)


def test_there_are_no_clicks():
    """Neighbouring samples differ as little within the sound as at its ends and between notes."""
    heard = sound(tune(A, A, HOLD_TOKEN, REST_TOKEN, A + 5), RATE)
    assert np.abs(np.diff(heard, prepend=0, append=0)).max() < 0.35
    assert np.abs(heard).max() <= 1
    assert abs(tone(69, 0.25, RATE)[0]) == 0
    assert abs(tone(69, 0.25, RATE)[-1]) < 0.01


def test_tones_decay():
    played = np.abs(tone(69, 2.0, RATE))
    assert played[: RATE // 4].max() > 2 * played[-RATE // 2 :].max()


def test_tunes_follow_each_other_after_a_pause():
    two = np.concatenate([tune(A), tune(A)])
    heard = np.abs(sound(two, RATE))
    assert len(heard) == round((2 * STEPS + PAUSE) * SECONDS * RATE)
    second = round((STEPS + PAUSE) * SECONDS * RATE)
    assert heard[round(SECONDS * RATE) : second].max() == 0
    assert heard[second : second + RATE // 10].max() > 0.2


def test_high_harmonics_are_left_out():
    """Above half the rate they would sound as other pitches."""
    played = tone(84, 1.0, 2500)
    assert np.abs(np.fft.rfft(played)).argmax() == pytest.approx(1046.5, abs=1)


@pytest.mark.parametrize(("rate", "width"), [(22_050, 2), (11_025, 1)])
def test_a_wav_file_holds_the_sound(rate, width):
    content = wav_bytes(tune(A, HOLD_TOKEN), rate=rate, bytes_per_sample=width)
    with wave.open(io.BytesIO(content)) as file:
        assert file.getparams()[:4] == (1, width, rate, round(STEPS * SECONDS * rate))
        raw = file.readframes(file.getnframes())
    found = np.frombuffer(raw, "<i2") / 32_767 if width == 2 else np.frombuffer(raw, np.uint8) / 127
    heard = 0.8 * sound(tune(A, HOLD_TOKEN), rate)
    np.testing.assert_allclose(found - (width == 1) * 127.5 / 127, heard, atol=0.01)


def test_silence_is_silent():
    assert not sound(SILENCE, RATE).any()
