"""CUDA kernels that replace some of npvae's functions on a GPU.

The NumPy version of each function defines what its kernel computes. It would also run on a GPU, but
in more passes: the kernels serve speed alone.

In a small step a GPU spends most of its time launching kernels, each of which takes some
microseconds whatever it computes. Sums over a batch use CuPy or a matrix product, because threads
that add to one number in no fixed order would give different bits each time.
"""

import sys
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np

from npvae.devices.device import Array

Kernels = dict[str, Callable[..., Any]]
MANY_ROWS = 512  # from here on, a matrix product sums the rows; not yet tuned on a GPU

INSTALLED: dict[type, Kernels] = {}  # by array class

# softplus(a) = max(a, 0) + log(1 + e), sigmoid(a) = (e if a < 0 else 1) / (1 + e), e = exp(-|a|)
LOGIT = """
template <class T> __device__ T softplus(T a) { return (a > 0 ? a : T(0)) + log1p(exp(-fabs(a))); }
template <class T> __device__ T sigmoid(T a) {
  const T e = exp(-fabs(a));
  return (a > 0 ? T(1) : e) / (1 + e);
}
"""


def install(kernels: Kernels, array_type: type) -> None:
    """Make each function that has a kernel use it for arrays of this class.

    This happens when a GPU is opened. In every module of npvae, references to such a function are
    replaced by a dispatcher, which looks at the class of the first argument and calls the kernel of
    that class, or else the NumPy version. A process that never opens a GPU is not affected.

    Parameters
    ----------
    kernels : dict
        Kernels by the full name of the function that each replaces.
    array_type : type
        Class of the device's arrays.
    """
    INSTALLED[array_type] = kernels
    for name in kernels:
        module, _, attribute = name.rpartition(".")
        function = getattr(sys.modules[module], attribute)
        if not hasattr(function, "__wrapped__"):  # else already replaced, for another device
            replace(function, _choosing(name, function))


def replace(function: Callable[..., Any], by: Callable[..., Any]) -> None:
    """Replace every reference to a function in the modules of npvae."""
    modules = [module for name, module in sys.modules.items() if f"{name}.".startswith("npvae.")]
    for names in [vars(module) for module in modules if isinstance(module, ModuleType)]:
        names.update({name: by for name, value in names.items() if value is function})


