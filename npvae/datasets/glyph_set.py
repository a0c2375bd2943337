"""The built-in dataset `glyphs`: drawn once, then kept in the cache folder."""

from pathlib import Path

import numpy as np

from npvae.datasets import places
from npvae.datasets.dataset import Dataset, hold_out_last, whole
from npvae.datasets.glyphs import BOUNDS, FONTS, N_TEST, N_TRAIN, SIDE, Glyphs, draw_glyphs
from npvae.errors import DataError, InputError
from npvae.storage.arrays import read_arrays, write_arrays
from npvae.storage.atomic import write_whole

CLASSES = tuple("0123456789")
GENERATOR = 1  # raise it whenever the same seed gives other images than before
WORTH_KEEPING = 10_000  # images; fewer are drawn in less than a second


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
    """Return the training and the test images, from the cache if it has them unharmed."""
    worth_keeping = sum(sizes) >= WORTH_KEEPING
    path = cache_file(seed, sizes)
    if worth_keeping and path.is_file():
        try:
            return _read(path, sizes)
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
            write_arrays(file, arrays)
    except OSError:
        pass


def _read(path: Path, sizes: tuple[int, int]) -> tuple[Glyphs, Glyphs]:
    """Return what `_keep` wrote; the archive's own checksums are verified while reading.

    Raises
    ------
    DataError : the file is damaged, or holds something else
    """
    arrays = read_arrays(path, packed=False)
    names = [*BOUNDS, "font"]
    try:
        train, test = (
            Glyphs(
                arrays[f"{part}_images"],
                arrays[f"{part}_labels"],
                {name: arrays[f"{part}_{name}"] for name in names},
            )
            for part in range(2)
        )
    except KeyError as error:
        raise DataError(f"{path} lacks {error}") from error
    for part, n in zip((train, test), sizes, strict=True):
        if not _fits(part, n):
            raise DataError(f"{path} holds other arrays than glyphs")
    return train, test


def _fits(part: Glyphs, n: int) -> bool:
    """Whether these are n glyphs: the shapes and types, and numbers that `draw_glyphs` draws."""
    whole = {"labels": (0, len(CLASSES) - 1), "font": (0, len(FONTS) - 1)}
    flat = {"labels": part.labels, **part.factors}
    types = {name: values.dtype for name, values in flat.items()}
    return (
        part.x.shape == (n, SIDE**2)
        and part.x.dtype == np.uint8
        and all(values.shape == (n,) for values in flat.values())
        and types == {name: np.dtype("i8" if name in whole else "f8") for name in flat}
        and all(
            bool(((low <= flat[name]) & (flat[name] <= high)).all())
            for name, (low, high) in {**whole, **BOUNDS}.items()
        )
    )
