"""A model and a dataset put together: a trainer that is ready, or a whole training in one call."""

from functools import partial
from typing import Any

from npvae.datasets import Dataset, Scaling, scaling_for
from npvae.datasets.dataset import parts_on
from npvae.datasets.notebook import html_table, progress_bar
from npvae.encoder_decoder import require_examples
from npvae.errors import InputError
from npvae.evaluation.elbo import EVALUATION_SEED, evaluate, require_fitting
from npvae.optimizers import Optimizer
from npvae.parameters import Seed
from npvae.schedules import EarlyStopping, Schedule
from npvae.training import EpochRecord, Trainer

COLUMNS = ("epoch", "train ELBO", "reconstruction", "KL")


class Records(list[EpochRecord]):
    """The records of a training's epochs: a list, which a notebook shows as a table."""

    def _repr_html_(self) -> str:
        held_out = any(record.held_out is not None for record in self)
        rows: list[list[object]] = []
        for record in self:
            numbers = [record.train_elbo, record.train_reconstruction, record.train_kl]
            if held_out:
                numbers.append(record.held_out.bound)
            rows.append([record.epoch, *(f"{nats:.2f}" for nats in numbers)])
        return html_table([*COLUMNS, *["held-out bound"][: int(held_out)]], rows)


def trainer_for(
    model: Any,
    dataset: Dataset,
    *,
    scaling: Scaling | None = None,
    optimizer: Optimizer | None = None,
    batch_size: int = 128,
    rng: Seed = 0,
    lr: Schedule | None = None,
    beta: Schedule | None = None,
    early_stopping: EarlyStopping | None = None,
) -> Trainer:
    """Return a trainer for the training part; each epoch ends with the validation part's ELBO.

    Parameters
    ----------
    model : a VAE or an autoencoder
    dataset : whose training part is learned
    scaling : how its examples become x; by default `scaling_for(dataset)`
    others : as for `Trainer`

    Raises
    ------
    InputError : if the data do not fit the model, or an argument does not make sense

    >>> from npvae import VAE
    >>> from npvae.datasets import load_dataset
    >>> data = load_dataset("glyphs", n_train=60, n_test=10)
    >>> trainer = trainer_for(VAE.dense(784, 8, 2), data)
    >>> trainer.run_epoch().epoch
    1
    """
    scaling = scaling or scaling_for(dataset)
    require_fitting(model, scaling)
    train, held_out = parts_on(model.params.device, dataset.train, dataset.validation)
    validate = None
    if len(held_out):
        require_examples(model, held_out)
        validate = partial(evaluate, model, held_out, scaling, EVALUATION_SEED)
    return Trainer(
        model,
        train,
        scaling,
        optimizer,
        batch_size=batch_size,
        rng=rng,
        lr=lr,
        beta=beta,
        early_stopping=early_stopping,
        validate=validate,
    )


def fit(
    model: Any,
    dataset: Dataset,
    *,
    epochs: int = 10,
    scaling: Scaling | None = None,
    optimizer: Optimizer | None = None,
    batch_size: int = 128,
    rng: Seed = 0,
    lr: Schedule | None = None,
    beta: Schedule | None = None,
    early_stopping: EarlyStopping | None = None,
    progress: bool = False,
) -> Records:
    """Train a model, and return a record of each epoch.

    With early stopping the model ends with the parameters of its best epoch. To look at each epoch
    or update while it trains, or to go on later, drive the trainer that `trainer_for` returns.

    Parameters
    ----------
    epochs : at least 1
    progress : whether to show a progress bar: on standard error, or as a widget of a notebook that
        has ipywidgets
    others : as for `trainer_for`

    Raises
    ------
    TrainingError : if a loss is no longer finite; names the epoch, the step and the quantity
    InputError : if the data do not fit the model, or an argument does not make sense

    >>> from npvae import VAE
    >>> from npvae.datasets import load_dataset
    >>> data = load_dataset("glyphs", n_train=60, n_test=10)
    >>> records = fit(VAE.dense(784, 8, 2), data, epochs=2)
    >>> [record.epoch for record in records]
    [1, 2]
    """
    if epochs < 1:
        raise InputError(f"epochs is {epochs}; choose at least 1")
    if (length := getattr(beta, "epochs", 0)) > epochs:
        raise InputError(
            f"the warm-up takes {length} epochs and the training {epochs}: beta would never "
            "be reached; choose a shorter warm-up or more epochs"
        )
    trainer = trainer_for(
        model,
        dataset,
        scaling=scaling,
        optimizer=optimizer,
        batch_size=batch_size,
        rng=rng,
        lr=lr,
        beta=beta,
        early_stopping=early_stopping,
    )
    total = epochs * trainer.steps_per_epoch
    with progress_bar(total=total, disable=not progress, unit="step") as bar:
        while trainer.goes_on(epochs):
            trainer.step()
            bar.update()
            if trainer.epoch_is_over:
                record = trainer.end_epoch()
                bar.set_postfix_str(f"epoch {record.epoch}, loss {record.train_loss:.1f}")
    if trainer.best is not None:
        model.params.flat = trainer.best
    return Records(trainer.records)
