"""Every hand-written gradient against central differences, over shapes and seeds that vary.

`pytest -k gradient` runs this file and closes with a table of what was checked. With
`--gradient-examples 100` it takes a minute or two, and sees more shapes and seeds of each subject.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npvae.gradcheck import check
from npvae.gradreport import MOST_SKIPPED
from npvae.selfcheck import SUBJECTS
from npvae.vae import VAE

TOLERANCE = 1e-6
PROBES = {"coordinates": 1, "directions": 1, "tolerance": TOLERANCE}  # of each array


@pytest.mark.parametrize("name", SUBJECTS)
def test_gradient(name, gradients_checked, pytestconfig):
    @settings(max_examples=pytestconfig.getoption("--gradient-examples"), database=None)
    @given(data=st.data(), seed=st.integers(0, 2**32 - 1))
    def over_shapes_and_seeds(data, seed):
        def size():
            return data.draw(st.integers(1, 6), label="size")

        thing, inputs = SUBJECTS[name](size, np.random.default_rng(seed))
        report = check(thing, *inputs, **PROBES, seed=seed)
        assert report, report
        reports.append(report)
        gradients_checked.add(name, report)

    reports = []
    over_shapes_and_seeds()
    rows = [row for report in reports for row in report.rows]
    skipped, checked = sum(row.skipped for row in rows), sum(row.checked for row in rows)
    assert skipped <= MOST_SKIPPED * (skipped + checked)


@pytest.mark.parametrize("activation", ["softplus", "tanh", "relu"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_gradient_at_full_width(activation, likelihood, gradients_checked):
    """784 pixels and 20 latents, where the loss is hundreds of nats and its rounding weighs."""
    vae = VAE.dense(
        784, 50, 20, activation=activation, likelihood=likelihood, dtype=np.float64, seed=0
    )
    rng = np.random.default_rng(0)
    x, eps = rng.random((3, 784)), rng.standard_normal((3, 20))
    report = check(vae, x, eps, coordinates=5, tolerance=TOLERANCE)
    assert report, report
    gradients_checked.add(f"VAE 784-50-20-50-784, {activation}, {likelihood}", report)


def test_gradient_of_a_deep_vae(gradients_checked):
    vae = VAE.dense(9, (8, 7, 6), 2, activation="tanh", init="he", dtype=np.float64, seed=0)
    rng = np.random.default_rng(0)
    report = check(vae, rng.random((5, 9)), rng.standard_normal((5, 2)))
    assert report, report
    gradients_checked.add("VAE 9-8-7-6-2-6-7-8-9, tanh, bernoulli", report)


@pytest.mark.parametrize("name", SUBJECTS)
def test_gradient_check_sees_a_wrong_gradient(name, monkeypatch):
    """The same subjects with one gradient scaled by 1.001: the check must go red on each."""
    thing, inputs = SUBJECTS[name](lambda: 3, np.random.default_rng(0))
    if hasattr(thing, "forward"):
        right = thing.backward
        monkeypatch.setattr(thing, "backward", lambda dy: 1.001 * right(dy))
    elif hasattr(thing, "params"):
        loss_and_grad = thing.loss_and_grad
        last_bias = f"decoder.{len(thing.decoder.layers) - 1}.b"

        def wrong(*arguments):
            loss = loss_and_grad(*arguments)
            thing.params.gradients[last_bias][...] *= 1.001
            return loss

        monkeypatch.setattr(thing, "loss_and_grad", wrong)
    else:
        function = getattr(thing, "loss_and_grad", thing)

        def thing(*arguments):
            value, first, *rest = function(*arguments)
            return value, 1.001 * first, *rest

    assert not check(thing, *inputs, **PROBES)
