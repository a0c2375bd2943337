"""Evaluation: the ELBO, log p(x) by importance weighting, and the latent space.

`elbo` and `importance` compute results, `fine_print` writes the notes that explain each result, and
`latent_space` encodes datasets and finds codes worth decoding. `scores` scores each example, and
`principal_components` gives a baseline for such scores.
"""

from npvae.evaluation.elbo import Evaluation, evaluate
from npvae.evaluation.importance import (
    LogLikelihood,
    log_likelihood,
    log_likelihood_by_example,
)
from npvae.evaluation.latent_space import (
    Codes,
    Plane,
    decode_codes,
    encode_split,
    gaussian_quantiles,
    line,
    plane_of,
    reconstruct_split,
    traverse,
)
from npvae.evaluation.principal_components import PrincipalComponents, principal_components
from npvae.evaluation.scores import (
    Scores,
    auroc,
    nats_by_feature,
    percentiles,
    reconstruction_errors,
    score_examples,
)

__all__ = [
    "Codes",
    "Evaluation",
    "LogLikelihood",
    "Plane",
    "PrincipalComponents",
    "Scores",
    "auroc",
    "decode_codes",
    "encode_split",
    "evaluate",
    "gaussian_quantiles",
    "line",
    "log_likelihood",
    "log_likelihood_by_example",
    "nats_by_feature",
    "percentiles",
    "plane_of",
    "principal_components",
    "reconstruct_split",
    "reconstruction_errors",
    "score_examples",
    "traverse",
]
