"""Train a VAE and keep everything it made in a run folder."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import closing
from time import perf_counter
from typing import Any

import numpy as np

from npvae import figures
from npvae.checkpoints import save_model
from npvae.cli.arguments import hidden_layers, natural, non_negative, positive, whole
from npvae.cli.evaluate import measure, print_metrics
from npvae.cli.watching import Watch, say
from npvae.datasets import NAMES, default_dataset
from npvae.datasets.dataset import Dataset
from npvae.datasets.scaling import Scaling
from npvae.errors import TrainingError
from npvae.evaluation import EVALUATION_SEED
from npvae.layers import ACTIVATIONS, INITIALIZERS
from npvae.optimizers import Adam
from npvae.runs import RunFolder, history_columns, peak_memory_mb
from npvae.settings import Settings, build_model, load_data, resolve, scaling_of
from npvae.training import EpochRecord, fit, require_finite
from npvae.vae import VAE

EXAMPLE = "npvae train --data mnist --latent 2 --epochs 5 --out runs/two-latents"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae train`."""
    add = parser.add_argument
    data = "mnist, fashion-mnist, glyphs, or a path: .npy, .npz, .csv, or a folder of images"
    add("--data", metavar="D", help=f"{data} (default: mnist if it can be had, else glyphs)")
    add("--label-column", metavar="C", help="the column of a .csv that holds labels")
    add("--validation", type=whole, metavar="N", help="held out (default: 5000; 10 %% of own data)")
    add("--latent", type=natural, default=20, metavar="N", help="latents (default: 20)")
    add(
        "--hidden",
        type=hidden_layers,
        default=(400,),
        metavar="N[,N...]",
        help="sizes of the encoder's hidden layers, mirrored in the decoder (default: 400)",
    )
    add("--activation", choices=ACTIVATIONS, default="relu", help="(default: relu)")
    add("--init", choices=INITIALIZERS, default="glorot", help="initial weights (default: glorot)")
    add(
        "--likelihood",
        choices=("bernoulli", "gaussian"),
        help="p(x | z) (default: bernoulli for pixels, gaussian for real-valued data)",
    )
    add(
        "--sigma",
        type=positive,
        metavar="S",
        help="standard deviation of the gaussian likelihood "
        "(default: 0.1 for pixels in [0, 1], 0.5 for standardised columns)",
    )
    add(
        "--binarize",
        choices=("dynamic", "threshold", "none"),
        help="pixels to zeros and ones: drawn anew each time, at the middle, or left grey "
        "(default: dynamic; none with --likelihood gaussian)",
    )
    add("--beta", type=non_negative, default=1.0, help="weight of the KL (default: 1)")
    add("--epochs", type=natural, default=10, metavar="N", help="(default: 10)")
    add("--batch-size", type=natural, default=128, metavar="N", help="(default: 128)")
    add("--lr", type=positive, default=1e-3, help="Adam's learning rate (default: 1e-3)")
    add("--seed", type=whole, default=0, help="of everything random (default: 0)")
    add("--out", metavar="DIR", help="a new folder (default: a fresh one under runs/)")


