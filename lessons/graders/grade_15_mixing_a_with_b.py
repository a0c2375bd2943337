"""Lesson 15: a vector for an attribute, its amount in a code, and one code with that of another."""

import numpy as np
from grading import fail, normal


def test_attribute_vector(lesson, rng):
    values, z = rng.permutation(60.0 + np.arange(60)), normal(rng, (60, 4))
    high, low = z[values >= np.sort(values)[-6]], z[values <= np.sort(values)[5]]
    right = high.mean(axis=0) - low.mean(axis=0)
    half = z[values >= np.median(values)].mean(axis=0) - z[values < np.median(values)].mean(axis=0)
    hints = {
        "the vector points the other way: the largest minus the smallest.": {"v": -right},
        "these are the upper and the lower half; a tenth of each end is asked for.": {"v": half},
        "these are sums of codes; their means are asked for.": {"v": 6 * right},
        "this is the mean code of the largest values. Subtract that of the smallest.": {
            "v": high.mean(axis=0)
        },
        "the codes are not sorted by their values.": {
            "v": z[-6:].mean(axis=0) - z[:6].mean(axis=0)
        },
    }
    lesson.compare("attribute_vector", (values, z), {"v": right}, hints)


def test_along(lesson, rng):
    z, v = normal(rng, (5, 4), 4)
    right = np.linalg.lstsq(v[:, None], z.T, rcond=None)[0][0]
    length = np.linalg.norm(v)
    hints = {
        "this is z·v; divide by |v|² to count in units of v.": {"c": right * length**2},
        "this is the length of the projection; divide by |v| once more.": {"c": right * length},
        "this is the cosine of the angle between each code and the vector.": {
            "c": right * length / np.linalg.norm(z, axis=1)
        },
    }
    lesson.compare("along", (z, v), {"c": right}, hints, by="least squares")


def test_along_counts_the_vector(lesson, rng):
    """A code that is 2.5 times the vector, plus something at a right angle, has 2.5 of it."""
    v = normal(rng, 6)
    across = normal(rng, (3, 6))
    across -= (across @ v / (v @ v))[:, None] * v
    lesson.compare("along", (across + 2.5 * v, v), {"c": np.full(3, 2.5)})


def test_with_attribute_of(lesson, rng):
    z_a, z_b, v = normal(rng, (5, 4), (5, 4), 4)
    unit = v / np.linalg.norm(v)
    right = z_a - np.outer(z_a @ unit, unit) + np.outer(z_b @ unit, unit)
    hints = {
        "A keeps its own attribute, and that of B is added to it.": {
            "z": z_a + np.outer(z_b @ unit, unit)
        },
        "the roles of A and B are exchanged.": {"z": z_b + z_a - right},
        "the attribute of A is removed, and that of B is not added.": {
            "z": z_a - np.outer(z_a @ unit, unit)
        },
        "the change has the wrong sign: c(z_b) - c(z_a).": {"z": 2 * z_a - right},
    }
    lesson.compare("with_attribute_of", (z_a, z_b, v), {"z": right}, hints)


def test_twice_is_once(lesson, rng):
    z_a, z_b, v = normal(rng, (5, 4), (5, 4), 4)
    once = np.asarray(lesson.call("with_attribute_of", z_a, z_b, v))
    twice = np.asarray(lesson.call("with_attribute_of", once, z_b, v))
    if not np.allclose(once, twice):
        fail("with_attribute_of changes a code that already has the attribute of B")
