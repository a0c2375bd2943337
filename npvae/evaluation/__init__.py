"""How good is a model: its ELBO, log p(x) by importance weighting, and its latent space.

`elbo` and `importance` measure, `fine_print` says in words what a figure is, and `latent_space`
finds where examples lie and which places are worth decoding.
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
