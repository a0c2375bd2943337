"""Likelihoods p(x | z): the distribution of the data, given the decoder's outputs.

A likelihood offers two ways to its gradient:

- `loss_and_grad` returns the batch mean of -log p(x | z) with its gradient, as an ELBO needs it.
- `log_prob` returns one value per example, or per draw of z, and `backward` turns the gradient of a
  loss with respect to these values into one with respect to the outputs. Evaluation uses
  `log_prob`; importance weighting uses both.

`mean` and `draw` return E[x | z] and a sample of x.

To add a likelihood, write its class in a file of its own (see `Likelihood`; `laplace.py` is the
shortest example) and register the class in `LIKELIHOODS`. The command line, the validation of
settings, the notes beside results and the gradient checks read the rest from the class.
"""

from collections.abc import Sequence

from npvae.errors import InputError
from npvae.likelihoods.bernoulli import Bernoulli
from npvae.likelihoods.categorical import Categorical
from npvae.likelihoods.laplace import Laplace
from npvae.likelihoods.likelihood import Likelihood
from npvae.likelihoods.mixed import Mixed
from npvae.likelihoods.normal import Gaussian, LearnedGaussian, OptimalGaussian

__all__ = [
    "LIKELIHOODS",
    "SIGMAS",
    "Bernoulli",
    "Categorical",
    "Gaussian",
    "Laplace",
    "LearnedGaussian",
    "Likelihood",
    "Mixed",
    "OptimalGaussian",
    "make_likelihood",
    "require_features",
]

LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "laplace": Laplace,
    "categorical": Categorical,
    "mixed": Mixed,
}

SIGMAS = tuple(dict.fromkeys(how for cls in LIKELIHOODS.values() for how in cls.sigmas))
"""What `sigma` may be instead of a number, over all likelihoods."""


def make_likelihood(
    name: str | Likelihood, sigma: float | str = 1.0, groups: Sequence[int] = ()
) -> Likelihood:
    """Return the likelihood with the given name; a `Likelihood` is returned unchanged.

    Parameters
    ----------
    name : str or Likelihood
        A name in `LIKELIHOODS`, or a likelihood.
    sigma : float or str
        Standard deviation, for a likelihood that has one: a positive number in the units of x or,
        for a Gaussian, "learned" (by gradient) or "optimal" (in closed form). A number is ignored
        by the Bernoulli and the categorical likelihood, and any sigma by a likelihood that is given
        as an object.
    groups : sequence of int
        The number of categories of each one-hot group. For the categorical likelihood; empty for
        one group. For the mixed one, with 0 for a single number among the groups.

    Returns
    -------
    Likelihood

    Raises
    ------
    InputError
        If the name is unknown, or the likelihood does not take this sigma or these groups.

    >>> make_likelihood("gaussian", sigma=0.5).sigma
    0.5
    """
    if not isinstance(name, str | type) and hasattr(name, "loss_and_grad"):
        return name
    if not isinstance(name, str) or name not in LIKELIHOODS:
        raise InputError(
            f"likelihood is {name!r}; choose from {', '.join(LIKELIHOODS)}, or give an object with "
            "the methods of a Likelihood"
        )
    cls = LIKELIHOODS[name]
    if isinstance(sigma, str) and sigma not in cls.sigmas:
        ways = [f"{other} ({', '.join(o.sigmas)})" for other, o in LIKELIHOODS.items() if o.sigmas]
        raise InputError(
            f"sigma is {sigma!r} for the {name} likelihood; give a number, or choose a likelihood "
            f"that estimates its sigma: {'; '.join(ways)}"
        )
    if groups and not cls.grouped:
        others = [other for other, one in LIKELIHOODS.items() if one.grouped]
        raise InputError(
            f"groups are for the {' and the '.join(others)} likelihood, but the likelihood is "
            f"{name}; leave them out"
        )
    return cls.with_options(sigma, groups)


def require_features(likelihood: Likelihood, n_x: int) -> None:
    """Raise `InputError` unless a likelihood of groups or parts has n_x features."""
    found = getattr(likelihood, "n_x", None)
    if found not in (None, n_x):
        raise InputError(
            f"the groups of the {type(likelihood).__name__} likelihood have {found} features in "
            f"all, but n_x is {n_x}; expected the same number"
        )
