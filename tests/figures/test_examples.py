"""Reconstructions and samples: each number at its place, in its colour, under its name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from npvae import figures
from npvae.figures import Form

SHAPES = [(28, 28), (5, 9), (1, 1), (6, 7, 3), (6, 6, 1), (40, 2)]
TABLES = [(3,), (40,), (2, 3, 4), (1,)]

pytestmark = pytest.mark.usefixtures("off_screen")


def examples(n, shape, seed=0):
    return np.random.default_rng(seed).random((n, int(np.prod(shape)))).astype(np.float32)


def images_in(ax, shape):
    """Return the places of images in a grid, row by row, each (H, W[, 3]): NaN where none is.

    Everything between them must be bare paper, and all pixels of a place as wide as high.
    """
    (drawn,) = ax.images
    grid = np.ma.filled(drawn.get_array(), np.nan)
    height, width, *channels = shape
    if channels == [3]:
        assert np.isin(grid[..., 3], [0, 1]).all()
        grid = np.where(grid[..., 3:] == 1, grid[..., :3], np.nan)
    zoom = max(1, 28 // max(height, width))
    rows, left = divmod(len(grid) - 1, zoom * height + 1)
    columns, right = divmod(grid.shape[1] - 1, zoom * width + 1)
    assert left == right == 0
    places = []
    for i in range(rows):
        for j in range(columns):
            top, side = i * (zoom * height + 1) + 1, j * (zoom * width + 1) + 1
            place = grid[top : top + zoom * height, side : side + zoom * width]
            places.append(place[::zoom, ::zoom].copy())
            again = places[-1].repeat(zoom, axis=0).repeat(zoom, axis=1)
            np.testing.assert_array_equal(place, again)
            place[...] = np.nan
    assert np.isnan(grid).all(), "the frame is bare"
    return rows, columns, places


def assert_shown(places, x, shape):
    """The first places hold x, and no other holds anything."""
    for place, image in zip(places, x, strict=False):
        np.testing.assert_array_equal(place, np.float32(image).reshape(place.shape))
    assert len(places) >= len(x)
    assert np.isnan(places[len(x) :]).all()


# ---- tiles -------------------------------------------------------------------------------------


def test_tiles_by_hand():
    images = np.array([[0.0, 0.1], [0.2, 0.3], [0.4, 1.0]])  # three of 1 x 2
    _ = np.nan  # the frame, and where no image is
    np.testing.assert_array_equal(
        figures.tile(images, (1, 2), columns=2),
        np.float32(
            [
                [_, _, _, _, _, _, _],
                [_, 0.0, 0.1, _, 0.2, 0.3, _],
                [_, _, _, _, _, _, _],
                [_, 0.4, 1.0, _, _, _, _],
                [_, _, _, _, _, _, _],
            ]
        ),
    )


def test_colours_stay_the_last_axis():
    image = np.arange(12).reshape(1, 12) / 12
    grid = figures.tile(image, (2, 2, 3), columns=1)
    assert grid.shape == (4, 4, 3)
    np.testing.assert_array_equal(grid[1:3, 1:3], np.float32(image).reshape(2, 2, 3))


# ---- images ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 5, 9])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_samples_of_any_shape_lie_in_a_square(shape, n):
    x = examples(n, shape)
    rows, columns, places = images_in(figures.samples(x, shape), shape)
    assert (rows, columns) == {1: (1, 1), 5: (2, 3), 9: (3, 3)}[n]
    assert_shown(places, x, shape)


@hypothesis_settings(max_examples=15)
@given(
    n=st.integers(1, 12),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([(), (1,), (3,)])),
    across=st.integers(1, 12),
)
def test_samples_in_rows_of_ones_own(n, shape, across):
    shape = (*shape[:2], *shape[2])
    x = examples(n, shape)
    with figures.off_screen():
        rows, columns, places = images_in(figures.samples(x, shape, across=across), shape)
    assert columns == across
    assert rows == -(-n // across)
    assert_shown(places, x, shape)


@pytest.mark.parametrize(("n", "rows"), [(1, 1), (8, 1), (9, 2), (20, 3)])
@pytest.mark.parametrize("shape", [(5, 9), (6, 7, 3), (6, 6, 1)], ids=str)
def test_reconstructions_stand_below_their_examples(shape, n, rows):
    x, x_hat = examples(n, shape), examples(n, shape, 1)
    ax = figures.reconstructions(x, x_hat, shape)
    drawn_rows, columns, places = images_in(ax, shape)
    assert (drawn_rows, columns) == (2 * rows, min(8, n))
    lines = [places[i : i + columns] for i in range(0, len(places), columns)]
    assert_shown([image for line in lines[::2] for image in line], x, shape)
    assert_shown([image for line in lines[1::2] for image in line], x_hat, shape)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["x", "x\u0302"] * rows


def test_bytes_are_examples_too():
    """Nine of them leave places empty, which no byte can say."""
    x = np.full((9, 4), 51, np.uint8)
    _, _, places = images_in(figures.reconstructions(x, x, Form((2, 2), limits=(0, 255))), (2, 2))
    assert_shown([*places[:8], places[16]], np.full((9, 4), 0.2), (2, 2))


def test_corrupted_examples_lie_between_the_clean_ones_and_the_answers():
    clean, corrupted, made = (np.full((3, 4), level) for level in (0.25, 0.5, 0.75))
    ax = figures.reconstructions(clean, made, (2, 2), corrupted=corrupted, what="A", how="B")
    _, _, places = images_in(ax, (2, 2))
    np.testing.assert_array_equal([place[0, 0] for place in places[::3]], [0.25, 0.5, 0.75])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["x", "corrupted", "x\u0302"]
    title = ax.get_title(loc="left")
    assert title.startswith("A, ")
    assert title.endswith(", B")


def test_a_name_stands_beside_the_middle_of_its_row():
    x = examples(20, (5, 9))
    ax = figures.reconstructions(x, x, (5, 9))
    height = len(ax.images[0].get_array()) - 1
    np.testing.assert_allclose(ax.get_yticks(), (np.arange(6) + 0.5) * height / 6)


def test_limits_are_black_and_white_and_what_lies_beyond_is_cut():
    x = np.array([[5.0, 10, 12.5], [20, 40, 1e308]])
    ax = figures.samples(x, Form((1, 3), limits=(10, 20)), across=2)
    _, _, (one, other) = images_in(ax, (1, 3))
    np.testing.assert_array_equal(one, [[0, 0, 0.25]])
    np.testing.assert_array_equal(other, [[1, 1, 1]])


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 1), (2, 2, 3)], ids=str)
def test_a_digit_is_light_on_dark_and_its_frame_bare(shape):
    """As MNIST is stored: 1 is white."""
    for level in (0.0, 1.0):
        (image,) = figures.samples(np.full((1, np.prod(shape)), level), shape).images
        colours = image.to_rgba(image.get_array())
        np.testing.assert_array_equal(colours[3, 3], [level, level, level, 1])
        assert colours[0, 0, 3] == 0


@pytest.mark.parametrize(("level", "frame"), [(0.3, "white"), (0.49, "white"), (0.51, "#bbbbbb")])
@pytest.mark.parametrize("shape", [(5, 9), (5, 9, 3)], ids=str)
def test_light_images_have_a_grey_frame(shape, level, frame):
    """Paper, which the bare frame shows, would not end them."""
    for form, scale in ((Form(shape), 1), (Form(shape, limits=(0, 255)), 255)):
        ax = figures.samples(np.full((3, np.prod(shape)), level * scale), form)
        assert to_hex(ax.get_facecolor()) == to_hex(frame)


@pytest.mark.parametrize("channels", [(), (3,)], ids=["grey", "colours"])
def test_more_pixels_than_are_seen_become_their_means(channels, rng):
    """Four images of 1000 pixels across are twice as many as are seen."""
    x = rng.random((4, 3, 1000, *channels))
    ax = figures.samples(x.reshape(4, -1), (3, 1000, *channels), across=4)
    grid = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert grid.shape[:2] == (1 + 2, 4 * 501 + 1)
    for image, left in zip(x, range(1, 2004, 501), strict=True):
        upper, lower = image[0], image[1]  # and the third line is half a pixel
        means = (upper[::2] + upper[1::2] + lower[::2] + lower[1::2]) / 4
        shown = grid[1, left : left + 500]
        np.testing.assert_allclose(shown[:, :3] if channels else shown, means, atol=1e-6)


@pytest.mark.parametrize(("width", "sharp"), [(958, True), (959, False)])
def test_pixels_are_drawn_one_by_one_while_there_are_few(width, sharp):
    """Two more are the frame."""
    ax = figures.samples(examples(1, (1, width)), (1, width))
    assert ax.images[0].get_array().shape[1] == width + 2
    how = ax.images[0].get_interpolation()
    assert how == "nearest" if sharp else how in ("antialiased", "auto")  # its name in matplotlib


def heads(ax):
    return [text.get_text() for text in ax.get_xticklabels()]


def test_labels_stand_above_the_columns_that_share_them():
    classes = ["cat", "a name of fifteen"]
    options = {"classes": classes, "across": 3}
    x = examples(6, (5, 9))
    ax = figures.samples(x, (5, 9), labels=np.array([1, 0, 2, 1, 0, 2]), **options)
    assert heads(ax) == ["a name …teen", "cat", "2"]
    width = ax.images[0].get_array().shape[1] - 1
    np.testing.assert_allclose(ax.get_xticks(), width * np.array([1, 3, 5]) / 6)
    few = figures.samples(x[:2], (5, 9), labels=np.array([1, 0]), **options)
    assert heads(few) == ["a name …teen", "cat"]
    for labels in ([1, 0, 2, 1, 2, 0], [1] * 6):
        assert heads(figures.samples(x, (5, 9), labels=np.array(labels), **options)) == []


def test_what_samples_are_called():
    x = examples(2, (5, 9))
    told = "2 samples from the prior (means of p(x | z))"
    assert figures.samples(x, (5, 9)).get_title(loc="left") == told
    assert figures.samples(x, (5, 9), told="two").get_title(loc="left") == "two"


# ---- rows of a table ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 20])
@pytest.mark.parametrize("shape", TABLES, ids=str)
def test_samples_of_a_table_are_lines_and_their_median(shape, n):
    x = examples(n, shape)
    ax = figures.samples(x, Form(shape, unit="metres"))
    *lines, median = ax.lines
    np.testing.assert_array_equal([line.get_ydata() for line in lines], x)
    np.testing.assert_array_equal(median.get_ydata(), np.median(x.astype(float), axis=0))
    assert median.get_linewidth() > lines[0].get_linewidth()
    assert ax.get_ylabel() == "metres"


def test_each_label_has_a_colour_and_a_median():
    x, labels = examples(6, (3,)), np.array([0, 2, 0, 2, 2, 0])
    ax = figures.samples(x, (3,), labels=labels, classes=["cat"])
    medians = {line.get_label(): line for line in ax.lines if "median" in line.get_label()}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(medians)
    for label, name in ((0, "median of cat"), (2, "median of 2")):
        of = medians[name]
        np.testing.assert_array_equal(of.get_ydata(), np.median(x[labels == label], axis=0))
        same = [line.get_ydata() for line in ax.lines if line.get_color() == of.get_color()]
        np.testing.assert_array_equal(same, [*x[labels == label], of.get_ydata()])


def test_more_labels_than_colours_are_not_told_apart():
    ax = figures.samples(examples(5, (3,)), (3,), labels=np.arange(5))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["median"]


@pytest.mark.parametrize(
    ("shape", "n", "panels"),
    [((3,), 1, 1), ((40,), 2, 2), ((2, 3, 4), 3, 3), ((1,), 9, 4)],
)
def test_the_first_rows_beside_their_reconstructions(shape, n, panels):
    x, x_hat, corrupted = (examples(n, shape, seed) for seed in range(3))
    ax = figures.reconstructions(x, x_hat, Form(shape, unit="m"), corrupted=corrupted)
    parts = [part for part in ax.figure.axes if part.axison]
    assert len(parts) == panels
    for i, part in enumerate(parts):
        shown = {line.get_label(): line.get_ydata() for line in part.lines}
        assert list(shown) == ["x", "corrupted", "x\u0302"]
        np.testing.assert_array_equal(list(shown.values()), [x[i], corrupted[i], x_hat[i]])
    everything = np.concatenate([x[:panels], x_hat[:panels], corrupted[:panels]])
    (limits,) = {part.get_ylim() for part in parts}
    assert limits[0] < everything.min() <= everything.max() < limits[1]
    assert parts[0].get_ylabel() == "m"


def test_columns_have_their_names():
    x, names = examples(2, (3,)), ("height", "a name that is much too long", "$")
    shown = ["height", "a name that is …too long", "$"]
    assert heads(figures.samples(x, Form((3,), names))) == shown
    parts = figures.reconstructions(x, x, Form((3,), names)).figure.axes[1:]
    assert [heads(part) for part in parts] == [shown] * 2


@pytest.mark.parametrize(("n", "angle"), [(20, 45), (21, 90), (40, 90)])
def test_more_than_twenty_columns_are_named_upright_and_small(n, angle):
    names = tuple(f"column {i}" for i in range(n))
    ax = figures.samples(examples(2, (n,)), Form((n,), names))
    assert heads(ax) == [*names]
    few = figures.samples(examples(2, (2,)), Form((2,), names[:2]))
    size = few.get_xticklabels()[0].get_size()
    for text in ax.get_xticklabels():
        assert text.get_rotation() == angle
        assert (text.get_size() < size) is (n > 20)


@pytest.mark.parametrize(
    ("form", "label"),
    [
        (Form((3,)), "column"),
        (Form((3,), ("a", "b")), "column"),
        (Form((41,), ("a",) * 41), "column"),
        (Form((2, 3, 4)), "position in a 2x3x4 array"),
    ],
)
def test_columns_without_names_or_too_many_are_numbered(form, label):
    ax = figures.samples(examples(2, form.shape), form)
    assert ax.get_xlabel() == label
    assert all(tick == int(tick) for tick in ax.get_xticks())
