"""Glyphs: digits drawn from the fonts that matplotlib ships, with the factors of each.

A dataset that needs no file and no network, and whose causes of variation are known. It is drawn
once, then kept in the cache folder.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npvae.datasets import places
from npvae.datasets.dataset import Dataset, hold_out_last, whole
from npvae.datasets.notebook import progress_bar
from npvae.errors import DataError, InputError
from npvae.parameters import Array
from npvae.storage.arrays import read_arrays, write_arrays
from npvae.storage.atomic import write_whole

if TYPE_CHECKING:
    from matplotlib.path import Path as Outline

SIDE = 28
CLASSES = tuple("0123456789")
N_TRAIN, N_TEST = 60_000, 10_000
GENERATOR = 1  # raise it whenever the same seed gives other images than before
WORTH_KEEPING = 10_000  # images; fewer are drawn in less than a second

# Upright fonts with thin lines: a pen can thicken a line, while thinning one breaks its hairlines.
# DejaVuSansMono stays out: the dot in its zero, once thickened, makes an 8 of it.
FONTS = (
    "DejaVuSans",
    "DejaVuSerif",
    "STIXGeneral",
    "cmr10",
    "cmss10",
    "cmtt10",
)

# Every factor is uniform between these bounds.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "slant": (-25.0, 25.0),  # degrees that the stems lean to the right
    "rotation": (-12.0, 12.0),  # degrees, counter-clockwise
    "scale": (0.8, 1.0),  # height of the digit in units of 20 pixels
    "stroke": (2.3, 4.0),  # mean thickness of the lines, in pixels
    "x": (-1.5, 1.5),  # pixels that the centre lies to the right of the image's
    "y": (-1.5, 1.5),  # pixels that it lies below
}
FULL_HEIGHT = 20.0  # of the tallest digit of each font, in pixels, at scale 1


class Glyphs(NamedTuple):
    """Images and what they were drawn with.

    Attributes
    ----------
    x : (n, 784) uint8, white on black
    labels : (n,) int64, the digits
    factors : (n,) arrays by name: those of `BOUNDS` and `font`, a number in `FONTS`
    """

    x: Array
    labels: Array
    factors: dict[str, Array]


def draw_factors(n: int, rng: np.random.Generator) -> tuple[Array, dict[str, Array]]:
    """Return random digits and the factors to draw them with.

    One row of uniform numbers an example, so that fewer examples are the first of many.

    Returns
    -------
    labels : (n,) int64 in 0..9
    factors : (n,) float64 arrays named as in `BOUNDS`, and `font`, int64

    >>> few, _ = draw_factors(3, np.random.default_rng(0))
    >>> many, _ = draw_factors(30, np.random.default_rng(0))
    >>> bool((few == many[:3]).all())
    True
    """
    uniform = rng.random((n, 2 + len(BOUNDS))).T
    factors: dict[str, Array] = {
        name: low + (high - low) * u
        for (name, (low, high)), u in zip(BOUNDS.items(), uniform[2:], strict=True)
    }
    factors["font"] = (uniform[1] * len(FONTS)).astype(np.int64)
    return (uniform[0] * 10).astype(np.int64), factors


def draw_glyphs(n: int, rng: np.random.Generator, *, progress: bool = False) -> Glyphs:
    """Return n random digits, anti-aliased, white on black.

    Parameters
    ----------
    n : how many, not negative
    rng : the same state and the same version of matplotlib draw the same images
    progress : show a progress bar on standard error

    Raises
    ------
    InputError : n is negative

    >>> glyphs = draw_glyphs(2, np.random.default_rng(0))
    >>> glyphs.x.shape, sorted(glyphs.factors)
    ((2, 784), ['font', 'rotation', 'scale', 'slant', 'stroke', 'x', 'y'])
    """
    if n < 0:
        raise InputError(f"{n} glyphs were asked for; the number cannot be negative")
    labels, factors = draw_factors(n, rng)
    return Glyphs(_render(labels, factors, progress), labels, factors)


def _render(labels: Array, factors: Mapping[str, Array], progress: bool) -> Array:
    """Return (n, 784) uint8 images of these digits, drawn with these factors."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.transforms import Affine2D

    outlines, heights, thicknesses = _load_fonts()
    font = factors["font"]
    size = FULL_HEIGHT * factors["scale"] / heights[font]  # pixels per unit of the font
    # A pen that follows the outline puts half its width on either side of each line.
    pen = np.maximum(factors["stroke"] - thicknesses[font] * size, 0)
    matrices = _placements(size, factors)

    # at 72 dots an inch a point, in which line widths are given, is a pixel
    renderer: Any = RendererAgg(SIDE, SIDE, dpi=72)  # type: ignore[no-untyped-call]
    gc = renderer.new_gc()
    gc.set_antialiased(True)
    gc.set_snap(False)  # snapping would round positions to whole pixels
    gc.set_joinstyle("round")
    white = (1.0, 1.0, 1.0)
    gc.set_foreground(white)
    x = np.empty((len(labels), SIDE * SIDE), np.uint8)
    for i in progress_bar(
        range(len(x)), "drawing glyphs", disable=not progress, unit="", leave=False
    ):
        renderer.clear()
        gc.set_linewidth(pen[i])
        outline = outlines[font[i]][labels[i]]
        renderer.draw_path(gc, outline, Affine2D(matrices[i]), white)
        # The canvas starts out transparent: its opacity is the part of the pixel that is covered.
        x[i] = np.asarray(renderer.buffer_rgba())[:, :, 3].reshape(-1)
    return x


