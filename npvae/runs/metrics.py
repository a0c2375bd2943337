"""metrics.json: the measured figures of a run, each with its protocol."""

from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

from npvae.datasets.dataset import Split
from npvae.datasets.preprocessing import Scaling
from npvae.errors import DataError
from npvae.evaluation.elbo import EVALUATION_SEED, evaluate
from npvae.evaluation.fine_print import likelihood_protocol, protocol
from npvae.evaluation.importance import log_likelihood
from npvae.parallel import ALONE, Communicator
from npvae.runs.model_file import Model
from npvae.storage.json_files import read_json, write_json
from npvae.storage.reading import reading
from npvae.vae import VAE

WITH_K = "log_likelihood"  # the key of estimates of log p(x), by number of draws


def read_metrics(path: Path) -> dict[str, Any]:
    """Return the content of metrics.json; an empty dictionary if there is none yet.

    Raises
    ------
    DataError : if the file is damaged
    """
    if not path.exists():
        return {}
    with reading(path, "a run's metrics", "delete it and run npvae evaluate again"):
        return read_json(path)


def estimated(path: Path) -> set[str]:
    """Return the names of the entries of metrics.json that have an estimate of log p(x)."""
    found: dict[str, Any] = {}
    with suppress(DataError):
        found = read_metrics(path)
    return {name for name, entry in found.items() if isinstance(entry, dict) and WITH_K in entry}


def add_metrics(path: Path, before: dict[str, Any], entry: str, metrics: dict[str, Any]) -> None:
    """Add an entry of figures to those that are stored, keeping estimates with other draws."""
    earlier = before.get(entry)
    others = earlier.get(WITH_K) if isinstance(earlier, dict) else None
    if isinstance(others, dict):
        metrics = metrics | {WITH_K: others | metrics.get(WITH_K, {})}
    write_json(path, before | {entry: metrics})


def entry_name(part: str, examples: int | None, seed: int) -> str:
    """Return the name of the entry in metrics.json for a part, a number of examples and a seed.

    >>> entry_name("test", None, 0), entry_name("test", 500, 1)
    ('test', 'test_500_seed1')
    """
    of_some = "" if examples is None else f"_{examples}"
    return part + of_some + ("" if seed == EVALUATION_SEED else f"_seed{seed}")


def measure(
    model: Model,
    split: Split,
    scaling: Scaling,
    seed: int = EVALUATION_SEED,
    words: str = "the test part",
    comm: Communicator = ALONE,
) -> dict[str, Any]:
    """Return the figures of `evaluate`, in nats per example, and their protocol.

    `words` says what the examples are.
    """
    found = comm.run(evaluate, model, split, scaling, seed)
    figures = {
        "elbo": found.elbo,
        "reconstruction": found.reconstruction,
        "kl": found.kl,
        "kl_per_latent": list(found.kl_per_latent),
        "active_units": found.active_units,
        "protocol": protocol(model, scaling, found.n, seed, words),
    }
    if not isinstance(model, VAE):  # without a prior there is no KL and no ELBO
        del figures["elbo"], figures["kl"], figures["kl_per_latent"]
    elif model.bound_name != "ELBO":
        figures["bound"], figures["bound_name"] = found.bound, model.bound_name
    return figures


def measure_likelihood(
    model: VAE,
    split: Split,
    scaling: Scaling,
    k: int,
    seed: int,
    words: str,
    memory: int | None,
    comm: Communicator = ALONE,
) -> dict[str, Any]:
    """Return the figures of `log_likelihood` and their protocol; shows a progress bar."""
    options = {"seed": seed, "memory": memory, "progress": True}
    found = comm.run(log_likelihood, model, split, scaling, k, **options)
    return {
        "name": "log p(x | y)" if model.n_y else "log p(x)",
        "log_px": found.log_px,
        "standard_error": found.standard_error,
        "k": found.k,
        "protocol": likelihood_protocol(model, scaling, found, seed, words),
    }


def not_finite(metrics: dict[str, Any]) -> list[str]:
    """Return the names of the figures that are NaN or infinite.

    The standard error is ignored, because it does not exist for a single example.
    """
    figures = {name: value for name, value in metrics.items() if isinstance(value, float)}
    for k, found in metrics.get(WITH_K, {}).items():
        figures[f"log p(x) with {k} draws"] = found["log_px"]
    return [name for name, value in figures.items() if not isfinite(value)]
