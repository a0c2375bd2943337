"""Measure a trained run on its test part, with the protocol beside every number."""

import argparse
import json
import sys
from collections.abc import Iterator
from math import isfinite
from typing import Any

from npvae.cli.arguments import add_run, natural, positive, reads, whole
from npvae.cli.printing import say
from npvae.datasets.dataset import Split
from npvae.datasets.preprocessing import Scaling
from npvae.errors import InputError
from npvae.evaluation.elbo import EVALUATION_SEED, evaluate
from npvae.evaluation.fine_print import likelihood_protocol, protocol
from npvae.evaluation.importance import log_likelihood, require_likelihood
from npvae.parameters import Array
from npvae.runs.config import finite, write_json
from npvae.runs.folder import RunFolder, resume_command
from npvae.runs.kinds import Whole
from npvae.runs.model_file import MOST_DRAWS, Model, SavedModel, model_checksum
from npvae.runs.provenance import PARTS
from npvae.vae import VAE

EXAMPLE = "npvae evaluate runs/mnist-001 --samples 5000"
MEGABYTE = 1 << 20


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
        type=positive,
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
        _show(_measured(folder, folder.load_model(options.device), options), options)
        return 0
    with folder.locked():  # from the start: no training changes the model while it is measured
        saved = folder.load_model(options.device)
        before = folder.metrics_of(saved.model) or {"model_crc32": model_checksum(saved.model)}
        metrics = _measured(folder, saved, options)
        _show(metrics, options)
        _keep(folder, before, metrics, options)
    return 0


def _keep(
    folder: RunFolder,
    before: dict[str, Any],
    metrics: dict[str, Any],
    options: argparse.Namespace,
) -> None:
    """Write figures beside those of the same model that were there."""
    entry = options.part
    entry += "" if options.examples is None else f"_{options.examples}"
    entry += "" if options.seed == EVALUATION_SEED else f"_seed{options.seed}"
    with_k = "log_likelihood"
    if isinstance(earlier := before.get(entry), dict):  # with other numbers of draws
        others = earlier.get(with_k)
        others = others if isinstance(others, dict) else {}
        metrics = metrics | {with_k: others | metrics[with_k]}
    write_json(folder / "metrics.json", before | {entry: metrics})
    if not options.json:
        say(f"also in {folder / 'metrics.json'}, as {entry}")


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


def measure(
    model: Model, split: Split, scaling: Scaling, seed: int = EVALUATION_SEED, part: str = "test"
) -> dict[str, Any]:
    """Return the figures of `evaluate` and their protocol."""
    found = evaluate(model, split, scaling, seed)
    figures = {
        "elbo": found.elbo,
        "reconstruction": found.reconstruction,
        "kl": found.kl,
        "kl_per_latent": list(found.kl_per_latent),
        "active_units": found.active_units,
        "protocol": protocol(model, scaling, found.n, seed, part),
    }
    if not isinstance(model, VAE):  # no prior, no ELBO
        del figures["elbo"], figures["kl"], figures["kl_per_latent"]
    elif model.bound_name != "ELBO":
        figures["bound"], figures["bound_name"] = found.bound, model.bound_name
    return figures


def measure_likelihood(
    model: VAE, split: Split, scaling: Scaling, k: int, seed: int, part: str, memory: int | None
) -> dict[str, Any]:
    """Return the figures of `log_likelihood` and their protocol; meanwhile, a progress bar."""
    from tqdm import tqdm

    bar = tqdm(total=len(split), unit="example", disable=None, leave=False, dynamic_ncols=True)

    def watch(estimates: Iterator[Array]) -> Iterator[Array]:
        for estimate in estimates:
            yield estimate
            bar.update(len(estimate))

    with bar:
        found = log_likelihood(model, split, scaling, k, seed=seed, memory=memory, watch=watch)
    return {
        "name": "log p(x | y)" if model.n_y else "log p(x)",
        "log_px": found.log_px,
        "standard_error": found.standard_error,
        "k": found.k,
        "protocol": likelihood_protocol(model, scaling, found, seed, part),
    }


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
