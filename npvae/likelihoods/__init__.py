"""Likelihoods p(x | z): what the decoder's numbers say about the data.

Each has two ways to its gradient. `loss_and_grad` gives the mean over a batch, which is what an
ELBO needs. `log_prob` gives one number an example, or one for each of k draws of z for it, and
`backward` takes whatever weight each of them has in a loss: evaluation needs the first half of
that, importance weighting both. The mean of p(x | z) and a draw of it complete a likelihood.
"""

from collections.abc import Callable

from npvae.errors import InputError
from npvae.likelihoods.bernoulli import Bernoulli
from npvae.likelihoods.likelihood import Likelihood
from npvae.likelihoods.normal import Gaussian, LearnedGaussian, OptimalGaussian

__all__ = [
    "SIGMAS",
    "Bernoulli",
    "Gaussian",
    "LearnedGaussian",
    "Likelihood",
    "OptimalGaussian",
    "make_likelihood",
]

SIGMAS: dict[str, type[LearnedGaussian]] = {
    "learned": LearnedGaussian,
    "optimal": OptimalGaussian,
}  # in place of a number: how sigma is found


def make_likelihood(name: str, sigma: float | str = 1.0) -> Likelihood:
    """Return the likelihood of that name.

    Parameters
    ----------
    name : "bernoulli" or "gaussian"
    sigma : of the gaussian: a number, "learned" (by gradient) or "optimal" (in closed form)
    """
    makers: dict[str, Callable[[], Likelihood]] = {
        "bernoulli": Bernoulli,
        "gaussian": lambda: SIGMAS[sigma]() if isinstance(sigma, str) else Gaussian(sigma),
    }
    if name not in makers:
        raise InputError(f"likelihood is {name!r}; choose from {', '.join(makers)}")
    if isinstance(sigma, str) and (sigma not in SIGMAS or name == "bernoulli"):
        raise InputError(
            f"sigma is {sigma!r}; give a number or, for the gaussian likelihood, one of "
            f"{', '.join(SIGMAS)}"
        )
    return makers[name]()
