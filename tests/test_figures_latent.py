"""Latent space: who lies where, and that what is drawn at a place is what it decodes to."""

from statistics import NormalDist

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color, to_hex

from npvae import figures
from npvae.figures import Form

RNG = np.random.default_rng(0)
TICKS = {
    "even": np.linspace(-2, 2, 5),
    "quantiles": np.array([NormalDist().inv_cdf((i + 0.5) / 15) for i in range(15)]),
}


@pytest.fixture(autouse=True)
def off_screen():
    with figures.off_screen():
        yield


def texts(found):
    return [text.get_text() for text in found]


# ---- the scatter -------------------------------------------------------------------------------


def groups(ax):
    """Return the points of each label that the legend names: name -> (n, 2) array."""
    names = texts(ax.get_legend().get_texts()) if ax.get_legend() else [""]
    drawn = [np.ma.getdata(points.get_offsets()) for points in ax.collections]
    return dict(zip(names, drawn, strict=True))


def looks(ax):
    """Return what the points of each label look like: colour, and corners of the marker."""
    return [
        (to_hex(drawn.get_facecolor()[0]), len(drawn.get_paths()[0])) for drawn in ax.collections
    ]


@pytest.mark.parametrize("classes", [(), ("cat", "dog")])
def test_every_code_is_drawn_under_its_label(classes):
    u, labels = RNG.standard_normal((60, 2)), np.arange(60) % 3
    ax = figures.latent_scatter(u, labels, classes, prior=False)
    names = [*classes, *"012"[len(classes) :]]
    assert list(groups(ax)) == names
    for label, name in enumerate(names):
        np.testing.assert_array_equal(groups(ax)[name], u[labels == label])
    handles = ax.get_legend().legend_handles
    assert [to_hex(handle.get_facecolor()[0]) for handle in handles] == [c for c, _ in looks(ax)]
    assert ax.texts
    for text in ax.texts:
        middle = np.median(groups(ax)[text.get_text()], axis=0)
        np.testing.assert_allclose(text.get_position(), middle)


@pytest.mark.parametrize("labels", [None, np.array([3])])
def test_a_single_code(labels):
    ax = figures.latent_scatter(np.array([[1.0, 2.0]]), labels, prior=False)
    np.testing.assert_array_equal(groups(ax)[""], [[1, 2]])


def test_names_far_apart_all_stand_amid_their_codes():
    u = np.repeat([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]], 4, axis=0) + RNG.random((12, 2))
    ax = figures.latent_scatter(u, np.repeat([0, 1, 2], 4))
    assert texts(ax.texts) == ["0", "1", "2"]
    u[:4] = u[4:8]  # two names at one place
    assert texts(figures.latent_scatter(u, np.repeat([0, 1, 2], 4)).texts) == ["0", "2"]


def test_codes_without_labels_have_one_colour():
    u = RNG.standard_normal((5, 2))
    ax = figures.latent_scatter(u, prior=False)
    assert len(set(looks(ax))) == len(groups(ax)) == 1
    assert ax.get_legend() is None
    assert not ax.texts


def test_from_the_eleventh_label_on_the_marker_is_another():
    ax = figures.latent_scatter(RNG.standard_normal((40, 2)), np.arange(40) % 20)
    assert len(set(looks(ax))) == 20
    first, second = looks(ax)[:10], looks(ax)[10:]
    assert len({colour for colour, _ in first}) == 10
    assert {corners for _, corners in first}.isdisjoint(corners for _, corners in second)


def test_twenty_labels_have_a_look_and_the_rarest_share_one():
    labels = np.concatenate([np.repeat(np.arange(23), 2), np.arange(23)[3:]])  # 0, 1, 2 are rarer
    u = RNG.standard_normal((len(labels), 2))
    drawn = groups(figures.latent_scatter(u, labels, prior=False))
    assert set(drawn) == {"3 other labels", *map(str, range(3, 23))}
    np.testing.assert_array_equal(drawn["3 other labels"], u[labels < 3])
    np.testing.assert_array_equal(drawn["22"], u[labels == 22])


@pytest.mark.parametrize("latents", [1, 2])
def test_a_name_that_begins_with_a_line_is_in_the_legend(latents):
    """As a folder of images may be called; matplotlib leaves such labels out."""
    u = RNG.standard_normal((6, latents))
    ax = figures.latent_scatter(u, np.arange(6) % 2, ["_noise_", "cat"], prior=False)
    assert set(texts(ax.get_legend().get_texts())) == {"_noise_", "cat"}


