"""Estimate the ELBO and its terms on a split, with z drawn from q(z | x)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from npvae.datasets.dataset import Split
from npvae.datasets.preprocessing import Scaling, Standardized
from npvae.encoder_decoder import Terms, condition, require_examples
from npvae.errors import InputError
from npvae.parallel import ALONE, Communicator
from npvae.parameters import Array, Parameters

ACTIVE_VARIANCE = 0.01  # Burda et al. 2015, section 5.2
BLOCK = 200  # examples that are evaluated together, and have a generator of their own
GROUP = 10  # examples in a block of large examples
BLOCK_BYTES = 1 << 24  # most bytes of x, in float64, in a block of ordinary ones
EVALUATION_SEED = 0  # held-out examples always get the same noise
PIXELS, NOISE, WEIGHTS = range(3)  # streams of random numbers that have nothing in common


class Measurable(Protocol):
    """What evaluation needs of a model; a conditional model also has `n_y` and `one_hot`."""

    params: Parameters

    def draw_noise(self, rng: np.random.Generator, n: int, /) -> Any:
        """Return the noise that `terms` needs for n examples, or None."""

    def terms(self, *args: Any, **kwargs: Any) -> Terms:
        """Return the terms of each example of a batch (x, eps) or (x, eps, y)."""


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The terms of the ELBO, in nats per example, averaged over n examples.

    Attributes
    ----------
    elbo : float
        E_q[log p(x | z)] - KL, estimated with as many draws of z as in training; higher is better.
    reconstruction : float
        -E_q[log p(x | z)], estimated with the same draws.
    kl : float
        KL divergence of q(z | x) from the prior, in closed form, summed over the latents.
    kl_per_latent : tuple of float
        KL divergence of each latent.
    active_units : int
        Number of latents for which the variance of mu over the examples is above 0.01.
    n : int
        Number of examples.
    bound : float
        What the model maximises, but without any weight of the KL divergence: the ELBO of a VAE,
        L_k of an IWAE, log p(x | z) of an autoencoder.

    References
    ----------
    Active units: Burda, Grosse & Salakhutdinov 2015, arXiv:1509.00519, section 5.2.
    """

    elbo: float
    reconstruction: float
    kl: float
    kl_per_latent: tuple[float, ...]
    active_units: int
    n: int
    bound: float

    def __repr__(self) -> str:
        terms = f"reconstruction {self.reconstruction:.2f}, KL {self.kl:.2f}"
        active = f"{self.active_units} of {len(self.kl_per_latent)} latents active"
        return f"Evaluation(ELBO {self.elbo:.2f}: {terms}, {active}, {self.n:,} examples)"

    @property
    def distortion(self) -> float:
        """The reconstruction term; the distortion in rate-distortion theory.

        References
        ----------
        Alemi et al. 2018, arXiv:1711.00464.
        """
        return self.reconstruction

    @property
    def rate(self) -> float:
        """The KL divergence; the rate in rate-distortion theory.

        On average over the data, it is an upper bound on the information that z carries about x, in
        nats.

        References
        ----------
        Alemi et al. 2018, arXiv:1711.00464.
        """
        return self.kl


def evaluate(
    model: Measurable,
    split: Split,
    scaling: Scaling,
    seed: int = 0,
    *,
    comm: Communicator = ALONE,
) -> Evaluation:
    """Estimate the ELBO of a split, with z drawn from q(z | x).

    Plugging in z = mu instead of a draw would not give an ELBO.

    Parameters
    ----------
    model : Measurable
        A VAE or an autoencoder.
    split : Split
        The examples.
    scaling : Scaling
        How stored examples become x. Dynamic binarisation draws pixels here as well.
    seed : int
        Seeds the binarisation and, as a separate stream, the noise. For the same seed, every model
        is evaluated on the same pixels.
    comm : Communicator
        The processes that share the work, all of which make this call (see `Communicator.run`). The
        result does not depend on how many there are, but for rounding.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If there are no examples, or they do not fit the model.

    >>> from npvae import VAE
    >>> from npvae.datasets import load_dataset, scaling_for
    >>> data = load_dataset("glyphs", n_train=100, n_test=5)
    >>> evaluate(VAE.dense(784, 8, 3), data.test, scaling_for(data)).n
    5
    """
    require_fitting(model, scaling)
    n = require_examples(model, split)
    sums = comm.map(partial(_sums, model, split, scaling, seed), range(blocks_of(split)))
    log_px, bound, kl, mu, mu_squares = (sum(terms) for terms in zip(*sums, strict=True))
    to_host = model.params.device.to_host
    variance, kl = to_host(mu_squares / n - (mu / n) ** 2), to_host(kl)
    reconstruction = -float(log_px) / n
    total = float((kl / n).sum())
    return Evaluation(
        elbo=-reconstruction - total,
        reconstruction=reconstruction,
        kl=total,
        kl_per_latent=tuple(float(value) for value in kl / n),
        active_units=int((variance > ACTIVE_VARIANCE).sum()),
        n=n,
        bound=float(bound) / n,
    )