def _placements(size: Array, factors: Mapping[str, Array]) -> Array:
    """Return (n, 3, 3) matrices: enlarge, lean, turn, then move to the middle of the image."""
    angle, lean = np.radians(factors["rotation"]), np.tan(np.radians(factors["slant"]))
    cos, sin = size * np.cos(angle), size * np.sin(angle)
    matrices = np.zeros((len(size), 3, 3))
    # rotation @ [[1, lean], [0, 1]], both times size
    matrices[:, 0, 0], matrices[:, 0, 1] = cos, cos * lean - sin
    matrices[:, 1, 0], matrices[:, 1, 1] = sin, sin * lean + cos
    matrices[:, 0, 2] = SIDE / 2 + factors["x"]
    matrices[:, 1, 2] = SIDE / 2 - factors["y"]  # the renderer counts upwards, an image downwards
    matrices[:, 2, 2] = 1
    return matrices


@cache
def _load_fonts() -> tuple[list[list["Outline"]], Array, Array]:
    """Return each font's ten outlines, centred on the origin; its height; its mean thickness.

    Returns
    -------
    outlines : a list of ten for each font, in units of the font
    heights : (fonts,) the height of the tallest digit
    thicknesses : (fonts,) mean thickness of the lines; a thin line of area A and outline length P
        is about 2 A / P thick
    """
    from matplotlib import get_data_path
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path as Outline
    from matplotlib.textpath import TextPath

    outlines, heights, thicknesses = [], [], []
    for name in FONTS:
        prop = FontProperties(fname=Path(get_data_path(), "fonts", "ttf", f"{name}.ttf"))
        digits = [TextPath((0, 0), str(digit), size=100, prop=prop) for digit in range(10)]
        boxes = [digit.get_extents() for digit in digits]
        outlines.append(
            [
                Outline(digit.vertices - (box.p0 + box.p1) / 2, digit.codes)
                for digit, box in zip(digits, boxes, strict=True)
            ]
        )
        heights.append(max(box.height for box in boxes))
        thicknesses.append(np.mean([_thickness(digit) for digit in digits]))
    return outlines, np.array(heights), np.array(thicknesses)


def _thickness(outline: "Outline") -> float:
    """Return 2 A / P of an outline, whose holes run the other way round."""
    area = length = 0.0
    for polygon in outline.to_polygons():
        x, y = np.asarray(polygon).T
        area += float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2
        length += float(np.sum(np.hypot(np.diff(x), np.diff(y))))
    return 2 * abs(area) / length