def test_circles_show_where_the_prior_is():
    u = RNG.standard_normal((9, 2))
    ax = figures.latent_scatter(u)
    radii = [np.hypot(*line.get_data()) for line in ax.lines]
    np.testing.assert_allclose(radii, np.repeat([[1.0], [2.0]], 100, axis=1))
    assert "the prior: 1 and 2\nstandard deviations" in texts(ax.get_legend().get_texts())
    assert ax.get_aspect() == 1
    assert not figures.latent_scatter(u, prior=False).lines


@pytest.mark.parametrize("n", [1, 60])
def test_one_latent_is_a_histogram(n):
    u, labels = RNG.standard_normal((n, 1)), np.arange(n) % 2
    ax = figures.latent_scatter(u, labels, ["cat", "dog"])
    for label, bars in enumerate(ax.containers):
        inside, _ = np.histogram(u[labels == label], bins=60, range=(u.min(), u.max()))
        np.testing.assert_array_equal([bar.get_height() for bar in bars], inside)
    tops = [bar.get_y() + bar.get_height() for bar in ax.containers[-1]]
    assert sum(tops) == n, "stacked"
    assert ax.get_ylabel() == "examples"
    assert n == 1 or set(texts(ax.get_legend().get_texts())) == {"cat", "dog"}


@pytest.mark.parametrize("latents", [1, 2])
def test_axes_say_what_and_in_which_unit(latents):
    u = RNG.standard_normal((5, latents))
    ax = figures.latent_scatter(u)
    assert ax.get_xlabel() == "z 1 (standard deviations of the prior)"
    if latents == 2:
        assert ax.get_ylabel() == "z 2 (standard deviations of the prior)"
    assert figures.latent_scatter(u, axes=["a", "b"], unit="").get_xlabel() == "a"


# ---- the manifold ------------------------------------------------------------------------------


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
        assert f"{grid[1, place // (2 * zoom + 1) * (2 * zoom + 1) + 1]:.2g}" == text
    ticks = zip(ax.get_yticks().astype(int), texts(ax.get_yticklabels()), strict=True)
    named = [(place, text) for place, text in ticks if text]
    assert len(named) > n / 4
    for place, text in named:
        assert f"{grid[place // (zoom + 1) * (zoom + 1) + 1, -2]:.2g}" == text
    above, below = grid[1, -2], grid[-2, -2]
    assert above == pytest.approx(tick[-1] + 9)
    assert below == pytest.approx(tick[0] + 9)


@pytest.mark.parametrize("n", [1, 5, 12])
def test_of_one_latent_images_stand_in_a_row(n):
    tick = np.linspace(-2, 2, n)
    ax = figures.manifold(decoded([tick]), Form((1, 1), limits=(-4, 4)), [tick])
    grid = 8 * np.ma.filled(ax.images[0].get_array(), np.nan) - 4
    assert grid.shape == (30, 29 * n + 1)
    np.testing.assert_allclose(grid[1, 1::29], tick)
    assert ax.get_xlabel() == "z 1 (standard deviations of the prior)"
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
    assert texts([first.axes.xaxis.label, first.axes.yaxis.label]) == ["z 1", "z 2"]
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
    assert ax.get_xlabel() == "z 1 (standard deviations of the prior)"


def test_of_many_columns_those_that_vary_most_are_mapped():
    tick = np.linspace(-1, 1, 3)
    vary = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9])
    x = RNG.standard_normal((9, 1)) * vary * 0.01
    ax = figures.manifold(x, Form((15,)), [tick, tick])
    titles = [part.get_title(loc="left") for part in ax.figure.axes]
    assert [title for title in titles if title.startswith("column")] == [
        f"column {i}" for i in range(15) if i not in (1, 3, 6)
    ]
    assert "the 12 of 15 columns that vary most" in ax.get_title(loc="left")


def test_maps_are_called_by_their_columns():
    tick = np.zeros(1)
    ax = figures.manifold(np.zeros((1, 3)), Form((3,), tuple("abc"), unit="m"), [tick, tick])
    parts = [part for part in ax.figure.axes if part.axison]
    assert [part.get_title(loc="left") for part in parts] == ["a", "b", "c", ""]
    assert parts[-1].get_ylabel() == "m", "the colour bar"


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
