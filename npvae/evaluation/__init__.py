"""Evaluation: the ELBO, log p(x) by importance weighting, and the latent space.

`elbo` and `importance` compute results, `fine_print` writes the notes that explain each result, and
`latent_space` encodes datasets and finds codes worth decoding.
"""

from npvae.evaluation.elbo import Evaluation, evaluate
from npvae.evaluation.importance import LogLikelihood, log_likelihood
from npvae.evaluation.latent_space import (
    Codes,
    Plane,
    encode_split,
    gaussian_quantiles,
    line,
    plane_of,
    traverse,
)

__all__ = [
    "Codes",
    "Evaluation",
    "LogLikelihood",
    "Plane",
    "encode_split",
    "evaluate",
    "gaussian_quantiles",
    "line",
    "log_likelihood",
    "plane_of",
    "traverse",
]
