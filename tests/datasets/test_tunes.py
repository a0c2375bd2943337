"""Windows of melodies in every key: their tokens, their factors and their parts."""

import numpy as np
import pytest

from npvae.datasets import load_dataset
from npvae.datasets.melodies import HOLD, REST, Melody, melodies
from npvae.datasets.preprocessing import Notes, scaling_for
from npvae.datasets.tunes import (
    HOLD_TOKEN,
    KEYS,
    LOWEST,
    MAJOR,
    N_PITCHES,
    N_TOKENS,
    REST_TOKEN,
    STEPS,
    one_hot,
    out_of_scale,
    sounding,
    token_names,
    tokens_of,
    transposed,
    transpositions,
    windows,
)
from npvae.errors import InputError


@pytest.fixture(scope="module")
def data():
    return load_dataset("tunes")


def parts_of(data):
    return data.train, data.validation, data.test


def test_every_step_is_one_of_its_tokens(data):
    for part in parts_of(data):
        steps = part.take(slice(None)).reshape(-1, STEPS, N_TOKENS)
        assert (steps.sum(axis=-1) == 1).all()
    assert data.groups == (N_TOKENS,) * STEPS
    assert data.n_x == STEPS * N_TOKENS


def test_every_window_begins_with_a_note_or_a_rest_and_has_a_note(data):
    tokens = tokens_of(data.train.take(slice(None)))
    assert (tokens[:, 0] != HOLD_TOKEN).all()
    assert (tokens < N_PITCHES).any(axis=1).all()


def test_no_melody_is_in_two_parts(data):
    tunes = [set(part.factors["tune"].tolist()) for part in parts_of(data)]
    assert sum(map(len, tunes)) == len(set().union(*tunes)) == len(melodies())
    assert min(map(len, tunes)) >= 4


def test_the_seed_decides_the_parts_and_nothing_else(data):
    again, other = load_dataset("tunes"), load_dataset("tunes", seed=1)
    np.testing.assert_array_equal(again.test.rows, data.test.rows)
    assert set(other.test.factors["tune"].tolist()) != set(data.test.factors["tune"].tolist())
    np.testing.assert_array_equal(other.train.x, data.train.x)


def test_melodies_can_be_held_out():
    held_out = load_dataset("tunes", validation=1).validation
    assert len(set(held_out.factors["tune"].tolist())) == 1
    with pytest.raises(InputError, match="validation"):
        load_dataset("tunes", validation=len(melodies()))


def test_every_window_is_there_in_each_of_twelve_keys(data):
    for part in parts_of(data):
        pairs = zip(part.factors["tune"].tolist(), part.factors["bar"].tolist(), strict=True)
        keys = {}
        for pair, label in zip(pairs, part.labels.tolist(), strict=True):
            keys.setdefault(pair, []).append(label)
        assert all(sorted(found) == list(range(12)) for found in keys.values())


def test_nearly_all_notes_are_in_the_scale_of_the_label(data):
    tokens = tokens_of(data.train.take(slice(None)))
    assert out_of_scale(tokens, data.train.labels).mean() < 0.03
    other = (data.train.labels + 6) % 12  # the farthest key
    assert out_of_scale(tokens, other).mean() > 0.5


def test_factors_by_hand(data):
    """Of Twinkle's first two bars in C: C C G G A A G."""
    where = [
        (part, i)
        for part in parts_of(data)
        for i in range(len(part))
        if (part.factors["tune"][i], part.factors["bar"][i], part.labels[i]) == (0, 0, 0)
    ]
    ((part, i),) = where
    names = token_names(tokens_of(part.take([i]))[0])
    assert names[::2] == ["C4", "C4", "G4", "G4", "A4", "A4", "G4", "-"]
    found = {name: int(values[i]) for name, values in part.factors.items()}
    expected = {"tonic": 0, "mode": 0, "metre": 8, "contour": 7, "density": 7}
    assert found == {"tune": 0, "bar": 0, **expected}


def test_windows_begin_at_bars_and_a_held_note_begins_again():
    melody = Melody(
        "", "", "", "C major", "4/4", ((60,) * 8, (62,) + (HOLD,) * 7, (HOLD,) * 8, (REST,) * 8)
    )
    found = windows(melody)
    assert found.shape == (3, STEPS)
    assert found[0].tolist() == [60] * 8 + [62] + [HOLD] * 7
    assert found[2].tolist() == [62] + [HOLD] * 7 + [REST] * 8


def test_transposing_moves_notes_and_nothing_else():
    steps = np.array([60, HOLD, REST, 64])
    tokens = transposed(steps, 2)
    assert tokens.tolist() == [62 - LOWEST, HOLD_TOKEN, REST_TOKEN, 66 - LOWEST]


def test_all_keys_fit_the_pitches():
    for melody in melodies():
        shifts = transpositions(melody)
        assert len(shifts) == len({shift % 12 for shift in shifts.tolist()}) == 12
        for by in shifts[[0, -1]]:
            pitches = np.array([s for bar in melody.bars for s in bar if s >= 0]) + by
            assert pitches.min() >= LOWEST
            assert pitches.max() < LOWEST + N_PITCHES


# ---- what sounds ---------------------------------------------------------------------------------


def test_a_note_sounds_as_long_as_it_is_held():
    tokens = np.full((1, STEPS), REST_TOKEN)
    tokens[0, :5] = [6, HOLD_TOKEN, HOLD_TOKEN, REST_TOKEN, HOLD_TOKEN]
    begins, sounds = sounding(one_hot(tokens))
    assert begins[0, :, 6].tolist() == [1] + [0] * 15
    assert sounds[0, :, 6].tolist() == [1, 1, 1] + [0] * 13
    assert begins.sum() == 1
    assert sounds.sum() == 3


def test_the_probability_that_a_pitch_sounds_is_its_share_of_draws(rng):
    p = rng.dirichlet(np.full(N_TOKENS, 0.2), STEPS)
    n = 20_000
    tokens = np.array([rng.choice(N_TOKENS, n, p=each) for each in p]).T
    drawn = sounding(one_hot(tokens))[1].mean(axis=0)
    np.testing.assert_allclose(sounding(p.reshape(1, -1))[1][0], drawn, atol=4 * 0.5 / n**0.5)


def test_out_of_scale_by_hand():
    c_major = np.array([pitch + 60 - LOWEST for pitch in MAJOR])
    tokens = np.resize(c_major, (1, STEPS))
    tokens[0, -1] = 61 - LOWEST  # C sharp
    assert out_of_scale(tokens, 0)[0] == out_of_scale(tokens)[0] == 1 / STEPS
    assert out_of_scale(np.full((1, STEPS), REST_TOKEN))[0] == 0


# ---- as data -------------------------------------------------------------------------------------


def test_notes_are_read_as_they_are(data):
    scaling = scaling_for(data)
    assert isinstance(scaling, Notes)
    rows = data.train.take(slice(0, 3))
    x = scaling.encode(rows)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, rows)
    np.testing.assert_array_equal(scaling.decode(x), x)


def test_labels_are_keys(data):
    assert data.classes == KEYS
    assert sorted(set(data.train.labels.tolist())) == list(range(12))


def test_a_notebook_shows_the_names_of_notes(data):
    first = token_names(tokens_of(data.train.take(slice(0, 1)))[0])
    assert "".join(f"<td>{name}</td>" for name in first) in data._repr_html_()
