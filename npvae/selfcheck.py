"""Everything in npvae that has a hand-written gradient, as inputs for the gradient checker."""

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any, TypeAlias

import numpy as np

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.encoder_decoder import EncoderDecoder
from npvae.gaussian import (
    kl_and_grad,
    log_density_and_grad,
    log_prior_over_posterior,
    reparameterize,
    reparameterize_backward,
)
from npvae.iwae import IWAE, log_mean_exp_and_grad
from npvae.layers import ACTIVATIONS, INITIALIZERS, Dense, GatedDense, dense_network
from npvae.likelihoods import LIKELIHOODS, Categorical, Likelihood, make_likelihood
from npvae.parameters import Array
from npvae.vae import VAE

LEAST = 1e-3
"""Smallest gradient to check, relative to the loss. A much smaller one is lost in the rounding of
the loss, so networks with a vanishing gradient (mostly deep ones of width 1) are drawn again."""

MOST_DRAWS = 100  # then the last network is checked: a gradient that is always zero is a bug

Checkable: TypeAlias = tuple[Any, tuple[Array, ...]]
"""(thing, inputs), the arguments of `check(thing, *inputs)`."""

Sizes: TypeAlias = Callable[[], int]
"""Returns the size of the next batch or layer; the caller decides how sizes are chosen."""

Subject: TypeAlias = Callable[[Sizes, np.random.Generator], Checkable]
"""Makes a random instance to check."""


def _dense(init: str, cls: type[Dense] | type[GatedDense] = Dense) -> Subject:
    def make(size: Sizes, rng: np.random.Generator) -> Checkable:
        n, n_in, n_out = size(), size(), size()
        return cls(n_in, n_out, rng, INITIALIZERS[init]), (rng.normal(0, 1, (n, n_in)),)

    return make


def _activation(name: str) -> Subject:
    def make(size: Sizes, rng: np.random.Generator) -> Checkable:
        return ACTIVATIONS[name](), (rng.normal(0, 2, (size(), size())),)

    return make


def _sequential(size: Sizes, rng: np.random.Generator) -> Checkable:
    n, *sizes = (size() for _ in range(5))
    return dense_network(sizes, "tanh", rng), (rng.normal(0, 1, (n, sizes[0])),)


def _log_mean_exp(log_w: Array) -> tuple[Array, Array]:
    """Return the sum of log-mean-exp over the rows, and its gradient."""
    value, dlog_w = log_mean_exp_and_grad(log_w)
    return value.sum(), dlog_w


def _log_ratio(z: Array, logvar: Array, eps: Array) -> tuple[Array, ...]:
    """Return the sum of log p(z) - log q(z | x), and its gradients: -z for z, 1/2 for logvar."""
    return log_prior_over_posterior(z, logvar, eps).sum(), -z, 0 * logvar + 0.5


def _groups_of(name: str, n_x: int) -> tuple[int, ...]:
    """Return the groups of a mixed likelihood, with numbers on both sides of a category."""
    if name != "mixed":
        return ()
    return (0, n_x - 2, 0) if n_x > 2 else (0,) * n_x


def _likelihood(name: str, sigma: float | str) -> Subject:
    """Return a subject: the likelihood of that name with random sigma, pixels or real values."""
    unit_interval = LIKELIHOODS[name].in_unit_interval

    def make(size: Sizes, rng: np.random.Generator) -> Checkable:
        shape, as_given = (size(), size()), rng.uniform(0.1, 2)
        x = rng.random(shape) if unit_interval else rng.normal(0, 1, shape)
        if LIKELIHOODS[name].binary and rng.random() < 0.5:
            x = x.round()
        sigma_of_it = as_given if isinstance(sigma, float) else sigma
        likelihood = make_likelihood(name, sigma_of_it, _groups_of(name, shape[1]))
        likelihood.start_at_variance(np.full(shape[1], as_given**2))
        return likelihood, (rng.normal(0, 3 if unit_interval else 1, shape), x)

    return make


class _Weighted:
    """The loss sum(v log p(x | z)) over k draws per example, with `log_prob` and `backward`."""

    def __init__(self, likelihood: Likelihood) -> None:
        self.likelihood = likelihood

    def loss_and_grad(self, outputs: Array, x: Array, v: Array) -> tuple[Array, Array]:
        """Return the loss and its gradient with respect to the outputs."""
        log_px = self.likelihood.log_prob(outputs, x)
        return (v * log_px).sum(), self.likelihood.backward(v)


def _weighted(name: str, sigma: float | str) -> Subject:
    def make(size: Sizes, rng: np.random.Generator) -> Checkable:
        n, k, n_x = size(), size(), size()
        inputs = rng.normal(0, 2, (n, k, n_x)), rng.random((n, n_x)), rng.normal(0, 1, (n, k))
        likelihood = make_likelihood(name, sigma, _groups_of(name, n_x))
        likelihood.start_at_variance(np.full(n_x, 0.5))
        return _Weighted(likelihood), inputs

    return make


def _groups(size: Sizes, rng: np.random.Generator) -> Checkable:
    """Return a categorical likelihood of groups of several sizes, for draws of z."""
    n, k, groups = size(), size(), [size() for _ in range(4)]
    x = np.concatenate([np.eye(size)[rng.integers(0, size, n)] for size in groups], axis=1)
    logits = rng.normal(0, 2, (n, k, sum(groups)))
    return _Weighted(Categorical(groups)), (logits, x, rng.normal(0, 1, (n, k)))


