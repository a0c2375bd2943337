"""A trained model in one file: arrays by name and a JSON header, no pickle."""

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.datasets.preprocessing import Pixels, Scaling, Standardized
from npvae.devices import CPU, Device, find_device
from npvae.errors import DataError, InputError, NpvaeError, TrainingError
from npvae.iwae import IWAE
from npvae.parameters import Array, Parameters
from npvae.storage.arrays import read_arrays, require_floats, write_arrays
from npvae.storage.atomic import write_whole
from npvae.storage.reading import quote, reading
from npvae.vae import VAE, require_beta

FORMAT = 1
MOST_DRAWS = 1 << 20  # of z for each example: more would fit into no memory
ADVICE = "train again, or restore the file"
Model: TypeAlias = Autoencoder | VAE
MODELS: dict[str, type[Autoencoder] | type[VAE]] = {
    model.kind: model for model in (Autoencoder, DenoisingAutoencoder, VAE, IWAE)
}


@dataclass(frozen=True)
class SavedModel:
    """A model with what it needs to be used on data.

    Attributes
    ----------
    model : ready to encode, decode and sample
    scaling : from the data's units to the model's x, and back
    shape : of one example, such as (28, 28)
    run : the identity of the run that it belongs to, or ""
    """

    model: Model
    scaling: Scaling
    shape: tuple[int, ...]
    run: str = ""


def save_model(
    path: str | Path, model: Model, scaling: Scaling, shape: tuple[int, ...], *, run: str = ""
) -> None:
    """Write a model; the same model gives the same bytes.

    A file cannot hold code. Of a model with layers or of a class of your own it keeps the numbers,
    and `load_model` needs a model of the same make to put them into.

    Parameters
    ----------
    path : the file
    model, scaling, shape : as in `SavedModel`
    run : the identity of the run that the model belongs to, see `runs.config.write_config`

    Raises
    ------
    TrainingError : if a parameter is not finite
    InputError : if the scaling is of a kind that no file can hold
    WriteError : if the disk is full, for instance; the old file, if there was one, is kept
    """
    write_content(path, *model_content(model, scaling, shape, run=run))


def load_model(
    path: str | Path,
    *,
    model: Model | None = None,
    dtype: DTypeLike = np.float32,
    device: Device | str = CPU,
) -> SavedModel:
    """Read what `save_model` wrote, or the model in what `save_checkpoint` wrote.

    Of a training that keeps its best epoch it is the model of that epoch.

    Parameters
    ----------
    path : the file, or the folder of a run
    model : one of the same make, to be filled; needed where its layers or its class are your own
    dtype, device : of the model that is built without that; device is "cpu", "cuda", or a `Device`

    Raises
    ------
    DataError : if there is no such file, it is damaged, or needs a `model` that was not given
    InputError : if there is no such device
    """
    device = find_device(device)
    if Path(path).is_dir():
        from npvae.runs.folder import RunFolder  # which reads its files with this function

        return RunFolder.open(path).load_model(device, model=model, dtype=dtype)
    what = "a model that npvae saved"
    header, arrays = read_content(path, what)
    with decoding(path, what):
        if model is None:
            model = build(header, arrays, dtype, device)
        saved = restore_model(model, header, arrays)
        params = saved.model.params
        if "progress/best" in arrays:
            best = require_floats(arrays, "progress/best", params.flat.shape)
            params.flat[...] = params.device.asarray(best.astype(params.dtype))
        return saved


def model_checksum(model: Model) -> str:
    """Return the CRC-32 of a model's parameters, to know the model again."""
    flat = model.params.device.to_host(model.params.flat)
    return f"{zlib.crc32(flat.tobytes()):08x}"


# ---- the file ------------------------------------------------------------------------------------


