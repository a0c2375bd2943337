"""Glyphs: images of digits drawn from the fonts of matplotlib, with their generating factors.

The dataset needs no file and no network, and all factors of variation are known. It is drawn once
and kept in the cache folder.
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
from npvae.storage.atomic import atomic_write

if TYPE_CHECKING:
    from matplotlib.path import Path as Outline

SIDE = 28
CLASSES = tuple("0123456789")
N_TRAIN, N_TEST = 60_000, 10_000
GENERATOR = 1  # increase it when a change gives other images for the same seed
WORTH_KEEPING = 10_000  # images to cache; fewer are drawn in less than a second

# Upright fonts with thin lines, because lines can be thickened but not thinned without breaking.
# DejaVuSansMono is left out: when the dot in its zero is thickened, the zero looks like an 8.
FONTS = (
    "DejaVuSans",
    "DejaVuSerif",
    "STIXGeneral",
    "cmr10",
    "cmss10",
    "cmtt10",
)

# Every factor is uniformly distributed between these bounds.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "slant": (-25.0, 25.0),  # degrees, to the right
    "rotation": (-12.0, 12.0),  # degrees, counter-clockwise
    "scale": (0.8, 1.0),  # height of the digit, in units of 20 pixels
    "stroke": (2.3, 4.0),  # mean thickness of the lines, in pixels
    "x": (-1.5, 1.5),  # pixels, offset of the centre to the right
    "y": (-1.5, 1.5),  # pixels, offset of the centre downwards
}
FULL_HEIGHT = 20.0  # pixels, height of the tallest digit of each font at scale 1


class Glyphs(NamedTuple):
    """Images with their labels and generating factors.

    Attributes
    ----------
    x : (n, 784) uint8, white on black
    labels : (n,) int64, the digits
    factors : (n,) arrays by name: the names in `BOUNDS`, and `font`, an index into `FONTS`
    """

    x: Array
    labels: Array
    factors: dict[str, Array]


def draw_factors(n: int, rng: np.random.Generator) -> tuple[Array, dict[str, Array]]:
    """Return random digits and the factors to draw them with.

    Each example uses one row of uniform numbers, so a smaller n gives the first of the same
    examples.

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
    n : number of images, not negative
    rng : generator; the same state gives the same images with the same version of matplotlib
    progress : show a progress bar on standard error

    Raises
    ------
    InputError : n is negative

    >>> glyphs = draw_glyphs(2, np.random.default_rng(0))
    >>> glyphs.x.shape, sorted(glyphs.factors)
    ((2, 784), ['font', 'rotation', 'scale', 'slant', 'stroke', 'x', 'y'])
    """
    if n < 0:
        raise InputError(
            f"n is {n}, but the number of glyphs cannot be negative; choose at least 0"
        )
    labels, factors = draw_factors(n, rng)
    return Glyphs(_render(labels, factors, progress), labels, factors)


def _render(labels: Array, factors: Mapping[str, Array], progress: bool) -> Array:
    """Return (n, 784) uint8 images of digits, drawn with these factors."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.transforms import Affine2D

    outlines, heights, thicknesses = _load_fonts()
    font = factors["font"]
    size = FULL_HEIGHT * factors["scale"] / heights[font]  # pixels per unit of the font
    # A pen along the outline adds half its width on either side of each line.
    pen = np.maximum(factors["stroke"] - thicknesses[font] * size, 0)
    matrices = _placements(size, factors)

    # line widths are in points, and at 72 dots per inch a point is a pixel
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
        # The canvas starts transparent, so its opacity is the covered share of each pixel.
        x[i] = np.asarray(renderer.buffer_rgba())[:, :, 3].reshape(-1)
    return x


def _placements(size: Array, factors: Mapping[str, Array]) -> Array:
    """Return (n, 3, 3) matrices that scale, slant, rotate, and then move to the image centre."""
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
    """Return the outlines, the height and the mean line thickness of each font.

    Returns
    -------
    outlines : for each font a list of ten outlines, centred on the origin, in units of the font
    heights : (fonts,) height of the tallest digit
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
    """Return 2 A / P of an outline; the area of holes is subtracted."""
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
    """Return digits drawn from fonts, with their generating factors.

    Training and test images come from separate generators, so the same seed with fewer images gives
    the first of the same images.

    Parameters
    ----------
    seed : seed of the images, not negative
    validation : number of training images to hold out, taken from the end; by default one in
        twelve (5,000 of 60,000)
    n_train, n_test : number of images to draw; n_train includes those held out. By default as many
        as in MNIST, 60,000 and 10,000
    progress : show a progress bar

    Raises
    ------
    InputError : a number is too small
    """
    sizes = (
        N_TRAIN if n_train is None else n_train,
        N_TEST if n_test is None else n_test,
    )
    if seed < 0 or min(sizes) < 1:
        raise InputError(
            f"seed is {seed}, n_train is {sizes[0]} and n_test is {sizes[1]}; choose a seed of at "
            "least 0, and n_train and n_test of at least 1"
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
    """Return the cache file of these glyphs; everything they depend on is part of its name."""
    from importlib.metadata import version

    drawn_by = f"v{GENERATOR}-matplotlib{version('matplotlib')}"
    name = f"glyphs-{drawn_by}-seed{seed}-{sizes[0]}-{sizes[1]}.npz"
    return places.cache_folder() / "glyphs" / name


def _cached(seed: int, sizes: tuple[int, int], progress: bool) -> tuple[Glyphs, Glyphs]:
    """Return the training and the test images, from an intact cache file if there is one."""
    worth_keeping = sum(sizes) >= WORTH_KEEPING
    path = cache_file(seed, sizes)
    if worth_keeping and path.is_file():
        try:
            return _read(path)
        except DataError:
            pass  # the file is damaged: draw the images and write it again
    train, test = (
        draw_glyphs(n, np.random.default_rng([seed, part]), progress=progress)
        for part, n in enumerate(sizes)
    )
    if worth_keeping:
        _keep(path, train, test)
    return train, test


def _keep(path: Path, *parts: Glyphs) -> None:
    """Write the cache file; if this fails, the images are simply drawn again next time."""
    arrays = {}
    for number, (x, labels, factors) in enumerate(parts):
        named = {"images": x, "labels": labels, **factors}
        arrays.update({f"{number}_{name}": values for name, values in named.items()})
    try:
        with atomic_write(path) as file:
            write_arrays(file, {**arrays, "sha256": _digest(path.name, arrays)})
    except OSError:
        pass


def _read(path: Path) -> tuple[Glyphs, Glyphs]:
    """Return the images that `_keep` wrote under this name.

    Raises
    ------
    DataError : the file is damaged or has been changed
    """
    arrays = read_arrays(path, packed=False)
    kept = arrays.pop("sha256", None)
    if kept is None or not np.array_equal(kept, _digest(path.name, arrays)):
        raise DataError(f"{path} has been changed since npvae wrote it; remove the file")
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
    """Return the SHA-256 of a file name and of arrays with their names, types and shapes."""
    digest = hashlib.sha256(name.encode())
    for key, array in sorted(arrays.items()):
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return np.frombuffer(digest.digest(), np.uint8)
