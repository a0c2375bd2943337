"""MNIST and Fashion-MNIST: find the official IDX files or download them, and verify them."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npvae.datasets import places
from npvae.datasets.dataset import Dataset, hold_out_last, whole
from npvae.datasets.download import download
from npvae.datasets.idx import read_idx
from npvae.errors import DataError, DataUnavailableError
from npvae.parameters import Array
from npvae.storage.atomic import atomic_write
from npvae.storage.reading import reading

LARGEST_FILE = 1 << 26  # bytes; the largest official file has 26 million


@dataclass(frozen=True)
class IdxSet:
    """A dataset that is published in the format of MNIST.

    Attributes
    ----------
    name : the name that `load_dataset` takes, which is also the name of its folder
    mirrors : addresses of folders that hold the files, each ending in a slash
    checksums : checksum of each file by name, in the order training images, training labels, test
        images, test labels
    classes : name of each label
    """

    name: str
    mirrors: tuple[str, ...]
    checksums: Mapping[str, str]
    classes: tuple[str, ...]


MNIST = IdxSet(
    name="mnist",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    checksums={
        "train-images-idx3-ubyte.gz": (
            "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte.gz": (
            "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    },
    classes=tuple("0123456789"),
)

FASHION_MNIST = IdxSet(
    name="fashion-mnist",
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    checksums={
        "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
    },
    classes=(
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
)


def load_idx_set(which: IdxSet, *, validation: int | None = None, progress: bool = True) -> Dataset:
    """Return MNIST or one of its variants, after verifying the checksum of every file.

    Parameters
    ----------
    which : the dataset
    validation : number of training images to hold out, taken from the end; by default one in
        twelve, the usual 5,000 of MNIST
    progress : show a progress bar while downloading

    Raises
    ------
    DataUnavailableError : a file is not on disk and cannot be downloaded from any mirror
    DataError : a file in the folder `NPVAE_DATA` is not the official one
    InputError : `validation` is negative, or leaves no training example
    """
    arrays, origins, remarks = [], [], []
    for file, axes in zip(which.checksums, (3, 1, 3, 1), strict=True):
        content, origin, remark = _obtain(which, file, progress)
        arrays.append(read_idx(content, file, axes=axes))
        origins.append(origin)
        remarks.append(remark)
    images, labels, test_images, test_labels = arrays
    _check_pairs(which, images, labels)
    _check_pairs(which, test_images, test_labels)
    labels, test_labels = labels.astype(np.int64), test_labels.astype(np.int64)
    train, held_out = hold_out_last(images, labels, validation)
    return Dataset(
        name=which.name,
        train=train,
        validation=held_out,
        test=whole(test_images, test_labels),
        shape=images.shape[1:],
        kind="pixels",
        source=", ".join(dict.fromkeys(origins)),
        classes=which.classes,
        remark=" ".join(dict.fromkeys(filter(None, remarks))),
    )


def _check_pairs(which: IdxSet, images: Array, labels: Array) -> None:
    """Check that images and labels fit; for datasets added later, since checksums cover MNIST."""
    fits = len(images) == len(labels) > 0 and images[0].size and images.dtype == np.uint8
    if not fits or labels.dtype.kind not in "iu" or labels.max() >= len(which.classes):
        raise DataError(
            f"the files of {which.name} do not belong together: {images.dtype} images of shape "
            f"{images.shape} and labels of shape {labels.shape}; download them again"
        )


def _obtain(which: IdxSet, file: str, progress: bool) -> tuple[bytes, str, str]:
    """Return a verified file, its origin, and a remark if it could not be saved in the cache."""
    folders = places.data_folders(which.name)
    cache = folders[-1]
    for folder in folders:
        path = folder / file
        if not os.path.isfile(path):  # Path.is_file raises if a folder is not accessible
            continue
        content = _read_verified(path, which.checksums[file])
        if content is not None:
            return content, str(folder), ""
        if folder != cache:
            raise DataError(
                f"{path} is not the official file: its checksum is not {which.checksums[file]}. "
                "Replace it with the official file, or remove it, and npvae will download it"
            )
        # a damaged file in the cache is downloaded again
    try:
        content = download(file, which.mirrors, which.checksums[file], progress=progress)
    except DataUnavailableError as error:
        raise DataUnavailableError(_how_to_get(which, file, folders, str(error))) from error
    try:
        with atomic_write(cache / file) as out:
            out.write(content)
    except OSError as error:
        reason = error.strerror or error
        remark = (
            f"The download could not be saved in {cache} ({reason}), so it will be repeated next "
            "time."
        )
        return content, "downloaded", remark
    return content, str(cache), ""


def _read_verified(path: Path, checksum: str) -> bytes | None:
    """Return the content of a file, or None if its checksum does not match."""
    kind, _, digest = checksum.partition(":")
    with reading(path, "a file", "make it readable, or remove it"):
        if path.stat().st_size > LARGEST_FILE:
            return None
        content = path.read_bytes()
    found = hashlib.new(kind, content, usedforsecurity=False).hexdigest()
    return content if found == digest else None


def _how_to_get(which: IdxSet, file: str, folders: list[Path], failures: str) -> str:
    """Return a message of several lines: where the file was looked for, and what to do."""
    lines = [f"{which.name} is not on this machine, and no mirror delivered it."]
    lines += [f"{file} is not in:", *(f"  {folder}" for folder in folders)]
    unpacked = [folder for folder in folders if (folder / file.removesuffix(".gz")).exists()]
    lines += [f"  (unpacked in {folder}, but only the .gz can be verified)" for folder in unpacked]
    lines += ["It could not be downloaded from:"]
    lines += [f"  {failure}" for failure in failures.splitlines()]
    lines += [
        "Try one of these:",
        "  - run the command again when there is a network;",
        f"  - put the four .gz files into a folder called {which.name}, and set the environment",
        f"    variable {places.VARIABLE} to the folder that contains it;",
        "  - use the built-in dataset glyphs, which needs no file.",
    ]
    return "\n".join(lines)
