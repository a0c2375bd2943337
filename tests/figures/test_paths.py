"""Interpolations and traversals: step after step, strip by strip, latent by latent."""

import numpy as np
import pytest
from figure_texts import texts

from npvae import figures
from npvae.figures import Form

SHAPES = [(28, 28), (5, 9), (1, 1), (6, 7, 3), (6, 6, 1), (3,), (40,), (2, 3, 4)]
ONE_PIXEL = Form((1, 1), limits=(-10, 10))

pytestmark = pytest.mark.usefixtures("off_screen")


def levels(ax):
    """Return the numbers that a grid of images of one pixel shows, row by row."""
    grid = 20 * np.ma.filled(ax.images[0].get_array(), np.nan) - 10
    return grid[1::29, 1::29]


def fields(ax):
    """Return the arrays of the fields of colour, in their order."""
    return [np.ma.getdata(mesh.get_array()) for part in parts(ax) for mesh in part.collections]


def parts(ax):
    """Return the panels with fields."""
    panels = [part for part in ax.figure.axes if part.get_label() != "<colorbar>"]
    return [part for part in panels if part.collections]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_single_step(shape):
    x = np.full((1, 1, np.prod(shape)), 0.25)
    for ax in (figures.interpolation(x, shape), figures.traversals(x, shape, [0.5], ["z"])):
        (shown,) = fields(ax) or [ax.images[0].get_array()]
        values = np.asarray(shown)[..., :3] if shape[-1:] == (3,) and len(shape) == 3 else shown
        assert np.isin(values[~np.isnan(values)], [0, 0.25]).all()
        assert (values == 0.25).any()


# ---- interpolation -----------------------------------------------------------------------------


def test_strips_run_to_the_right_between_their_ends():
    x = np.array([[[1.0], [2], [3]], [[4], [5], [6]]])
    ends = np.array([[-1.0], [-4]]), np.array([[7.0], [8]])
    ax = figures.interpolation(x, ONE_PIXEL, ends=ends, names=["first", "second"])
    np.testing.assert_allclose(levels(ax), [[-1, 1, 2, 3, 7], [-4, 4, 5, 6, 8]])
    assert texts(ax.get_xticklabels()) == ["A", "t = 0", "0.5", "1", "B"]
    assert texts(ax.get_yticklabels()) == ["first", "second"]


def test_strips_without_their_ends():
    ax = figures.interpolation(np.arange(6.0).reshape(2, 3, 1), ONE_PIXEL, told="what")
    np.testing.assert_allclose(levels(ax), [[0, 1, 2], [3, 4, 5]])
    assert texts(ax.get_xticklabels()) == ["t = 0", "0.5", "1"]
    assert texts(ax.get_yticklabels()) == []
    assert ax.get_title(loc="left") == "what"


@pytest.mark.parametrize("form", [ONE_PIXEL, Form((1,))], ids=["images", "rows"])
def test_of_many_steps_the_ends_are_timed(form):
    ax = figures.interpolation(np.zeros((1, 13, 1)), form)
    part = ax if form.is_image else ax.figure.axes[1]
    shown = ["t = 0", *[""] * 11, "1"] if form.is_image else ["t = 0", "t = 0.5", "t = 1"]
    assert texts(part.get_xticklabels()) == shown


def test_strips_of_rows_are_fields_with_a_line_for_each_column():
    x = np.random.default_rng(0).random((2, 5, 3))
    ends = x[:, 0] - 1, x[:, -1] + 1
    form = Form((3,), ("a", "b", "c"), unit="metres")
    ax = figures.interpolation(x, form, ends=ends, names=["first", "second"])
    for i, shown in enumerate(fields(ax)):
        np.testing.assert_array_equal(shown, np.vstack([ends[0][i], x[i], ends[1][i]]).T)
    for part, name in zip(parts(ax), ("first", "second"), strict=True):
        assert part.yaxis_inverted(), "columns are read downwards"
        assert part.get_title(loc="left") == name
        np.testing.assert_array_equal(part.get_xticks(), [0, 3, 6])
        assert texts(part.get_xticklabels()) == ["A", "t = 0.5", "B"]
    assert [texts(part.get_yticklabels()) for part in parts(ax)] == [["a", "b", "c"], []]
    assert ax.figure.axes[-1].get_xlabel() == "metres", "the colour bar"


def test_white_bars_part_the_examples_from_what_is_decoded():
    x, ends = np.zeros((2, 5, 3)), (np.ones((2, 3)), np.ones((2, 3)))
    for part in parts(figures.interpolation(x, (3,), ends=ends)):
        assert [bar.get_xdata() for bar in part.lines] == [[0.5, 0.5], [5.5, 5.5]]
        assert {bar.get_color() for bar in part.lines} == {"white"}
    assert not any(part.lines for part in parts(figures.interpolation(x, (3,))))


# ---- traversals --------------------------------------------------------------------------------


def test_each_latent_has_a_row():
    x = np.arange(6.0).reshape(2, 3, 1)
    ax = figures.traversals(x, ONE_PIXEL, np.array([-3.0, 0, 3]), ["z 5", "z 1"])
    np.testing.assert_allclose(levels(ax), [[0, 1, 2], [3, 4, 5]])
    assert texts(ax.get_xticklabels()) == ["−3.0", "0.0", "3.0"]
    assert texts(ax.get_yticklabels()) == ["z 5", "z 1"]
    assert ax.get_xlabel() == "z (standard deviations of the prior)"


@pytest.mark.parametrize("latents", [1, 3, 6])
def test_each_latent_has_a_field(latents):
    x = np.random.default_rng(0).random((latents, 4, 3))
    values, names = np.array([-2.0, -1, 0, 1]), [f"z {i}" for i in range(latents)]
    ax = figures.traversals(x, Form((3,), ("a", "b", "c")), values, names, unit="m", told="what")
    assert ax.get_title(loc="left") == "what; z in m"
    assert [part.get_title(loc="left") for part in parts(ax)] == names
    assert sum(part.axison for part in ax.figure.axes) == latents + 1, "and the colour bar"
    for part, shown, right in zip(parts(ax), fields(ax), x, strict=True):
        np.testing.assert_array_equal(shown, right.T)
        corners = part.collections[0].get_coordinates()
        np.testing.assert_array_equal(corners[0, :, 0], [-2.5, -1.5, -0.5, 0.5, 1.5])
        np.testing.assert_array_equal(corners[:, 0, 1], [-0.5, 0.5, 1.5, 2.5])
        assert part.yaxis_inverted()
        np.testing.assert_array_equal(part.get_xticks(), [-2, -0.5, 1])
    assert texts(parts(ax)[0].get_yticklabels()) == ["a", "b", "c"]
