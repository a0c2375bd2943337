"""Your own images: read a folder of image files."""

import math
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from npvae.datasets.notebook import progress_bar
from npvae.datasets.user_examples import Examples, remark_on_dark_pixels
from npvae.errors import DataError
from npvae.parameters import Array
from npvae.storage.reading import LIMIT, open_regular, printable, quote, reading

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")  # the only ones, whatever the suffix says
RUN_FILES = {"model.npz", "checkpoint.npz"}  # beside config.json in the folder of a run
GREY, DEEP = {"1", "L", "LA", "La"}, {"I", "F"}
BITS_OF_PNG = 24  # position of the byte with the number of bits per channel
BITS_OF_TIFF = 258  # tag with the number of bits per channel
ORIENTATION = 274  # EXIF tag; the values 5 to 8 swap rows and columns


def read_image_folder(path: str | Path, *, progress: bool = False) -> Examples:
    """Return the images in a folder as pixels, sorted by name.

    - The images are in the folder itself, without labels, or in sub-folders, whose names are the
      labels. Images in deeper folders belong to the topmost sub-folder.
    - All images have the same size. If all are greyscale, examples have the shape (H, W); otherwise
      all are converted to RGB, (H, W, 3). Transparent images are put on black, and only the first
      frame of an animation is used.
    - Hidden files and files with other suffixes are ignored.
    - All images together take at most `LIMIT` bytes, and each has at most 4096 x 4096 pixels.
    - Images with an EXIF rotation are turned upright.
    - Images with more than 8 bits per channel are refused, because precision would be lost.

    Parameters
    ----------
    path : the folder
    progress : show a progress bar

    Raises
    ------
    DataError : there is no image; an image is broken, too large or of another size; there are
        images both in the folder and in its sub-folders; or a run of npvae lies in the folder
    """
    folder = Path(path)
    with reading(folder, "a folder of images", "make it readable"):
        files = sorted(_find_images(folder), key=Path.as_posix)  # the same order on every platform
    if not files:
        raise DataError(
            f"{folder} contains no images; expected files such as {', '.join(sorted(SUFFIXES))}"
        )
    names = [file.relative_to(folder).parts[0] for file in files]
    labelled = [name != file.name for name, file in zip(names, files, strict=True)]
    if any(labelled) and not all(labelled):
        loose = files[labelled.index(False)]
        raise DataError(
            f"{folder} contains images both in sub-folders, whose names are the labels, and "
            f"outside of them, such as {loose.name}; move these into a sub-folder, or remove them"
        )
    shape = _common_shape(
        progress_bar(files, "comparing sizes", disable=not progress, leave=False), folder
    )
    if len(files) * math.prod(shape) > LIMIT:
        raise DataError(
            f"{folder} contains {len(files)} images of shape {shape}, more than the {LIMIT} bytes "
            "that npvae reads into memory; make them smaller, or save them as one .npy file of "
            "uint8, which can have any size"
        )
    with reading(folder, "a folder of images", "use fewer or smaller images, or an .npy file"):
        x = np.empty((len(files), *shape), np.uint8)
    for i, file in enumerate(
        progress_bar(files, "reading images", disable=not progress, leave=False)
    ):
        with _open(file) as image:
            image.verify()  # the checksums of a .png, which are ignored otherwise
        with _open(file) as image:
            x[i] = _pixels(image, grey=len(shape) == 2)
    labels = np.array(names, dtype=np.str_) if all(labelled) else None
    remarks = (_understood(labels, shape), *remark_on_dark_pixels(float(x.max())))
    return Examples(x.reshape(len(x), -1), shape, "pixels", labels, remarks=remarks)


def _understood(labels: Array | None, shape: tuple[int, ...]) -> str:
    """Return what the folder was taken for: labels or none, and grey or colour pixels."""
    names = [] if labels is None else sorted(set(labels.tolist()))
    shown = ", ".join([quote(name) for name in names[:10]] + ["..."] * (len(names) > 10))
    said = f"{len(names)} label{'s' * (len(names) != 1)} from the sub-folders: {shown}."
    pixels = "Colour pixels (Gaussian" if len(shape) == 3 else "Grey pixels (Bernoulli"
    return f"{said if names else 'No sub-folders, so no labels.'} {pixels} likelihood)."