def run(options: argparse.Namespace) -> int:
    """Load, train, save, test, draw."""
    begin = perf_counter()
    dataset, settings = _load(options)
    settings = resolve(settings, dataset)
    scaling = scaling_of(settings, dataset)
    rng = np.random.default_rng(settings.seed)
    model = build_model(settings, dataset.n_x, rng)
    _describe(dataset, settings, model)

    folder = RunFolder.create(options.out, dataset.name)
    folder.write_config(settings, dataset, model.params.size)
    watch = Watch(len(dataset.train), settings.batch_size, settings.epochs)
    save_model(folder / "model.npz", model, scaling, dataset.shape)  # from now on there is one
    records = []
    # a loss that is no number ends the training in npvae's words, not in NumPy's warnings
    with closing(watch), np.errstate(over="ignore", invalid="ignore"):
        try:
            for record in _fit(model, dataset, scaling, settings, rng, watch):
                records.append(record)
                save_model(folder / "model.npz", model, scaling, dataset.shape)
                folder.write_history(records)
                whole = record.examples == len(dataset.train)
                watch.say(epoch_line(record, settings.epochs) + ("" if whole else "  (in part)"))
            metrics: dict[str, Any] = {
                "epochs": sum(record.examples == len(dataset.train) for record in records),
                "interrupted": watch.interrupted,
                "train_seconds": round(sum(record.seconds for record in records), 2),
            }
            if not watch.interrupted:
                metrics["test"] = measure(model, dataset, scaling)
                require_finite("the test ELBO", metrics["test"]["elbo"])
        except TrainingError as error:
            kept = f"after epoch {len(records)}" if records else "before training"
            raise TrainingError(f"{error}; the model {kept} is in {folder.path}") from error
    if not watch.interrupted:
        _draw(folder, model, dataset, scaling)
    metrics |= {
        "seconds": round(perf_counter() - begin, 2),
        "peak_memory_mb": peak_memory_mb(),
    }
    folder.write_json("metrics.json", metrics)
    if watch.interrupted:
        print(
            f"interrupted; what was learned so far is in {folder.path} "
            f"(npvae evaluate {folder.path} measures it)",
            file=sys.stderr,
        )
        return 130
    print_metrics(metrics["test"])
    memory = metrics["peak_memory_mb"]
    print(f"{metrics['seconds']:.1f} s" + (f", {memory:.0f} MB at most" if memory else ""))
    print(f"everything is in {folder.path}: {', '.join(folder.names())}")
    return 0


def _load(options: argparse.Namespace) -> tuple[Dataset, Settings]:
    """The data that were named; or MNIST, else glyphs, saying which and why."""
    given = {key: value for key, value in vars(options).items() if key not in ("run", "out")}
    if options.data is not None:
        settings = Settings(**given)
        return load_data(settings), settings
    dataset, reason = default_dataset(seed=options.seed, validation=options.validation)
    say(reason)
    return dataset, Settings(**(given | {"data": dataset.name}))


def _describe(dataset: Dataset, settings: Settings, model: VAE) -> None:
    """What data, which model, how many parameters."""
    shape = "x".join(map(str, dataset.shape))
    parts = f"{len(dataset.train)} to train, {len(dataset.validation)} to validate"
    name = dataset.source if settings.data not in NAMES else f"{dataset.name} ({dataset.source})"
    say(f"data   {name}: {shape}, {parts}, {len(dataset.test)} to test")
    if dataset.remark:
        say(f"       {dataset.remark}")
    hidden = "-".join(map(str, settings.hidden))
    mirrored = "-".join(map(str, reversed(settings.hidden)))
    sizes = [str(dataset.n_x), hidden, str(settings.latent), mirrored, str(dataset.n_x)]
    words = [f"VAE {'-'.join(filter(None, sizes))}", settings.activation]
    words.append(f"{settings.likelihood} likelihood".capitalize())
    if settings.sigma is not None:
        words.append(f"sigma {settings.sigma:g}")
    if dataset.kind == "pixels" or settings.likelihood == "bernoulli":
        words.append(f"binarize {settings.binarize}")
    say(f"model  {', '.join(words)}, beta {settings.beta:g}: {model.params.size:,} parameters")


def _fit(
    model: VAE,
    dataset: Dataset,
    scaling: Scaling,
    settings: Settings,
    rng: np.random.Generator,
    watch: Watch,
) -> Iterator[EpochRecord]:
    watch.say(HEAD)
    return fit(
        model,
        dataset,
        scaling=scaling,
        optimizer=Adam(settings.lr),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        rng=rng,
        watch=watch,
    )


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


def _draw(folder: RunFolder, model: VAE, dataset: Dataset, scaling: Scaling) -> None:
    """Write reconstructions.png, samples.png and history.png."""
    rng = np.random.default_rng(EVALUATION_SEED)
    x = scaling.encode(dataset.test.take(slice(0, 16)), rng, model.params.dtype)
    shown = figures.reconstructions(x, model.reconstruct(x), dataset.shape, dataset.columns)
    figures.save(shown, folder / "reconstructions.png")
    shown = figures.samples(model.sample(64, rng), dataset.shape, dataset.columns)
    figures.save(shown, folder / "samples.png")
    figures.save(figures.history(history_columns(folder / "history.csv")), folder / "history.png")
