"""Score each example: how unlikely it is, and how well the score tells odd examples from others."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from npvae.datasets.dataset import Split
from npvae.datasets.preprocessing import Scaling
from npvae.encoder_decoder import require_examples
from npvae.errors import InputError
from npvae.evaluation.elbo import (
    EVALUATION_SEED,
    blocks_of,
    by_block,
    require_fitting,
    terms_of,
)
from npvae.evaluation.importance import log_likelihood_by_example, require_likelihood
from npvae.parallel import ALONE, Communicator
from npvae.parameters import Array
from npvae.vae import VAE


@dataclass(frozen=True)
class Scores:
    """The anomaly score of each example and the parts of its ELBO, in nats.

    Attributes
    ----------
    score : (N,) float64 array
        -ELBO, -log p(x), or -log p(x | z) for an autoencoder. The higher it is, the less likely is
        the example under the model.
    reconstruction : (N,) float64 array
        -E_q[log p(x | z)], estimated with as many draws of z as in training.
    kl : (N,) float64 array or None
        KL divergence of q(z | x) from the prior; None for an autoencoder.
    """

    score: Array
    reconstruction: Array
    kl: Array | None


def score_examples(
    model: Any,
    split: Split,
    scaling: Scaling,
    k: int | None = None,
    *,
    seed: int = EVALUATION_SEED,
    progress: bool = False,
    comm: Communicator = ALONE,
) -> Scores:
    """Score each example of a split by -ELBO or, with k draws of z, by -log p(x).

    The mean of -ELBO is that of `evaluate`, and the mean of -log p(x) that of `log_likelihood`:
    they see the same pixels and the same noise.

    Parameters
    ----------
    model : EncoderDecoder
        A VAE or an autoencoder. An autoencoder has neither an ELBO nor p(x); its score is
        -log p(x | z).
    split : Split
        The examples.
    scaling : Scaling
        How stored examples become x. Dynamic binarisation draws pixels here as well.
    k : int, optional
        Draws of z per example for an estimate of log p(x); None for the ELBO.
    seed : int
        Seeds the binarisation and the noise.
    progress : bool
        Whether to show a progress bar while log p(x) is estimated.
    comm : Communicator
        The processes that share the work, as for `evaluate`.

    Returns
    -------
    Scores

    Raises
    ------
    InputError
        If there are no examples, they do not fit the model, or k is given and is out of range or
        the model is an autoencoder.

    >>> from npvae.datasets import load_dataset, scaling_for
    >>> data = load_dataset("glyphs", n_train=100, n_test=5)
    >>> score_examples(VAE.dense(784, 8, 3), data.test, scaling_for(data)).score.shape
    (5,)
    """
    require_fitting(model, scaling)
    require_examples(model, split)
    if k is not None:
        require_likelihood(model)
    parts = comm.map(partial(_parts, model, split, scaling, seed), range(blocks_of(split)))
    reconstruction, kl = (np.concatenate(part) for part in zip(*parts, strict=True))
    if not isinstance(model, VAE):
        return Scores(reconstruction, reconstruction, None)
    if k is None:
        return Scores(reconstruction + kl, reconstruction, kl)
    log_px = log_likelihood_by_example(
        model, split, scaling, k, seed=seed, progress=progress, comm=comm
    )
    return Scores(-log_px, reconstruction, kl)


def _parts(
    model: Any, split: Split, scaling: Scaling, seed: int, block: int
) -> tuple[Array, Array]:
    """Return -log p(x | z) and the KL divergence of each example in a block, on the host."""
    log_px, kl = [], []
    for terms in terms_of(model, split, scaling, seed, block):
        log_px.append(terms.log_px)
        kl.append(terms.kl.sum(axis=1, dtype=np.float64))
    to_host = model.params.device.to_host
    return -to_host(np.concatenate(log_px)).astype(np.float64), to_host(np.concatenate(kl))


# ---- where a score stands among others -----------------------------------------------------------


def percentiles(scores: Array, reference: Array) -> Array:
    """Return the percentage of reference scores below each score; those equal to it count half.

    Parameters
    ----------
    scores : (N,) float array
    reference : (M,) float array
        Usually the scores of the validation part; at least one.

    Returns
    -------
    (N,) float array, from 0 to 100

    >>> percentiles(np.array([0.0, 2.0, 5.0]), np.array([1.0, 2.0, 3.0, 4.0]))
    array([  0. ,  37.5, 100. ])
    """
    if len(reference) == 0:
        raise InputError("there are no reference scores; expected at least one")
    ordered = np.sort(reference)
    below, up_to = (np.searchsorted(ordered, scores, side) for side in ("left", "right"))
    return 50 * (below + up_to) / len(ordered)


def auroc(odd: Array, others: Array) -> float:
    """Return the area under the ROC curve: how well scores separate odd examples from the others.

    It is the probability that a random odd example has a higher score than a random other one,
    where equal scores count half. 1/2 is chance, and 1 a perfect separation.

    Parameters
    ----------
    odd, others : (N,) and (M,) float arrays
        The scores of both groups, neither of which is empty.

    Raises
    ------
    InputError
        If a group is empty.

    References
    ----------
    Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747.

    >>> auroc(odd=np.array([2.0, 4.0]), others=np.array([1.0, 3.0]))
    0.75
    """
    if len(odd) == 0 or len(others) == 0:
        raise InputError(
            f"there are {len(odd)} odd and {len(others)} other scores; expected both groups to "
            "have at least one"
        )
    return float(percentiles(odd, others).mean()) / 100


# ---- simpler scores to compare with --------------------------------------------------------------


def reconstruction_errors(
    model: Any,
    split: Split,
    scaling: Scaling,
    *,
    seed: int = EVALUATION_SEED,
    comm: Communicator = ALONE,
) -> Array:
    """Return |x - x_hat|² of each example, where x_hat is decoded from mu.

    Parameters
    ----------
    model, split, scaling, seed, comm
        As for `score_examples`.

    Returns
    -------
    (N,) float64 array, in squared units of x

    Raises
    ------
    InputError
        If there are no examples, or they do not fit the model.
    """

    def errors(x: Array, *y: Array) -> tuple[Array]:
        away = (x - model.reconstruct(x, y=y[0] if y else None)).astype(np.float64)
        return ((away * away).sum(axis=1),)

    return by_block(errors, model, split, scaling, seed, comm)[0]


def nats_by_feature(model: Any, x: Array, y: Array | None = None) -> tuple[Array, Array]:
    """Return the reconstruction of each example and what each of its features costs, for z = mu.

    Given z, the features are independent, so that -log p(x | z) is the sum of -log p(x_i | z).
    Of a group of one-hot features, the one that is 1 bears the cost of the group.

    Parameters
    ----------
    model : EncoderDecoder
    x : (B, n_x) float array
    y : (B, n_y) float array, optional
        Condition, required if the model is conditional.

    Returns
    -------
    x_hat : (B, n_x) float array
        Means of p(x | z).
    nats : (B, n_x) float array
        -log p(x_i | z), in nats.
    """
    code = model.encode(x, y)
    z = code[0] if isinstance(model, VAE) else code
    outputs = model.decoder.forward(model.beside(z, y))
    return model.likelihood.mean(outputs), model.likelihood.nats_by_feature(outputs, x)