def _find_images(folder: Path) -> Iterator[Path]:
    """Yield every image below a folder, in any order; links to folders are not followed."""
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if "config.json" in names and RUN_FILES.intersection(names):
            raise DataError(
                f"{place} is a run of npvae, whose pictures are not data; {_advice(folder, place)}"
            )
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(place, name)


def _advice(folder: Path, besides: str | Path = "") -> str:
    """Return which folder to give instead: one in `folder` that contains folders of images."""
    likely = (
        place.name
        for place in sorted(folder.iterdir())
        if not place.name.startswith(".") and place not in (Path(besides), *Path(besides).parents)
        for inner in (sorted(place.iterdir()) if place.is_dir() else ())
        if inner.is_dir() and any(file.suffix.lower() in SUFFIXES for file in inner.iterdir())
    )
    name = next(likely, None)
    such = "" if name is None else f", such as {folder / printable(name)}"
    return f"give the folder that contains the label folders{such}"


def _raise(error: OSError) -> None:
    raise error


def _common_shape(files: Iterable[Path], folder: Path) -> tuple[int, ...]:
    """Return the shape of one example, after comparing the headers of all images in a folder."""
    first, size, grey = Path(), (0, 0), True
    for file in files:
        with _open(file) as image:
            upright = _upright_size(image)
            if size == (0, 0):
                first, size = file, upright
            if (
                math.prod(image.size) > LIMIT // 64
            ):  # room for RGBA and for the copies that a conversion makes
                raise DataError(
                    f"{file} is {image.size[0]} x {image.size[1]} pixels, which is too large; use "
                    "at most 4096 x 4096 pixels"
                )
            if upright != size:
                advice = "resize all images to one size"
                if len(file.parts) != len(first.parts):  # not the same kind of image
                    advice = _advice(folder)
                raise DataError(
                    f"{first} is {size[0]} x {size[1]} pixels, but {file} is {upright[0]} x "
                    f"{upright[1]}; {advice}"
                )
            if (bits := _bits(image)) > 8:
                raise DataError(f"{file} has {bits} bits per channel; save it with 8 bits")
            grey = grey and _is_grey(image)
    width, height = size
    return (height, width) if grey else (height, width, 3)


@contextmanager
def _open(file: Path) -> "Iterator[Image]":
    """Open an image; every error, here or in the block, names the file."""
    from PIL import Image

    with (
        reading(file, "an image", "repair or remove it"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # about odd but readable files
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with open_regular(file) as content, Image.open(content, formats=FORMATS) as image:
            yield image


def _bits(image: Any) -> int:
    """Return the number of bits per channel.

    Pillow silently reduces most 16-bit images to 8 bits, and its mode reveals this only for some
    greyscale images, so the number is read from the file.
    """
    bits = 16 if image.mode in DEEP or image.mode.startswith("I;") else 8
    if image.format == "TIFF":
        bits = max(bits, *image.tag_v2.get(BITS_OF_TIFF, (1,)))
    elif image.format == "PNG":
        place = image.fp.tell()
        image.fp.seek(BITS_OF_PNG)
        bits = max(bits, *image.fp.read(1))
        image.fp.seek(place)
    return bits


def _upright_size(image: "Image") -> tuple[int, int]:
    """Return the width and height of the image turned upright; Pillow itself turns a TIFF."""
    if image.format == "TIFF" or "exif" not in image.info:
        return image.size
    turned = image.getexif().get(ORIENTATION) in (5, 6, 7, 8)
    return image.size[::-1] if turned else image.size


def _is_grey(image: "Image") -> bool:
    """Return whether an image is greyscale; a palette may have colours or not."""
    if image.mode == "P":
        palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return image.mode in GREY


def _pixels(image: "Image", grey: bool) -> Array:
    """Return an image as (H, W) or (H, W, 3) uint8, with transparent parts on black."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if "A" in image.mode or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
        image = image.convert("RGB")
    return np.asarray(image.convert("L" if grey else "RGB"))
