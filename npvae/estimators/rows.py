"""Random numbers that belong to a row: they depend on its content, not on where it stands.

scikit-learn asks that what an estimator says of a row is the same alone, in a batch, and in another
order. The noise of a row is therefore drawn from a generator of its own, whose seed is made from
the estimator's seed and from a checksum of the row. Equal rows get equal scores.
"""

import zlib
from collections.abc import Iterator

import numpy as np

from npvae.datasets.preprocessing import Pixels, Scaling
from npvae.evaluation.elbo import NOISE, PIXELS, WEIGHTS, generator_of
from npvae.evaluation.importance import estimates_of, rows_within
from npvae.parameters import Array
from npvae.vae import VAE


def batches(model: VAE, rows: Array) -> Iterator[Array]:
    """Yield the rows a few at a time, so that the outputs of the layers fit into the cache."""
    step = rows_within(model, model.params.device.working_set)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def checksums(rows: Array) -> list[int]:
    """Return a number for each row; it is the same whether numbers are float32, float64 or int.

    >>> rows = np.array([[1, 2], [3, 0], [1, 2]])
    >>> first, second, third = checksums(rows)
    >>> first == third != second, checksums(rows.astype(np.float32)) == [first, second, third]
    (True, True)
    """
    if rows.dtype != np.uint8:
        rows = rows.astype(np.float64) + 0.0  # which turns -0.0 into 0.0
    return [zlib.crc32(row) for row in np.ascontiguousarray(rows)]


def encode(model: VAE, scaling: Scaling, rows: Array, seed: int) -> Array:
    """Return the x of stored rows, (B, n_x); pixels that are drawn are drawn for each row."""
    dtype = model.params.dtype
    if not is_drawn(scaling):
        return scaling.encode(rows, None, dtype)
    drawn = [
        scaling.encode(row[np.newaxis], generator_of(model, seed, PIXELS, number), dtype)
        for row, number in zip(rows, checksums(rows), strict=True)
    ]
    return np.concatenate(drawn)


def codes(model: VAE, scaling: Scaling, rows: Array) -> Array:
    """Return mu of each stored row, (B, n_z).

    Nothing is drawn. Where the training draws pixels, the encoder gets the probability of each,
    v / 255. The codes of drawn pixels are noisy: on scikit-learn's digits, a logistic regression
    on 20 latents is right for 84 % of the test images with them, and for 96 % without.
    """
    if is_drawn(scaling):
        scaling = Pixels("none")
    return model.encode(scaling.encode(rows, None, model.params.dtype))[0]


def is_drawn(scaling: Scaling) -> bool:
    """Return whether the x of a row is drawn at random."""
    return isinstance(scaling, Pixels) and scaling.binarize == "dynamic"


def bounds(model: VAE, scaling: Scaling, rows: Array, seed: int) -> Array:
    """Return the ELBO of each stored row, (B,), in nats, estimated with one draw of z."""
    generators = (generator_of(model, seed, NOISE, number) for number in checksums(rows))
    eps = np.concatenate([model.draw_noise(rng, 1) for rng in generators])
    return model.terms(encode(model, scaling, rows, seed), eps).bound


def log_likelihoods(model: VAE, scaling: Scaling, rows: Array, seed: int, k: int) -> Array:
    """Return estimates of log p(x) of each stored row, (B,), in nats, from k draws of z each."""
    x = encode(model, scaling, rows, seed)
    at_once = rows_within(model, model.params.device.working_set)
    found = [
        estimate
        for i, number in enumerate(checksums(rows))
        for estimate in estimates_of(
            model, generator_of(model, seed, WEIGHTS, number), k, at_once, x[i : i + 1]
        )
    ]
    return np.concatenate(found)
