"""Tunes as piano rolls: what is bright where, and the panels of a picture."""

import numpy as np
import pytest
from figure_texts import texts

from npvae import figures
from npvae.datasets.tunes import HOLD_TOKEN, N_PITCHES, N_TOKENS, REST_TOKEN, STEPS, one_hot
from npvae.errors import InputError
from npvae.figures.piano_rolls import HELD, ROLL_SHAPE, as_columns, as_piano_rolls

pytestmark = pytest.mark.usefixtures("off_screen")


def tunes(*tokens):
    made = np.full((1, STEPS), REST_TOKEN)
    made[0, : len(tokens)] = tokens
    return one_hot(made)


def test_a_note_is_brightest_where_it_begins_and_high_notes_are_above():
    roll = as_piano_rolls(tunes(2, HOLD_TOKEN))[0].reshape(ROLL_SHAPE)
    row = N_PITCHES - 1 - 2
    np.testing.assert_allclose(roll[row, :6], [1, HELD, HELD, HELD, 0, 0])
    assert roll.sum() == pytest.approx(1 + 3 * HELD)


def test_repeated_notes_can_be_told_from_one_long_note():
    assert not np.array_equal(as_piano_rolls(tunes(2, 2)), as_piano_rolls(tunes(2, HOLD_TOKEN)))


def test_all_axes_in_front_are_kept(rng):
    x = rng.dirichlet(np.ones(N_TOKENS), (2, 3, STEPS)).reshape(2, 3, -1)
    rolls = as_piano_rolls(x)
    assert rolls.shape == (2, 3, ROLL_SHAPE[0] * ROLL_SHAPE[1])
    np.testing.assert_allclose(rolls[1, 2], as_piano_rolls(x[1, 2]))
    assert rolls.min() >= 0
    assert rolls.max() <= 1


def test_costs_are_columns():
    nats = np.zeros((1, STEPS, N_TOKENS))
    nats[0, 3, 5] = 2.5
    columns = as_columns(nats.reshape(1, -1))[0].reshape(ROLL_SHAPE)
    assert (columns[:, 6:8] == 2.5).all()
    assert columns.sum() == 2.5 * 2 * N_PITCHES


def test_each_tune_has_a_panel_with_its_name():
    x = np.concatenate([tunes(i) for i in range(5)])
    ax = figures.piano_rolls(x, names=[f"tune {i}" for i in range(5)], told="five tunes")
    drawn = [part for part in ax.figure.axes if part.images]
    assert [part.get_title(loc="left") for part in drawn] == [f"tune {i}" for i in range(5)]
    assert "C4" in texts(drawn[0].get_yticklabels())
    assert ax.get_title(loc="left") == "five tunes"


@pytest.mark.parametrize(("x", "names"), [(np.zeros((2, 5)), ()), (np.zeros((0, 528)), ())])
def test_bad_shapes(x, names):
    with pytest.raises(InputError, match="528"):
        figures.piano_rolls(x, names=names)


def test_a_name_for_each():
    with pytest.raises(InputError, match=r"\b1\b.*\b2\b"):
        figures.piano_rolls(np.concatenate([tunes(1), tunes(2)]), names=["one"])
