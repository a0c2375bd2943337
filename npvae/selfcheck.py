"""Everything that npvae differentiates by hand, ready to be checked."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from npvae.arrays import Array
from npvae.autoencoder import Autoencoder
from npvae.gaussian import (
    kl_and_grad,
    log_density_and_grad,
    reparameterize,
    reparameterize_backward,
)
from npvae.layers import ACTIVATIONS, INITIALIZERS, Dense, dense_network
from npvae.likelihoods import Bernoulli, Gaussian
from npvae.vae import VAE

LEAST = 1e-3
"""Of the loss: a finite difference sees no much smaller gradient for the loss's rounding, so that
networks in which one vanishes (deep ones of width one, mostly) are drawn again."""

MOST_DRAWS = 100  # then the last one: a gradient that is always zero is a bug to be found

Checkable: TypeAlias = tuple[Any, tuple[Array, ...]]
"""(thing, inputs), as `check(thing, *inputs)` takes them"""

Sizes: TypeAlias = Callable[[], int]
"""Draws the next size, of a batch or a layer: who calls decides how"""

Subject: TypeAlias = Callable[[Sizes, np.random.Generator], Checkable]


def _dense(init: str) -> Subject:
    def make(size: Sizes, rng: np.random.Generator) -> Checkable:
        n, n_in, n_out = size(), size(), size()
        return Dense(n_in, n_out, rng, INITIALIZERS[init]), (rng.normal(0, 1, (n, n_in)),)

    return make


def _activation(name: str) -> Subject:
    def make(size: Sizes, rng: np.random.Generator) -> Checkable:
        return ACTIVATIONS[name](), (rng.normal(0, 2, (size(), size())),)

    return make


def _sequential(size: Sizes, rng: np.random.Generator) -> Checkable:
    n, *sizes = (size() for _ in range(5))
    return dense_network(sizes, "tanh", rng), (rng.normal(0, 1, (n, sizes[0])),)


def _bernoulli(size: Sizes, rng: np.random.Generator) -> Checkable:
    shape = size(), size()
    x = rng.random(shape) if rng.random() < 0.5 else rng.integers(0, 2, shape).astype(float)
    return Bernoulli(), (rng.normal(0, 3, shape), x)


def _gaussian(size: Sizes, rng: np.random.Generator) -> Checkable:
    shape = size(), size()
    return Gaussian(sigma=rng.uniform(0.1, 2)), (rng.normal(0, 1, shape), rng.normal(0, 1, shape))


def _half_square_of_z(mu: Array, logvar: Array, eps: Array) -> tuple[Array, Array, Array]:
    """sum(z²) / 2, whose gradient with respect to z is z, and its gradients by mu and logvar."""
    z = reparameterize(mu, logvar, eps)
    return 0.5 * (z * z).sum(), *reparameterize_backward(z, logvar, eps)


def _of_gaussians(function: Callable[..., Any], n_inputs: int) -> Subject:
    def make(size: Sizes, rng: np.random.Generator) -> Checkable:
        shape = size(), size()
        return function, tuple(rng.normal(0, 1, shape) for _ in range(n_inputs))

    return make


def _model(
    cls: type[Autoencoder] | type[VAE], activation: str, likelihood: str, **options: Any
) -> Subject:
    def make(size: Sizes, rng: np.random.Generator) -> Checkable:
        for _ in range(MOST_DRAWS):
            n, n_x, n_z = size(), size(), size()
            model: Any = cls.dense(
                n_x,
                [size() for _ in range(rng.integers(0, 3))],
                n_z,
                activation=activation,
                likelihood=likelihood,
                dtype=np.float64,
                **options,
            )
            model.params.flat[:] = rng.normal(0, 1, model.params.size)
            x, eps = rng.random((n, n_x)), model.draw_noise(rng, n)
            loss = abs(model.loss_and_grad(x, eps).loss)
            if min(np.abs(dp).max() for dp in model.params.gradients.values()) > LEAST * loss:
                break
        return model, (x,) if eps is None else (x, eps)

    return make


SUBJECTS: dict[str, Subject] = {
    **{f"Dense, {init} init": _dense(init) for init in INITIALIZERS},
    **{name: _activation(name) for name in ACTIVATIONS},
    "Sequential": _sequential,
    "reparameterize": _of_gaussians(_half_square_of_z, 3),
    "KL to N(0, I)": _of_gaussians(kl_and_grad, 2),
    "Gaussian log density": _of_gaussians(log_density_and_grad, 3),
    "Bernoulli likelihood": _bernoulli,
    "Gaussian likelihood": _gaussian,
    **{
        f"{name}, {activation}, {likelihood}": _model(cls, activation, likelihood)
        for name, cls in {"Autoencoder": Autoencoder, "VAE": VAE}.items()
        for activation in ACTIVATIONS
        for likelihood in ("bernoulli", "gaussian")
    },
    "VAE, beta 4": _model(VAE, "tanh", "bernoulli", beta=4.0),
    "VAE, sigma 0.3": _model(VAE, "tanh", "gaussian", sigma=0.3),
}
