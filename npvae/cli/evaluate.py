"""Measure a trained run on its test part, with the protocol beside every number."""

import argparse
import json
import sys
from typing import Any

from npvae.cli.watching import say
from npvae.config import finite
from npvae.datasets.dataset import Dataset
from npvae.datasets.scaling import Scaling
from npvae.evaluation import EVALUATION_SEED, evaluate, protocol
from npvae.model_file import Model
from npvae.runs import RunFolder, resume_command

EXAMPLE = "npvae evaluate runs/mnist-001 --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae evaluate`."""
    parser.add_argument("folder", metavar="RUN", help="the folder of a run")
    parser.add_argument("--data", metavar="D", help="where the run's own data are now")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> int:
    """Print the test figures of a run; its files stay as they are."""
    folder = RunFolder.open(options.folder)
    saved = folder.load_model()
    metrics = measure(saved.model, folder.load_data(options.data), saved.scaling)
    done, asked = folder.epochs()
    if done < asked:
        again = resume_command(folder.path)
        print(f"npvae: only {done} of its {asked} epochs are done; {again}", file=sys.stderr)
    if options.json:
        print(json.dumps(finite(metrics), indent=2, allow_nan=False))
    else:
        print_metrics(metrics)
    return 0


def measure(model: Model, dataset: Dataset, scaling: Scaling) -> dict[str, Any]:
    """Return the test figures and their protocol."""
    found = evaluate(model, dataset.test, scaling, EVALUATION_SEED)
    return {
        "elbo": found.elbo,
        "reconstruction": found.reconstruction,
        "kl": found.kl,
        "kl_per_latent": list(found.kl_per_latent),
        "active_units": found.active_units,
        "protocol": protocol(model.likelihood, scaling, found.n, EVALUATION_SEED),
    }


def print_metrics(metrics: dict[str, Any]) -> None:
    """Print test figures as text."""
    loss = -metrics["elbo"]
    say(
        f"test   -ELBO {loss:.2f} nats an example = reconstruction "
        f"{metrics['reconstruction']:.2f} + KL {metrics['kl']:.2f}, "
        f"{metrics['active_units']} of {len(metrics['kl_per_latent'])} latents active"
    )
    for key, text in metrics["protocol"].items():
        say(f"       {key}: {text}")
