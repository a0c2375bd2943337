"""Measure the ELBO of a trained run and, with --samples, log p(x).

Each number is printed with its protocol: the formula, the examples, the draws and the data. With
--samples the numbers are also written into the metrics.json of the run.
"""

import argparse
import json
import sys
from contextlib import nullcontext
from math import isfinite
from typing import Any

from npvae.cli.arguments import natural, reads
from npvae.cli.examples import (
    add_examples,
    add_samples,
    add_seed,
    processes,
    require_prior,
    say_notes,
)
from npvae.cli.printing import beside, say
from npvae.errors import InputError
from npvae.parallel import Communicator
from npvae.runs.folder import RunFolder, resume_command
from npvae.runs.kinds import Real
from npvae.runs.metrics import add_metrics, entry_name, measure, measure_likelihood, not_finite
from npvae.runs.model_file import SavedModel, model_checksum
from npvae.runs.selection import Selection, select
from npvae.storage.json_files import finite
from npvae.vae import VAE

EXAMPLE = "npvae evaluate runs/mnist-001\nnpvae evaluate runs/mnist-001 --samples 5000"
MEGABYTE = 1 << 20
MOST_MEGABYTES = 1 << 20  # a terabyte
WRONG = 1  # exit status if a figure is not finite


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae evaluate`."""
    add_examples(parser)
    add_samples(
        parser,
        "estimate log p(x) as well, by importance sampling with K draws of z for each example; "
        "papers use 5000 (default: no estimate)",
    )
    parser.add_argument(
        "--examples",
        type=natural,
        metavar="N",
        help="use only the first N examples of the part (default: all)",
    )
    add_seed(parser)
    parser.add_argument(
        "--memory-mb",
        type=reads(Real(above=0, most=MOST_MEGABYTES)),
        metavar="M",
        help="use at most M megabytes for the draws that are computed together (default: 4, or "
        "1024 on most GPUs)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON (default: print text)")


def run(options: argparse.Namespace) -> int:
    """Print the figures of a run; with --samples also write them into its metrics.json.

    There each choice of part, examples and seed has an entry of its own, such as test and test_500,
    and each number of draws an entry in that. Figures of new data are only printed.
    """
    folder = RunFolder.open(options.folder)
    # locked, so that no training changes the model while it is measured
    locked = nullcontext() if options.samples is None else folder.locked()
    with locked, processes(options) as comm:
        saved = folder.load_model(options.device)
        examples = select(folder, saved, options.data, options.part)
        keep = options.samples is not None and examples.is_own
        before = folder.metrics_of(saved.model) if keep else {}
        metrics = _measured(folder, saved, examples, options, comm)
        if options.json:
            say(json.dumps(finite(metrics), indent=2, allow_nan=False))
        else:
            print_metrics(metrics, examples.words, latents=True)
        if wrong := _verdict(metrics):
            return wrong
        if keep:
            before = before or {"model_crc32": model_checksum(saved.model)}
            entry = entry_name(options.part, options.examples, options.seed)
            add_metrics(folder / "metrics.json", before, entry, metrics)
            if not options.json:
                say(f"\nSaved in {folder / 'metrics.json'} as {entry}.")
    return 0


def _verdict(metrics: dict[str, Any]) -> int:
    """Return the exit status; figures that are not finite are an error and are not saved."""
    wrong = not_finite(metrics)
    if wrong:
        say(
            f"npvae: these figures are not finite: {', '.join(wrong)}; the training has diverged, "
            "or the model does not fit these data",
            sys.stderr,
        )
    return WRONG if wrong else 0


def _measured(
    folder: RunFolder,
    saved: SavedModel,
    examples: Selection,
    options: argparse.Namespace,
    comm: Communicator,
) -> dict[str, Any]:
    """Return the figures that were asked for."""
    model, scaling, split, words = saved.model, saved.scaling, examples.split, examples.words
    require_prior(model, folder, options.samples)
    if options.examples is not None:
        if options.examples > len(split):
            raise InputError(
                f"--examples is {options.examples}, but {words} has {len(split)} examples; "
                "choose at most that many"
            )
        if options.examples < len(split):
            split, words = split.only(slice(0, options.examples)), f"the beginning of {words}"
    done, asked = folder.epochs()
    if not folder.has_ended():
        again = resume_command(folder.path)
        say(
            f"npvae: warning: {folder.path} has trained for {done} of its {asked} epochs. "
            f"To continue: {again}",
            sys.stderr,
        )
    metrics = measure(model, split, scaling, options.seed, words, comm)
    if options.samples is not None and isinstance(model, VAE):
        memory = None if options.memory_mb is None else int(options.memory_mb * MEGABYTE)
        found = measure_likelihood(
            model, split, scaling, options.samples, options.seed, words, memory, comm
        )
        metrics["log_likelihood"] = {str(options.samples): found}
    if examples.is_own and options.part == "validation" and folder.settings().patience is not None:
        metrics["protocol"]["split"] += ", on which the epoch was chosen"
    return metrics


def print_metrics(
    metrics: dict[str, Any], words: str = "the test part", *, latents: bool = False
) -> None:
    """Print figures and their protocol; with `latents` the KL of each latent as well.

    `words` say what was measured. The notes on an estimate of log p(x) leave out those that it
    shares with the ELBO.
    """
    n_active, reconstruction = metrics["active_units"], metrics["reconstruction"]
    title = words.removeprefix("the ")
    say(f"{words if title == words else title.capitalize()}, in nats per example:")
    if "elbo" in metrics:
        n_z = len(metrics["kl_per_latent"])
        _figure("ELBO", metrics["elbo"], "= -(reconstruction + KL)")
        _figure("reconstruction", reconstruction, "(distortion)")
        _figure("KL", metrics["kl"], f"(rate), {n_active} of {n_z} latents are active")
        if "bound" in metrics:
            _figure(metrics["bound_name"], metrics["bound"], "the importance-weighted bound")
    else:
        _figure("reconstruction", reconstruction, f"= -log p(x | z), {n_active} of z are active")
    if latents and "kl_per_latent" in metrics:
        nats = " ".join(f"{nats:.2f}" for nats in sorted(metrics["kl_per_latent"])[::-1])
        say(beside("  KL of each latent", f"{nats} (largest first)", width=20))
    printed = metrics["protocol"]
    say_notes(printed)
    for found in metrics.get("log_likelihood", {}).values():
        error = found["standard_error"]  # NaN for a single example
        spread = f"+- {error:.2f} (standard error over examples)" if isfinite(error) else ""
        say("")
        _figure(found["name"], found["log_px"], spread)
        own = {k: line for k, line in found["protocol"].items() if printed.get(k) != line}
        say_notes(own)


def _figure(name: str, value: float, remark: str) -> None:
    say(f"  {name:<15} {value:10.2f}   {remark}".rstrip())
