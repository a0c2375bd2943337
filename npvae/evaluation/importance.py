"""Log p(x) of a VAE by importance weighting: many draws of z for each example, in log space."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from npvae.datasets.dataset import Split
from npvae.datasets.notebook import progress_bar, shows_progress
from npvae.datasets.preprocessing import Scaling
from npvae.encoder_decoder import require_examples
from npvae.errors import InputError
from npvae.evaluation.elbo import NOISE, chunks_of, require_fitting
from npvae.gaussian import log_mean_exp_and_grad
from npvae.iwae import require_draws
from npvae.parameters import Array
from npvae.vae import VAE

MOST_DRAWS = 10**7  # of z for each example: the weights of one take 80 MB


@dataclass(frozen=True)
class LogLikelihood:
    """An estimate of log p(x), in nats an example.

    Attributes
    ----------
    log_px : mean over the examples; its expectation is below log p(x), and rises with k
    standard_error : of that mean, from the spread over the examples; NaN where there is but one
    k : draws of z for each example
    n : examples
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
) -> LogLikelihood:
    """Estimate log p(x) of `split` with k draws of z from q(z | x) for each example.

    log p(x) >= E[log 1/k sum(w)],  w = p(x | z) p(z) / q(z | x)

    Parameters
    ----------
    model : a VAE of any kind; conditional, it gives log p(x | y)
    split : the examples
    scaling : how they become x; dynamic binarisation draws its pixels here, too
    k : at least 1; the published tables have 5,000
    seed : of the pixels, the same as for `evaluate`, and of the noise
    memory : bytes that a chunk of draws may take, on top of the model and the data; by default as
        many as make the model's device work well: 8 MiB on the host, 1 GiB on most GPUs
    progress : show a progress bar, on a terminal or in a notebook

    Returns
    -------
    LogLikelihood

    Raises
    ------
    InputError : if the model has no p(x), k is below 1 or above ten million, or there is nothing
        to evaluate on

    References
    ----------
    Burda, Grosse & Salakhutdinov 2015, arXiv:1509.00519, section 5.1.
    """
    require_likelihood(model)
    if require_draws(k) > MOST_DRAWS:
        raise InputError(f"k is {k:.3g}, more than {MOST_DRAWS}; 5000 is usual")
    require_fitting(model, scaling)
    n = require_examples(model, split)
    memory = model.params.device.working_set if memory is None else memory
    estimates = _estimates(model, split, scaling, require_draws(k), seed, memory)
    log_px, to_host = np.empty(0), model.params.device.to_host
    hidden = not (progress and shows_progress())
    with progress_bar(total=n, unit="example", disable=hidden, leave=False) as bar:
        for estimate in estimates:
            log_px = np.append(log_px, to_host(estimate))
            bar.update(len(estimate))
    error = float(log_px.std(ddof=1)) / sqrt(n) if n > 1 else float("nan")
    return LogLikelihood(float(log_px.mean()), error, k, n)


def _estimates(
    model: VAE, split: Split, scaling: Scaling, k: int, seed: int, memory: int
) -> Iterator[Array]:
    """Yield estimates of log p(x), (B,), for some examples at a time.

    The noise is drawn example by example, so that only the last digits depend on the memory.
    """
    device, dtype = model.params.device, model.params.dtype
    rng, rows = device.generator(seed + NOISE), rows_within(model, memory)
    for x, *y in chunks_of(model, split, scaling, seed, max(1, rows // k)):
        mu, logvar = model.encode(x, *y)
        log_w = []
        for begin in range(0, k, rows):
            size = len(x), min(k - begin, rows), model.n_z
            eps = rng.standard_normal(size=size, dtype=dtype.type)
            log_w.append(model.log_weights(x, mu, logvar, eps, *y).astype(np.float64))
        yield log_mean_exp_and_grad(np.concatenate(log_w, axis=1))[0]


def rows_within(model: VAE, memory: int) -> int:
    """Return how many draws of z can be decoded at once within so many bytes, at least one."""
    widths = [
        view.shape[-1] for name, view in model.params.values.items() if name.startswith("decoder")
    ]  # of weights and of biases, two for each layer
    numbers = 3 * sum(widths) // 2  # it puts out, its activation makes, and it kept from before
    numbers += 2 * model.n_x + 6 * model.n_z
    return max(1, memory // (numbers * model.params.dtype.itemsize))


def require_likelihood(model: Any) -> None:
    """Refuse a model that has no p(x)."""
    if not isinstance(model, VAE):
        raise InputError(
            f"this is a model of the kind {type(model).__name__}, whose codes have no prior: it "
            "has no p(x) to estimate; train a VAE for that"
        )
