"""The strict stand-in for a GPU refuses what CuPy refuses."""

import numpy as np
import pytest
from strict_device import Refused, StrictDevice, waiting_allowed

pytestmark = pytest.mark.gpu
DEVICE = StrictDevice()


@pytest.mark.parametrize(
    "slip",
    [
        lambda a: np.asarray(a),
        lambda a: np.array([a, a]),
        lambda a: a + np.ones(3),
        lambda a: np.ones(3) + a,
        lambda a: a * np.float64(2),
        lambda a: np.float32(2) * a,
        lambda a: np.add(a, [1.0, 2.0, 3.0]),
        lambda a: np.add(a, 1, out=np.zeros(3)),
        lambda a: np.concatenate([a, np.ones(3)]),
        lambda a: a.__setitem__(..., np.ones(3)),
        lambda a: np.ones(3).__setitem__(..., a),
        lambda a: a[np.array([0, 1])],
        lambda a: a[[0, 1]],
        lambda a: np.arange(3)[a],
        lambda a: np.logaddexp(a, a),
        lambda a: np.maximum.reduce(a),
        lambda a: np.linalg.norm(a),
        lambda a: float(a.sum()),
        lambda a: int(a.sum()),
        lambda a: bool(a.sum() > 0),
        lambda a: range(a.sum()),
        lambda a: a.sum().item(),
        lambda a: len(a.sum()),
        lambda a: list(a),
        lambda a: 1.0 in a,
        lambda a: f"{a.sum()}",
        lambda a: a.max(),
        lambda a: DEVICE.to_host(a),
    ],
)
def test_the_strict_device_refuses(slip):
    with pytest.raises((TypeError, AttributeError, ValueError)):
        slip(DEVICE.asarray(np.ones(3)))


def test_the_strict_device_notes_every_wait():
    a = DEVICE.asarray(np.ones(3))
    with waiting_allowed() as noted:
        assert float(a.sum()) == 3
        np.testing.assert_array_equal(DEVICE.to_host(a), np.ones(3))
    assert noted == ["float()", "to_host()"]
    with pytest.raises(Refused):
        float(a.sum())
