"""The user's own images: what a folder of them means."""

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
from npvae.storage.reading import LIMIT, open_regular, reading

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")  # and no other, whatever the suffix says
GREY, DEEP = {"1", "L", "LA", "La"}, {"I", "F"}
BITS_OF_PNG = 24  # the place of the byte that says how many bits a channel has
BITS_OF_TIFF = 258  # the tag that says so
ORIENTATION = 274  # the EXIF tag; from 5 to 8, rows and columns change places


def read_image_folder(path: str | Path, *, progress: bool = False) -> Examples:
    """Return the images below a folder, in the order of their names, as pixels.

    - Images lie in the folder itself, without labels, or in sub-folders, whose names are the
      labels; what lies deeper belongs to its topmost sub-folder.
    - All have the same size. If all are grey, so are the examples, (H, W); else all become RGB,
      (H, W, 3). What is transparent is laid on black. Of an animation the first frame counts.
    - Hidden files and files that are no images by their suffix are ignored.
    - Together they take no more than `LIMIT` bytes, and each has at most 4096 x 4096 pixels.
    - An image that its camera marks as rotated (EXIF) is turned upright.
    - Images of more than 8 bits a channel are refused, since half of them would be lost.

    Parameters
    ----------
    path : the folder
    progress : show a progress bar

    Raises
    ------
    DataError : there is no image; one is broken, of another size, or far too large; or images lie
        both in the folder and in its sub-folders
    """
    folder = Path(path)
    with reading(folder, "a folder of images", "see that you may read it"):
        files = sorted(_find_images(folder), key=Path.as_posix)  # alike on every platform
    if not files:
        raise DataError(f"{folder} holds no images; expected {', '.join(sorted(SUFFIXES))}")
    names = [file.relative_to(folder).parts[0] for file in files]
    labelled = [name != file.name for name, file in zip(names, files, strict=True)]
    if any(labelled) and not all(labelled):
        loose = files[labelled.index(False)]
        raise DataError(
            f"{folder} holds images both in sub-folders, whose names are the labels, and outside "
            f"of them, such as {loose.name}; move those into a sub-folder or away"
        )
    shape = _common_shape(progress_bar(files, "comparing sizes", disable=not progress, leave=False))
    if len(files) * math.prod(shape) > LIMIT:
        raise DataError(
            f"{folder} holds {len(files)} images of shape {shape}, more than the {LIMIT} bytes "
            "that npvae reads into memory; make them smaller, or save them as one .npy file of "
            "uint8, which may have any size"
        )
    with reading(folder, "a folder of images", "use fewer or smaller ones, or an .npy file"):
        x = np.empty((len(files), *shape), np.uint8)
    for i, file in enumerate(
        progress_bar(files, "reading images", disable=not progress, leave=False)
    ):
        with _open(file) as image:
            image.verify()  # the checksums of a .png, which are not looked at otherwise
        with _open(file) as image:
            x[i] = _pixels(image, grey=len(shape) == 2)
    labels = np.array(names, dtype=np.str_) if all(labelled) else None
    remarks = remark_on_dark_pixels(x.max())
    return Examples(x.reshape(len(x), -1), shape, "pixels", labels, remarks=remarks)


def _find_images(folder: Path) -> Iterator[Path]:
    """Yield every image below a folder, in no order; links to folders are not followed."""
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(place, name)


def _raise(error: OSError) -> None:
    raise error


def _common_shape(files: Iterable[Path]) -> tuple[int, ...]:
    """Return the shape of one example, from the headers of all images."""
    first, size, grey = Path(), (0, 0), True
    for file in files:
        with _open(file) as image:
            upright = _upright_size(image)
            if size == (0, 0):
                first, size = file, upright
            if math.prod(image.size) > LIMIT // 64:  # RGBA, and copies as it is turned into RGB
                raise DataError(
                    f"{file} is {image.size[0]} x {image.size[1]} pixels, too large for npvae; "
                    "make it smaller"
                )
            if upright != size:
                raise DataError(
                    f"{first} is {size[0]} x {size[1]} pixels, and {file} {upright[0]} x "
                    f"{upright[1]}; bring all images to one size"
                )
            if (bits := _bits(image)) > 8:
                raise DataError(f"{file} has {bits} bits a channel; save it with 8")
            grey = grey and _is_grey(image)
    width, height = size
    return (height, width) if grey else (height, width, 3)


@contextmanager
def _open(file: Path) -> "Iterator[Image]":
    """Open an image; whatever is wrong with it, here or in the block, names the file."""
    from PIL import Image

    with (
        reading(file, "an image", "mend it or take it away"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # about odd but readable files
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with open_regular(file) as content, Image.open(content, formats=FORMATS) as image:
            yield image


def _bits(image: Any) -> int:
    """Return the bits of a channel, of which Pillow keeps 8 of 16 in most modes and says nothing.

    They are where the format has them, since the mode tells only of some grey images.
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
    """Return width and height once the image is turned upright; Pillow itself turns a TIFF."""
    if image.format == "TIFF" or "exif" not in image.info:
        return image.size
    turned = image.getexif().get(ORIENTATION) in (5, 6, 7, 8)
    return image.size[::-1] if turned else image.size


def _is_grey(image: "Image") -> bool:
    """Whether an image has no colours, which a palette may have or not."""
    if image.mode == "P":
        palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return image.mode in GREY


def _pixels(image: "Image", grey: bool) -> Array:
    """Return (H, W) or (H, W, 3) uint8, transparency laid on black."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if "A" in image.mode or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
        image = image.convert("RGB")
    return np.asarray(image.convert("L" if grey else "RGB"))