def _half_square_of_z(mu: Array, logvar: Array, eps: Array) -> tuple[Array, Array, Array]:
    """Return sum(z²) / 2, whose gradient for z is z, and its gradients for mu and logvar."""
    z = reparameterize(mu, logvar, eps)
    return 0.5 * (z * z).sum(), *reparameterize_backward(z, logvar, eps)


def _of_gaussians(function: Callable[..., Any], n_inputs: int) -> Subject:
    def make(size: Sizes, rng: np.random.Generator) -> Checkable:
        shape = size(), size()
        return function, tuple(rng.normal(0, 1, shape) for _ in range(n_inputs))

    return make


def _model(cls: type[EncoderDecoder], activation: str, likelihood: str, **options: Any) -> Subject:
    def make(size: Sizes, rng: np.random.Generator) -> Checkable:
        for _ in range(MOST_DRAWS):
            n, n_x, n_z = size(), size(), size()
            model: Any = cls.dense(
                n_x,
                [size() for _ in range(rng.integers(0, 3))],
                n_z,
                activation=activation,
                likelihood=likelihood,
                groups=_groups_of(likelihood, n_x),
                dtype=np.float64,
                **options,
            )
            model.params.flat[:] = rng.normal(0, 1, model.params.size)
            x, eps = rng.random((n, n_x)), model.draw_noise(rng, n)
            inputs = (x,) if eps is None else (x, eps)
            if model.n_y:
                inputs = (*inputs, np.eye(model.n_y)[rng.integers(0, model.n_y, n)])
            loss = abs(model.loss_and_grad(*inputs).loss)
            if _least_gradient(model) > LEAST * loss:
                break
        return model, inputs

    return make


def _least_gradient(model: EncoderDecoder) -> float:
    """Return the smallest, over all arrays with a gradient, of max|gradient|."""
    fixed = "likelihood." if getattr(model.likelihood, "closed_form", False) else "none"
    gradients = model.params.gradients.items()
    return min(float(np.abs(dp).max()) for name, dp in gradients if not name.startswith(fixed))


def _forms() -> Iterator[tuple[str, str, float | str]]:
    """Yield a title, the name and sigma for every likelihood and every way to set its sigma."""
    for name, cls in LIKELIHOODS.items():
        yield f"{name.capitalize()} likelihood", name, 0.7
        for sigma in cls.sigmas:
            yield f"{name.capitalize()} likelihood, {sigma} sigma", name, sigma


SUBJECTS: dict[str, Subject] = {
    **{f"Dense, {init} init": _dense(init) for init in INITIALIZERS},
    "GatedDense": _dense("he", GatedDense),
    **{name: _activation(name) for name in ACTIVATIONS},
    "Sequential": _sequential,
    "reparameterize": _of_gaussians(_half_square_of_z, 3),
    "KL to N(0, I)": _of_gaussians(kl_and_grad, 2),
    "Gaussian log density": _of_gaussians(log_density_and_grad, 3),
    "log p(z) - log q(z | x)": _of_gaussians(_log_ratio, 3),
    "log mean exp": _of_gaussians(_log_mean_exp, 1),
    **{title: _likelihood(name, sigma) for title, name, sigma in _forms()},
    **{
        f"{title}, weighted": _weighted(name, sigma)
        for title, name, sigma in _forms()
        if not make_likelihood(name, sigma, _groups_of(name, 3)).closed_form
    },
    "Categorical likelihood, groups": _groups,
    **{f"VAE, {title}": _model(VAE, "tanh", name, sigma=sigma) for title, name, sigma in _forms()},
    **{
        f"{cls.__name__}, {activation}, {likelihood}": _model(cls, activation, likelihood)
        for cls in (Autoencoder, VAE)
        for activation, likelihood in zip(ACTIVATIONS, cycle(("bernoulli", "gaussian")))
    },
    "VAE, beta 4, sigma 0.3": _model(VAE, "tanh", "gaussian", beta=4.0, sigma=0.3),
    "VAE, free bits": _model(VAE, "tanh", "bernoulli", free_bits=0.5, beta=2.0),
    "VAE, gated": _model(VAE, "gated", "bernoulli"),
    "VAE, logvar clipped": _model(VAE, "tanh", "bernoulli", logvar_range=(-0.5, 0.5)),
    "VAE, conditional": _model(VAE, "tanh", "bernoulli", n_y=3),
    "DenoisingAutoencoder, mask": _model(DenoisingAutoencoder, "tanh", "bernoulli"),
    "DenoisingAutoencoder, gaussian": _model(
        DenoisingAutoencoder, "tanh", "gaussian", corruption="gaussian", amount=0.5
    ),
    "IWAE, k 1": _model(IWAE, "tanh", "bernoulli", k=1),
    "IWAE, k 4, bernoulli": _model(IWAE, "tanh", "bernoulli", k=4),
    "IWAE, k 4, learned sigma": _model(IWAE, "gated", "gaussian", k=4, sigma="learned"),
    "IWAE, k 4, conditional": _model(IWAE, "relu", "bernoulli", k=4, n_y=2),
    "IWAE, ELBO of 4 draws": _model(IWAE, "tanh", "bernoulli", k=4, objective="elbo"),
}