def _sums(
    model: Measurable, split: Split, scaling: Scaling, seed: int, block: int
) -> tuple[Any, ...]:
    """Return the sums over a block of log p(x | z), bound, KL, mu and mu²."""
    sums: list[Any] = [0.0] * 5
    for terms in terms_of(model, split, scaling, seed, block):
        mu = terms.mu.astype(np.float64)
        values = terms.log_px, terms.bound, terms.kl, mu, mu * mu
        for i, value in enumerate(values):
            sums[i] = sums[i] + value.sum(axis=0, dtype=np.float64)
    return tuple(sums)


def terms_of(
    model: Measurable, split: Split, scaling: Scaling, seed: int, block: int
) -> Iterator[Terms]:
    """Yield the terms of the examples in a block, of a few at a time if the model draws many z."""
    x, *y = block_of(model, split, scaling, seed, block)
    noise = generator_of(model, seed, NOISE, block)
    step = max(1, BLOCK // getattr(model, "k", 1))  # k draws of z per example
    for begin in range(0, len(x), step):
        some, *conditions = (array[begin : begin + step] for array in (x, *y))
        yield model.terms(some, model.draw_noise(noise, len(some)), *conditions)


def blocks_of(split: Split) -> int:
    """Return into how many blocks the examples of a split fall."""
    return -(-len(split) // block_rows(split))


def block_of(
    model: Measurable, split: Split, scaling: Scaling, seed: int, block: int
) -> tuple[Array, ...]:
    """Return (x,) or, for a conditional model, (x, y) of a block of examples, on the device.

    Drawn pixels depend only on the seed and on the position of the example in the split, so that
    all models see the same pixels, in float32 and in float64, in one process and in many.

    Parameters
    ----------
    model : Measurable
    split : Split
    scaling : Scaling
    seed : int
        Seeds the binarisation.
    block : int
        Number of the block, from 0.

    Returns
    -------
    x : (B, n_x) float array
    y : (B, n_y) float array
        Only for a conditional model.
    """
    device, rows = model.params.device, block_rows(split)
    chosen = slice(block * rows, (block + 1) * rows)
    pixels = generator_of(model, seed, PIXELS, block)
    stored = device.asarray(split.take(chosen))
    x = scaling.to(device).encode(stored, pixels, model.params.dtype)
    return x, *condition(model, split, chosen)


def examples_at(
    model: Measurable, split: Split, scaling: Scaling, seed: int, chosen: Array
) -> tuple[Array, ...]:
    """Return (x,) or (x, y), as in `block_of`, of the examples numbered `chosen` in the split."""
    rows = block_rows(split)
    found = [
        [array[i % rows][None] for array in block_of(model, split, scaling, seed, i // rows)]
        for i in chosen.tolist()
    ]
    return tuple(np.concatenate(list(arrays)) for arrays in zip(*found, strict=True))


def by_block(
    function: Callable[..., tuple[Array, ...]],
    model: Measurable,
    split: Split,
    scaling: Scaling,
    seed: int,
    comm: Communicator,
) -> list[Array]:
    """Return the arrays that function(x) or function(x, y) gives, for all examples, on the host.

    Each row of these arrays belongs to an example. The function is called for each block.
    """
    require_examples(model, split)
    to_host = model.params.device.to_host

    def on_host(block: int) -> tuple[Array, ...]:
        return tuple(
            to_host(array).copy()
            for array in function(*block_of(model, split, scaling, seed, block))
        )

    found = comm.map(on_host, range(blocks_of(split)))
    return [np.concatenate(arrays) for arrays in zip(*found, strict=True)]


def generator_of(model: Any, seed: int, stream: int, number: int) -> np.random.Generator:
    """Return the generator of a stream for the block, or the group of examples, of this number.

    With a generator for each block, the noise of an example does not depend on which process draws
    it.
    """
    words = np.random.SeedSequence([seed, stream, number]).generate_state(1, np.uint64)
    return model.params.device.generator(int(words[0]))


def block_rows(split: Split) -> int:
    """Return the number of examples in a block: `BLOCK`, or `GROUP` if they are large."""
    return BLOCK if 8 * BLOCK * split.x.shape[1] <= BLOCK_BYTES else GROUP


def require_fitting(model: Any, scaling: Scaling) -> None:
    """Raise `InputError` for standardised data under a likelihood that needs x in [0, 1]."""
    likelihood = getattr(model, "likelihood", None)
    if getattr(likelihood, "in_unit_interval", False) and isinstance(scaling, Standardized):
        raise InputError(
            f"the {type(likelihood).__name__} likelihood needs x in [0, 1], but these data are "
            "standardised real values; build the model with likelihood='gaussian'"
        )
