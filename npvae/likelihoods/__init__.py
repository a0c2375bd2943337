"""Likelihoods p(x | z): what the decoder's numbers say about the data.

Each has two ways to its gradient. `loss_and_grad` gives the mean over a batch, which is what an
ELBO needs. `log_prob` gives one number an example, or one for each of k draws of z for it, and
`backward` takes whatever weight each of them has in a loss: evaluation needs the first half of
that, importance weighting both. The mean of p(x | z) and a draw of it complete a likelihood.

To add one, write its class into a file of its own (see `Likelihood`, and `laplace.py` as the
shortest example) and add the class to `LIKELIHOODS`: the command line, the checks of settings, the
remarks beside results and the gradient checks ask the class for the rest.
"""

from npvae.errors import InputError
from npvae.likelihoods.bernoulli import Bernoulli
from npvae.likelihoods.laplace import Laplace
from npvae.likelihoods.likelihood import Likelihood
from npvae.likelihoods.normal import Gaussian, LearnedGaussian, OptimalGaussian

__all__ = [
    "LIKELIHOODS",
    "SIGMAS",
    "Bernoulli",
    "Gaussian",
    "Laplace",
    "LearnedGaussian",
    "Likelihood",
    "OptimalGaussian",
    "make_likelihood",
]

LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "laplace": Laplace,
}

SIGMAS = tuple(dict.fromkeys(how for cls in LIKELIHOODS.values() for how in cls.sigmas))
"""What may stand for a number: how sigma is found."""


def make_likelihood(name: str | Likelihood, sigma: float | str = 1.0) -> Likelihood:
    """Return the likelihood of that name; a likelihood itself is returned as it is.

    Parameters
    ----------
    name : a name in `LIKELIHOODS`, or a likelihood
    sigma : its standard deviation where it has one: a number or, for the gaussian, "learned" (by
        gradient) or "optimal" (in closed form); ignored if a likelihood is given

    Raises
    ------
    InputError : if there is no such likelihood, or it has no such sigma
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
            f"that finds its sigma: {'; '.join(ways)}"
        )
    return cls.with_sigma(sigma)
