"""Lesson 23b: a log-density whose posterior is a ring, and its slope."""

import numpy as np
from grading import differences, normal


def test_ring(lesson, rng):
    x, sd = lesson["RADIUS"], lesson["NOISE"]

    def log_joint(z):
        r = np.linalg.norm(z, axis=-1)
        return (-0.5 * ((x - r) / sd) ** 2 - np.log(sd) - 0.5 * (z**2).sum(axis=-1)) - 1.5 * np.log(
            2 * np.pi
        )

    z = normal(rng, (3, 4, 2))
    r = np.linalg.norm(z, axis=-1, keepdims=True)
    value, likelihood = log_joint(z), (x - r) / sd**2 * z / r
    slope = np.stack([differences(log_joint, point) for point in z.reshape(-1, 2)]).reshape(z.shape)
    hints = {
        "the prior, -r² / 2, is missing in log p(x, z).": {
            "log p(x, z)": value + 0.5 * (z**2).sum(axis=-1)
        },
        "NOISE is a standard deviation: divide by it before you square.": {
            "log p(x, z)": value + 0.5 * ((x - r) ** 2 * (sd**-2 - 1 / sd))[..., 0]
        },
        "log NOISE is missing.": {"log p(x, z)": value + np.log(sd)},
        "the constant is 3/2 log(2 pi): x is one number, z are two.": {
            "log p(x, z)": value + 1.5 * np.log(2 * np.pi)
        },
        "the prior is missing in the slope; that of -r² / 2 is -z.": {"slope": likelihood},
        "the sign is wrong: log p(x, z) grows towards the ring.": {"slope": -slope},
        "by the chain rule it is divided by NOISE².": {"slope": likelihood * sd**2 - z},
        "the slope of r is z / r, a direction of length 1.": {"slope": likelihood * r - z},
    }
    lesson.compare("ring", (z,), {"log p(x, z)": value, "slope": slope}, hints)
