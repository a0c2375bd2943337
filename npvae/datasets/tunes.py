"""Tunes: windows of well-known melodies in every key, as a note, a rest or a hold at each step."""

import numpy as np

from npvae.datasets.dataset import Dataset, Split, split_by_seed
from npvae.datasets.melodies import HOLD, REST, SEMITONES, Melody, melodies
from npvae.parameters import Array

STEPS = 16  # of a window, in eighth notes: two bars of 4/4
LOWEST, N_PITCHES = 54, 31  # from F sharp below middle C to C two octaves above it
REST_TOKEN, HOLD_TOKEN = N_PITCHES, N_PITCHES + 1
N_TOKENS = N_PITCHES + 2
SHAPE = (STEPS, N_TOKENS)
KEYS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MAJOR = tuple(SEMITONES.values())  # the scale of C major: the white keys
MODES = ("major", "minor", "dorian", "phrygian")


def load_tunes(*, seed: int = 0, validation: int | None = None) -> Dataset:
    """Return windows of melodies, transposed to all keys.

    A window begins at a bar line and has 16 eighth notes: two bars of 4/4, or two and two thirds of
    3/4 or 6/8. Each of its steps is a group of 33 one-hot numbers: 31 pitches that may begin, a
    rest, and a hold, which continues what sounded before. The melodies are divided among the parts,
    so that no tune of the test part is in the training part in another key.

    Parameters
    ----------
    seed : decides which melodies are in which part
    validation : number of melodies to hold out; by default a tenth

    Returns
    -------
    Dataset
        Its labels are the key signatures, named by their major key: a tune in A minor has the
        label C. The factors are `tune` (the place in `melodies()`), `bar`, `tonic` (0 for C to 11
        for B), `mode` (the place in `MODES`), `metre` (steps per bar), `contour` (semitones from
        the first to the last note) and `density` (the number of notes).

    Raises
    ------
    InputError : `validation` leaves no melody for training

    >>> data = load_tunes()
    >>> data.shape, data.classes[:3]
    ((16, 33), ('C', 'Db', 'D'))
    """
    found = [_examples(number, melody) for number, melody in enumerate(melodies())]
    factors = {name: np.concatenate([factor[name] for _, factor in found]) for name in found[0][1]}
    x = one_hot(np.concatenate([tokens for tokens, _ in found]))
    labels = factors.pop("signature")
    train, held_out, test = (
        _of_melodies(x, labels, factors, numbers)
        for numbers in split_by_seed(len(found), seed, validation)
    )
    return Dataset(
        "tunes",
        train,
        held_out,
        test,
        shape=SHAPE,
        kind="notes",
        source=f"{len(found)} melodies in the public domain",
        classes=KEYS,
    )


def _of_melodies(x: Array, labels: Array, factors: dict[str, Array], numbers: Array) -> Split:
    """Return the windows of these melodies."""
    rows = np.flatnonzero(np.isin(factors["tune"], numbers))
    of_rows = {name: factor[rows] for name, factor in factors.items()}
    return Split(x, rows, labels[rows], of_rows)


