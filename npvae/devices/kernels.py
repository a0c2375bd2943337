"""CUDA kernels for some functions of npvae, and how they take the place of these functions.

The NumPy form of each function says what its kernel computes. It knows nothing of devices, and
computes the same on a GPU, in more passes: the kernels are there for speed alone.

A GPU spends most of a small step on starting kernels, each of which takes some microseconds
whatever it does. Sums over a batch are CuPy's, or a matrix product: threads that add into one
number in no fixed order would give other bits each time.
"""

import sys
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np

from npvae.devices.device import Array

Kernels = dict[str, Callable[..., Any]]
MANY_ROWS = 512  # from here on a product sums them; not yet measured on a GPU

INSTALLED: dict[type, Kernels] = {}  # by the class of a device's arrays

# softplus(a) = max(a, 0) + log(1 + e), sigmoid(a) = (e if a < 0 else 1) / (1 + e), e = exp(-|a|)
LOGIT = """
template <class T> __device__ T softplus(T a) { return (a > 0 ? a : T(0)) + log1p(exp(-fabs(a))); }
template <class T> __device__ T sigmoid(T a) {
  const T e = exp(-fabs(a));
  return (a > 0 ? T(1) : e) / (1 + e);
}
"""


def install(kernels: Kernels, array_type: type) -> None:
    """Let each function that has a kernel use it for arrays of this class.

    This happens when a GPU is opened. Wherever a module of npvae refers to such a function, the
    reference is replaced by one that looks at the class of the first argument, and calls that
    class's kernel, or else the NumPy form. On a host that never opens a GPU nothing is replaced.

    Parameters
    ----------
    kernels : by the full name of the function that each stands for
    array_type : the class of the device's arrays
    """
    INSTALLED[array_type] = kernels
    for name in kernels:
        module, _, attribute = name.rpartition(".")
        function = getattr(sys.modules[module], attribute)
        if not hasattr(function, "__wrapped__"):  # it may be replaced already, for another device
            replace(function, _choosing(name, function))


def replace(function: Callable[..., Any], by: Callable[..., Any]) -> None:
    """Replace every reference of a module of npvae to a function by one to another."""
    modules = [module for name, module in sys.modules.items() if f"{name}.".startswith("npvae.")]
    for names in [vars(module) for module in modules if isinstance(module, ModuleType)]:
        names.update({name: by for name, value in names.items() if value is function})


def _choosing(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    """Return `plain`, but with the kernels of that name for positional arguments on a device."""

    @wraps(plain)
    def choose(*arguments: Any, **options: Any) -> Any:
        kernels = INSTALLED.get(type(arguments[0]), {}) if arguments and not options else {}
        return kernels.get(name, plain)(*arguments, **options)

    return choose


def kernels_of(xp: Any) -> Kernels:
    """Return kernels by the full name of the function that each stands for; `xp` is CuPy.

    Each is compiled at its first call, anew for each dtype. Letters that differ (T, X, E) may stand
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
    """Those of `npvae.layers`."""
    kernels = {
        "relu": ("T x", "T y", "y = x > 0 || x != x ? x : T(0);"),
        "relu_backward": ("T dy, Y y", "T dx", "dx = dy * (y > 0);"),
        "tanh_backward": ("T dy, Y y", "T dx", "dx = dy * (1 - y * y);"),
        "sigmoid": ("T x", "T y", "y = sigmoid(x);"),
    }
    ones: dict[np.dtype[Any], Array] = {}

    def sum_of_rows(rows: Array, out: Array) -> None:
        """A product of ones and many rows, to keep more of a GPU busy than CuPy's sum does."""
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
    """Those of `npvae.likelihoods.bernoulli`."""
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

    return {  # no e is kept from log_prob for its backward, which computes it anew
        "bernoulli_loss_and_grad": loss_and_grad,
        "bernoulli_log_prob": lambda logits, x: (log_prob(logits, x, axis=-1), None),
        "bernoulli_backward": lambda dlog_px, logits, x, e: backward(dlog_px, logits, x),
    }


def gaussian(xp: Any) -> Kernels:
    """Those of `npvae.gaussian`."""
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
    """That of `npvae.optimizers`: ten passes over the vectors in one."""
    update = xp.ElementwiseKernel(
        "T g, T beta1, T beta2, T a, T eps",
        "T p, T M, T V",
        "M = beta1 * M + g; V = beta2 * V + g * g; p -= a * M / (sqrt(V) + eps);",
        "npvae_adam",
    )

    def adam_update(p: Array, g: Array, M: Array, V: Array, change: Array, *numbers: float) -> None:
        update(g, *numbers, p, M, V)

    return {"adam_update": adam_update}
