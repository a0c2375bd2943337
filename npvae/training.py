"""The trainer: one update at a time, driven by its caller.

    trainer = Trainer(vae, data.train, scaling, Adam(1e-3), rng=0)
    while trainer.goes_on(epochs=10):
        loss = trainer.step()
        if trainer.epoch_is_over:
            print(trainer.end_epoch())

Between two steps the trainer is complete: stop there, save it, evaluate the model, or go on.
Progress bars, clocks, checkpoints and signals stand around this loop, in the code that drives it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from npvae.devices import generator_state, restore_generator
from npvae.encoder_decoder import Loss, condition, require_examples
from npvae.errors import InputError, TrainingError, require_whole
from npvae.optimizers import Adam, Optimizer, optimizer_state, restore_optimizer
from npvae.parameters import Array, Parameters, Seed
from npvae.schedules import EarlyStopping, Schedule, require_schedules

CHECKED_IN_ORDER = ("reconstruction", "kl", "loss")  # the first that is not finite is reported


class Model(Protocol):
    """What training asks of a model; a conditional one has `n_y` and `one_hot`, too."""

    params: Parameters

    def draw_noise(self, rng: np.random.Generator, n: int, /) -> Any:
        """Return the noise that `loss_and_grad` needs for n examples."""

    def loss_and_grad(self, *batch: Any) -> Loss:
        """For x, eps and perhaps y, return the loss of a batch, having filled `params.grad`."""


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch did, in nats per example.

    Attributes
    ----------
    epoch : from 1
    train_loss, train_elbo, train_reconstruction, train_kl : averages over the epoch's examples,
        each taken before the update of its batch; the loss weighs the KL by beta, the ELBO does not
    held_out : what `validate` of the trainer returned after the epoch, such as the `Evaluation` of
        the validation part; None without one
    seconds : time spent in the updates; the evaluation is not counted
    """

    epoch: int
    train_loss: float
    train_elbo: float
    train_reconstruction: float
    train_kl: float
    held_out: Any
    seconds: float

    def __repr__(self) -> str:
        held_out = "" if self.held_out is None else f", held out {self.held_out.bound:.2f}"
        return f"EpochRecord(epoch {self.epoch}, train ELBO {self.train_elbo:.2f}{held_out})"


