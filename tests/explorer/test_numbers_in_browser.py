"""What the page computes in Chromium equals what NumPy computes, for models of every kind.

Set NPVAE_CHROMIUM to the browser's path where these tests must not be skipped.
"""

from contextlib import ExitStack

import browser
import explored_runs
import numpy as np
import pytest
from browser import visit
from explored_runs import MODELS, content_of, save_data, save_run

from npvae.explorer import write_explorer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def opened(chromium, tmp_path_factory):
    """A function that returns the run of a model, its content, and its page in the browser."""
    with ExitStack() as windows:

        def open_page(name):
            folder = tmp_path_factory.mktemp("run")
            save_data(folder)
            saved = save_run(folder, **MODELS[name])
            run, content = content_of(saved)
            write_explorer(saved / "explorer.html", saved, run, {})
            return run, content, windows.enter_context(visit(chromium, saved / "explorer.html"))

        yield open_page


@pytest.mark.parametrize("name", MODELS)
def test_the_page_computes_what_the_model_computes(opened, name, rng):
    run, content, seen = opened(name)
    model = run.model
    z = rng.standard_normal((100, model.n_z)).astype(np.float32)
    labels = rng.integers(0, max(1, model.n_y), 100)
    y = model.one_hot(labels) if model.n_y else None
    ask = "given => given.map(([numbers, label]) => npvae.decode(numbers, label))"
    given = [[row.tolist(), int(label)] for row, label in zip(z, labels, strict=True)]
    decoded = np.array(seen.ask(ask, given))
    beside = z if y is None else np.concatenate([z, y], axis=1)
    np.testing.assert_allclose(decoded, explored_runs.decode(content, beside), atol=1e-9)
    scale = 1 if content["likelihood"]["name"] == "bernoulli" else 10
    np.testing.assert_allclose(decoded, model.decode(z, y), atol=scale / 255)

    x, told = run.take(slice(0, 6))
    labels = run.dataset.test.labels[:6] if model.n_y else np.zeros(6, int)
    ask = "given => given.map(([x, label]) => npvae.encode(x, label).mu)"
    given = [[row.tolist(), int(label)] for row, label in zip(x, labels, strict=True)]
    np.testing.assert_allclose(seen.ask(ask, given), run.encode(x, told), atol=1e-2)

    ask = "given => given.map(([x, label, z]) => npvae.nats(x, z, label))"
    given = [[*pair, row.tolist()] for pair, row in zip(given, z, strict=False)]
    y = model.one_hot(labels) if model.n_y else None
    outputs = model.decoder.forward(model.beside(z[:6], y))
    expected = -model.likelihood.log_prob(outputs, x)
    np.testing.assert_allclose(np.sum(seen.ask(ask, given), axis=1), expected, rtol=2e-2)
    assert not seen.wrong
