import numpy as np
import pytest

from npvae.datasets.glyphs import BOUNDS, FONTS, SIDE, draw_factors, draw_glyphs
from npvae.datasets.glyphs import _render as render
from npvae.errors import InputError


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def glyphs():
    return draw_glyphs(3000, rng())


def measure(x):
    """Return ink, centroid (x, y) and slant of images: tan of the lean to the right."""
    images = x.reshape(-1, SIDE, SIDE) / 255
    ink = images.sum(axis=(1, 2))
    middle = (SIDE - 1) / 2
    right = np.arange(SIDE) - middle
    centre_x = (images.sum(axis=1) @ right) / ink
    centre_y = (images.sum(axis=2) @ right) / ink
    dx = right[None, :] - centre_x[:, None]
    dy = right[None, :] - centre_y[:, None]
    covariance = np.einsum("nyx,nx,ny->n", images, dx, dy) / ink
    variance = np.einsum("nyx,ny->n", images, dy**2) / ink
    return ink, centre_x, centre_y, -covariance / variance


def correlation(a, b):
    return np.corrcoef(a, b)[0, 1]


def test_same_seed_same_images_and_fewer_are_the_first_of_many(glyphs):
    again = draw_glyphs(40, rng())
    np.testing.assert_array_equal(again.x, glyphs.x[:40])
    np.testing.assert_array_equal(again.labels, glyphs.labels[:40])
    for name, values in again.factors.items():
        np.testing.assert_array_equal(values, glyphs.factors[name][:40])
    assert not np.array_equal(draw_glyphs(40, rng(1)).x, again.x)


def test_factors_fill_their_bounds(glyphs):
    for name, (low, high) in BOUNDS.items():
        values, width = glyphs.factors[name], high - low
        assert low <= values.min() < low + width / 100
        assert high - width / 100 < values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=width / 30)
    assert np.bincount(glyphs.labels).min() > 200
    assert set(glyphs.factors["font"]) == set(range(len(FONTS)))


def test_factors_are_independent(glyphs):
    table = np.array([glyphs.labels, *glyphs.factors.values()])
    off_diagonal = np.corrcoef(table) - np.eye(len(table))
    assert abs(off_diagonal).max() < 5 / np.sqrt(3000)


def test_what_is_recorded_is_what_was_drawn(glyphs):
    ink, centre_x, centre_y, lean = measure(glyphs.x)
    factors = glyphs.factors
    for digit in range(10):
        of_digit = glyphs.labels == digit
        assert correlation(ink[of_digit], factors["stroke"][of_digit]) > 0.8, digit
        assert correlation(centre_x[of_digit], factors["x"][of_digit]) > 0.7, digit
        assert correlation(centre_y[of_digit], factors["y"][of_digit]) > 0.7, digit
        turned = factors["slant"] - factors["rotation"]  # counter-clockwise leans to the left
        assert correlation(lean[of_digit], turned[of_digit]) > 0.8, digit
        # each of the two on its own: the regression on both has the expected signs
        table = np.column_stack([factors["slant"], factors["rotation"], np.ones(len(lean))])
        slope = np.linalg.lstsq(table[of_digit], lean[of_digit], rcond=None)[0]
        assert slope[0] > 0.005
        assert slope[1] < -0.005


@pytest.mark.parametrize("font", range(len(FONTS)), ids=FONTS)
@pytest.mark.parametrize("size", [0.8, 1.0])
def test_one_factor_at_a_time(font, size):
    """Each font's digits, upright and in the middle, then with one factor changed."""
    labels = np.arange(10)
    plain = {name: np.zeros(10) for name in BOUNDS}
    plain |= {"scale": np.full(10, size), "stroke": np.full(10, 3.0)}
    plain["font"] = np.full(10, font)

    def draw(**changed):
        values = {name: np.full(10, value) for name, value in changed.items()}
        return measure(render(labels, plain | values, progress=False))

    ink, x, y, lean = draw()
    assert np.allclose(draw(x=1.0)[1], x + 1, atol=0.02)
    assert np.allclose(draw(y=1.0)[2], y + 1, atol=0.02)
    assert (draw(stroke=4.0)[0] > 1.15 * ink).all()
    assert (draw(slant=20.0)[3] > lean + 0.2).all()
    assert (draw(rotation=-10.0)[3] > lean + 0.05).all()
    assert (draw(scale=0.9 * size)[0] < ink).all()


def test_tall_digits_are_as_tall_as_the_scale_says():
    n = len(FONTS)
    factors = {name: np.zeros(n) for name in BOUNDS}
    factors |= {"scale": np.full(n, 0.9), "stroke": np.full(n, 2.3), "font": np.arange(n)}
    images = render(np.full(n, 8), factors, progress=False).reshape(n, SIDE, SIDE)
    height = (images.max(axis=2) > 40).sum(axis=1)
    # 0.9 * 20 pixels, and a pen that follows the outline adds its half above and below
    assert ((height >= 18) & (height <= 20)).all()


def test_images_are_grey_centred_and_not_cropped(glyphs):
    images = glyphs.x.reshape(-1, SIDE, SIDE)
    assert images.dtype == np.uint8
    assert 0.1 < images.mean() / 255 < 0.25
    grey = (images > 0) & (images < 255)
    assert 0.05 < grey.mean() < 0.3  # anti-aliased
    border = np.concatenate(
        [images[:, [0, -1]].reshape(3000, -1), images[:, :, [0, -1]].reshape(3000, -1)], axis=1
    )
    assert (border.max(axis=1) > 60).mean() < 0.003
    assert (images.max(axis=(1, 2)) > 200).all()


def test_digits_are_distinct(glyphs):
    """The nearest class mean, from other examples, knows most digits."""
    x = glyphs.x / 255.0
    means = np.array([x[:2000][glyphs.labels[:2000] == digit].mean(axis=0) for digit in range(10)])
    distance = ((x[2000:, None] - means) ** 2).sum(axis=2)
    assert (distance.argmin(axis=1) == glyphs.labels[2000:]).mean() > 0.7


def test_each_font_draws_ten_different_digits():
    n = 10 * len(FONTS)
    factors = {name: np.zeros(n) for name in BOUNDS}
    factors |= {"scale": np.ones(n), "stroke": np.full(n, 2.5)}
    factors["font"] = np.repeat(np.arange(len(FONTS)), 10)
    x = render(np.tile(np.arange(10), len(FONTS)), factors, progress=False).astype(float) / 255
    distance = ((x[:, None] - x) ** 2).sum(axis=2) + 1e9 * np.eye(n)
    same_font = np.repeat(np.arange(len(FONTS)), 10)
    within = np.where(same_font[:, None] == same_font, distance, np.inf)
    assert within.min() > 10  # pixels' worth


def test_none_and_fewer_than_none():
    assert draw_glyphs(0, rng()).x.shape == (0, 784)
    assert len(draw_factors(0, rng())[0]) == 0
    with pytest.raises(InputError, match="cannot be negative"):
        draw_glyphs(-1, rng())


def test_progress_is_shown_or_not(capsys):
    draw_glyphs(3, rng(), progress=False)
    assert capsys.readouterr() == ("", "")
    draw_glyphs(3, rng(), progress=True)
    assert "drawing glyphs" in capsys.readouterr().err