def _examples(number: int, melody: Melody) -> tuple[Array, dict[str, Array]]:
    """Return the windows of a melody in all keys as tokens, (n, 16), with their factors."""
    found = windows(melody)
    tokens = np.concatenate([transposed(found, by) for by in transpositions(melody)])
    n, n_bars = len(tokens), len(found)
    shift = np.repeat(transpositions(melody), n_bars)
    pitches = np.where(tokens < N_PITCHES, tokens, -1)
    begins = pitches >= 0
    last = STEPS - 1 - begins[:, ::-1].argmax(axis=1)
    each = np.arange(n)
    contour = pitches[each, last] - pitches[each, begins.argmax(axis=1)]
    return tokens, {
        "tune": np.full(n, number),
        "bar": np.tile(np.arange(n_bars), n // n_bars),
        "signature": shift % 12,
        "tonic": (melody.tonic + shift) % 12,
        "mode": np.full(n, MODES.index(melody.mode)),
        "metre": np.full(n, melody.steps_per_bar),
        "contour": contour,
        "density": begins.sum(axis=1),
    }


def windows(melody: Melody) -> Array:
    """Return a window from each bar of a melody on, with at least one note, as it is written.

    A window that begins in the middle of a note begins with that note.

    Returns
    -------
    (n, 16) int array of pitches, `REST` and `HOLD`
    """
    steps = melody.from_first_bar
    found = []
    for start in range(0, len(steps) - STEPS + 1, melody.steps_per_bar):
        window = steps[start : start + STEPS]
        if window[0] == HOLD:
            window[0] = next(step for step in reversed(steps[:start]) if step != HOLD)
        if max(window) >= 0:
            found.append(window)
    return np.array(found)


def transpositions(melody: Melody) -> Array:
    """Return the twelve numbers of semitones by which a melody is moved: one for each key.

    They move the middle of its range to the middle of the pitches.
    """
    pitches = [step for bar in melody.bars for step in bar if step >= 0]
    middle = (min(pitches) + max(pitches)) // 2
    return LOWEST + N_PITCHES // 2 - middle + np.arange(-6, 6)


def transposed(steps: Array, by: int) -> Array:
    """Return steps as tokens, moved by a number of semitones."""
    silent = np.where(steps == REST, REST_TOKEN, HOLD_TOKEN)
    return np.where(steps >= 0, steps + by - LOWEST, silent)


def one_hot(tokens: Array) -> Array:
    """Return tokens, (n, 16), as examples: (n, 16 * 33) bytes, a one-hot group for each step."""
    return np.eye(N_TOKENS, dtype=np.uint8)[tokens].reshape(len(tokens), -1)


def tokens_of(x: Array) -> Array:
    """Return the most probable token of each step, (n, 16), for examples or means, (n, 16 * 33)."""
    return np.asarray(x).reshape(-1, *SHAPE).argmax(axis=-1)


def token_names(tokens: Array) -> list[str]:
    """Return what a tune says at each step: the name of a note, z for a rest, - for a hold.

    >>> token_names(np.array([6, 32, 13, 31]))
    ['C4', '-', 'G4', 'z']
    """
    notes = [f"{KEYS[pitch % 12]}{pitch // 12 - 1}" for pitch in range(LOWEST, LOWEST + N_PITCHES)]
    return [[*notes, "z", "-"][token] for token in tokens.tolist()]


def sounding(x: Array) -> tuple[Array, Array]:
    """Return how probable it is that each pitch begins, and that it sounds, at each step.

    A pitch sounds if it begins, or if it sounded at the step before and is held: the probability
    is that of its beginning, plus the product of those of a hold and of the pitch's sounding
    before. Given z the steps are independent, so this is exact for the means of p(x | z). For an
    example all of it is 0 or 1.

    Parameters
    ----------
    x : (n, 16 * 33) array, examples or means

    Returns
    -------
    begins, sounds : (n, 16, 31) float arrays
    """
    steps = np.asarray(x, np.float64).reshape(-1, *SHAPE)
    begins, hold = steps[..., :N_PITCHES], steps[..., HOLD_TOKEN, None]
    sounds = begins.copy()
    for t in range(1, STEPS):
        sounds[:, t] += hold[:, t] * sounds[:, t - 1]
    return begins, sounds


def out_of_scale(tokens: Array, signature: Array | int | None = None) -> Array:
    """Return the share of notes that are not in the scale of a key signature, for each window.

    Parameters
    ----------
    tokens : (n, 16) int array
    signature : (n,) int array, or one number, 0 for C to 11 for B; None for that of the twelve
        whose scale leaves out the fewest notes

    Returns
    -------
    (n,) float array; 0 for a window without notes

    >>> out_of_scale(np.array([[0, 2, 4, 5] * 4]), signature=6)  # F sharp, G sharp, A sharp, B
    array([0.])
    """
    begins = tokens < N_PITCHES
    degree = (tokens[..., None] + LOWEST - np.arange(12)) % 12  # (n, 16, 12)
    outside = (begins[..., None] & ~np.isin(degree, MAJOR)).sum(axis=1)  # (n, 12)
    share = outside / np.maximum(begins.sum(axis=1), 1)[:, None]
    if signature is None:
        return share.min(axis=1)
    return share[np.arange(len(tokens)), signature]
