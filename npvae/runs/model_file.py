"""A trained model in one .npz file: named arrays and a JSON header, without pickle."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import is_zipfile

import numpy as np
from numpy.typing import DTypeLike

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.datasets.one_hot import fit_together
from npvae.datasets.preprocessing import Notes, Pixels, Scaling, Standardized
from npvae.devices import CPU, Device, find_device
from npvae.errors import DataError, InputError, NpvaeError, TrainingError
from npvae.iwae import IWAE
from npvae.parameters import Array, Parameters, walk
from npvae.runs.pretrained import is_pretrained
from npvae.storage.arrays import read_arrays, require_floats, write_arrays
from npvae.storage.atomic import atomic_write
from npvae.storage.json_files import as_categories, as_names
from npvae.storage.reading import quote, reading
from npvae.vae import VAE, require_beta

FORMAT = 1
MOST_DRAWS = 1 << 20  # of z per example; no machine has memory for more
ADVICE = "restore the file, or train again"
Model: TypeAlias = Autoencoder | VAE
MODELS: dict[str, type[Autoencoder] | type[VAE]] = {
    model.kind: model for model in (Autoencoder, DenoisingAutoencoder, VAE, IWAE)
}

SCALINGS: dict[type, str] = {Pixels: "pixels", Standardized: "standardized", Notes: "notes"}


@dataclass(frozen=True)
class SavedModel:
    """A model together with what is needed to use it on data.

    Attributes
    ----------
    model : ready to encode, decode and sample
    scaling : converts stored data to the model's x, and back
    shape : shape of one example, such as (28, 28)
    run_id : identity of the run that the model belongs to, or ""
    columns, categories : the names of the numbers in an example of a table, and the texts of each
        text column, as in `Dataset`; empty if they are not known
    """

    model: Model
    scaling: Scaling
    shape: tuple[int, ...]
    run_id: str = ""
    columns: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def save_model(
    path: str | Path,
    model: Model,
    scaling: Scaling,
    shape: tuple[int, ...],
    *,
    columns: Sequence[str] = (),
    categories: Mapping[str, Sequence[str]] | None = None,
    run_id: str = "",
) -> None:
    """Write a model to a file; the same model gives the same bytes.

    A file cannot hold code. If you wrote the layers or the class of the model yourself, only the
    parameters are saved, and `load_model` needs an identically built model to put them into.

    Parameters
    ----------
    path : the file
    model, scaling, shape, columns, categories : as in `SavedModel`
    run_id : identity of the run that the model belongs to; see `runs.config.write_config`

    Raises
    ------
    TrainingError : if a parameter is not finite
    InputError : if the scaling is of a class that a file cannot hold
    WriteError : if the file cannot be written, for example on a full disk; an old file is kept
    """
    header, arrays = model_content(model, scaling, shape, run_id=run_id)
    if columns:
        header["columns"] = list(columns)
    if categories:
        header["categories"] = {name: list(texts) for name, texts in categories.items()}
    write_content(path, header, arrays)


def load_model(
    path: str | Path,
    *,
    model: Model | None = None,
    dtype: DTypeLike = np.float32,
    device: Device | str = CPU,
) -> SavedModel:
    """Load a model that `save_model` or `save_checkpoint` wrote.

    With early stopping it is the model of the best epoch.

    Parameters
    ----------
    path : the file, a run folder, or the name of a pretrained model, such as "pretrained:gated"
    model : an identically built model that receives the parameters; needed only if you wrote its
        layers or its class yourself
    dtype, device : precision and device of the model that is built if `model` is not given; device
        is "cpu", "cuda" or a `Device`

    Raises
    ------
    DataError : if the file is missing or damaged, or needs a `model` that was not given
    InputError : if the device does not exist
    """
    device = find_device(device)
    if is_pretrained(path) or Path(path).is_dir():
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
    """Return the CRC-32 of a model's parameters, which identifies the model."""
    flat = model.params.device.to_host(model.params.flat)
    return f"{zlib.crc32(flat.tobytes()):08x}"


# ---- the file ------------------------------------------------------------------------------------


