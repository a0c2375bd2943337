"""Estimate log p(x) of a VAE by importance weighting, with many draws of z per example."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from math import sqrt
from typing import Any

import numpy as np

from npvae.datasets.dataset import Split
from npvae.datasets.notebook import progress_bar, shows_progress
from npvae.datasets.preprocessing import Scaling
from npvae.devices import keep_freed_memory
from npvae.encoder_decoder import require_examples
from npvae.errors import InputError
from npvae.evaluation.elbo import (
    GROUP,
    WEIGHTS,
    block_of,
    block_rows,
    generator_of,
    require_fitting,
)
from npvae.iwae import log_mean_exp_and_grad, require_draws
from npvae.parallel import ALONE, Communicator
from npvae.parameters import Array
from npvae.vae import VAE

FEW_DRAWS = 500  # up to here, a group of examples shares a generator; else each has its own
MOST_DRAWS = 10**7  # the weights of one example then take 80 MB


@dataclass(frozen=True)
class LogLikelihood:
    """An estimate of log p(x), in nats per example.

    Attributes
    ----------
    log_px : float
        Mean over the examples. Its expectation is at most log p(x), and rises with k.
    standard_error : float
        Standard error of `log_px`, from the spread over the examples; NaN for a single example.
    k : int
        Draws of z per example.
    n : int
        Number of examples.
    """

    log_px: float
    standard_error: float
    k: int
    n: int


def log_likelihood(
    model: VAE,
    split: Split,
    scaling: Scaling,
    k: int = 5000,
    *,
    seed: int = 0,
    memory: int | None = None,
    progress: bool = False,
    comm: Communicator = ALONE,
) -> LogLikelihood:
    """Estimate log p(x) of a split with k draws of z from q(z | x) per example.

    log p(x) >= E[log 1/k sum(w)],  w = p(x | z) p(z) / q(z | x)

    Parameters
    ----------
    model : VAE
        A VAE of any kind. For a conditional model, the result is log p(x | y).
    split : Split
        The examples.
    scaling : Scaling
        How stored examples become x. Dynamic binarisation draws pixels here as well.
    k : int
        Draws of z per example, at least 1. Published results mostly use 5,000.
    seed : int
        Seeds the binarisation (with the same pixels as `evaluate`) and the noise.
    memory : int, optional
        Bytes that a chunk of draws may take, in addition to the model and the data. The default
        suits the device: 4 MiB on the host, up to 1 GiB on a GPU.
    progress : bool
        Whether to show a progress bar, on a terminal or in a notebook.
    comm : Communicator
        The processes that share the work, as for `evaluate`.

    Returns
    -------
    LogLikelihood

    Raises
    ------
    InputError
        If the model is not a VAE, k is out of range, there are no examples, or they do not fit the
        model.

    References
    ----------
    Burda, Grosse & Salakhutdinov 2015, arXiv:1509.00519, section 5.1.
    """
    log_px = log_likelihood_by_example(
        model, split, scaling, k, seed=seed, memory=memory, progress=progress, comm=comm
    )
    n = len(log_px)
    error = float(log_px.std(ddof=1)) / sqrt(n) if n > 1 else float("nan")
    return LogLikelihood(float(log_px.mean()), error, k, n)


def log_likelihood_by_example(
    model: VAE,
    split: Split,
    scaling: Scaling,
    k: int = 5000,
    *,
    seed: int = 0,
    memory: int | None = None,
    progress: bool = False,
    comm: Communicator = ALONE,
) -> Array:
    """Estimate log p(x) of each example of a split, with k draws of z from q(z | x) for each.

    Parameters
    ----------
    model, split, scaling, k, seed, memory, progress, comm
        As for `log_likelihood`, which returns the mean over the examples.

    Returns
    -------
    (N,) float64 array, in nats
        Its expectation is at most log p(x), and rises with k.

    Raises
    ------
    InputError
        As for `log_likelihood`.
    """
    require_likelihood(model)
    if (k := require_draws(k)) > MOST_DRAWS:
        raise InputError(f"k is {k:.3g}; choose at most {MOST_DRAWS} draws (5000 is usual)")
    require_fitting(model, scaling)
    n = require_examples(model, split)
    memory = model.params.device.working_set if memory is None else memory
    rows, together = rows_within(model, memory), GROUP if k <= FEW_DRAWS else 1
    keep_freed_memory()
    block = lru_cache(maxsize=1)(partial(block_of, model, split, scaling, seed))
    shown = progress and comm.rank == 0 and shows_progress()
    bar: Any = progress_bar(total=n, unit="example", leave=False) if shown else nullcontext()
    with bar:

        def estimates(group: int) -> Array:
            number, first = divmod(group * together, block_rows(split))
            x, *y = (array[first : first + together] for array in block(number))
            rng, found = generator_of(model, seed, WEIGHTS, group), []
            for estimate in estimates_of(model, rng, k, rows, x, *y):
                found.append(model.params.device.to_host(estimate))
                if shown:  # the other processes have done as many
                    bar.update(min(comm.size * len(estimate), n - bar.n))
            return np.concatenate(found)

        return np.concatenate(comm.map(estimates, range(-(-n // together))))


def estimates_of(
    model: VAE, rng: np.random.Generator, k: int, rows: int, x: Array, *y: Array
) -> Iterator[Array]:
    """Yield estimates of log p(x) for some examples at a time, from `rows` draws at a time.

    The noise is drawn example by example, so that the memory limit affects only rounding.
    """
    step = max(1, rows // k)
    for start in range(0, len(x), step):
        some, *given = (array[start : start + step] for array in (x, *y))
        mu, logvar = model.encode(some, *given)
        log_w = []
        for begin in range(0, k, rows):
            size = len(some), min(k - begin, rows), model.n_z
            eps = rng.standard_normal(size=size, dtype=model.params.dtype.type)
            log_w.append(model.log_weights(some, mu, logvar, eps, *given).astype(np.float64))
        yield log_mean_exp_and_grad(np.concatenate(log_w, axis=1))[0]


def rows_within(model: VAE, memory: int) -> int:
    """Return how many draws of z can be decoded at once in `memory` bytes, at least 1."""
    widths = [
        view.shape[-1] for name, view in model.params.values.items() if name.startswith("decoder")
    ]  # each layer's width twice: its weights and its biases
    numbers = 3 * sum(widths) // 2  # a layer's output, its activation's, and the stored input
    numbers += 2 * model.n_x + 6 * model.n_z
    return max(1, memory // (numbers * model.params.dtype.itemsize))


def require_likelihood(model: Any) -> None:
    """Raise `InputError` for a model without p(x)."""
    if not isinstance(model, VAE):
        raise InputError(
            f"a model of the kind {type(model).__name__} has no prior, and so no p(x) to "
            "estimate; use a VAE"
        )