def load_glyphs(
    *,
    seed: int = 0,
    validation: int | None = None,
    n_train: int | None = None,
    n_test: int | None = None,
    progress: bool = True,
) -> Dataset:
    """Return digits drawn from fonts, with the factors they were drawn with.

    Training and test images come from generators of their own, one image after the other: the same
    seed with fewer images gives the first of them.

    Parameters
    ----------
    seed : not negative
    validation : how many training images, from the last ones, to hold out; by default one in
        twelve, 5,000 of 60,000
    n_train, n_test : how many images to draw, the held-out ones among the first; by default as
        many as MNIST has, 60,000 and 10,000
    progress : show a progress bar

    Raises
    ------
    InputError : a number that is too small
    """
    sizes = (
        N_TRAIN if n_train is None else n_train,
        N_TEST if n_test is None else n_test,
    )
    if seed < 0 or min(sizes) < 1:
        raise InputError(
            f"glyphs with seed={seed}, n_train={sizes[0]}, n_test={sizes[1]}: the seed cannot be "
            "negative, and at least one image of each kind is needed"
        )
    drawn, test = _cached(seed, sizes, progress)
    train, held_out = hold_out_last(drawn.x, drawn.labels, validation, drawn.factors)
    return Dataset(
        name="glyphs",
        train=train,
        validation=held_out,
        test=whole(*test),
        shape=(SIDE, SIDE),
        kind="pixels",
        source=f"drawn from {len(FONTS)} of matplotlib's fonts, seed {seed}",
        classes=CLASSES,
    )


def cache_file(seed: int, sizes: tuple[int, int]) -> Path:
    """Return where glyphs are kept: a name for all that decides what they look like."""
    from importlib.metadata import version

    drawn_by = f"v{GENERATOR}-matplotlib{version('matplotlib')}"
    name = f"glyphs-{drawn_by}-seed{seed}-{sizes[0]}-{sizes[1]}.npz"
    return places.cache_folder() / "glyphs" / name


def _cached(seed: int, sizes: tuple[int, int], progress: bool) -> tuple[Glyphs, Glyphs]:
    """Return the training and the test images, from the cache if it has them, unchanged."""
    worth_keeping = sum(sizes) >= WORTH_KEEPING
    path = cache_file(seed, sizes)
    if worth_keeping and path.is_file():
        try:
            return _read(path)
        except DataError:
            pass  # a damaged file is not trusted, but drawn and written anew
    train, test = (
        draw_glyphs(n, np.random.default_rng([seed, part]), progress=progress)
        for part, n in enumerate(sizes)
    )
    if worth_keeping:
        _keep(path, train, test)
    return train, test


def _keep(path: Path, *parts: Glyphs) -> None:
    """Write the cache file; that it cannot be written is no error, it is only slower next time."""
    arrays = {}
    for number, (x, labels, factors) in enumerate(parts):
        named = {"images": x, "labels": labels, **factors}
        arrays.update({f"{number}_{name}": values for name, values in named.items()})
    try:
        with write_whole(path) as file:
            write_arrays(file, {**arrays, "sha256": _digest(path.name, arrays)})
    except OSError:
        pass


def _read(path: Path) -> tuple[Glyphs, Glyphs]:
    """Return what `_keep` wrote under this very name.

    Raises
    ------
    DataError : the file is damaged, or holds something else
    """
    arrays = read_arrays(path, packed=False)
    kept = arrays.pop("sha256", None)
    if kept is None or not np.array_equal(kept, _digest(path.name, arrays)):
        raise DataError(f"{path} holds other arrays than npvae wrote")
    train, test = (
        Glyphs(
            arrays[f"{part}_images"],
            arrays[f"{part}_labels"],
            {name: arrays[f"{part}_{name}"] for name in (*BOUNDS, "font")},
        )
        for part in range(2)
    )
    return train, test


def _digest(name: str, arrays: Mapping[str, Array]) -> Array:
    """Return the SHA-256 of arrays and of all that says what they are, as bytes."""
    digest = hashlib.sha256(name.encode())
    for key, array in sorted(arrays.items()):
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return np.frombuffer(digest.digest(), np.uint8)
