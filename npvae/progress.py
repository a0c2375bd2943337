"""Where a training stands, and what its epochs have done."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import numpy as np

from npvae.devices import DrawCounter
from npvae.encoder_decoder import Loss
from npvae.errors import InputError
from npvae.evaluation.elbo import Evaluation
from npvae.parameters import Array, Parameters, Seed


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch did, in nats an example.

    Attributes
    ----------
    epoch : from 1
    train_loss, train_elbo, train_reconstruction, train_kl : averages over the epoch's batches,
        each taken before its update; the loss weighs the KL by beta, the ELBO does not
    held_out : the validation part after the epoch, or None where there is none
    seconds : of updates, the evaluation not counted
    """

    epoch: int
    train_loss: float
    train_elbo: float
    train_reconstruction: float
    train_kl: float
    held_out: Evaluation | None
    seconds: float


@dataclass
class Progress:
    """All that a training must know, beside its model and its optimiser, to go on to the same bits.

    `steps` and `fit` keep it up to date: it is whole after every update, and a checkpoint keeps it.

    Attributes
    ----------
    rng : generator or seed of orders, pixels and noise; once the training has begun, a generator of
        the model's device
    epoch : the one at hand, from 1
    step : updates done in it
    batch_size : in this epoch
    order : (N,) permutation of the examples in this epoch; empty between two epochs
    losses : (updates an epoch, 3) array with the `Loss` of each so far, on the model's device
    seconds : that this epoch's updates have taken so far
    records : of the epochs that are complete; `steps` alone makes none
    best : the parameters after the best epoch, where early stopping keeps them
    last : those that the training stands at, while the model has the best
    torn : whether an update has begun that has not ended: what was interrupted there cannot go on
    """

    rng: Seed | DrawCounter = 0
    epoch: int = 1
    step: int = 0
    batch_size: int = 0
    order: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    losses: Array = field(default_factory=lambda: np.zeros((0, len(Loss._fields))))
    seconds: float = 0.0
    records: list[EpochRecord] = field(default_factory=list)
    best: Array | None = None
    last: Array | None = None
    torn: bool = False

    @property
    def has_begun(self) -> bool:
        """Whether any update has been made."""
        return (self.epoch, self.step) != (1, 0)

    @property
    def place(self) -> str:
        """Where the training stands, in words."""
        if not self.has_begun:
            return "before the first step"
        if self.step == 0:
            return f"after epoch {self.epoch - 1}"
        return f"in epoch {self.epoch}, after step {self.step}"

    def begin_epoch(self, order: Array, batch_size: int, losses: Array) -> None:
        """Stand before the first update of an epoch."""
        self.order, self.batch_size = order, batch_size
        self.losses = losses.reshape(-1, len(Loss._fields))
        self.torn = False

    def add(self, loss: Loss, seconds: float) -> None:
        """Count an update."""
        for i, value in enumerate(loss):
            self.losses[self.step, i] = value
        self.step += 1
        self.seconds += seconds
        self.torn = False

    def require_whole(self) -> None:
        """Refuse to go on from within an update."""
        if self.torn:
            raise InputError(
                f"this training was interrupted within an update, {self.place}: random numbers are "
                "drawn and parameters perhaps half changed; go on from the last checkpoint (what "
                "is to stop a training, a signal for instance, should do so in `watch`)"
            )

    def best_in(self, params: Parameters) -> AbstractContextManager[None]:
        """Lend the parameters of the best epoch, where there are any, while a block runs."""
        return _lent(params, self.best)

    def last_in(self, params: Parameters) -> AbstractContextManager[None]:
        """Lend those that the training stands at, if the model has others, while a block runs."""
        return _lent(params, self.last)

    def take_best(self, params: Parameters) -> None:
        """Give the model the parameters of its best epoch, where there are any."""
        if self.best is not None and self.last is None:
            self.last = params.flat.copy()
            params.flat[...] = self.best

    def take_last(self, params: Parameters) -> None:
        """Give the model back the parameters that the training stands at."""
        if self.last is not None:
            params.flat[...] = self.last
            self.last = None

    def end_epoch(self) -> None:
        """Stand between this epoch and the next."""
        self.epoch, self.step, self.order, self.seconds = self.epoch + 1, 0, self.order[:0], 0.0


@contextmanager
def _lent(params: Parameters, flat: Array | None) -> Iterator[None]:
    """Let the parameters have other values while the block runs; None changes nothing."""
    if flat is None:
        yield
        return
    own = params.flat.copy()
    params.flat[...] = flat
    try:
        yield
    finally:
        params.flat[...] = own
