"""Codes of a dataset, and codes worth decoding: planes, lines and axes through latent space."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np

from npvae.datasets.dataset import Split
from npvae.datasets.preprocessing import Scaling
from npvae.errors import InputError
from npvae.evaluation.elbo import ACTIVE_VARIANCE, BLOCK, EVALUATION_SEED, by_block
from npvae.gaussian import kl_per_latent
from npvae.parallel import ALONE, Communicator
from npvae.parameters import Array
from npvae.vae import VAE


@dataclass(frozen=True)
class Codes:
    """The codes of N examples, on the host.

    Attributes
    ----------
    mu : (N, n_z) float array
        Means of q(z | x); for an autoencoder, the codes.
    logvar : (N, n_z) float array or None
        Log variances of q(z | x); None for an autoencoder.
    labels : (N,) int array or None
    """

    mu: Array
    logvar: Array | None = None
    labels: Array | None = None

    @cached_property
    def variance(self) -> Array:
        """Variance of each latent's mu over the examples, (n_z,)."""
        return self.mu.var(axis=0, dtype=np.float64)

    @property
    def active(self) -> Array:
        """Whether each latent is active, (n_z,): its variance is above 0.01.

        References
        ----------
        Burda, Grosse & Salakhutdinov 2015, arXiv:1509.00519, section 5.2.
        """
        return self.variance > ACTIVE_VARIANCE

    @cached_property
    def kl(self) -> Array | None:
        """KL divergence of each latent, (n_z,), in nats per example; None for an autoencoder."""
        if self.logvar is None:
            return None
        return kl_per_latent(self.mu, self.logvar).mean(axis=0, dtype=np.float64)

    @property
    def order(self) -> Array:
        """The latents, (n_z,), by falling KL divergence, or by falling variance without a KL."""
        return np.argsort(-(self.variance if self.kl is None else self.kl), kind="stable")


def encode_split(
    model: Any,
    split: Split,
    scaling: Scaling,
    *,
    seed: int = EVALUATION_SEED,
    comm: Communicator = ALONE,
) -> Codes:
    """Encode all examples of a split, a block at a time.

    Parameters
    ----------
    model : EncoderDecoder
        A VAE or an autoencoder.
    split : Split
        The examples; `split.only(slice(0, n))` selects the first n.
    scaling : Scaling
        How stored examples become x.
    seed : int
        Seeds the binarisation; the same seed gives the same pixels as in `evaluate`.
    comm : Communicator
        The processes that share the work, as for `evaluate`.

    Returns
    -------
    Codes

    Raises
    ------
    InputError
        If there are no examples, or they do not fit the model.

    >>> from npvae.datasets import load_dataset, scaling_for
    >>> data = load_dataset("glyphs", n_train=100, n_test=5)
    >>> encode_split(VAE.dense(784, 8, 3), data.test, scaling_for(data)).mu.shape
    (5, 3)
    """

    def encode(*batch: Array) -> tuple[Array, ...]:
        code = model.encode(*batch)
        return code if isinstance(model, VAE) else (code,)

    mu, *logvar = by_block(encode, model, split, scaling, seed, comm)
    labels = split.labels
    if labels is not None:
        labels = np.asarray(
            labels if isinstance(labels, np.ndarray) else model.params.device.to_host(labels)
        )
    return Codes(mu, logvar[0] if logvar else None, labels)


def reconstruct_split(
    model: Any,
    split: Split,
    scaling: Scaling,
    *,
    seed: int = EVALUATION_SEED,
    comm: Communicator = ALONE,
) -> Array:
    """Return the means of p(x | z) with z = mu, (N, n_x), in the units of x, on the host.

    The parameters and errors are those of `encode_split`, and so are the pixels.
    """

    def reconstruct(x: Array, *y: Array) -> tuple[Array]:
        return (model.reconstruct(x, y=y[0] if y else None),)

    return by_block(reconstruct, model, split, scaling, seed, comm)[0]


def decode_codes(model: Any, z: Array, labels: Array | None = None) -> Array:
    """Decode many codes, a block at a time.

    Parameters
    ----------
    model : EncoderDecoder
        A VAE or an autoencoder.
    z : (N, n_z) float array
        On the host.
    labels : (N,) int array, optional
        Required if the model is conditional, and ignored otherwise.

    Returns
    -------
    (N, n_x) float array
        Means of p(x | z), in the units of x, on the host.
    """
    device, decoded = model.params.device, []
    for begin in range(0, len(z), BLOCK):
        some = slice(begin, begin + BLOCK)
        y = (model.one_hot(labels[some]),) if model.n_y and labels is not None else ()
        decoded.append(
            device.to_host(model.decode(device.asarray(z[some], model.params.dtype), *y))
        )
    return np.concatenate(decoded)


