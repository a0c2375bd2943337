"""What a plane decodes to: an image or a map at its own coordinates."""

from statistics import NormalDist

import numpy as np
import pytest
from figure_texts import texts
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color

from npvae import figures
from npvae.figures import Form

TICKS = {
    "even": np.linspace(-2, 2, 5),
    "quantiles": np.array([NormalDist().inv_cdf((i + 0.5) / 15) for i in range(15)]),
}

pytestmark = pytest.mark.usefixtures("off_screen")


def decoded(ticks):
    """Return "examples" that are the coordinates they were decoded from, as Plane.grid has them."""
    if len(ticks) == 1:
        return ticks[0][:, None]
    return np.array([(u, v) for v in ticks[1][::-1] for u in ticks[0]])


@pytest.mark.parametrize("n", [1, 2, 9, 15, 30])
def test_an_image_stands_at_its_coordinates(n):
    """The coordinates are the pixels: what a tick says is what the images beside it are."""
    tick = np.linspace(-2, 2, n) if n > 1 else np.zeros(1)
    ax = figures.manifold(
        decoded([tick, tick + 9]), Form((1, 2), limits=(-20, 20)), [tick, tick + 9]
    )
    grid = 40 * np.ma.filled(ax.images[0].get_array(), np.nan) - 20
    zoom = 14  # of an image two pixels wide
    ticks = zip(ax.get_xticks().astype(int), texts(ax.get_xticklabels()), strict=True)
    named = [(place, text) for place, text in ticks if text]
    assert len(named) > n / 4
    for place, text in named:
        there = grid[1, place // (2 * zoom + 1) * (2 * zoom + 1) + 1]
        assert float(text.replace("−", "-")) == pytest.approx(there, abs=0.0501)
    ticks = zip(ax.get_yticks().astype(int), texts(ax.get_yticklabels()), strict=True)
    named = [(place, text) for place, text in ticks if text]
    assert len(named) > n / 4
    for place, text in named:
        there = grid[place // (zoom + 1) * (zoom + 1) + 1, -2]
        assert float(text.replace("−", "-")) == pytest.approx(there, abs=0.501)
    above, below = grid[1, -2], grid[-2, -2]
    assert above == pytest.approx(tick[-1] + 9)
    assert below == pytest.approx(tick[0] + 9)


@pytest.mark.parametrize("n", [1, 5, 12])
def test_of_one_latent_images_stand_in_a_row(n):
    tick = np.linspace(-2, 2, n)
    ax = figures.manifold(decoded([tick]), Form((1, 1), limits=(-4, 4)), [tick])
    grid = 8 * np.ma.filled(ax.images[0].get_array(), np.nan) - 4
    assert grid.shape == (30, 29 * n + 1)
    np.testing.assert_allclose(grid[1, 1::29], tick, atol=1e-6)
    assert ax.get_xlabel() == "z 0 (standard deviations of the prior)"
    assert not ax.get_ylabel()


def fields(ax):
    """Return the fields of colour in a figure, but for that of the bar which explains them."""
    parts = [part for part in ax.figure.axes if part.get_label() != "<colorbar>"]
    return [field for part in parts for field in (*part.images, *part.collections)]


def pixels(figure):
    """Return the colours of a figure as it is drawn, the lowest row first, from 0 to 1."""
    canvas = FigureCanvasAgg(figure)
    figure.set_layout_engine("none")  # which takes long
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[::-1] / 255


def assert_colour_is(seen, field, place, value):
    """At this place of its axes, a field shows this value."""
    column, row = field.axes.transData.transform(place).astype(int)
    np.testing.assert_allclose(seen[row, column], field.to_rgba(value), atol=0.01)


@pytest.mark.parametrize("tick", TICKS.values(), ids=TICKS.keys())
def test_a_map_has_the_values_of_its_places(tick):
    """Also where these are at uneven distances."""
    ax = figures.manifold(decoded([tick, tick]), (2,), [tick, tick])
    seen, (first, second) = pixels(ax.figure), fields(ax)
    for u, v in [(tick[1], tick[-1]), (tick[-2], tick[0]), (tick[2], tick[1])]:
        assert_colour_is(seen, first, (u, v), u)
        assert_colour_is(seen, second, (u, v), v)
    assert texts([first.axes.xaxis.label, first.axes.yaxis.label]) == ["z 0", "z 1"]
    assert "coordinates in standard deviations of the prior" in ax.get_title(loc="left")


@pytest.mark.parametrize("tick", TICKS.values(), ids=TICKS.keys())
def test_a_map_of_one_latent_has_the_values_of_its_places(tick):
    x = np.stack([tick, -tick, 0 * tick], axis=1)
    ax = figures.manifold(x, Form((3,), ("a", "b", "c")), [tick])
    seen, (field,) = pixels(ax.figure), fields(ax)
    assert texts(ax.get_yticklabels()) == ["a", "b", "c"]
    for u in (tick[1], tick[-2]):
        for row, value in zip(ax.get_yticks(), (u, -u, 0), strict=True):
            assert_colour_is(seen, field, (u, row), value)
    assert ax.get_xlabel() == "z 0 (standard deviations of the prior)"


def test_of_many_columns_those_that_vary_most_are_mapped(rng):
    tick = np.linspace(-1, 1, 3)
    vary = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9])
    x = rng.standard_normal((9, 1)) * vary * 0.01
    ax = figures.manifold(x, Form((15,)), [tick, tick])
    titles = [part.get_title(loc="left") for part in ax.figure.axes]
    assert [title for title in titles if title.startswith("column")] == [
        f"column {i}" for i in range(15) if i not in (1, 3, 6)
    ]
    assert "the 12 of 15 columns that vary most" in ax.get_title(loc="left")


def test_maps_are_called_by_their_columns():
    tick, names = np.zeros(1), ("a", "b", "long name with end 1")
    ax = figures.manifold(np.zeros((1, 3)), Form((3,), names, unit="m"), [tick, tick])
    parts = [part for part in ax.figure.axes if part.axison]
    assert [part.get_title(loc="left") for part in parts] == ["a", "b", "long name with end 1", ""]
    assert parts[-1].get_xlabel() == "m", "the colour bar"


IMAGES, TABLES = [(28, 28), (5, 9), (1, 1), (6, 7, 3), (6, 6, 1)], [(1,), (40,), (2, 3, 4)]


@pytest.mark.parametrize("shape", [*IMAGES, *TABLES], ids=str)
def test_a_plane_of_a_single_place(shape):
    n_x, tick = int(np.prod(shape)), np.zeros(1)
    assert len(fields(figures.manifold(np.ones((1, n_x)), shape, [tick]))) == 1
    maps = min(n_x, 12) if shape in TABLES else 1
    assert len(fields(figures.manifold(np.ones((1, n_x)), shape, [tick, tick]))) == maps


def test_colours_about_a_middle_and_from_zero():
    tick = np.zeros(1)
    about, above = (
        fields(figures.manifold(np.zeros((1, 1)), Form((1,), limits=limits), [tick]))[0]
        for limits in ((-3, 3), (0, 3))
    )
    assert not same_color(about.to_rgba(-3), about.to_rgba(3))
    low, middle, high = (sum(about.to_rgba(value)[:3]) for value in (-3, 0, 3))
    assert low < middle > high, "the middle is the lightest"
    assert sum(above.to_rgba(0)[:3]) < sum(above.to_rgba(1.5)[:3]) < sum(above.to_rgba(3)[:3])
