"""The picture of the oddest examples: three rows of images, or the dearest cells of a table."""

import numpy as np
import pytest
from figure_texts import texts

from npvae import InputError, figures
from npvae.figures import Form

pytestmark = pytest.mark.usefixtures("off_screen")
RNG = np.random.default_rng(0)


def names(n):
    return [f"label\nrow {i}\n{i}.5" for i in range(n)]


@pytest.mark.parametrize("shape", [(28, 28), (30, 20), (28, 28, 3), (28, 28, 1)])
@pytest.mark.parametrize(("n", "blocks"), [(1, 1), (10, 1), (12, 2)])
def test_images_above_their_reconstructions_and_their_nats(shape, n, blocks):
    n_x = int(np.prod(shape))
    x, x_hat = RNG.random((2, n, n_x)).astype(np.float32)
    nats = RNG.exponential(size=(n, n_x))
    ax = figures.oddest(x, x_hat, nats, shape, names(n))
    parts = [part for part in ax.figure.axes if part is not ax]
    assert len(parts) == blocks
    assert [name for part in parts for name in texts(part.get_xticklabels())] == names(n)
    for part in parts:
        assert texts(part.get_yticklabels()) == ["x", "x\u0302", "nats"]
    height, width, *_ = shape
    grid = np.ma.filled(parts[0].images[0].get_array(), np.nan)
    grid = grid.reshape(*grid.shape[:2], -1)[..., :3]  # without alpha
    shown = [grid[i * (height + 1) + 1 : (i + 1) * (height + 1), 1 : width + 1] for i in range(3)]
    for image, row in zip(shown, (x, x_hat), strict=False):
        np.testing.assert_allclose(image.ravel(), row[0], atol=1e-6)
    cost = nats[0].reshape(height, width, -1).sum(axis=-1)
    bright = shown[2][..., 0]
    assert cost.argmin() == bright.argmin()
    assert bright.ravel()[cost.argmax()] == bright.max()  # where the brightest are white


def test_of_a_table_the_columns_that_cost_most_come_first():
    x, x_hat = np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]] * 2), np.zeros((2, 6))
    nats = np.array([[0.0, 9.0, 1.0, 2.0, 3.0, -1.0], [5.0, 0.0, 0.0, 0.0, 0.0, 7.0]])
    form = Form((6,), tuple("abcdef"))
    ax = figures.oddest(x, x_hat, nats, form, names(2))
    cells = [text.split("\n") for text in texts(ax.texts)]
    assert [name for name, _ in cells[:4]] == ["b", "e", "d", "c"]
    assert [name for name, _ in cells[4:6]] == ["f", "a"]
    assert cells[0][1] == "2 (0), 9.0"
    shares = np.asarray(ax.images[0].get_array())
    np.testing.assert_allclose(shares[0], np.array([9, 3, 2, 1]) / 15)
    assert texts(ax.get_yticklabels())[1] == "label, row 1\n1.5"


def test_values_that_were_filled_in_are_written_as_missing():
    missing = np.array([[False, True], [False, False]])
    x = np.array([[3432.0, 172.0], [-1234.5, 5.0]])
    ax = figures.oddest(x, x / 2, np.array([[9.0, 5.0]] * 2), (2,), names(2), missing=missing)
    cells = [text.split("\n")[1] for text in texts(ax.texts)]
    assert cells[:2] == ["3432 (1716), 9.0", "missing (86), 5.0"]
    assert cells[3] == "5 (2.5), 5.0"
    assert "issing" in ax.get_title(loc="left")


def test_names_of_usual_length_are_whole():
    columns = ("concave points error", "mean fractal dimension")
    ax = figures.oddest(np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2)), Form((2,), columns), "a")
    assert [text.split("\n")[0] for text in texts(ax.texts)] == list(columns)


def test_a_table_whose_columns_have_no_names_and_cost_nothing():
    ax = figures.oddest(np.zeros((3, 2)), np.zeros((3, 2)), -np.ones((3, 2)), (2,), names(3))
    assert texts(ax.texts)[0].startswith("0\n")


def test_missing_of_another_shape():
    x = np.zeros((2, 4))
    with pytest.raises(InputError, match="missing"):
        figures.oddest(x, x, x, (4,), names(2), missing=np.zeros((1, 4), bool))


@pytest.mark.parametrize(
    ("x_hat", "nats", "n"), [((2, 3), (2, 4), 2), ((2, 4), (1, 4), 2), ((2, 4), (2, 4), 3)]
)
def test_what_does_not_fit(x_hat, nats, n):
    with pytest.raises(InputError, match="the same shape"):
        figures.oddest(np.zeros((2, 4)), np.zeros(x_hat), np.zeros(nats), (4,), names(n))
