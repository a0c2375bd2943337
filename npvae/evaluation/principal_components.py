"""Principal component analysis (PCA), whose reconstruction error is a baseline for other scores."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.datasets.dataset import Split
from npvae.datasets.preprocessing import Scaling
from npvae.encoder_decoder import require_examples
from npvae.evaluation.elbo import EVALUATION_SEED, block_of, blocks_of
from npvae.parameters import Array

SPARE = 10  # directions that are iterated in addition to those that are kept
PASSES = 10  # over the data


@dataclass(frozen=True)
class PrincipalComponents:
    """The directions in which the training examples vary most.

    Attributes
    ----------
    mean : (n_x,) float64 array
        Mean of the training examples.
    directions : (n_z, n_x) float64 array
        Orthonormal rows, by falling variance.
    """

    mean: Array
    directions: Array

    def reconstruct(self, x: Array) -> Array:
        """Return x, (B, n_x), projected onto the plane through the mean."""
        return self.mean + (x - self.mean) @ self.directions.T @ self.directions

    def errors(
        self, model: Any, split: Split, scaling: Scaling, *, seed: int = EVALUATION_SEED
    ) -> Array:
        """Return |x - x_hat|² of each example, (N,), for the same pixels as `score_examples`."""
        blocks = _blocks(model, split, scaling, seed)()
        return np.concatenate([((x - self.reconstruct(x)) ** 2).sum(axis=1) for x in blocks])


def principal_components(
    model: Any, split: Split, scaling: Scaling, *, seed: int = EVALUATION_SEED
) -> PrincipalComponents:
    """Find the principal components of a split, as many as the model has latents.

    They come from a subspace iteration over blocks of examples, V <- orthonormal(X^T X V), which
    needs neither all examples nor their covariance matrix in memory.

    Parameters
    ----------
    model : EncoderDecoder
        Its number of latents is used, and its way to draw pixels.
    split : Split
        Usually the training part.
    scaling : Scaling
        How stored examples become x.
    seed : int
        Seeds the binarisation and the iteration's start.

    Returns
    -------
    PrincipalComponents
        Fewer than n_z only if examples have fewer features.

    Raises
    ------
    InputError
        If there are no examples, or they do not fit the model.

    References
    ----------
    Halko, Martinsson & Tropp 2011, doi:10.1137/090771806, algorithm 4.4.
    """
    n, n_x = require_examples(model, split), model.n_x
    blocks = _blocks(model, split, scaling, seed)
    mean = sum(x.sum(axis=0) for x in blocks()) / n

    def covariance_times(V: Array) -> Array:
        return sum((x - mean).T @ ((x - mean) @ V) for x in blocks()) / n

    start = np.random.default_rng(seed).standard_normal((n_x, min(n_x, model.n_z + SPARE)))
    V = np.linalg.qr(start)[0]
    for _ in range(PASSES):
        V = np.linalg.qr(covariance_times(V))[0]
    _, vectors = np.linalg.eigh(V.T @ covariance_times(V))  # eigenvalues ascend
    return PrincipalComponents(mean, (V @ vectors[:, ::-1]).T[: model.n_z])


def _blocks(model: Any, split: Split, scaling: Scaling, seed: int) -> Callable[[], Iterator[Array]]:
    """Return a function that yields the x of each block, in float64 on the host."""

    def blocks() -> Iterator[Array]:
        for block in range(blocks_of(split)):
            x = block_of(model, split, scaling, seed, block)[0]
            yield model.params.device.to_host(x).astype(np.float64)

    return blocks
