"""Lesson 20b: distances, the share of samples in balls, uneven classes, the gradient of codes."""

import numpy as np
from grading import differences, fail, normal

from npvae import Dense, LeakyReLU, Sequential


def squares(x, known):
    """Squared distances, one pair at a time."""
    return np.array([[((a - b) ** 2).sum() for b in known] for a in x])


def test_distances(lesson, rng):
    x, known = normal(rng, (4, 6), (5, 6))
    right = squares(x, known)
    hints = {
        "these are distances; their squares are asked for.": np.sqrt(right),
        "the mixed term -2 x · y is missing.": (x**2).sum(axis=1)[:, None] + (known**2).sum(axis=1),
        "the mixed term has the factor 2.": right + x @ known.T,
        "the mixed term is subtracted.": right + 4 * x @ known.T,
        "this is the mean over the numbers of a row; take the sum.": right / 6,
    }
    hints = {hint: {"distances": wrong} for hint, wrong in hints.items()}
    expected = {"distances": right}
    lesson.compare("distances", (x, known), expected, hints, by="one pair of rows at a time")


def test_no_distance_is_negative(lesson, rng):
    x = (100 + normal(rng, (50, 7))).astype(np.float32)
    if (np.asarray(lesson.call("distances", x, x)) < 0).any():
        fail("distances: some squares are below 0 by rounding; raise them to 0")


def within(x, known, k, every=False, strangers=False):
    """The share of x in a ball; with the mistakes that a student may make."""
    radius = np.sort(squares(known, x if strangers else known), axis=1)[:, k]
    inside = squares(x, known) <= radius
    return (inside.all(axis=1) if every else inside.any(axis=1)).mean()


def test_share_within(lesson, rng):
    for k in (2, 3):
        x, known = 1.5 * rng.standard_normal((60, 3)), rng.standard_normal((40, 3))
        share = within(x, known, k)
        inside = squares(x, known) <= np.sort(squares(known, known), axis=1)[:, k]
        hints = {
            "each row of `known` is its own nearest neighbour, which does not count.": within(
                x, known, k - 1
            ),
            "the k-th neighbour begins to count after the row itself, at column 0.": within(
                x, known, k + 1
            ),
            "one ball is enough: any, not all.": within(x, known, k, every=True),
            "the share of the balls that hold some x is recall's; ask this for each x.": inside.any(
                axis=0
            ).mean(),
            "neighbours are looked for among x; they are rows of `known`.": within(
                x, known, k, strangers=True
            ),
            "this is the number of rows; the share is asked for.": share * len(x),
            "this is the mean number of balls around an x; one is enough.": inside.sum(
                axis=1
            ).mean(),
        }
        hints = {hint: {"share": wrong} for hint, wrong in hints.items()}
        lesson.compare("share_within", (x, known, k), {"share": share}, hints)


def test_unevenness(lesson, rng):
    share, fair = rng.dirichlet(np.ones(10), 2)
    right = np.maximum(share - fair, 0).sum()
    hints = {
        "who leaves one class joins another, and is counted twice: halve it.": 2 * right,
        "the differences add up to 0; take their absolute values.": 0,
        "this is the largest difference of a class; add all up.": np.abs(share - fair).max(),
        "these are squares; take absolute values.": 0.5 * ((share - fair) ** 2).sum(),
    }
    hints = {hint: {"unevenness": np.array(wrong)} for hint, wrong in hints.items()}
    lesson.compare("unevenness", (share, fair), {"unevenness": right}, hints)


def test_error_of_codes(lesson, rng):
    n, n_z, n_x = 3, 2, 5
    generator = Sequential(Dense(n_z, 6, rng), LeakyReLU(0.2), Dense(6, n_x, rng))
    x, z = normal(rng, (n, n_x), (n, n_z))

    def error(z):
        return ((generator.forward(z) - x) ** 2).sum()

    right, dz = error(z), differences(error, z)
    hints = {
        "this is the mean over the images; the sum is asked for.": {
            "error": right / n,
            "dz": dz / n,
        },
        "this is the mean over everything; the sum is asked for.": {
            "error": right / (n * n_x),
            "dz": dz / (n * n_x),
        },
        "the derivative of a square has the factor 2.": {"dz": dz / 2},
        "the sign is wrong: it is G(z) - x.": {"dz": -dz},
        "this is the gradient of the images; pass it back through the generator.": {
            "dz": 2 * (generator.forward(z) - x)
        },
    }
    expected = {"error": right, "dz": dz}
    lesson.compare("error_of_codes", (generator, z, x), expected, hints, by="finite differences")
