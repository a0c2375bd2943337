"""The trainer: a generator of updates, and a generator of epochs made of them."""

from collections.abc import Callable, Iterator
from itertools import islice
from math import isfinite
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import numpy as np

from npvae.datasets.dataset import Dataset, Split, parts_on
from npvae.datasets.preprocessing import Scaling, scaling_for
from npvae.encoder_decoder import Loss
from npvae.errors import InputError, TrainingError
from npvae.evaluation.elbo import (
    EVALUATION_SEED,
    Measurable,
    condition,
    evaluate,
    require_examples,
    require_fitting,
)
from npvae.optimizers import Adam, Optimizer
from npvae.parameters import Array, Seed
from npvae.progress import EpochRecord, Progress
from npvae.schedules import EarlyStopping, Schedule, bounds_of

MADE_IN_ORDER = ("reconstruction", "kl", "loss")  # of a step: the first that is no number is named


class Model(Measurable, Protocol):
    """What training asks of a model."""

    def loss_and_grad(self, *args: Any, **kwargs: Any) -> Loss:
        """For x, eps and perhaps y, return the loss of a batch, having filled `params.grad`."""


class Step(NamedTuple):
    """One update: of which epoch (from 1), on how many examples, and its loss before it."""

    epoch: int
    n: int
    loss: Loss


