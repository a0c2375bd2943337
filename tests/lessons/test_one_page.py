"""Lesson 00: its loss and its gradients are those of `npvae.VAE`, and it fits on a page."""

import ast

import numpy as np
import pytest
from lesson_files import ONE_PAGE

from npvae import VAE

NAMES = {
    "W1": "encoder.0.W",
    "b1": "encoder.0.b",
    "W2": "encoder.2.W",
    "b2": "encoder.2.b",
    "W3": "decoder.0.W",
    "b3": "decoder.0.b",
    "W4": "decoder.2.W",
    "b4": "decoder.2.b",
}


@pytest.fixture
def loss_and_grad():
    """The functions of the script alone, without its training."""
    tree = ast.parse(ONE_PAGE.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    space = {"np": np}
    exec(compile(tree, str(ONE_PAGE), "exec"), space)
    return space["loss_and_grad"]


def test_its_loss_and_its_gradients_are_those_of_the_library(loss_and_grad, rng):
    vae = VAE.dense(9, 7, 3, seed=1, dtype=np.float64)
    vae.params.flat += 0.1 * rng.standard_normal(vae.params.size)
    x = rng.integers(0, 2, (5, 9)).astype(float)
    eps = rng.standard_normal((5, 3))
    loss, grad = loss_and_grad({a: vae.params.values[b] for a, b in NAMES.items()}, x, eps)
    assert loss == pytest.approx(vae.loss_and_grad(x, eps).loss, rel=1e-12)
    for name, of_library in NAMES.items():
        expected = vae.params.gradients[of_library]
        np.testing.assert_allclose(grad[name], expected, rtol=1e-12, atol=1e-14)


def test_it_fits_on_a_page_and_needs_numpy_alone():
    text = ONE_PAGE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    code = [line.partition("  #")[0] for line in text.splitlines()]
    imports = {line for line in code if line.startswith(("import", "from"))}
    assert imports == {
        "import matplotlib.pyplot as plt",
        "import numpy as np",
        "from course import digits, show, sized",
    }
