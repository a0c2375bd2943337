"""The trainer: one update at a time, driven by its caller.

    trainer = Trainer(vae, data.train, scaling, Adam(1e-3), rng=0)
    while trainer.goes_on(epochs=10):
        loss = trainer.step()
        if trainer.epoch_is_over:
            print(trainer.end_epoch())

Between two steps the trainer is in a consistent state: you can stop, save it, evaluate the model,
or continue. Progress bars, clocks, checkpoints and signal handlers belong to the code around this
loop.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from npvae.devices import generator_state, restore_generator
from npvae.encoder_decoder import Loss, condition, require_examples
from npvae.errors import InputError, require_finite, require_whole
from npvae.optimizers import Adam, Optimizer, optimizer_state, restore_optimizer
from npvae.parallel import ALONE, Communicator, everywhere
from npvae.parameters import Array, Parameters, Seed
from npvae.schedules import EarlyStopping, Schedule, require_schedules


class Model(Protocol):
    """What the trainer needs of a model; a conditional model also has `n_y` and `one_hot`."""

    params: Parameters

    def draw_noise(self, rng: np.random.Generator, n: int, /) -> Any:
        """Return the noise that `loss_and_grad` needs for n examples, or None."""

    def loss_and_grad(self, *batch: Any) -> Loss:
        """Return the loss of (x, eps) or (x, eps, y), and write its gradient to `params.grad`."""


@dataclass(frozen=True)
class EpochRecord:
    """The results of one epoch, in nats per example.

    Attributes
    ----------
    epoch : int
        Number of the epoch, from 1.
    train_loss, train_elbo, train_reconstruction, train_kl : float
        Means over the examples of the epoch, each computed before the update of its batch. The loss
        weighs the KL divergence by beta; the ELBO does not.
    held_out : object
        What the trainer's `validate` returned after the epoch, such as an `Evaluation` of the
        validation data; None if there is no `validate`.
    seconds : float
        Time spent on updates, in seconds; evaluation is not included.
    """

    epoch: int
    train_loss: float
    train_elbo: float
    train_reconstruction: float
    train_kl: float
    held_out: Any
    seconds: float

    def __repr__(self) -> str:
        held_out = "" if self.held_out is None else f", held-out bound {self.held_out.bound:.2f}"
        return f"EpochRecord(epoch {self.epoch}, train ELBO {self.train_elbo:.2f}{held_out})"


class Trainer:
    """A training run: a model, its examples, its optimiser, and its progress.

    Parameters
    ----------
    model : Model
        A VAE, an autoencoder, or an object with `params`, `draw_noise` and `loss_and_grad`.
    examples : Split
        The training data, or an object with `len`, `take(chosen)`, `labels` and `to(device)`.
    scaling : Scaling
        How stored examples become x when a batch is drawn: `Pixels`, `Standardized`, or an object
        with `encode(rows, rng, dtype)` and `to(device)`.
    optimizer : Optimizer, optional
        Updates `model.params`; `Adam()` by default.
    batch_size : int
        Examples per batch, at least 1; the last batch of an epoch may be smaller.
    rng : int or Generator
        Seeds the order of the examples, the binarisation and the noise. The same seed gives the
        same bits on the same machine with the same number of processes.
    lr : Schedule, optional
        Schedule of the learning rate, such as `Cosine(1e-3, 10)`.
    beta : Schedule, optional
        Schedule of the weight of the KL divergence, such as `WarmUp(10)`.
    early_stopping : EarlyStopping, optional
        When to stop before the last epoch; requires `validate`.
    comm : Communicator
        The processes that share the training, such as `with Processes(2) as comm`; by default it is
        alone. The updates are the same for any number of them, but for rounding. `params.grad` then
        holds only what this process has computed.
    validate : callable, optional
        Called without arguments at the end of each epoch, in every process. It returns an
        `Evaluation`, or another object with a `bound` (higher is better), which becomes `held_out`
        in the record.

    Attributes
    ----------
    model, optimizer
        As given.
    rng : Generator
        The generator, which lives on the model's device.
    n, steps_per_epoch : int
        Number of examples, and of batches per epoch.
    steps : int
        Number of updates made so far.
    records : list of EpochRecord
        One record per finished epoch.
    order : (n,) int array
        Order of the examples in the current epoch; empty between two epochs.
    losses : (steps_per_epoch, 3) float array
        The `Loss` of each update of the current epoch, on the model's device.
    seconds : float
        Time that the updates of the current epoch have taken so far.
    best : (size,) float array or None
        With early stopping, the parameters after the best epoch so far.

    Raises
    ------
    InputError
        If there are no examples, or an argument is invalid or does not fit another.

    Notes
    -----
    An exception raised within `step`, such as a KeyboardInterrupt, leaves an unfinished update
    behind. To be able to resume, stop between two steps.
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
        comm: Communicator = ALONE,
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
        self.lr, self.beta, self.comm = lr, beta, comm
        self.early_stopping, self.validate = early_stopping, validate
        self.steps, self.seconds, self.order = 0, 0.0, np.zeros(0, np.int64)
        self.losses = device.zeros(3 * self.steps_per_epoch, model.params.dtype).reshape(-1, 3)
        self.records: list[EpochRecord] = []
        self.best: Array | None = None

    # ---- one update ------------------------------------------------------------------------------

    @everywhere
    def step(self) -> Loss:
        """Draw a batch and its noise, make one update, and return the loss before it.

        If the previous epoch is over but has not been ended, `end_epoch` is called first.
        """
        if self.epoch_is_over:
            self.end_epoch()
        begin = perf_counter()
        self._follow_schedules()
        x, eps, *y = self._draw_batch()
        with self.model.params.lock:  # other threads wait for the complete update
            loss = Loss(*self.comm.mean(self.model.loss_and_grad(x, eps, *y)))
            self.comm.update(self.optimizer, self.model.params)
        for i, value in enumerate(loss):  # no float(value): it would wait for the GPU
            self.losses[self.step_in_epoch, i] = value
        self.seconds += perf_counter() - begin
        self.steps += 1
        return loss

    def _draw_batch(self) -> tuple[Any, ...]:
        """Return x, (B, n_x), its noise eps and, for a conditional model, y, (B, n_y).

        Each epoch visits every example once, in a new random order. If several processes share the
        batch, these are the rows of this one.
        """
        if self.step_in_epoch == 0:
            self.order, self.seconds = self.rng.permutation(self.n), 0.0
        start = self.step_in_epoch * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        mine, rng = self.comm.share_out(len(chosen), self.rng)
        x = self.scaling.encode(self.examples.take(chosen[mine]), rng, self.model.params.dtype)
        y = condition(self.model, self.examples, chosen[mine])
        return x, self.model.draw_noise(rng, len(x)), *y

    def _follow_schedules(self) -> None:
        """Set the learning rate and beta to the values of their schedules at this step."""
        t = self.epoch - 1 + self.step_in_epoch * self.batch_size / self.n
        if self.lr is not None:
            self.optimizer.lr = self.lr(t)
        if self.beta is not None:
            self.model.beta = self.beta(t)

    # ---- epochs ----------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """Epoch of the next update, from 1."""
        return self.steps // self.steps_per_epoch + 1

    @property
    def step_in_epoch(self) -> int:
        """Number of updates made in the current epoch."""
        return self.steps % self.steps_per_epoch

    @property
    def epoch_is_over(self) -> bool:
        """Whether the last update completed an epoch that has no record yet."""
        ended = self.records[-1].epoch if self.records else 0
        return self.step_in_epoch == 0 and len(self.order) > 0 and ended < self.epoch - 1

    @property
    def place(self) -> str:
        """How far the training has come, in words."""
        if self.step_in_epoch:
            return f"epoch {self.epoch}, step {self.step_in_epoch}"
        return f"the end of epoch {self.epoch - 1}" if self.steps else "the start"

    def goes_on(self, epochs: int) -> bool:
        """Whether a training of `epochs` epochs has another update to make."""
        stopping = self.early_stopping
        return self.epoch <= epochs and not (stopping and stopping.is_over(self._bounds()))

    def run_epoch(self) -> EpochRecord:
        """Make the remaining updates of the current epoch, and return its record."""
        while not self.epoch_is_over:
            self.step()
        return self.end_epoch()

    def end_epoch(self) -> EpochRecord:
        """Validate, keep the parameters if they are the best so far, and return the epoch's record.

        Raises
        ------
        InputError
            If the epoch is not over.
        TrainingError
            If a loss, a parameter or the validation bound is not finite.
        """
        if not self.epoch_is_over:
            raise InputError(f"training is at {self.place}; end_epoch follows an epoch's last step")
        return self._end_epoch()

    @everywhere
    def _end_epoch(self) -> EpochRecord:
        """End an epoch that is over, in all processes."""
        begin = perf_counter()
        losses = self.require_finite()  # on a GPU, this waits for the updates to finish
        self.seconds += perf_counter() - begin
        sizes = np.minimum(self.batch_size, self.n - np.arange(0, self.n, self.batch_size))
        loss, distortion, kl = (sizes @ losses / sizes.sum()).tolist()
        epoch, held_out = self.epoch - 1, None if self.validate is None else self.validate()
        if held_out is not None:
            require_finite(f"after epoch {epoch} the validation bound", held_out.bound)
        record = EpochRecord(epoch, loss, -distortion - kl, distortion, kl, held_out, self.seconds)
        self.records.append(record)
        if self.best_epoch == epoch:
            self.best = self.model.params.flat.copy()
        self.order = self.order[:0]
        return record

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the best validation bound; None without early stopping."""
        best = self.early_stopping.best(self._bounds()) if self.early_stopping else 0
        return self.records[best - 1].epoch if best else None

    @contextmanager
    def best_parameters(self) -> Iterator[None]:
        """Within the block, give the model the parameters of the best epoch, if there is one."""
        with self.model.params.lock:
            flat = self.model.params.flat
            last = flat.copy()
            if self.best is not None:
                flat[...] = self.best
            try:
                yield
            finally:
                flat[...] = last

    def _bounds(self) -> list[float]:
        """Return the validation bound of each epoch, in nats per example."""
        return [record.held_out.bound for record in self.records]

    def require_finite(self) -> Array:
        """Return the losses of this epoch so far, (steps, 3), once checked to be finite.

        Raises
        ------
        TrainingError
            If one of them is not; names the epoch and the step.
        """
        done = self.steps_per_epoch if self.epoch_is_over else self.step_in_epoch
        losses = self.model.params.device.to_host(self.losses)[:done].astype(np.float64)
        epoch = self.epoch - self.epoch_is_over
        for i in np.flatnonzero(~np.isfinite(losses).all(axis=1))[:1]:
            for name in ("reconstruction", "kl", "loss"):  # in the order in which they depend
                value = losses[i, Loss._fields.index(name)]
                require_finite(f"in epoch {epoch}, step {i + 1}, the {name}", value)
        require_finite(f"at {self.place}, a parameter", float(self.model.params.flat.sum()))
        return losses

    # ---- saving and resuming ---------------------------------------------------------------------

    @everywhere
    def state(self) -> dict[str, Any]:
        """Return the state needed for a bit-identical resume.

        It consists of numbers, strings, lists, dictionaries and arrays. The arrays are the
        trainer's own and change with the next step; copy them to keep them.

        Raises
        ------
        TrainingError
            If a loss or a parameter is not finite.
        InputError
            If the state of the generator or of the optimiser cannot be saved.
        """
        self.require_finite()
        comm, params = self.comm, self.model.params
        return {
            "steps": self.steps,
            "batch_size": self.batch_size,
            "n": self.n,
            "seconds": self.seconds,
            "rng": generator_state(self.rng),
            "order": self.order,
            "losses": self.losses,
            "records": list(self.records),
            "best": self.best,
            "params": params.flat,
            "beta": getattr(self.model, "beta", None),
            "optimizer": comm.join_states(optimizer_state(self.optimizer, comm.shard(params))),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state` of a trainer with the same model, data and settings.

        Raises
        ------
        InputError
            If the batch size, the number of parameters or the number of examples differs. The
            trainer is then unchanged.
        """
        params, n = self.model.params, self.n
        before = state["batch_size"], len(state["params"]), state["n"]
        if before != (now := (self.batch_size, params.size, n)):
            raise InputError(
                f"the saved training has (batch size, parameters, examples) = {before}, but this "
                f"one has {now}; resume with the same model, data and batch size"
            )
        self.comm.release()  # the other processes get the new state with the next step
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
        self.best = None if state["best"] is None else device.asarray(state["best"], dtype).copy()