def write_content(path: str | Path, header: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Write a header and arrays as an .npz file, whole or not at all."""
    try:
        text = json.dumps({"format": FORMAT} | header, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path} cannot hold these settings: {quote(error)}; give numbers, text, lists and "
            "dictionaries"
        ) from error
    with write_whole(path) as file:
        write_arrays(file, {"header": np.array(text), **arrays})


def read_content(path: str | Path, what: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read a header and arrays back; what they take is bounded by the size of the file.

    Raises
    ------
    DataError : there is no such file, it is damaged, or of another format
    """
    if not Path(path).is_file():
        raise DataError(f"there is no file {path}; give one that npvae saved")
    with decoding(path, what):
        arrays = read_arrays(path, packed=False)
        header = json.loads(str(arrays["header"]), parse_constant=_refuse_constant)
        if type(header["format"]) is not int or header["format"] != FORMAT:
            raise DataError(
                f"{path} has format {quote(repr(header['format']))}; this npvae reads format "
                f"{FORMAT}: use the npvae that wrote it"
            )
    return header, arrays


@contextmanager
def decoding(path: str | Path, what: str) -> Iterator[None]:
    """Turn whatever is wrong with a file into a `DataError` that names the file."""
    try:
        with reading(path, what, ADVICE):
            yield
    except NpvaeError as error:  # raised inside, where the file's name is not known
        if str(path) in str(error):
            raise
        raise DataError(f"{path} cannot be read as {what}: {quote(error)}") from error


def _refuse_constant(name: str) -> float:
    raise DataError(f"its header holds {name}, which is no number")


def below(arrays: Mapping[str, Array], room: str) -> dict[str, Array]:
    """Return the arrays whose names begin with a room, by the rest of their names."""
    return {
        name.removeprefix(f"{room}/"): array
        for name, array in arrays.items()
        if name.startswith(f"{room}/")
    }


# ---- the model in it -----------------------------------------------------------------------------


def model_content(
    model: Model, scaling: Scaling, shape: tuple[int, ...], *, run: str = ""
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the header and the arrays of a model; `restore_model` is the way back."""
    if not np.isfinite(float(model.params.flat.sum())):
        raise TrainingError("the model's parameters are no longer finite numbers; it is not saved")
    if not isinstance(scaling, Pixels | Standardized):
        raise InputError(
            f"a file keeps the scalings Pixels and Standardized, and this is {quote(repr(scaling))}"
        )
    header: dict[str, Any] = {
        "model": dict(model.config) if type(model) in MODELS.values() else {},
        "class": type(model).__name__,
        "beta": None if (beta := getattr(model, "beta", None)) is None else require_beta(beta),
        "scaling": {"kind": "standardized"}
        if isinstance(scaling, Standardized)
        else {"kind": "pixels", "binarize": scaling.binarize},
        "shape": list(shape),
    }
    if run:
        header["run"] = run
    to_host = model.params.device.to_host
    arrays = {f"params/{name}": to_host(value) for name, value in model.params.values.items()}
    if isinstance(scaling, Standardized):
        mean, std = to_host(scaling.mean), to_host(scaling.std)
        arrays |= {"scaling/mean": mean, "scaling/std": std}
    _scaling(header["scaling"], arrays, model.n_x)  # which raises what a load would raise
    return header, arrays


def build(
    header: dict[str, Any], arrays: dict[str, Array], dtype: DTypeLike, device: Device
) -> Model:
    """Return a new model of the kind and the sizes that a header names."""
    config: dict[str, Any] = dict(header["model"])
    if not config:
        name = quote(header.get("class", "model"))
        raise InputError(
            f"its {name} has layers or a class of your own, which no file can hold; make such a "
            "model, and give it with model=..."
        )
    kind = MODELS[config.pop("model")]
    sizes, n_y = [config["n_x"], *config["n_h"], config["n_z"]], config.get("n_y", 0)
    if not all(type(size) is int and size > 0 for size in [*sizes, n_y + 1]):
        raise DataError(f"its sizes are {sizes!s:.60}, expected whole numbers, at least 1")
    sizes[0] += n_y
    # a false size must not take memory: every layer has a weight for each pair of its neighbours
    stored = [array.size for array in below(arrays, "params").values()]
    if len(sizes) > len(stored) or sum(a * b for a, b in pairwise(sizes)) > sum(stored):
        raise DataError(f"its sizes {sizes!s:.60} need more than the {sum(stored)} numbers in it")
    if type(draws := config.get("k", 1)) is not int or not 1 <= draws <= MOST_DRAWS:
        raise DataError(f"its k is {draws!r:.60}, expected a whole number, 1 to {MOST_DRAWS}")
    if {"init", "seed", "dtype", "device"} & set(config):
        raise DataError("its header says how to begin a model, where one is ready")
    return kind.dense(**config, dtype=dtype, device=device)


def restore_model(model: Model, header: dict[str, Any], arrays: dict[str, Array]) -> SavedModel:
    """Fill a model with the parameters of a file, and return it with what belongs to it.

    Raises
    ------
    DataError : if they are not its parameters; the model is then as it was
    """
    require_same_model(model, header)
    ready = stored_parameters(model.params, arrays)
    shape = tuple(header["shape"])
    if not all(type(side) is int and side > 0 for side in shape) or prod(shape) != model.n_x:
        raise DataError(f"examples of shape {shape!s:.60} do not have {model.n_x} numbers")
    scaling = _scaling(header["scaling"], arrays, model.n_x)
    if isinstance(model, VAE) and header.get("beta") is not None:
        model.beta = require_beta(header["beta"])
    for name, value in model.params.values.items():  # now that nothing can go wrong any more
        value[...] = model.params.device.asarray(ready[name])
    return SavedModel(model, scaling, shape, str(header.get("run", "")))


def require_same_model(model: Model, header: dict[str, Any]) -> None:
    """Refuse a file of a model of another class, or that was built in another way."""
    found = header.get("class", type(model).__name__)
    same = all(model.config.get(name) == value for name, value in header["model"].items())
    if found != type(model).__name__ or (model.config and not same):
        raise DataError(
            f"it is of another model, a {quote(found)} of {header['model']!s:.300}; here is a "
            f"{type(model).__name__} of {model.config}"
        )


def stored_parameters(params: Parameters, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the parameters in a file by name, in the precision of `params`.

    Raises
    ------
    DataError : if they are not those of such a model, or not finite
    """
    stored, ready = below(arrays, "params"), {}
    if odd := sorted(set(stored) ^ set(params.values)):
        raise DataError(f"it is of another model: only one of the two has {quote(', '.join(odd))}")
    for name, value in params.values.items():
        numbers = require_floats(stored, name, value.shape)
        with np.errstate(over="ignore"):
            ready[name] = numbers.astype(params.dtype)
        if not np.isfinite(ready[name]).all():
            raise DataError(f"params/{name} is too large for {params.dtype}")
    return ready


def require_same_scaling(
    scaling: Any, header: dict[str, Any], arrays: dict[str, Array], n_x: int
) -> None:
    """Refuse a file whose examples became x in another way."""
    stored = _scaling(header["scaling"], arrays, n_x)
    same = type(stored) is type(scaling)
    if same and isinstance(stored, Pixels):
        same = stored.binarize == scaling.binarize
    elif same and isinstance(stored, Standardized):
        same = all(
            np.array_equal(now.get() if hasattr(now, "get") else now, before)
            for now, before in ((scaling.mean, stored.mean), (scaling.std, stored.std))
        )
    if not same:
        raise DataError(
            "its examples were scaled in another way than these, so that it is of other data or of "
            "other settings"
        )


def _scaling(header: dict[str, Any], arrays: dict[str, Array], n_x: int) -> Scaling:
    if header["kind"] == "pixels":
        return Pixels(header["binarize"])
    if header["kind"] != "standardized":
        raise DataError(f"its scaling is {header['kind']!r:.40}, unknown to this npvae")
    mean, std = (require_floats(arrays, f"scaling/{name}", (n_x,)) for name in ("mean", "std"))
    if (std <= 0).any():
        raise DataError("scaling/std holds a standard deviation that is not positive")
    return Standardized(mean, std)