def _choosing(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls the kernel `name` of the arrays' class, or else `plain`.

    Kernels take positional arguments only; a call with keywords uses `plain`.
    """

    @wraps(plain)
    def choose(*arguments: Any, **options: Any) -> Any:
        kernels = INSTALLED.get(type(arguments[0]), {}) if arguments and not options else {}
        return kernels.get(name, plain)(*arguments, **options)

    return choose


def kernels_of(xp: Any) -> Kernels:
    """Return the kernels by the full name of the function that each replaces; `xp` is CuPy.

    Each kernel is compiled at its first call for each dtype. Different letters (T, X, E) may stand
    for different dtypes: the x given to a float32 model may be float64.
    """
    kernels = {
        "npvae.layers": activations(xp),
        "npvae.gaussian": gaussian(xp),
        "npvae.likelihoods.bernoulli": bernoulli(xp),
        "npvae.optimizers": adam(xp),
        "npvae.datasets.preprocessing": {
            "draw_pixels": lambda rows, rng, dtype: rng.pixels(rows, dtype)
        },
    }
    return {f"{module}.{name}": f for module, of in kernels.items() for name, f in of.items()}


def activations(xp: Any) -> Kernels:
    """Return the kernels of `npvae.layers`."""
    kernels = {
        "relu": ("T x", "T y", "y = x > 0 || x != x ? x : T(0);"),
        "relu_backward": ("T dy, Y y", "T dx", "dx = dy * (y > 0);"),
        "tanh_backward": ("T dy, Y y", "T dx", "dx = dy * (1 - y * y);"),
        "sigmoid": ("T x", "T y", "y = sigmoid(x);"),
    }
    ones: dict[np.dtype[Any], Array] = {}

    def sum_of_rows(rows: Array, out: Array) -> None:
        """Sum many rows as a product with ones, which uses more of a GPU than CuPy's sum."""
        n, dtype = len(rows), rows.dtype
        if n < MANY_ROWS:
            np.sum(rows, axis=0, out=out)
            return
        if dtype not in ones or len(ones[dtype]) < n:
            ones[dtype] = xp.ones(n, dtype)
        np.matmul(ones[dtype][:n], rows, out=out)

    return {"sum_of_rows": sum_of_rows} | {
        name: xp.ElementwiseKernel(*kernel, f"npvae_{name}", preamble=LOGIT)
        for name, kernel in kernels.items()
    }


def bernoulli(xp: Any) -> Kernels:
    """Return the kernels of `npvae.likelihoods.bernoulli`."""
    head = xp.ElementwiseKernel(
        "T logit, X x, T scale",
        "T nats, T dlogit",
        "nats = scale * (softplus(logit) - x * logit); dlogit = scale * (sigmoid(logit) - x);",
        "npvae_bernoulli_head",
        preamble=LOGIT,
    )
    log_prob = xp.ReductionKernel(
        "T logit, X x",
        "T log_px",
        "x * logit - softplus(logit)",
        "a + b",
        "log_px = a",
        "0",
        "npvae_bernoulli_log_prob",
        preamble=LOGIT,
    )
    backward = xp.ElementwiseKernel(
        "D dlog_px, T logit, X x",
        "T dlogit",
        "dlogit = dlog_px * (x - sigmoid(logit));",
        "npvae_bernoulli_backward",
        preamble=LOGIT,
    )

    def loss_and_grad(logits: Array, x: Array) -> tuple[Array, Array]:
        nats, dlogits = head(logits, x, 1 / len(x))
        return nats.sum(), dlogits

    return {  # log_prob keeps no e for the backward pass, which computes it again
        "bernoulli_loss_and_grad": loss_and_grad,
        "bernoulli_log_prob": lambda logits, x: (log_prob(logits, x, axis=-1), None),
        "bernoulli_backward": lambda dlog_px, logits, x, e: backward(dlog_px, logits, x),
    }


def gaussian(xp: Any) -> Kernels:
    """Return the kernels of `npvae.gaussian`."""
    reparameterize = xp.ElementwiseKernel(
        "T mu, T logvar, E eps", "T z", "z = mu + exp(logvar / 2) * eps;", "npvae_reparameterize"
    )
    backward = xp.ElementwiseKernel(
        "D dz, T logvar, E eps",
        "T dlogvar",
        "dlogvar = dz * exp(logvar / 2) * eps / 2;",
        "npvae_reparameterize_backward",
    )
    kl = "const T k = expm1(logvar) - logvar; kl = ((k > 0 || k != k ? k : T(0)) + mu * mu) / 2;"
    per_latent = xp.ElementwiseKernel("T mu, T logvar", "T kl", kl, "npvae_kl_per_latent")
    with_grad = xp.ElementwiseKernel(
        "T mu, T logvar, T scale",
        "T kl, T dmu, T dlogvar",
        f"{kl} kl *= scale; dmu = scale * mu; dlogvar = scale * expm1(logvar) / 2;",
        "npvae_kl_and_grad",
    )
    prior_over_posterior = xp.ReductionKernel(
        "T z, L logvar, E eps",
        "T log_ratio",
        "eps * eps + logvar - z * z",
        "a + b",
        "log_ratio = a / 2",
        "0",
        "npvae_log_prior_over_posterior",
    )

    def kl_and_grad(mu: Array, logvar: Array) -> tuple[Array, Array, Array]:
        kl, dmu, dlogvar = with_grad(mu, logvar, 1 / len(mu))
        return kl.sum(), dmu, dlogvar

    return {
        "reparameterize": reparameterize,
        "reparameterize_backward": lambda dz, logvar, eps: (dz, backward(dz, logvar, eps)),
        "kl_per_latent": per_latent,
        "kl_and_grad": kl_and_grad,
        "log_prior_over_posterior": lambda z, logvar, eps: prior_over_posterior(
            z, logvar, eps, axis=-1
        ),
    }


def adam(xp: Any) -> Kernels:
    """Return the kernel of `npvae.optimizers`: ten passes over the vectors in one."""
    update = xp.ElementwiseKernel(
        "T g, T beta1, T beta2, T a, T eps",
        "T p, T M, T V",
        "M = beta1 * M + g; V = beta2 * V + g * g; p -= a * M / (sqrt(V) + eps);",
        "npvae_adam",
    )

    def adam_update(p: Array, g: Array, M: Array, V: Array, change: Array, *numbers: float) -> None:
        update(g, *numbers, p, M, V)

    return {"adam_update": adam_update}