def steps(
    model: Model,
    split: Split,
    scaling: Scaling,
    optimizer: Optimizer,
    *,
    epochs: int = 10,
    batch_size: int = 128,
    rng: Seed = 0,
    lr: Schedule | None = None,
    beta: Schedule | None = None,
    progress: Progress | None = None,
) -> Iterator[Step]:
    """Train, and yield after every update.

    Each epoch goes once through `split` in a fresh order; the last batch may be smaller. The losses
    stay on the model's device: reading one as a float waits for it.

    Parameters
    ----------
    model : anything with `params`, `draw_noise` and `loss_and_grad`
    split : the examples
    scaling : how they become x, anew for every batch
    optimizer : changes `model.params` in place
    epochs, batch_size : at least 1; epochs that are already done count
    rng : generator or seed of orders and noise, where no progress is given
    lr, beta : schedules, which set `optimizer.lr` and `model.beta` before every update
    progress : of a training that goes on, with the generator it had, or of a new one that is to go
        on some day; kept up to date

    Yields
    ------
    Step

    Raises
    ------
    InputError : if there is nothing to train on, a number is below 1, or the training stands within
        an epoch of other examples or batches; with the first step
    """
    progress = Progress(rng) if progress is None else progress
    _require_sense(model, split, epochs, batch_size, progress)
    _require_beta(model, beta, epochs)
    progress.take_last(model.params)
    device, dtype, n = model.params.device, model.params.dtype, len(split)
    progress.rng = rng = device.generator(progress.rng)
    split, scaling = split.to(device), scaling.to(device)
    while (epoch := progress.epoch) <= epochs:
        if len(progress.order) == 0:
            progress.torn = True
            losses = device.zeros(-(-n // batch_size) * len(Loss._fields), dtype)
            progress.begin_epoch(rng.permutation(n), batch_size, losses)
        for start in range(progress.step * batch_size, n, batch_size):
            begin, progress.torn = perf_counter(), True
            if lr is not None:
                optimizer.lr = lr(epoch - 1 + start / n)
            if beta is not None:
                model.beta = beta(epoch - 1 + start / n)  # type: ignore[attr-defined]
            chosen = progress.order[start : start + batch_size]
            x, y = scaling.encode(split.take(chosen), rng, dtype), condition(model, split, chosen)
            loss = model.loss_and_grad(x, model.draw_noise(rng, len(x)), *y)
            optimizer.step(model.params)
            progress.add(loss, perf_counter() - begin)
            yield Step(epoch, len(x), loss)
        if progress.epoch == epoch:  # unless `fit` has done so
            progress.end_epoch()


def fit(
    model: Model,
    dataset: Dataset,
    *,
    scaling: Scaling | None = None,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch_size: int = 128,
    rng: Seed = 0,
    lr: Schedule | None = None,
    beta: Schedule | None = None,
    early_stopping: EarlyStopping | None = None,
    watch: Callable[[Iterator[Step]], Iterator[Step]] = iter,
    progress: Progress | None = None,
) -> Iterator[EpochRecord]:
    """Train on the training part, and yield one record an epoch.

    Parameters
    ----------
    model : a VAE or an autoencoder
    dataset : its training part is learned, its validation part evaluated after every epoch
    scaling : how examples become x; by default `scaling_for(dataset)`
    optimizer : by default Adam with its own defaults
    epochs, batch_size : at least 1; epochs that are already done count
    rng : generator or seed, where no progress is given; the same seed gives the same bits
    lr, beta : schedules of the learning rate and of the KL's weight, such as `Stages(1e-3)` and
        `WarmUp(10)`
    early_stopping : when to stop before the last epoch; with it the model ends, after the last
        record, with the parameters of its best epoch on the validation part. A training that goes
        on with the same `progress`, or from a checkpoint, goes on from those of its last
    watch : sees the updates as they pass, a progress bar for instance, and passes on each of them.
        Where it stops, `fit` stops, without a record of the epoch at hand; `progress` tells where
    progress : of a training that goes on (with the model and the optimiser that it had), or of a
        new one that is to go on some day, `Progress(rng)`; kept up to date

    Yields
    ------
    EpochRecord

    Raises
    ------
    TrainingError : if a loss is no longer a number; names the epoch, the step and the quantity
    InputError : if the data do not fit the likelihood, or a number does not make sense
    """
    scaling = scaling or scaling_for(dataset)
    require_fitting(model, scaling)
    if progress is None:
        progress = Progress(rng)
    elif optimizer is None:
        raise InputError(
            "progress needs its optimizer, too, since both are needed to go on: make one, "
            "optimizer = Adam(), and give it here each time"
        )
    _require_sense(model, dataset.train, epochs, batch_size, progress)
    _require_beta(model, beta, epochs)
    if len(dataset.validation):
        require_examples(model, dataset.validation)
    if early_stopping is not None and len(dataset.validation) == 0:
        raise InputError("early stopping needs a validation part; hold some out (--validation)")
    train, validation = parts_on(model.params.device, dataset.train, dataset.validation)
    updates = watch(
        steps(
            model,
            train,
            scaling,
            optimizer or Adam(),
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            beta=beta,
            progress=progress,
        )
    )
    per_epoch = -(-len(train) // batch_size)
    while (epoch := progress.epoch) <= epochs:
        if early_stopping is not None and early_stopping.is_over(bounds_of(progress.records)):
            break
        for _ in islice(updates, per_epoch - progress.step):
            pass
        if progress.epoch != epoch:
            raise InputError("watch keeps updates back; it has to pass on each, one at a time")
        if progress.step < per_epoch:
            return
        begin = perf_counter()
        losses = require_healthy(model, progress)  # waits for a device that is still at work
        progress.seconds += perf_counter() - begin
        sizes = np.minimum(batch_size, len(train) - batch_size * np.arange(per_epoch))
        loss, reconstruction, kl = (sizes @ losses / sizes.sum()).tolist()
        held_out = None
        if len(validation):
            held_out = evaluate(model, validation, scaling, EVALUATION_SEED)
            require_finite(f"after epoch {epoch} the validation ELBO", held_out.elbo)
        elbo, seconds = -reconstruction - kl, progress.seconds
        record = EpochRecord(epoch, loss, elbo, reconstruction, kl, held_out, seconds)
        progress.records.append(record)
        bounds = bounds_of(progress.records)
        if early_stopping is not None and early_stopping.best(bounds) == len(bounds):
            progress.best = model.params.flat.copy()
        progress.end_epoch()
        yield record
    if early_stopping is not None:
        progress.take_best(model.params)


def require_healthy(model: Model, progress: Progress) -> Array:
    """Return the losses of this epoch so far, (steps, 3); read from the device only here.

    Raises
    ------
    TrainingError : if one of them, or a parameter, is no longer a number
    """
    losses = model.params.device.to_host(progress.losses)[: progress.step].astype(np.float64)
    for i in np.flatnonzero(~np.isfinite(losses).all(axis=1))[:1]:
        for name in MADE_IN_ORDER:
            value = losses[i, Loss._fields.index(name)]
            require_finite(f"in epoch {progress.epoch}, step {i + 1}, the {name}", value)
    require_finite(f"{progress.place}, the sum of the parameters", float(model.params.flat.sum()))
    return losses


def require_finite(what: str, value: float) -> None:
    """Refuse a loss or an ELBO that is no longer a number."""
    if not isfinite(value):
        raise TrainingError(
            f"{what} is {value}; try a smaller learning rate, and check that the data fit the "
            "likelihood (Bernoulli: in [0, 1])"
        )


def _require_sense(
    model: Model, split: Split, epochs: int, batch_size: int, progress: Progress
) -> None:
    """Refuse, before anything is drawn, what cannot be trained or not gone on with."""
    if epochs < 1 or batch_size < 1:
        raise InputError(f"epochs={epochs}, batch_size={batch_size}; both are at least 1")
    n, n_before = len(split), len(progress.order)
    if n == 0:
        raise InputError("there is no example to train on")
    n_x = getattr(model, "n_x", split.x.shape[1])
    if split.x.shape[1] != n_x:
        raise InputError(
            f"the examples have {split.x.shape[1]} numbers each, and the model takes {n_x}; give "
            "the data that it was made for"
        )
    require_examples(model, split)
    progress.require_whole()
    if n_before and (n_before, progress.batch_size) != (n, batch_size):
        raise InputError(
            f"this training stands within an epoch of {n_before} examples in batches of "
            f"{progress.batch_size}, and {n} examples in batches of {batch_size} were given; go on "
            "with the same data and batch_size"
        )


def _require_beta(model: Model, beta: Schedule | None, epochs: int) -> None:
    """Refuse a schedule of a weight that the model's loss does not have, or too long a warm-up."""
    if beta is None:
        return
    if "beta" not in getattr(model, "options", ("beta",)) or not hasattr(model, "beta"):
        raise InputError(
            f"beta weighs the KL of a VAE's ELBO, and the loss of {type(model).__name__} has no "
            "such weight; leave the schedule out"
        )
    if (length := getattr(beta, "epochs", 0)) > epochs:
        raise InputError(
            f"the warm-up takes {length} epochs, and the training {epochs}; it would never reach "
            "its beta: make the one shorter or the other longer"
        )
