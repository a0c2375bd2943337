"""What the commands share that use a trained model: which examples, and how many processes."""

import argparse
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np

from npvae.cli.arguments import add_device, add_folder, reads, whole
from npvae.cli.printing import beside, say
from npvae.devices import CPU
from npvae.encoder_decoder import EncoderDecoder
from npvae.errors import InputError
from npvae.evaluation.elbo import EVALUATION_SEED
from npvae.evaluation.importance import MOST_DRAWS
from npvae.parallel import Communicator
from npvae.parallel.processes import Processes, available_cores
from npvae.parameters import Array
from npvae.runs.folder import RunFolder
from npvae.runs.kinds import Whole
from npvae.runs.model_file import SavedModel
from npvae.runs.provenance import PARTS
from npvae.runs.selection import Selection, select
from npvae.runs.settings import MOST_WORKERS
from npvae.vae import VAE

DATA = (
    "examples of the same kind to use instead of the run's {part} part: a file, a folder of images "
    "or a dataset; also the new path of the run's own data if they moved (default: the run's own "
    "data)"
)


class Given(NamedTuple):
    """A run, its model, and the examples that a command works on."""

    folder: RunFolder
    saved: SavedModel
    examples: Selection


def add_examples(parser: argparse.ArgumentParser) -> None:
    """Declare RUN, --data, --part and --device."""
    add_folder(parser)
    add_data(parser)
    add_device(parser)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Declare --data and --part, which select the examples."""
    parser.add_argument("--data", metavar="DATA", help=DATA.format(part="test"))
    parser.add_argument(
        "--part",
        choices=PARTS,
        default="test",
        help="use this part of the run's own data, or of a dataset (default: test)",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Declare --seed, for what evaluation draws."""
    parser.add_argument(
        "--seed",
        type=whole,
        default=EVALUATION_SEED,
        help=f"seed for the random pixels and noise (default: {EVALUATION_SEED})",
    )


def add_samples(parser: argparse.ArgumentParser, help: str) -> None:
    """Declare --samples, the draws of z for an estimate of log p(x), and --workers."""
    parser.add_argument("--samples", type=reads(Whole(1, MOST_DRAWS)), metavar="K", help=help)
    parser.add_argument(
        "--workers",
        type=reads(Whole(1, MOST_WORKERS)),
        metavar="N",
        help="compute in N processes, with one thread each where N is above 1; the result is the "
        "same (default: the cores of this machine with --samples, else 1)",
    )


def open_examples(options: argparse.Namespace) -> Given:
    """Return the run, its model and the examples that RUN, --data and --part select."""
    folder = RunFolder.open(options.folder)
    saved = folder.load_model(options.device)
    return Given(folder, saved, select(folder, saved, options.data, options.part))


def require_prior(model: EncoderDecoder, folder: RunFolder, samples: int | None) -> None:
    """Refuse --samples for the model of a run that has no p(x)."""
    if samples is not None and not isinstance(model, VAE):
        raise InputError(
            f"the model in {folder.path} is an autoencoder, which has no prior, and so no p(x) "
            f"that --samples {samples} could estimate; leave --samples out"
        )


def processes(options: argparse.Namespace) -> AbstractContextManager[Communicator]:
    """Return a context manager that connects the processes which share the work."""
    if options.machines is not None:
        return nullcontext(options.machines)
    cores = available_cores() if options.samples and options.device == CPU.name else 1
    workers = cores if options.workers is None else options.workers
    if workers > 1 and options.device != CPU.name:
        raise InputError(
            f"--workers {workers} and --device {options.device} exclude each other, because "
            "several processes cannot share a GPU here; leave one of them out"
        )
    return Processes(workers)


def unlimited() -> np.errstate:
    """Let numbers overflow without a warning; `require_finite` then says which example they hit."""
    return np.errstate(over="ignore", invalid="ignore")


def require_finite(what: str, values: Array, examples: Selection) -> None:
    """Refuse values, (N, ...), of which some are not finite.

    Raises
    ------
    InputError : with the row of the first such example
    """
    wrong = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if n := int(wrong.sum()):
        row = int(examples.split.rows[int(wrong.argmax())])
        raise InputError(
            f"the {what} of {n} of {len(values)} examples ({examples.words}) are not finite, the "
            f"first in row {row} (counted from 0); the training has diverged, or the numbers of "
            "these examples are far from those of the training data. Correct or drop them"
        )


def say_notes(notes: dict[str, str]) -> None:
    """Print the notes that explain a result, each beside its subject."""
    say("")
    for subject, sentence in notes.items():
        say(beside(f"  {subject}", sentence, width=12))
