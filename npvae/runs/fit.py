"""Train a model on a dataset without a run folder: `fit`, or a trainer to drive yourself."""

from functools import partial
from typing import Any

from npvae.datasets import Dataset, Scaling, scaling_for
from npvae.datasets.dataset import parts_on, require_dataset
from npvae.datasets.notebook import html_table, progress_bar
from npvae.encoder_decoder import require_examples
from npvae.errors import InputError, require_whole
from npvae.evaluation.elbo import EVALUATION_SEED, evaluate, require_fitting
from npvae.optimizers import Optimizer
from npvae.parallel import ALONE, Communicator
from npvae.parallel.processes import Processes
from npvae.parameters import Seed
from npvae.schedules import EarlyStopping, Schedule
from npvae.training import EpochRecord, Trainer

COLUMNS = ("epoch", "train ELBO", "reconstruction", "KL")


class Records(list[EpochRecord]):
    """A list of the records of a training, which a notebook shows as a table."""

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
    comm: Communicator = ALONE,
) -> Trainer:
    """Return a trainer for the training part that validates after each epoch.

    Parameters
    ----------
    model : a VAE or an autoencoder
    dataset : the dataset; the test part is not used
    scaling : converts its examples to x; by default `scaling_for(dataset)`
    others : as for `Trainer`

    Raises
    ------
    InputError : if the data do not fit the model, or an argument is invalid

    >>> from npvae import VAE
    >>> from npvae.datasets import load_dataset
    >>> data = load_dataset("glyphs", n_train=60, n_test=10)
    >>> trainer = trainer_for(VAE.dense(784, 8, 2), data)
    >>> trainer.run_epoch().epoch
    1
    """
    require_dataset(dataset)
    scaling = scaling or scaling_for(dataset)
    require_fitting(model, scaling)
    train, held_out = parts_on(model.params.device, dataset.train, dataset.validation)
    validate = None
    if len(held_out):
        require_examples(model, held_out)
        validate = partial(evaluate, model, held_out, scaling, EVALUATION_SEED, comm=comm)
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
        comm=comm,
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
    workers: int = 1,
    progress: bool = False,
) -> Records:
    """Train a model and return the record of each epoch.

    With early stopping the model ends with the parameters of its best epoch. To follow each epoch
    or update, or to continue later, drive the trainer that `trainer_for` returns.

    Parameters
    ----------
    epochs : number of epochs, at least 1
    workers : number of processes that share each batch; several have one thread each, and a
        script that asks for several needs the guard `if __name__ == "__main__":`
    progress : show a progress bar, on standard error or as a widget of a notebook that has
        ipywidgets
    others : as for `trainer_for`

    Raises
    ------
    TrainingError : if a loss is not finite; the message names the epoch, the step and the quantity
    InputError : if the data do not fit the model, or an argument is invalid

    >>> from npvae import VAE
    >>> from npvae.datasets import load_dataset
    >>> data = load_dataset("glyphs", n_train=60, n_test=10)
    >>> records = fit(VAE.dense(784, 8, 2), data, epochs=2)
    >>> [record.epoch for record in records]
    [1, 2]
    """
    require_whole("epochs", epochs)
    if (length := getattr(beta, "epochs", 0)) > epochs:
        raise InputError(
            f"the warm-up takes {length} epochs but the training only {epochs}, so beta would "
            "never reach its value; choose a shorter warm-up or more epochs"
        )
    with Processes(workers) as comm:
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
            comm=comm,
        )
        total = epochs * trainer.steps_per_epoch
        with progress_bar(total=total, disable=not progress, unit="step") as bar:
            while trainer.goes_on(epochs):
                trainer.step()
                bar.update()
                if trainer.epoch_is_over:
                    record = trainer.end_epoch()
                    words = f"epoch {record.epoch}, loss {record.train_loss:.1f}"
                    bar.set_postfix_str(words, refresh=False)  # with the bar's next step
    if trainer.best is not None:
        model.params.flat = trainer.best
    return Records(trainer.records)
