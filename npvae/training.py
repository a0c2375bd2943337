"""The trainer: a generator of updates, and a generator of epochs made of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from math import isfinite
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import numpy as np

from npvae.arrays import Array, Seed
from npvae.autoencoder import Loss
from npvae.datasets.dataset import Dataset, Split
from npvae.datasets.scaling import Scaling, scaling_for
from npvae.errors import InputError, TrainingError
from npvae.evaluation import (
    EVALUATION_SEED,
    Evaluation,
    Measurable,
    evaluate,
    require_fitting,
)
from npvae.optimizers import Adam, Optimizer

MADE_IN_ORDER = ("reconstruction", "kl", "loss")  # of a step: the first that is no number is named


class Model(Measurable, Protocol):
    """What training asks of a model."""

    def loss_and_grad(self, x: Array, eps: Any, /) -> Loss:
        """Return the loss of a batch, having filled `params.grad`."""


class Step(NamedTuple):
    """One update: of which epoch (from 1), on how many examples, and its loss before it."""

    epoch: int
    n: int
    loss: Loss


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch did, in nats an example.

    Attributes
    ----------
    epoch : from 1
    examples : trained on in this epoch; all of them, unless it was interrupted
    train_loss, train_elbo, train_reconstruction, train_kl : averages over the epoch's batches,
        each taken before its update; the loss weighs the KL by beta, the ELBO does not
    held_out : the validation part after the epoch, or None where there is none
    seconds : of training, the evaluation not counted
    """

    epoch: int
    examples: int
    train_loss: float
    train_elbo: float
    train_reconstruction: float
    train_kl: float
    held_out: Evaluation | None
    seconds: float


def steps(
    model: Model,
    split: Split,
    scaling: Scaling,
    optimizer: Optimizer,
    *,
    epochs: int = 10,
    batch_size: int = 128,
    rng: Seed = 0,
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
    epochs, batch_size : at least 1
    rng : generator or seed of orders and noise

    Yields
    ------
    Step

    Raises
    ------
    InputError : if there is nothing to train on, or a number below 1; with the first step
    """
    if epochs < 1 or batch_size < 1:
        raise InputError(f"epochs={epochs}, batch_size={batch_size}; both are at least 1")
    if len(split) == 0:
        raise InputError("there is no example to train on")
    device, dtype = model.params.device, model.params.dtype
    rng = device.generator(rng)
    split, scaling = split.to(device), scaling.to(device)
    for epoch in range(1, epochs + 1):
        order = device.permutation(rng, len(split))
        for start in range(0, len(split), batch_size):
            x = scaling.encode(split.take(order[start : start + batch_size]), rng, dtype)
            loss = model.loss_and_grad(x, model.draw_noise(rng, len(x)))
            optimizer.step(model.params)
            yield Step(epoch, len(x), loss)


def fit(
    model: Model,
    dataset: Dataset,
    *,
    scaling: Scaling | None = None,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch_size: int = 128,
    rng: Seed = 0,
    watch: Callable[[Iterator[Step]], Iterator[Step]] = iter,
) -> Iterator[EpochRecord]:
    """Train on the training part, and yield one record an epoch.

    Parameters
    ----------
    model : a VAE or an autoencoder
    dataset : its training part is learned, its validation part evaluated after every epoch
    scaling : how examples become x; by default `scaling_for(dataset)`
    optimizer : by default Adam with its own defaults
    epochs, batch_size : at least 1
    rng : generator or seed; the same seed gives the same bits
    watch : sees the updates as they pass, a progress bar for instance

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
    updates = watch(
        steps(
            model,
            dataset.train,
            scaling,
            optimizer or Adam(),
            epochs=epochs,
            batch_size=batch_size,
            rng=rng,
        )
    )
    per_epoch = -(-len(dataset.train) // max(batch_size, 1))
    for epoch in count(1):
        begin = perf_counter()
        n, loss, reconstruction, kl = _one_epoch(
            model, islice(updates, per_epoch), per_epoch, epoch
        )
        if n == 0:
            return
        seconds = perf_counter() - begin
        held_out = None
        if len(dataset.validation):
            held_out = evaluate(model, dataset.validation, scaling, EVALUATION_SEED)
            require_finite(f"after epoch {epoch} the validation ELBO", held_out.elbo)
        elbo = -reconstruction - kl
        yield EpochRecord(epoch, n, loss, elbo, reconstruction, kl, held_out, seconds)


def _one_epoch(
    model: Model, updates: Iterator[Step], per_epoch: int, epoch: int
) -> tuple[int, float, float, float]:
    """Run the updates of one epoch; return how many examples, and their mean `Loss`.

    The losses gather on the device, and are read from it once.
    """
    device, dtype = model.params.device, model.params.dtype
    gathered = device.zeros(per_epoch * len(Loss._fields), dtype).reshape(per_epoch, -1)
    sizes = []
    for i, step in enumerate(updates):
        for j, value in enumerate(step.loss):
            gathered[i, j] = value
        sizes.append(step.n)
    losses = device.to_host(gathered)[: len(sizes)].astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(losses).all(axis=1))
    for i in bad[:1]:
        for name in MADE_IN_ORDER:
            value = losses[i, Loss._fields.index(name)]
            require_finite(f"in epoch {epoch}, step {i + 1}, the {name}", value)
    require_finite(f"after epoch {epoch} the sum of the parameters", float(model.params.flat.sum()))
    n = sum(sizes)
    loss, reconstruction, kl = (np.array(sizes) @ losses / max(n, 1)).tolist()
    return n, loss, reconstruction, kl


def require_finite(what: str, value: float) -> None:
    """Refuse a loss or an ELBO that is no longer a number."""
    if not isfinite(value):
        raise TrainingError(
            f"{what} is {value}; try a smaller learning rate, and check that the data fit the "
            "likelihood (Bernoulli: in [0, 1])"
        )
