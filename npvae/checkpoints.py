"""A trained model in one file: arrays by name and a JSON header, no pickle."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from npvae.arrays import CPU, Array, Device
from npvae.autoencoder import Autoencoder
from npvae.datasets.reading import reading
from npvae.datasets.scaling import Pixels, Scaling, Standardized
from npvae.errors import DataError, InputError
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
        "model": model.config,
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
    except InputError as error:  # a size or a name in its header that a new model would refuse
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
        stored = arrays[f"params/{name}"]
        if stored.shape != value.shape:
            raise DataError(f"{path}: {name} has shape {stored.shape}, expected {value.shape}")
        value[...] = device.asarray(stored, model.params.dtype)
    shape = tuple(int(side) for side in header["shape"])
    return SavedModel(model, _scaling(header["scaling"], arrays), shape)


def _scaling(header: dict[str, Any], arrays: dict[str, Array]) -> Scaling:
    if header["kind"] == "pixels":
        return Pixels(header["binarize"])
    return Standardized(arrays["scaling/mean"], arrays["scaling/std"])
