"""The progress of a training taken apart for a file, and put together again if it makes sense."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np

from npvae.parameters import Array, Parameters
from npvae.storage.arrays import require_floats
from npvae.storage.reading import quote
from npvae.devices import DrawCounter, counter_of
from npvae.errors import DataError, InputError
from npvae.evaluation.elbo import Evaluation
from npvae.encoder_decoder import Loss
from npvae.progress import EpochRecord, Progress

COUNTS = ("epoch", "step", "batch_size")
GENERATORS = {"PCG64": np.random.PCG64, "PCG64DXSM": np.random.PCG64DXSM}
COUNTED = "Philox4x32-10"  # of devices other than the host


def progress_state(progress: Progress) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return all of it as JSON knows it, and the arrays (on their device) by name.

    Raises
    ------
    InputError : if the generator is of a kind that no file can hold
    """
    header = {
        "epoch": progress.epoch,
        "step": progress.step,
        "batch_size": progress.batch_size,
        "seconds": progress.seconds,
        "rng": _generator_state(progress.rng),
        "records": [asdict(record) for record in progress.records],
    }
    within = len(progress.order) > 0
    arrays = {"order": progress.order, "losses": progress.losses} if within else {}
    return header, arrays if progress.best is None else arrays | {"best": progress.best}


def restore_progress(
    header: Mapping[str, Any], arrays: Mapping[str, Array], params: Parameters
) -> Progress:
    """Return what `progress_state` took apart, if all of it makes sense together.

    Raises
    ------
    DataError : if it does not
    """
    epoch, step, batch_size = (_number(header, name, int) for name in COUNTS)
    records = [_record(stored) for stored in header["records"]]
    progress = Progress(_generator(header["rng"]), epoch, step, batch_size, records=records)
    progress.seconds, device = _number(header, "seconds"), params.device
    if "best" in arrays:
        best = require_floats(arrays, "best", params.flat.shape)
        if best.dtype != params.dtype:
            raise DataError(f"best is {best.dtype}, expected {params.dtype} as the parameters")
        progress.best = device.asarray(best)
    most = 0
    if "order" in arrays:
        order = arrays["order"]
        if (
            order.dtype.kind != "i"
            or order.ndim != 1
            or not np.array_equal(np.sort(order), np.arange(len(order)))
        ):
            raise DataError("its order of the examples is no permutation")
        most = -(-len(order) // max(batch_size, 1))
        losses = require_floats(arrays, "losses", (most, len(Loss._fields)))
        progress.order, progress.losses = device.asarray(order), device.asarray(losses)
    done = [record.epoch for record in records]
    in_order = all(a < b for a, b in pairwise([0, *done, epoch]))
    if not in_order or not 0 <= step <= most or len({_form(record) for record in records}) > 1:
        raise DataError(
            f"it stands in epoch {epoch}, step {step} of {most}, with {len(done)} epochs recorded, "
            "which does not fit together"
        )
    return progress


def _form(record: EpochRecord) -> int | None:
    """How many latents were held out, if any: alike in all records of one training."""
    return None if record.held_out is None else len(record.held_out.kl_per_latent)


def _generator_state(rng: Any) -> Any:
    """Return a seed as it is, and all that decides the draws of a generator."""
    if isinstance(rng, int | np.integer) and rng >= 0:
        return int(rng)
    if counter := counter_of(rng):
        return {"bit_generator": COUNTED, "key": counter.key, "drawn": counter.drawn}
    state = getattr(getattr(rng, "bit_generator", None), "state", None)
    if not isinstance(state, dict) or state.get("bit_generator") not in GENERATORS:
        raise InputError(
            f"a checkpoint keeps the generators {', '.join(GENERATORS)}, and the rng of this "
            "training is another; use numpy.random.default_rng(seed)"
        )
    return state


def _generator(state: Any) -> int | np.random.Generator | DrawCounter:
    if type(state) is int and state >= 0:
        return state
    if state["bit_generator"] == COUNTED:
        counter = DrawCounter(state["key"], state["drawn"])
        if not all(type(n) is int and 0 <= n < 1 << 64 for n in (counter.key, counter.drawn)):
            raise DataError(
                f"its generator stands at {counter!s:.80}, expected numbers from 0 to 2^64 - 1"
            )
        return counter
    bits, inner = GENERATORS[state["bit_generator"]](0), state["state"]
    words = [inner["state"], inner["inc"], state["has_uint32"], state["uinteger"]]
    whole = all(type(word) is int and 0 <= word < 1 << 128 for word in words)
    # an even increment may repeat one draw for ever, and a loop that rejects it would never end
    if not whole or words[1] % 2 == 0 or words[2] > 1 or words[3] >= 1 << 32:
        raise DataError("its generator has a state that no PCG64 can have")
    bits.state = state
    return np.random.Generator(bits)


def _record(stored: dict[str, Any]) -> EpochRecord:
    """Return what an epoch did, if the numbers are numbers."""
    held_out = stored["held_out"]
    names = {field.name for field in fields(EpochRecord)} - {"epoch", "held_out"}
    return EpochRecord(
        epoch=_number(stored, "epoch", int),
        held_out=None if held_out is None else _evaluation(held_out),
        **{name: _number(stored, name) for name in names},
    )


def _evaluation(stored: dict[str, Any]) -> Evaluation:
    kl_per_latent = stored["kl_per_latent"]
    stored = {"bound": stored["elbo"], **stored}  # before there were others than the ELBO
    return Evaluation(
        **{name: _number(stored, name) for name in ("elbo", "reconstruction", "kl", "bound")},
        kl_per_latent=tuple(_number(kl_per_latent, i) for i in range(len(kl_per_latent))),
        **{name: _number(stored, name, int) for name in ("active_units", "n")},
    )


def _number(stored: Any, name: Any, kind: type = float) -> Any:
    """Return a finite number of the kind that was saved."""
    value = stored[name]
    fits = type(value) is kind
    if not fits or not isfinite(value):
        raise DataError(f"{name} is {quote(repr(value))}, expected a finite {kind.__name__}")
    return value
