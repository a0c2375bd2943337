"""Train a VAE and keep everything in a run folder, or go on with a run that was stopped."""

import argparse
import signal
import sys
from contextlib import ExitStack, closing
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from npvae import figures
from npvae.checkpoints import Checkpoint
from npvae.cli.arguments import hidden_layers, natural, non_negative, positive, whole
from npvae.cli.evaluate import measure, print_metrics
from npvae.cli.starting import Training, advising, begin_new, resume
from npvae.cli.watching import Stopped, Watch, say
from npvae.config import write_json
from npvae.datasets.dataset import Dataset
from npvae.errors import TrainingError
from npvae.evaluation import EVALUATION_SEED
from npvae.history import history_columns
from npvae.layers import ACTIVATIONS, INITIALIZERS
from npvae.memory import peak_memory_mb
from npvae.progress import EpochRecord
from npvae.runs import RunFolder, resume_command
from npvae.settings import Settings
from npvae.training import fit, require_finite
from npvae.vae import VAE

EXAMPLE = (
    "npvae train --data mnist --latent 2 --epochs 5 --out runs/two-latents\n"
    "          npvae train --resume runs/two-latents --epochs 20"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae train`; what is not given is not there, and has its default."""
    add: Any = partial(parser.add_argument, default=argparse.SUPPRESS)
    default = Settings
    data = "mnist, fashion-mnist, glyphs, or a path: .npy, .npz, .csv, or a folder of images"
    add("--data", metavar="D", help=f"{data} (default: mnist if it can be had, else glyphs)")
    add("--label-column", metavar="C", help="the column of a .csv that holds labels")
    add("--validation", type=whole, metavar="N", help="held out (default: 5000; 10 %% of own data)")
    add("--latent", type=natural, metavar="N", help=f"latents (default: {default.latent})")
    add(
        "--hidden",
        type=hidden_layers,
        metavar="N[,N...]",
        help="sizes of the encoder's hidden layers, mirrored in the decoder (default: 400)",
    )
    add("--activation", choices=ACTIVATIONS, help=f"(default: {default.activation})")
    add("--init", choices=INITIALIZERS, help=f"initial weights (default: {default.init})")
    add(
        "--likelihood",
        choices=("bernoulli", "gaussian"),
        help="p(x | z) (default: bernoulli for grey pixels, gaussian for colours and real values)",
    )
    add(
        "--sigma",
        type=positive,
        metavar="S",
        help="standard deviation of the gaussian likelihood "
        "(default: 0.1 for pixels, 0.5 for standardised columns)",
    )
    add(
        "--binarize",
        choices=("dynamic", "threshold", "none"),
        help="pixels to zeros and ones: drawn anew each time, at the middle, or left grey "
        "(default: dynamic; none with --likelihood gaussian)",
    )
    add("--beta", type=non_negative, help=f"weight of the KL (default: {default.beta:g})")
    add("--epochs", type=natural, metavar="N", help=f"in all (default: {default.epochs})")
    add("--batch-size", type=natural, metavar="N", help=f"(default: {default.batch_size})")
    add("--lr", type=positive, help=f"Adam's learning rate (default: {default.lr:g})")
    add("--seed", type=whole, help=f"of everything random (default: {default.seed})")
    add("--out", metavar="DIR", help="a new folder (default: a fresh one under runs/)")
    add(
        "--resume",
        metavar="RUN",
        help="go on with the run in this folder, to the same bits as if it had never been stopped; "
        "of the settings only --epochs may be given, to go on for longer, and --data, where your "
        "own data are now",
    )
    add = parser.add_argument
    add(
        "--checkpoint-epochs",
        type=natural,
        default=1,
        metavar="N",
        help="save after every N epochs (default: 1)",
    )
    add(
        "--checkpoint-minutes",
        type=positive,
        default=5.0,
        metavar="M",
        help="save within an epoch, too, if M minutes have passed (default: 5)",
    )


def run(options: argparse.Namespace) -> int:
    """Load, train, save, test, draw."""
    begin = perf_counter()
    with ExitStack() as stack:  # which holds the folder's lock
        training = (resume if "resume" in options else begin_new)(options, stack)
        folder = training.folder
        with advising(folder):
            return _train(training, options.checkpoint_epochs, options.checkpoint_minutes, begin)


def _train(training: Training, every: int, minutes: float, begin: float) -> int:
    """Train to the end and finish, or stop at a signal; return the exit status."""
    folder, settings, state = training.folder, training.settings, training.state
    n, progress = len(training.dataset.train), state.progress
    per_epoch = -(-n // settings.batch_size)
    done = (progress.epoch - 1) * per_epoch + progress.step
    kept = progress.place

    def save() -> None:
        nonlocal kept
        folder.save(state)
        kept = progress.place

    watch = Watch(settings.epochs * per_epoch, done, save, minutes)
    # a loss that is no number ends the training in npvae's words, not in NumPy's warnings
    with closing(watch), np.errstate(over="ignore", invalid="ignore"):
        try:
            watch.save()  # from now on there is something to go on from
            if progress.epoch <= settings.epochs:
                watch.say(HEAD)
            for record in fit(
                state.model,
                training.dataset,
                scaling=state.scaling,
                optimizer=state.optimizer,
                epochs=settings.epochs,
                batch_size=settings.batch_size,
                watch=watch,
                progress=progress,
            ):
                if record.epoch % every == 0 or record.epoch == settings.epochs:
                    watch.save()
                watch.say(epoch_line(record, settings.epochs))
            watch.finish()
            if watch.stopped_by is not None:
                watch.save()
                raise Stopped(watch.stopped_by)
            _finish(training, begin)
        except TrainingError as error:
            raise TrainingError(f"{error}; as it was {kept}, it is in {folder.path}") from error
        except Stopped as stop:
            name, again = signal.Signals(stop.number).name, resume_command(folder.path)
            say(
                f"npvae: stopped by {name}; saved as it was {kept}. Go on with: {again}", sys.stderr
            )
            return 128 + stop.number
    return 0


def _finish(training: Training, begin: float) -> None:
    """Test the trained model, draw it, and say where everything is."""
    folder, state, dataset = training.folder, training.state, training.dataset
    records = state.progress.records
    metrics: dict[str, Any] = {
        "epochs": len(records),
        "test": measure(state.model, dataset, state.scaling),
        "train_seconds": round(sum(record.seconds for record in records), 2),
    }
    require_finite("the test ELBO", metrics["test"]["elbo"])
    _draw(folder, state, dataset)
    metrics |= {
        "seconds": round(perf_counter() - begin, 2),
        "peak_memory_mb": peak_memory_mb(),
    }
    write_json(folder / "metrics.json", metrics)
    print_metrics(metrics["test"])
    memory = metrics["peak_memory_mb"]
    say(f"{metrics['seconds']:.1f} s" + (f", {memory:.0f} MB at most" if memory else ""))
    say(f"everything is in {folder.path}: {', '.join(folder.names())}")


HEAD = (
    "             ------- train -------   ----- validation ----\n"
    "epoch            ELBO  recon     KL       ELBO  recon     KL  active  seconds"
)


def epoch_line(record: EpochRecord, epochs: int) -> str:
    """One line an epoch, in nats an example, under `HEAD`."""
    train = f"{record.train_elbo:9.2f} {record.train_reconstruction:6.1f} {record.train_kl:6.2f}"
    held_out = " " * 34
    if record.held_out is not None:
        measured = record.held_out
        held_out = f"  {measured.elbo:9.2f} {measured.reconstruction:6.1f} {measured.kl:6.2f}"
        held_out += f" {measured.active_units:7d}"
    return f"{record.epoch:5d}/{epochs:<5d} {train}{held_out} {record.seconds:8.1f}"


def _draw(folder: RunFolder, state: Checkpoint, dataset: Dataset) -> None:
    """Write reconstructions.png, samples.png and history.png."""
    rng = np.random.default_rng(EVALUATION_SEED)
    model, columns = state.model, dataset.columns
    x = state.scaling.encode(dataset.test.take(slice(0, 16)), rng, model.params.dtype)
    shown = figures.reconstructions(x, model.reconstruct(x), dataset.shape, columns)
    figures.save(shown, folder / "reconstructions.png")
    if isinstance(model, VAE):  # an autoencoder has no prior to sample from
        shown = figures.samples(model.sample(64, rng), dataset.shape, columns)
        figures.save(shown, folder / "samples.png")
    figures.save(figures.history(history_columns(folder / "history.csv")), folder / "history.png")