def write_content(path: str | Path, header: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Write a header and arrays as an .npz file, atomically."""
    try:
        text = json.dumps({"format": FORMAT} | header, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path} cannot store these settings: {quote(error)}; use numbers, text, lists and "
            "dictionaries only"
        ) from error
    with atomic_write(path) as file:
        write_arrays(file, {"header": np.array(text), **arrays})


def read_content(path: str | Path, what: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the header and the arrays in a file; memory is bounded by the size of the file.

    Raises
    ------
    DataError : the file is missing or damaged, or has another format
    """
    if not Path(path).is_file():
        raise DataError(f"{path}: there is no such file or run folder; give one that npvae wrote")
    if Path(path).suffix.lower() != ".npz" and not is_zipfile(path):  # not merely a damaged one
        raise DataError(
            f"{path} is not a file that npvae wrote; give a run folder, or its model.npz"
        )
    with decoding(path, what):
        arrays = read_arrays(path, packed=False)
        header = json.loads(str(arrays["header"]), parse_constant=_refuse_constant)
        if type(header["format"]) is not int or header["format"] != FORMAT:
            raise DataError(
                f"{path} has format {quote(repr(header['format']))}, but this npvae reads format "
                f"{FORMAT}; use the npvae version that wrote the file"
            )
    return header, arrays


@contextmanager
def decoding(path: str | Path, what: str) -> Iterator[None]:
    """Turn every error about the content of a file into a `DataError` that names the file."""
    try:
        with reading(path, what, ADVICE):
            yield
    except NpvaeError as error:  # raised by code that does not know the name of the file
        if str(path) in str(error):
            raise
        advice = f"; {ADVICE}" if isinstance(error, DataError) else ""  # others have their own
        raise DataError(f"{path} cannot be read as {what}: {quote(error)}{advice}") from error


def _refuse_constant(name: str) -> float:
    raise DataError(f"its header contains {name}; expected finite numbers")


def below(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """Return the arrays whose names begin with "prefix/", by the rest of their names."""
    return {
        name.removeprefix(f"{prefix}/"): array
        for name, array in arrays.items()
        if name.startswith(f"{prefix}/")
    }


# ---- the model in it -----------------------------------------------------------------------------


def model_content(
    model: Model, scaling: Scaling, shape: tuple[int, ...], *, run_id: str = ""
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the header and the arrays of a model; `restore_model` is the inverse."""
    if not np.isfinite(float(model.params.flat.sum())):
        raise TrainingError(
            "the parameters of the model are not finite, so it is not saved; train with a smaller "
            "learning rate"
        )
    own = type(scaling) not in SCALINGS  # a class of one's own would come back as one of these
    if own or not isinstance(scaling, Pixels | Standardized | Notes):
        raise InputError(
            f"the scaling is {quote(repr(scaling))}, but a file can store only Pixels, "
            "Standardized and Notes; use one of them"
        )
    header: dict[str, Any] = {
        "model": dict(model.config) if type(model) in MODELS.values() else {},
        "class": type(model).__name__,
        "parts": _parts(model),
        "beta": None if (beta := getattr(model, "beta", None)) is None else require_beta(beta),
        "scaling": {"kind": SCALINGS[type(scaling)]}
        | ({"binarize": scaling.binarize} if isinstance(scaling, Pixels) else {}),
        "shape": [int(side) if isinstance(side, np.integer) else side for side in shape],
    }
    if run_id:
        header["run"] = run_id
    to_host = model.params.device.to_host
    arrays = {f"params/{name}": to_host(value) for name, value in model.params.values.items()}
    if isinstance(scaling, Standardized):
        mean, std = to_host(scaling.mean), to_host(scaling.std)
        arrays |= {"scaling/mean": mean, "scaling/std": std}
        if (constant := to_host(scaling.constant)).any():
            arrays["scaling/constant"] = constant
    if header["model"]:
        _require_as_built(model)
    # raises now what loading would raise
    _shape(header, model.n_x), _scaling(header["scaling"], arrays, model.n_x)
    return header, arrays


def _require_as_built(model: Model) -> None:
    """Refuse a part with a changed number, such as a slope: a file would keep the old one."""
    small = {"n_h": [1] * len(model.config["n_h"]), "n_z": 1}  # the same parts, quickly
    config = {name: value for name, value in (model.config | small).items() if name != "model"}
    built = type(model).dense(**config)
    for (name, part), (_, as_built) in zip(_walk_parts(model), _walk_parts(built), strict=True):
        for key, value in vars(as_built).items():
            if type(value) is float and (now := getattr(part, key)) != value:
                raise InputError(
                    f"{key} of {name} is {now}, but the model was built with {value}, which is "
                    "what a file would keep; build a new model"
                )


def build(
    header: dict[str, Any], arrays: dict[str, Array], dtype: DTypeLike, device: Device
) -> Model:
    """Return a new model of the class and the sizes in a header."""
    config: dict[str, Any] = dict(header["model"])
    if not config:
        name = quote(header.get("class", "model"))
        raise InputError(
            f"the layers or the class of its {name} are your own code, which a file cannot hold; "
            "build the same model again and pass it as model=..."
        )
    kind = MODELS[config.pop("model")]
    sizes, n_y = [config["n_x"], *config["n_h"], config["n_z"]], config.get("n_y", 0)
    if not all(type(size) is int and size > 0 for size in [*sizes, n_y + 1]):
        raise DataError(f"its sizes are {sizes!s:.60}; expected whole numbers of at least 1")
    sizes[0] += n_y
    # a wrong size must not allocate memory: two neighbouring layers need a weight for each pair
    stored = [array.size for array in below(arrays, "params").values()]
    if len(sizes) > len(stored) or sum(a * b for a, b in pairwise(sizes)) > sum(stored):
        raise DataError(
            f"its sizes {sizes!s:.60} need more than the {sum(stored)} numbers that it contains"
        )
    if type(draws := config.get("k", 1)) is not int or not 1 <= draws <= MOST_DRAWS:
        raise DataError(f"its k is {draws!r:.60}; expected a whole number from 1 to {MOST_DRAWS}")
    if {"init", "seed", "dtype", "device"} & set(config):
        raise DataError("its header contains arguments that a saved model cannot have")
    return kind.dense(**config, dtype=dtype, device=device)


def restore_model(model: Model, header: dict[str, Any], arrays: dict[str, Array]) -> SavedModel:
    """Copy the parameters of a file into a model, and return it with its scaling and shape.

    Raises
    ------
    DataError : if they do not fit the model, which is then unchanged
    """
    require_same_model(model, header)
    ready = stored_parameters(model.params, arrays)
    shape = _shape(header, model.n_x)
    scaling = _scaling(header["scaling"], arrays, model.n_x)
    columns, categories = _columns(header, model.n_x)
    if isinstance(model, VAE) and header.get("beta") is not None:
        model.beta = require_beta(header["beta"])
    for name, value in model.params.values.items():  # everything has been checked
        value[...] = model.params.device.asarray(ready[name])
    return SavedModel(model, scaling, shape, str(header.get("run", "")), columns, categories)


def require_same_model(model: Model, header: dict[str, Any]) -> None:
    """Raise `DataError` if a file holds a model of another class or with other arguments."""
    found = header.get("class", type(model).__name__)
    same = all(model.config.get(name) == value for name, value in header["model"].items())
    if found != type(model).__name__ or (model.config and not same):
        raise DataError(
            f"it contains another model, a {quote(found)} with {header['model']!s:.300}; expected "
            f"a {type(model).__name__} with {model.config}"
        )
    stored, parts = header.get("parts", {}), _parts(model)
    if odd := sorted(name for name in stored if parts.get(name) != stored[name]):
        raise DataError(
            f"its {quote(odd[0])} is a {quote(stored[odd[0]])}, but the {quote(odd[0])} of the "
            f"model is a {parts.get(odd[0])}; build the same model again"
        )


def stored_parameters(params: Parameters, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the parameters in a file by name, in the precision of `params`.

    Raises
    ------
    DataError : if their names or shapes differ from those of `params`, or one is not finite
    """
    stored, ready = below(arrays, "params"), {}
    if odd := sorted(set(stored) ^ set(params.values)):
        raise DataError(
            f"it contains another model: only one of the two has {quote(', '.join(odd))}"
        )
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
    """Raise `DataError` if the model in a file was trained with another scaling."""
    stored = _scaling(header["scaling"], arrays, n_x)
    same = type(stored) is type(scaling)
    if same and isinstance(stored, Pixels):
        same = stored.binarize == scaling.binarize
    elif same and isinstance(stored, Standardized):
        now = [
            part.get() if hasattr(part, "get") else part
            for part in (scaling.mean, scaling.std, scaling.constant)
        ]
        varies = ~now.pop()  # older files have another std for constant columns, where x is 0
        same = all(
            np.array_equal(part[varies], before[varies])
            for part, before in zip(now, (stored.mean, stored.std), strict=True)
        )
    if not same:
        raise DataError(
            "it was trained with another scaling than this run, so it belongs to other data or "
            "settings"
        )


def _parts(model: Model) -> dict[str, str]:
    """Return the class of each network, layer and likelihood by name."""
    return {name: type(part).__name__ for name, part in _walk_parts(model)}


def _walk_parts(model: Model) -> Iterator[tuple[str, object]]:
    """Visit the networks, their layers and the likelihood, with their names."""
    rooms = {name: getattr(model, name) for name in ("encoder", "decoder", "likelihood")}
    yield from (found for found in walk(rooms) if not isinstance(found[1], dict | tuple))


def _shape(header: dict[str, Any], n_x: int) -> tuple[int, ...]:
    shape = tuple(header["shape"])
    if not all(type(side) is int and side > 0 for side in shape) or prod(shape) != n_x:
        raise DataError(
            f"its examples have the shape {shape!s:.60}, which does not make {n_x} numbers"
        )
    return shape


def _columns(
    header: dict[str, Any], n_x: int
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Return the names of the numbers in an example, and the texts of each text column."""
    columns = tuple(as_names(header.get("columns")))
    categories = as_categories(header.get("categories"))
    if len(columns) not in (0, n_x) or not fit_together(columns, categories):
        raise DataError(f"its columns do not describe {n_x} numbers")
    return columns, categories


def _scaling(header: dict[str, Any], arrays: dict[str, Array], n_x: int) -> Scaling:
    if header["kind"] == "pixels":
        return Pixels(header["binarize"])
    if header["kind"] == "notes":
        return Notes()
    if header["kind"] != "standardized":
        known = ", ".join(SCALINGS.values())
        raise DataError(f"its scaling is {header['kind']!r:.40}; this npvae knows {known}")
    mean, std = (require_floats(arrays, f"scaling/{name}", (n_x,)) for name in ("mean", "std"))
    if (std <= 0).any():
        raise DataError("scaling/std contains a standard deviation that is not positive")
    constant = arrays.get("scaling/constant")  # absent if none is, and from older versions
    if constant is not None and (constant.dtype != bool or constant.shape != (n_x,)):
        raise DataError(f"scaling/constant is not ({n_x},) booleans")
    return Standardized(mean, std, constant)
