"""A trained model in one file: arrays by name and a JSON header, no pickle."""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from npvae.arrays import CPU, Array, Device
from npvae.autoencoder import Autoencoder
from npvae.datasets.reading import reading
from npvae.datasets.scaling import Pixels, Scaling, Standardized
from npvae.errors import DataError, InputError, NpvaeError
from npvae.files import write_whole
from npvae.vae import VAE

FORMAT = 1
Model: TypeAlias = Autoencoder | VAE
MODELS: dict[str, type[Autoencoder] | type[VAE]] = {"autoencoder": Autoencoder, "vae": VAE}


@dataclass(frozen=True)
class SavedModel:
    """A model with what it needs to be used on data.

    Attributes
    ----------
    model : ready to encode, decode and sample
    scaling : from the data's units to the model's x, and back
    shape : of one example, such as (28, 28)
    """

    model: Model
    scaling: Scaling
    shape: tuple[int, ...]


def save_model(path: str | Path, model: Model, scaling: Scaling, shape: tuple[int, ...]) -> None:
    """Write a model that `dense` built; the same model gives the same bytes.

    Raises
    ------
    InputError : if the model was put together from layers of one's own, whose code no file can hold
    """
    if not model.config:
        raise InputError(
            "this model was built from layers of your own, so a file cannot say how to build it "
            "again; save `model.params.flat` with numpy.save and copy it back into a new model"
        )
    header = {
        "format": FORMAT,
        "model": model.config | ({"beta": model.beta} if isinstance(model, VAE) else {}),
        "scaling": {"kind": "standardized"}
        if isinstance(scaling, Standardized)
        else {"kind": "pixels", "binarize": getattr(scaling, "binarize", "none")},
        "shape": list(shape),
    }
    to_host = model.params.device.to_host
    arrays = {f"params/{name}": to_host(value) for name, value in model.params.values.items()}
    if isinstance(scaling, Standardized):
        arrays |= {"scaling/mean": scaling.mean, "scaling/std": scaling.std}
    with write_whole(path) as file:
        np.savez(file, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]


def load_model(
    path: str | Path, *, dtype: DTypeLike = np.float32, device: Device = CPU
) -> SavedModel:
    """Read what `save_model` wrote.

    Raises
    ------
    DataError : if there is no such file, or it is not such a file
    """
    if not Path(path).is_file():
        raise DataError(f"there is no {path}; did its training finish?")
    try:
        with reading(path, "a model that npvae saved", "train again, or restore the file"):
            return _read(path, dtype, device)
    except NpvaeError as error:  # raised inside, where the file's name is not known
        if str(path) in str(error):
            raise
        raise DataError(f"{path} cannot be read as a model that npvae saved: {error}") from error


def _read(path: str | Path, dtype: DTypeLike, device: Device) -> SavedModel:
    # opened here, since np.load leaves a file open that is no zip file
    with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays["header"]))
    if header["format"] != FORMAT:
        raise DataError(
            f"{path} has format {header['format']}; this npvae reads format {FORMAT}: "
            "use the npvae that wrote it"
        )
    config: dict[str, Any] = dict(header["model"])
    model = MODELS[config.pop("model")].dense(**config, dtype=dtype, device=device)
    for name, value in model.params.values.items():
        stored = _numbers(arrays, f"params/{name}", value.shape)
        value[...] = device.asarray(stored, model.params.dtype)
    shape = tuple(int(side) for side in header["shape"])
    if prod(shape) != model.n_x:
        raise DataError(f"examples of shape {shape} do not have {model.n_x} numbers")
    return SavedModel(model, _scaling(header["scaling"], arrays, model.n_x), shape)


def _numbers(arrays: dict[str, Array], name: str, shape: tuple[int, ...]) -> Array:
    """Return a stored array, if it is what it should be."""
    stored = arrays[name]
    if stored.shape != shape:
        raise DataError(f"{name} has shape {stored.shape}, expected {shape}")
    if stored.dtype.kind != "f" or not np.isfinite(stored).all():
        raise DataError(f"{name} ({stored.dtype}) holds something that is no finite float")
    return stored


def _scaling(header: dict[str, Any], arrays: dict[str, Array], n_x: int) -> Scaling:
    if header["kind"] == "pixels":
        return Pixels(header["binarize"])
    mean, std = (_numbers(arrays, f"scaling/{name}", (n_x,)) for name in ("mean", "std"))
    if (std <= 0).any():
        raise DataError("scaling/std holds a standard deviation that is not positive")
    return Standardized(mean, std)
