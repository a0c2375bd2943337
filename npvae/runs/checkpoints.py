"""A training in one .npz file, from which it resumes bit for bit."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from npvae.encoder_decoder import Loss
from npvae.errors import DataError, InputError
from npvae.evaluation.elbo import Evaluation
from npvae.parameters import Array
from npvae.runs.environment import versions
from npvae.runs.history import records_from_array, records_to_array
from npvae.runs.model_file import (
    below,
    decoding,
    model_content,
    read_content,
    require_same_model,
    require_same_scaling,
    stored_parameters,
    write_content,
)
from npvae.storage.arrays import require_floats
from npvae.storage.reading import quote
from npvae.training import EpochRecord, Trainer
from npvae.vae import require_beta

WHAT = "a checkpoint"


def save_checkpoint(
    path: str | Path,
    trainer: Trainer,
    shape: tuple[int, ...] | None = None,
    settings: Mapping[str, Any] | None = None,
    *,
    run_id: str = "",
) -> None:
    """Write the trainer state needed for a bit-identical resume; call it between two updates.

    An old file is replaced only when the new one is complete and on the disk.

    Parameters
    ----------
    path : the file, such as "vae.npz"; `load_model` can read it, too
    trainer : the training to save
    shape : shape of one example, such as (28, 28); by default (n_x,)
    settings : anything that JSON can represent; `Checkpoint.settings` returns it
    run_id : identity of the run that the training belongs to; see `runs.config.write_config`

    Raises
    ------
    TrainingError : if a loss of this epoch or a parameter is not finite
    InputError : if the state of the optimiser, the scaling or the generator cannot be stored in a
        file, or could not be read back from it
    WriteError : if the file cannot be written, for example on a full disk; an old file is kept
    """
    state, model = trainer.state(), trainer.model
    header, arrays = model_content(model, trainer.scaling, shape or (model.n_x,), run_id=run_id)
    optimizer = state["optimizer"]
    numbers = {k: v for k, v in optimizer.items() if k != "kind" and not hasattr(v, "shape")}
    over = trainer.epoch_is_over
    header |= {
        "optimizer": {"kind": optimizer["kind"], "numbers": numbers},
        "progress": {
            "epoch": trainer.epoch - over,
            "step": trainer.steps_per_epoch if over else trainer.step_in_epoch,
            "batch_size": state["batch_size"],
            "examples": state["n"],
            "seconds": state["seconds"],
            "rng": state["rng"],
        },
        "settings": dict(settings or {}),
        "versions": versions(model.params.device.about),
    }
    found = {f"optimizer/{k}": v for k, v in optimizer.items() if hasattr(v, "shape")}
    if len(state["order"]):
        found |= {"progress/order": state["order"], "progress/losses": state["losses"]}
    if state["best"] is not None:
        found["progress/best"] = state["best"]
    to_host = model.params.device.to_host
    arrays |= {name: to_host(array) for name, array in found.items()}
    Checkpoint(Path(path), header, arrays).state(trainer)  # raises now what loading would raise
    if state["records"]:
        arrays["progress/records"] = records_to_array(state["records"])
    write_content(path, header, arrays)


def load_checkpoint(path: str | Path, trainer: Trainer) -> "Checkpoint":
    """Restore a trainer to the state that `save_checkpoint` wrote.

    Parameters
    ----------
    path : the file
    trainer : a new trainer, built like the saved one: a model of the same class and sizes, the same
        data, the same batch size, and an optimiser of the same class

    Returns
    -------
    Checkpoint

    Raises
    ------
    DataError : if the file is missing or damaged, or does not fit the trainer, which is then
        unchanged
    """
    checkpoint = read_checkpoint(path)
    checkpoint.restore(trainer)
    return checkpoint


def read_checkpoint(path: str | Path) -> "Checkpoint":
    """Return the content of a checkpoint; `Checkpoint.restore` passes it to a trainer.

    Raises
    ------
    DataError : if the file is missing or damaged
    """
    header, arrays = read_content(path, WHAT)
    with decoding(path, WHAT):
        if "progress" not in header:
            raise InputError(
                "it contains a model but no trainer state; read it with load_model instead"
            )
        header["settings"] = dict(header["settings"])
        header["versions"] = {str(name): str(v) for name, v in header["versions"].items()}
    return Checkpoint(Path(path), header, arrays)


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint."""

    path: Path
    header: dict[str, Any]
    arrays: dict[str, Array]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that were passed to `save_checkpoint`."""
        return self.header["settings"]

    @property
    def versions(self) -> dict[str, str]:
        """The versions of npvae, NumPy, Python and the platform that wrote the file."""
        return self.header["versions"]

    @property
    def records(self) -> list[EpochRecord]:
        """The records of the completed epochs.

        Raises
        ------
        DataError : if they are damaged
        """
        with decoding(self.path, WHAT):
            if (
                stored := self.header["progress"].get("records")
            ) is not None:  # format of npvae 0.1
                return [_record(record) for record in stored]
            if (table := self.arrays.get("progress/records")) is None:
                return []
            shape = (len(table), table.shape[-1])
            return records_from_array(require_floats(self.arrays, "progress/records", shape))

    def restore(self, trainer: Trainer) -> None:
        """Restore a trainer to this state.

        Raises
        ------
        DataError : if the trainer was built in another way; it is then unchanged
        """
        with decoding(self.path, WHAT):
            require_same_model(trainer.model, self.header)
            require_same_scaling(trainer.scaling, self.header, self.arrays, trainer.model.n_x)
            trainer.restore(self.state(trainer))

    def state(self, trainer: Trainer) -> dict[str, Any]:
        """Return the state that `Trainer.restore` takes, after checking it.

        Raises
        ------
        DataError : if an array has the wrong shape or type, a number is not finite, or the epoch,
            the step and the records contradict each other
        """
        params, stored = trainer.model.params, self.header["progress"]
        epoch, step, batch_size = (_number(stored, k, int) for k in ("epoch", "step", "batch_size"))
        values = stored_parameters(params, self.arrays)
        for name in values:
            if (found := self.arrays[f"params/{name}"].dtype) != params.dtype:
                raise DataError(
                    f"params/{name} is {found}; expected {params.dtype}, as in the model"
                )
        order, losses = np.zeros(0, np.int64), np.zeros((0, len(Loss._fields)))
        most = 0
        if "progress/order" in self.arrays:
            order = _permutation(self.arrays["progress/order"])
            most = -(-len(order) // max(batch_size, 1))
            losses = require_floats(self.arrays, "progress/losses", (most, losses.shape[1]))
        records = self.records
        done = [record.epoch for record in records]
        in_order = all(a < b for a, b in pairwise([0, *done, epoch]))
        if not in_order or not 0 <= step <= most or len({_latents(r) for r in records}) > 1:
            raise DataError(
                f"its parts contradict each other: it is in epoch {epoch}, step {step} of {most}, "
                f"and has the records of {len(done)} epochs"
            )
        steps = (epoch - 1) * trainer.steps_per_epoch + step
        return {
            "steps": steps,
            "batch_size": batch_size if steps else trainer.batch_size,
            "n": stored.get("examples", len(order) or trainer.n),
            "seconds": _number(stored, "seconds"),
            "rng": _generator(stored["rng"]),
            "order": order,
            "losses": losses,
            "records": records,
            "best": self._vector("progress/best", params.dtype, params.flat.shape),
            "params": np.concatenate([np.zeros(0, params.dtype), *map(np.ravel, values.values())]),
            "beta": None if self.header.get("beta") is None else require_beta(self.header["beta"]),
            "optimizer": self._optimizer(params.flat.shape),
        }

    def _vector(self, name: str, dtype: Any, shape: tuple[int, ...]) -> Array | None:
        if name not in self.arrays:
            return None
        vector = require_floats(self.arrays, name, shape)
        if vector.dtype != dtype:
            raise DataError(f"{name} is {vector.dtype}; expected {dtype}, as the parameters")
        return vector

    def _optimizer(self, shape: tuple[int, ...]) -> dict[str, Any]:
        stored, vectors = self.header["optimizer"], below(self.arrays, "optimizer")
        numbers = {
            str(name): value if type(value) in (int, bool) else _number(stored["numbers"], name)
            for name, value in dict(stored["numbers"]).items()
        }
        return {
            "kind": str(stored["kind"]),
            **numbers,
            **{name: require_floats(vectors, name, shape, finite=False) for name in vectors},
        }


def _generator(state: Any) -> Any:
    """Return the state of a generator; old files hold a seed if no update had been made."""
    if type(state) is int and state >= 0:
        return np.random.default_rng(state).bit_generator.state
    return dict(state)


def _permutation(order: Array) -> Array:
    """Return the order of the examples in this epoch, if it is a permutation of 0, 1, 2, ..."""
    is_list = order.dtype.kind == "i" and order.ndim == 1
    if not is_list or not np.array_equal(np.sort(order), np.arange(len(order))):
        raise DataError("its order of the examples is not a permutation")
    return order


def _latents(record: EpochRecord) -> int | None:
    """Return the number of latents in the evaluation of a record; None without an evaluation.

    All records of one training have the same number.
    """
    return None if record.held_out is None else len(record.held_out.kl_per_latent)


def _record(stored: dict[str, Any]) -> EpochRecord:
    """Return the record of an epoch that npvae 0.1 stored as JSON; its numbers must be finite."""
    held_out = stored["held_out"]
    names = {field.name for field in fields(EpochRecord)} - {"epoch", "held_out"}
    return EpochRecord(
        epoch=_number(stored, "epoch", int),
        held_out=None if held_out is None else _evaluation(held_out),
        **{name: _number(stored, name) for name in names},
    )


def _evaluation(stored: dict[str, Any]) -> Evaluation:
    """Return the validation figures of an epoch that npvae 0.1 stored as JSON."""
    kl_per_latent = stored["kl_per_latent"]
    stored = {"bound": stored["elbo"], **stored}  # npvae 0.1 stored no other bound
    return Evaluation(
        **{name: _number(stored, name) for name in ("elbo", "reconstruction", "kl", "bound")},
        kl_per_latent=tuple(_number(kl_per_latent, i) for i in range(len(kl_per_latent))),
        **{name: _number(stored, name, int) for name in ("active_units", "n")},
    )


def _number(stored: Any, name: Any, kind: type = float) -> Any:
    """Return a stored number; it must be finite, and an int or a float as `kind` says."""
    value = stored[name]
    fits = type(value) is kind
    if not fits or not isfinite(value):
        raise DataError(f"{name} is {quote(repr(value))}; expected a finite {kind.__name__}")
    return value