class Trainer:
    """One training: a model, its examples, its optimiser, and how far they have come.

    Parameters
    ----------
    model : a VAE, an autoencoder, or anything with `params`, `draw_noise` and `loss_and_grad`
    examples : the training part of a dataset, or anything with `len`, `take(chosen)`, `labels` and
        `to(device)`
    scaling : how the examples become x, each time that a batch is drawn: `Pixels`, `Standardized`,
        or anything with `encode(rows, rng, dtype)` and `to(device)`
    optimizer : changes `model.params`; by default Adam
    batch_size : at least 1; the last batch of an epoch may be smaller
    rng : generator or seed of the order of the examples, of pixels and noise; the same seed gives
        the same bits
    lr, beta : schedules of the learning rate and of the KL's weight, such as `Cosine(1e-3, 10)` and
        `WarmUp(10)`
    early_stopping : when to stop before the last epoch; needs `validate`
    validate : called at the end of each epoch; returns what the record keeps as `held_out`, an
        `Evaluation` or anything with a `bound`, the higher the better

    Attributes
    ----------
    model, optimizer, rng : as given; the generator is one of the model's device
    n, steps_per_epoch : the number of examples, and of batches that hold each of them once
    steps : the number of updates made so far
    records : one for each epoch that has ended
    order : (N,) the order of the examples in the epoch at hand; empty between two epochs
    losses : (steps_per_epoch, 3) the `Loss` of each of its updates so far, on the model's device
    seconds : time that its updates have taken so far
    best : the parameters after the best epoch, with early stopping; else None

    Raises
    ------
    InputError : if there is nothing to train on, or one argument does not fit another

    Notes
    -----
    An exception within `step`, such as a KeyboardInterrupt, leaves an unfinished update behind. A
    training that is to go on later should be stopped between two steps.
    """

    def __init__(
        self,
        model: Model,
        examples: Any,
        scaling: Any,
        optimizer: Optimizer | None = None,
        *,
        batch_size: int = 128,
        rng: Seed = 0,
        lr: Schedule | None = None,
        beta: Schedule | None = None,
        early_stopping: EarlyStopping | None = None,
        validate: Callable[[], Any] | None = None,
    ) -> None:
        batch_size = require_whole("batch_size", batch_size)
        n = require_examples(model, examples)
        require_schedules(model, lr, beta)
        if early_stopping is not None and validate is None:
            raise InputError("early stopping needs a validation part; hold some examples out")
        device = model.params.device
        self.model: Any = model
        self.optimizer, self.rng = optimizer or Adam(), device.generator(rng)
        self.examples, self.scaling = examples.to(device), scaling.to(device)
        self.n, self.batch_size, self.steps_per_epoch = n, batch_size, -(-n // batch_size)
        self.lr, self.beta = lr, beta
        self.early_stopping, self.validate = early_stopping, validate
        self.steps, self.seconds, self.order = 0, 0.0, np.zeros(0, np.int64)
        losses = device.zeros(self.steps_per_epoch * len(Loss._fields), model.params.dtype)
        self.losses = losses.reshape(-1, len(Loss._fields))
        self.records: list[EpochRecord] = []
        self.best: Array | None = None

    # ---- one update ------------------------------------------------------------------------------

    def step(self) -> Loss:
        """Draw a batch and its noise, and make one update; return the loss before it.

        If the epoch before it has not been ended, that comes first; see `end_epoch`.
        """
        if self.epoch_is_over:
            self.end_epoch()
        begin = perf_counter()
        self._follow_schedules()
        x, eps, *y = self._draw_batch()
        with self.model.params.lock:  # who samples in another thread waits for the update
            loss = self.model.loss_and_grad(x, eps, *y)
            self.optimizer.step(self.model.params)
        self._count(loss, perf_counter() - begin)
        return loss

    def _draw_batch(self) -> tuple[Any, ...]:
        """Return x, (B, n_x), its noise eps, and the condition y where the model takes one.

        Each epoch goes once through the examples, in a new order.
        """
        if self.step_in_epoch == 0:
            self.order, self.seconds = self.rng.permutation(self.n), 0.0
        start = self.step_in_epoch * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        x = self.scaling.encode(self.examples.take(chosen), self.rng, self.model.params.dtype)
        y = condition(self.model, self.examples, chosen)
        return x, self.model.draw_noise(self.rng, len(x)), *y

    def _follow_schedules(self) -> None:
        """Set the learning rate and beta to what their schedules say after so many epochs."""
        t = self.epoch - 1 + self.step_in_epoch * self.batch_size / self.n
        if self.lr is not None:
            self.optimizer.lr = self.lr(t)
        if self.beta is not None:
            self.model.beta = self.beta(t)

    def _count(self, loss: Loss, seconds: float) -> None:
        for i, value in enumerate(loss):  # no float, which would wait for a GPU
            self.losses[self.step_in_epoch, i] = value
        self.seconds += seconds
        self.steps += 1

    # ---- epochs ----------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """The epoch of the next update, from 1."""
        return self.steps // self.steps_per_epoch + 1

    @property
    def step_in_epoch(self) -> int:
        """The number of updates that this epoch has had."""
        return self.steps % self.steps_per_epoch

    @property
    def epoch_is_over(self) -> bool:
        """Whether the last update ended an epoch of which there is no record yet."""
        ended = self.records[-1].epoch if self.records else 0
        return self.step_in_epoch == 0 and len(self.order) > 0 and ended < self.epoch - 1

    @property
    def place(self) -> str:
        """How far the training has come, in words."""
        if self.step_in_epoch:
            return f"epoch {self.epoch}, step {self.step_in_epoch}"
        return f"the end of epoch {self.epoch - 1}" if self.steps else "the start"

    def goes_on(self, epochs: int) -> bool:
        """Whether a training of so many epochs has another update to make."""
        stopping = self.early_stopping
        return self.epoch <= epochs and not (stopping and stopping.is_over(self._bounds()))

    def run_epoch(self) -> EpochRecord:
        """Make the updates that are left in this epoch, and return its record."""
        while not self.epoch_is_over:
            self.step()
        return self.end_epoch()

    def end_epoch(self) -> EpochRecord:
        """Validate, keep the parameters if they are the best so far, and return the epoch's record.

        Raises
        ------
        InputError : if the epoch is not over
        TrainingError : if a loss, a parameter or the validation is no longer finite
        """
        if not self.epoch_is_over:
            raise InputError(f"this training is at {self.place}; an epoch ends with its last step")
        begin = perf_counter()
        losses = self.require_finite()  # waits for a GPU that is still at work
        self.seconds += perf_counter() - begin
        sizes = np.minimum(self.batch_size, self.n - np.arange(0, self.n, self.batch_size))
        loss, reconstruction, kl = (sizes @ losses / sizes.sum()).tolist()
        epoch, held_out = self.epoch - 1, None if self.validate is None else self.validate()
        if held_out is not None:
            require_finite(f"after epoch {epoch} the validation ELBO", held_out.bound)
        elbo = -reconstruction - kl
        record = EpochRecord(epoch, loss, elbo, reconstruction, kl, held_out, self.seconds)
        self.records.append(record)
        if self.best_epoch == epoch:
            self.best = self.model.params.flat.copy()
        self.order = self.order[:0]
        return record

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose validation was best, if early stopping looks for it."""
        best = self.early_stopping.best(self._bounds()) if self.early_stopping else 0
        return self.records[best - 1].epoch if best else None

    @contextmanager
    def best_parameters(self) -> Iterator[None]:
        """Let the model have the parameters of the best epoch, if any, while the block runs."""
        flat = self.model.params.flat
        last = flat.copy()
        if self.best is not None:
            flat[...] = self.best
        try:
            yield
        finally:
            flat[...] = last

    def _bounds(self) -> list[float]:
        return [record.held_out.bound for record in self.records]

    def require_finite(self) -> Array:
        """Return the losses of this epoch so far, (steps, 3), if all of them are finite.

        Raises
        ------
        TrainingError : if one of them, or a parameter, is not; names the epoch and the step
        """
        done = self.steps_per_epoch if self.epoch_is_over else self.step_in_epoch
        losses = self.model.params.device.to_host(self.losses)[:done].astype(np.float64)
        epoch = self.epoch - self.epoch_is_over
        for i in np.flatnonzero(~np.isfinite(losses).all(axis=1))[:1]:
            for name in CHECKED_IN_ORDER:
                value = losses[i, Loss._fields.index(name)]
                require_finite(f"in epoch {epoch}, step {i + 1}, the {name}", value)
        require_finite(f"at {self.place}, a parameter", float(self.model.params.flat.sum()))
        return losses

    # ---- to go on later --------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return all that decides how the training goes on to the same bits.

        It consists of numbers, text, lists and dictionaries of them, and arrays. The arrays are the
        trainer's own: copy them if they are to outlive the next step.

        Raises
        ------
        TrainingError : if a loss or a parameter is no longer finite
        InputError : if the generator or the optimiser holds what no file can hold
        """
        self.require_finite()
        return {
            "steps": self.steps,
            "batch_size": self.batch_size,
            "seconds": self.seconds,
            "rng": generator_state(self.rng),
            "order": self.order,
            "losses": self.losses,
            "records": list(self.records),
            "best": self.best,
            "params": self.model.params.flat,
            "beta": getattr(self.model, "beta", None),
            "optimizer": optimizer_state(self.optimizer, self.model.params),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where a trainer of the same make was when its `state` was taken.

        Raises
        ------
        InputError : if it was of other sizes; this trainer is then as it was
        """
        params, n = self.model.params, self.n
        before = state["batch_size"], len(state["params"]), len(state["order"]) or n
        if before != (now := (self.batch_size, params.size, n)):
            raise InputError(
                f"batch size, parameters and examples were {before}, and are {now}; go on with the "
                "same model and the same data"
            )
        device, dtype = params.device, params.dtype
        rng = device.generator(restore_generator(state["rng"]))
        restore_optimizer(self.optimizer, state["optimizer"], params)
        params.flat[...] = device.asarray(state["params"], dtype)
        if state["beta"] is not None:
            self.model.beta = state["beta"]
        self.steps, self.seconds, self.rng = state["steps"], state["seconds"], rng
        self.records = list(state["records"])
        self.order = device.asarray(state["order"])
        if len(self.order):
            self.losses[...] = device.asarray(state["losses"], dtype)
        best = state["best"]
        self.best = None if best is None else device.asarray(best, dtype).copy()


def require_finite(what: str, value: float) -> None:
    """Refuse a loss or an ELBO that is not a finite number."""
    if not isfinite(value):
        advice = "try a smaller learning rate; for the Bernoulli likelihood x has to lie in [0, 1]"
        raise TrainingError(f"{what} is {value}; {advice}")
