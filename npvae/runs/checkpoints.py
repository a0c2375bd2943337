"""A training in one file: with it, one that was stopped goes on to the same bits."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npvae.datasets.preprocessing import Scaling
from npvae.devices import CPU, Device, find_device
from npvae.errors import DataError
from npvae.runs.model_file import Model, SavedModel, below, build, decoding, model_content, read_content, restore_model, write_content
from npvae.optimizers import Optimizer, optimizer_state, restore_optimizer
from npvae.progress import Progress
from npvae.runs.progress_file import progress_state, restore_progress
from npvae.training import require_healthy
from npvae.runs.environment import versions


@dataclass(frozen=True)
class Checkpoint(SavedModel):
    """A training that can go on.

    Attributes
    ----------
    model, scaling, shape : as in `SavedModel`
    optimizer : with its state
    progress : with the generator, the epoch and the step, and the records so far
    settings : what `save_checkpoint` was given to keep beside them
    versions : of npvae and of what its results depend on, when it was written
    """

    optimizer: Optimizer
    progress: Progress
    settings: dict[str, Any]
    versions: dict[str, str]


def save_checkpoint(
    path: str | Path,
    model: Model,
    scaling: Scaling,
    shape: tuple[int, ...],
    optimizer: Optimizer,
    progress: Progress,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write all that a training must know to go on; at any time between two updates.

    The old file stays until the new one is whole and on the disk. Nothing that is not healthy is
    written over it.

    Parameters
    ----------
    model, scaling, shape : as for `save_model`, but the layers may be one's own
    optimizer : its public attributes are its state: numbers, and floats in the shape of the
        parameters
    progress : that `fit` or `steps` keeps up to date
    settings : anything that JSON can hold, to find again in `Checkpoint.settings`

    Raises
    ------
    TrainingError : if a loss of this epoch or a parameter is no longer a number
    InputError : if the optimiser's state, the scaling or the generator is of a kind that no file
        can hold, or the training was interrupted within an update
    WriteError : if the disk is full, for instance; the old file is as it was
    """
    progress.require_whole()
    require_healthy(model, progress)
    with progress.last_in(model.params):
        header, arrays = model_content(model, scaling, shape)
        numbers, vectors = optimizer_state(optimizer, model.params)
        stand, within = progress_state(progress)
        header |= {
            "optimizer": {"kind": type(optimizer).__name__, "numbers": numbers},
            "progress": stand,
            "settings": dict(settings or {}),
            "versions": versions(model.params.device.about),
        }
        to_host = model.params.device.to_host
        arrays |= {f"optimizer/{name}": to_host(vector) for name, vector in vectors.items()}
        arrays |= {f"progress/{name}": to_host(array) for name, array in within.items()}
        write_content(path, header, arrays)


def load_checkpoint(
    path: str | Path,
    *,
    model: Model | None = None,
    optimizer: Optimizer | None = None,
    device: Device | str = CPU,
) -> Checkpoint:
    """Read what `save_checkpoint` wrote.

    Parameters
    ----------
    path : the file
    model, optimizer : new ones of the same make, to be filled; needed only where their layers or
        their class are one's own, whose code no file can hold
    device : of a model that is built here: "cpu", "cuda", or a `Device`

    Raises
    ------
    DataError : if there is no such file, it is damaged, does not belong to the model given, or
        needs a model or an optimiser of one's own that was not given
    InputError : if there is no such device
    """
    device = find_device(device)
    what = "a checkpoint"
    header, arrays = read_content(path, what)
    with decoding(path, what):
        if "progress" not in header:
            raise DataError("it is a model without its training; read it with load_model")
        stored = next(iter(below(arrays, "params").values())).dtype
        if model is None:
            model = build(header, arrays, stored, device)
        elif model.params.dtype != stored:
            raise DataError(f"its parameters are {stored}, and the model's {model.params.dtype}")
        saved = restore_model(model, header, arrays)
        kind, numbers = str(header["optimizer"]["kind"]), dict(header["optimizer"]["numbers"])
        vectors = below(arrays, "optimizer")
        return Checkpoint(
            saved.model,
            saved.scaling,
            saved.shape,
            restore_optimizer(optimizer, kind, numbers, vectors, model.params),
            restore_progress(header["progress"], below(arrays, "progress"), model.params),
            dict(header["settings"]),
            {str(name): str(version) for name, version in header["versions"].items()},
        )
