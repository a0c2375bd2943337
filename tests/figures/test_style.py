"""How pictures become files, and the colours, letters and places that they share."""

from io import BytesIO
from itertools import combinations, pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from npvae import figures
from npvae.errors import InputError
from npvae.figures import Form, style, writing

X = np.random.default_rng(0).random((9, 12))

pytestmark = pytest.mark.usefixtures("off_screen")


@pytest.fixture
def coarse(monkeypatch):
    """Fewer pixels, which are drawn faster."""
    monkeypatch.setattr(writing, "DPI", 40)


def images():
    return figures.samples(X, (4, 3))


def bars():
    return figures.kl_per_latent(np.array([2.0, 1.0]), np.array([True, False]))


def points():
    return figures.latent_scatter(X[:, :2], np.arange(9) % 3)


# ---- files -------------------------------------------------------------------------------------


def picture(content):
    """Return a png as an array of numbers from 0 to 255, (H, W, 3)."""
    with Image.open(BytesIO(content)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("draw", "format"), [(bars, "png"), (bars, "svg"), (bars, "pdf"), (points, "svg")]
)
@pytest.mark.usefixtures("coarse")
def test_same_figure_same_bytes_whenever_it_is_drawn(draw, format, monkeypatch):
    contents = set()
    for seconds in ("0", "1000000000"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", seconds)  # what matplotlib would write as its date
        contents.add(figures.picture_bytes(draw(), format))
    (content,) = contents
    assert content[:5] in (b"\x89PNG\r", b"<?xml", b"%PDF-")
    assert mpl.__version__.encode() not in content


@pytest.mark.usefixtures("coarse")
def test_a_figure_written_twice_is_the_same_twice():
    ax = bars()
    assert figures.picture_bytes(ax) == figures.picture_bytes(ax)


@pytest.mark.parametrize("draw", [images, bars])
@pytest.mark.usefixtures("coarse")
def test_light_and_dark(draw):
    """Of one size; each on its paper to the corners, and neither without ink."""
    light, dark = map(picture, figures.light_and_dark(draw()))
    assert light.shape == dark.shape
    corners = [0, 0, -1, -1], [0, -1, 0, -1]
    assert light[corners].min() == 255
    assert light.min(axis=2).min() < 100
    assert dark[corners].max() < 40
    assert dark.min(axis=2).max() > 150


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.pdf", "A.PNG", "a.b.png"])
def test_a_picture_is_saved(tmp_path, name, monkeypatch):
    asked = []
    monkeypatch.setattr(writing, "picture_bytes", lambda *given: asked.append(given) or b"content")
    ax = bars()
    figures.save(ax, tmp_path / name)
    assert asked == [(ax, name[-3:].lower())]
    assert (tmp_path / name).read_bytes() == b"content"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.", "png", ".png", "a.png.gz", "a.tiff"])
def test_no_other_ending(tmp_path, name):
    path = str(tmp_path / name)
    with pytest.raises(InputError) as error:
        figures.save(bars(), path)
    assert str(error.value).startswith(f"{path}: ")
    assert ".png, .svg, .pdf" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_any_axes_of_a_figure_stands_for_it(monkeypatch):
    written = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: written.append(figure))
    figure = Figure()
    left, right = figure.subfigures(1, 2)
    axes = left.subplots(), right.subplots(), figure.add_axes((0.1, 0.1, 0.8, 0.8))
    for drawn in (figure, left, *axes, axes[0].inset_axes((0.5, 0.5, 0.4, 0.4))):
        figures.picture_bytes(drawn)
    assert written == [figure] * 6


# ---- colours -----------------------------------------------------------------------------------


def linear(colour):
    """Return red, green and blue as the light that is sent, for which eyes' models are linear."""
    return np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour])


def contrast(ink, paper):
    """Return the contrast ratio of WCAG 2.1, from 1 to 21; marks want 3, letters 4.5."""
    luminance = sorted(
        np.dot([0.2126, 0.7152, 0.0722], linear(to_rgb(colour))) for colour in (ink, paper)
    )
    return (luminance[1] + 0.05) / (luminance[0] + 0.05)


@pytest.mark.parametrize("paper", ["white", style.DARK_PAPER])
@pytest.mark.parametrize("ink", [*style.LINES, style.FAINT])
def test_lines_are_seen_on_either_paper(ink, paper):
    assert contrast(ink, paper) >= 3


def test_letters_are_read():
    assert contrast(style.INK, "white") >= 4.5
    assert contrast(style.DARK_INK, style.DARK_PAPER) >= 4.5


# Machado, Oliveira & Fernandes 2009: what eyes see that lack one of the three kinds of cones
EYES = {
    "all cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(light):
    """Return CIELAB coordinates, in which a distance of about 2 is just seen."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    t = to_xyz @ np.clip(light, 0, 1) / np.sum(to_xyz, axis=1)
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def least_difference(colours, eyes):
    """Return the CIELAB distance of the two colours that are the most alike to these eyes."""
    seen = [lab(EYES[eyes] @ linear(to_rgb(colour))) for colour in colours]
    return min(np.linalg.norm(a - b) for a, b in combinations(seen, 2))


@pytest.mark.parametrize("eyes", EYES)
def test_lines_are_told_apart_by_all_eyes(eyes):
    assert least_difference(style.LINES, eyes) > 15
    red_and_green = least_difference(["#c04040", "#408000"], eyes)
    assert eyes != "deuteranopia" or red_and_green < 15, "the measure sees what is wrong"


@pytest.mark.parametrize("eyes", EYES)
def test_points_are_told_apart_by_all_eyes(eyes):
    assert len(style.POINTS) == 10
    assert least_difference(style.POINTS, eyes) > (30 if eyes == "all cones" else 15)


# ---- places ------------------------------------------------------------------------------------


def test_panels_are_given_row_by_row():
    figure = Figure(figsize=(6, 4))
    ax, hand = figure.add_subplot(1, 2, 1), figure.add_axes((0.6, 0.1, 0.3, 0.8))
    for parent in (ax, hand):
        parts = figures.panels(parent, 2, 3)
        for part in parts:
            if part.get_axes_locator():
                part.apply_aspect(part.get_axes_locator()(part, None))
        boxes = [part.get_position() for part in parts]
        assert len(boxes) == 6
        rows = [boxes[:3], boxes[3:]]
        assert all(a.x1 < b.x0 for row in rows for a, b in pairwise(row))
        assert all(above.y0 > below.y1 for above, below in zip(*rows, strict=True))
        assert not parent.axison


# ---- the form of examples ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        *[((28, 28), True), ((5, 9, 3), True), ((5, 9, 1), True), ((1, 1), True)],
        *[((5, 9, 4), False), ((784,), False), ((2, 3, 3, 3), False)],
    ],
)
def test_what_can_be_shown_as_a_picture(shape, image):
    assert figures.is_image(shape) is Form(shape).is_image is image
    assert Form(shape).span == ((0, 1) if image else (-3, 3))
    assert Form(shape, limits=(5, 9)).span == (5, 9)


def test_a_form_may_be_given_as_a_shape():
    form = Form((2, 3), unit="metres")
    assert Form.of(form, np.zeros((4, 6))) is form
    assert Form.of([2, 3], np.zeros((4, 6))) == Form((2, 3))
    assert Form.of((2, 3), np.zeros((5, 4, 6)), axes=3) == Form((2, 3))
