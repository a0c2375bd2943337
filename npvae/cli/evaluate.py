"""Measure a trained run on its test part, with the protocol beside every number."""

import argparse
import json
import sys
from math import isfinite
from typing import Any

from npvae.cli.arguments import add_run, natural, reads, whole
from npvae.cli.printing import say
from npvae.errors import InputError
from npvae.evaluation.elbo import EVALUATION_SEED
from npvae.evaluation.importance import MOST_DRAWS, require_likelihood
from npvae.runs.folder import RunFolder, resume_command
from npvae.runs.kinds import Real, Whole
from npvae.runs.metrics import add_metrics, entry_name, measure, measure_likelihood, not_finite
from npvae.runs.model_file import SavedModel, model_checksum
from npvae.runs.provenance import PARTS
from npvae.storage.json_files import finite
from npvae.vae import VAE

EXAMPLE = "npvae evaluate runs/mnist-001 --samples 5000"
MEGABYTE = 1 << 20
MOST_MEGABYTES = 1 << 20  # a terabyte
WRONG = 1  # exit status of figures that are not finite


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae evaluate`."""
    add_run(parser)
    parser.add_argument(
        "--samples",
        type=reads(Whole(1, MOST_DRAWS)),
        metavar="K",
        help="estimate log p(x) as well, with K draws of z for each example; 5000 is usual",
    )
    parser.add_argument("--part", choices=PARTS, default="test", help="of the data (default: test)")
    parser.add_argument(
        "--examples", type=natural, metavar="N", help="only the first N (default: all)"
    )
    parser.add_argument(
        "--seed",
        type=whole,
        default=EVALUATION_SEED,
        help=f"of pixels and noise (default: {EVALUATION_SEED})",
    )
    parser.add_argument(
        "--memory-mb",
        type=reads(Real(above=0, most=MOST_MEGABYTES)),
        metavar="M",
        help="megabytes that a chunk of draws may take (default: 8; on most GPUs 1024)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> int:
    """Print the figures of a run; with --samples write them into its metrics.json, too.

    Those of the first 500 test examples go beside those of all, test_500 and test, and those of
    other seeds and numbers of draws beside each other.
    """
    folder = RunFolder.open(options.folder)
    if options.samples is None:
        metrics = _measured(folder, folder.load_model(options.device), options)
        _show(metrics, options)
        return _verdict(metrics)
    with folder.locked():  # from the start: no training changes the model while it is measured
        saved = folder.load_model(options.device)
        before = folder.metrics_of(saved.model) or {"model_crc32": model_checksum(saved.model)}
        metrics = _measured(folder, saved, options)
        _show(metrics, options)
        if _verdict(metrics):
            return WRONG
        entry = entry_name(options.part, options.examples, options.seed)
        add_metrics(folder / "metrics.json", before, entry, metrics)
        if not options.json:
            say(f"also in {folder / 'metrics.json'}, as {entry}")
    return 0


def _verdict(metrics: dict[str, Any]) -> int:
    """Return the exit status: figures that are not finite are an error, and are not kept."""
    wrong = not_finite(metrics)
    if wrong:
        say(
            f"npvae: not a finite number: {', '.join(wrong)}; the model does not fit these data, "
            "or its training diverged",
            sys.stderr,
        )
    return WRONG if wrong else 0


def _show(metrics: dict[str, Any], options: argparse.Namespace) -> None:
    if options.json:
        say(json.dumps(finite(metrics), indent=2, allow_nan=False))
    else:
        print_metrics(metrics, options.part, latents=True)


def _measured(folder: RunFolder, saved: SavedModel, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures that were asked for."""
    model, scaling, part = saved.model, saved.scaling, options.part
    if options.samples is not None:
        require_likelihood(model)
    split = getattr(folder.load_data(options.data), part)
    if options.examples is not None:
        if options.examples > len(split):
            raise InputError(f"--examples {options.examples}: the {part} part has {len(split)}")
        if options.examples < len(split):
            split, part = split.only(slice(0, options.examples)), f"beginning of the {part}"
    done, asked = folder.epochs()
    if not folder.has_ended():
        again = resume_command(folder.path)
        print(f"npvae: only {done} of its {asked} epochs are done; {again}", file=sys.stderr)
    metrics = measure(model, split, scaling, options.seed, part)
    if options.samples is not None and isinstance(model, VAE):
        memory = None if options.memory_mb is None else int(options.memory_mb * MEGABYTE)
        found = measure_likelihood(
            model, split, scaling, options.samples, options.seed, part, memory
        )
        metrics["log_likelihood"] = {str(options.samples): found}
    if options.part == "validation" and folder.settings().patience is not None:
        metrics["protocol"]["split"] += ", on which the epoch was chosen"
    return metrics


def print_metrics(metrics: dict[str, Any], part: str = "test", *, latents: bool = False) -> None:
    """Print figures as text, each with its protocol; with `latents` the KL of each of them."""
    n_active, distortion = metrics["active_units"], metrics["reconstruction"]
    if "elbo" in metrics:
        rate, n_z = metrics["kl"], len(metrics["kl_per_latent"])
        text = (
            f"-ELBO {-metrics['elbo']:.2f} nats an example = reconstruction {distortion:.2f} "
            f"(distortion) + KL {rate:.2f} (rate), {n_active} of {n_z} latents active"
        )
        if "bound" in metrics:
            text += f"; -{metrics['bound_name']} {-metrics['bound']:.2f}"
    else:
        text = f"-log p(x | z) {distortion:.2f} nats an example, {n_active} numbers of z active"
    _print(part, text, metrics["protocol"])
    if latents and "kl_per_latent" in metrics:
        nats = " ".join(f"{nats:.2f}" for nats in sorted(metrics["kl_per_latent"])[::-1])
        say(f"{' ' * (len(part) + 3)}KL of each latent, from the largest: {nats}")
    for found in metrics.get("log_likelihood", {}).values():
        error = found["standard_error"]  # NaN where there is but one example
        spread = f" +- {error:.2f} (standard error over examples)" if isfinite(error) else ""
        text = f"-{found['name']} {-found['log_px']:.2f} nats an example{spread}"
        _print(part, text, found["protocol"])


def _print(part: str, text: str, told: dict[str, str]) -> None:
    indent = " " * (len(part) + 3)
    say(f"{part}   {text}")
    for subject, sentence in told.items():
        say(f"{indent}{subject}: {sentence}")