@dataclass(frozen=True)
class Plane:
    """A plane through latent space with a Gaussian in it; a line if there is only one latent.

    Attributes
    ----------
    directions : (m, n_z) float array
        Orthonormal rows; m = 2, or 1 for a single latent.
    origin : (n_z,) float array
        The point with coordinates zero, orthogonal to the directions.
    mean, scale : (m,) float arrays
        Mean and standard deviation of the Gaussian along each direction.
    share : (m,) float array
        Share of the variance of the codes along each direction, in [0, 1].
    principal : bool
        Whether the directions are principal directions; otherwise they are the latents themselves.
    """

    directions: Array
    origin: Array
    mean: Array
    scale: Array
    share: Array
    principal: bool

    def project(self, z: Array) -> Array:
        """Return the coordinates, (N, m), of codes z, (N, n_z)."""
        return z @ self.directions.T

    def at(self, u: Array) -> Array:
        """Return the codes, (N, n_z), at coordinates u, (N, m)."""
        return self.origin + u @ self.directions

    def ticks(self, n: int) -> list[Array]:
        """Return n coordinates along each direction, at the quantiles (i + 1/2) / n."""
        q = gaussian_quantiles(n)
        return [mean + scale * q for mean, scale in zip(self.mean, self.scale, strict=True)]

    def grid(self, n: int) -> Array:
        """Return the codes, (n^m, n_z), at Gaussian quantiles, row by row as in a picture.

        The first direction runs to the right and the second upwards, so that the first row has the
        largest coordinate along the second direction.
        """
        across, *up = self.ticks(n)
        if not up:
            return self.at(across[:, None])
        v, u = np.meshgrid(up[0][::-1], across, indexing="ij")
        return self.at(np.stack([u.ravel(), v.ravel()], axis=1))


def gaussian_quantiles(n: int) -> Array:
    """Return the n quantiles (i + 1/2) / n of N(0, 1): the midpoints of n equally likely intervals.

    Parameters
    ----------
    n : int
        At least 1.

    Returns
    -------
    (n,) float array

    >>> gaussian_quantiles(2).round(4)
    array([-0.6745,  0.6745])
    """
    if n < 1:
        raise InputError(f"n is {n}; choose at least one quantile")
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])


def plane_of(codes: Codes) -> Plane:
    """Return the plane of the two latents or, if there are more, of two principal directions of mu.

    For a VAE the Gaussian is the prior N(0, I), which is N(0, 1) along any direction, and the plane
    goes through its mean. An autoencoder has no prior, so that a Gaussian is fitted to the codes.

    Parameters
    ----------
    codes : Codes

    Returns
    -------
    Plane
        The same for the same codes: the sign of a direction makes its largest entry positive.

    Raises
    ------
    InputError
        If a code is not finite.
    """
    mu = codes.mu.astype(np.float64)
    if not np.abs(mu).max() < 1e150:
        raise InputError("some codes are not finite; the training of this model may have diverged")
    n_z, mean = mu.shape[1], mu.mean(axis=0)
    away = mu - mean
    principal = n_z > 2
    if principal:
        _, vectors = np.linalg.eigh(away.T @ away)  # eigenvalues ascend
        directions = vectors[:, :-3:-1].T
        largest = np.abs(directions).argmax(axis=1)
        directions = directions * np.sign(directions[[0, 1], largest])[:, None]
    else:
        directions = np.eye(n_z)
    along = (away @ directions.T).var(axis=0)
    share = along / (total if (total := float(codes.variance.sum())) > 0 else 1.0)
    m = len(directions)
    if codes.logvar is not None:
        prior = np.zeros(m), np.ones(m)
        return Plane(directions, np.zeros(n_z), *prior, share, principal)
    center = directions @ mean
    return Plane(directions, mean - center @ directions, center, np.sqrt(along), share, principal)


def line(a: Array, b: Array, steps: int) -> Array:
    """Return codes on the straight line from a to b, with both ends.

    (1 - t) a + t b,  t = 0, 1 / (steps - 1), ..., 1

    Parameters
    ----------
    a, b : (n_z,) or (N, n_z) float arrays
        The ends.
    steps : int
        Number of codes, at least 2.

    Returns
    -------
    (steps, n_z) or (N, steps, n_z) float array

    >>> line(np.array([0.0, 2.0]), np.array([1.0, 0.0]), 3)
    array([[0. , 2. ],
           [0.5, 1. ],
           [1. , 0. ]])
    """
    if steps < 2:
        raise InputError(f"steps is {steps}; a line needs at least 2")
    t = np.linspace(0, 1, steps)[:, None]
    return (1 - t) * a[..., None, :] + t * b[..., None, :]


def traverse(z: Array, latents: Sequence[int] | Array, values: Array) -> Array:
    """Return copies of a code in which one latent at a time takes other values.

    Parameters
    ----------
    z : (n_z,) float array
        The code to start from.
    latents : (m,) sequence of int
        The latents to change, counted from 0.
    values : (steps,) or (m, steps) float array
        Their values, common to all latents or one row per latent.

    Returns
    -------
    (m, steps, n_z) float array

    >>> traverse(np.zeros(2), [1], np.array([-1.0, 1.0]))
    array([[[ 0., -1.],
            [ 0.,  1.]]])
    """
    if not all(0 <= latent < len(z) for latent in latents):
        raise InputError(f"latents are {list(latents)}, expected numbers from 0 to {len(z) - 1}")
    values = np.broadcast_to(values, (len(latents), np.shape(values)[-1]))
    codes = np.tile(np.asarray(z, np.float64), (*values.shape, 1))
    for row, latent in enumerate(latents):
        codes[row, :, latent] = values[row]
    return codes
