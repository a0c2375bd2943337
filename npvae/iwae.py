"""The importance-weighted autoencoder: several draws of z per example give a tighter bound."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

import numpy as np

from npvae.encoder_decoder import Loss, Terms
from npvae.errors import InputError, require_whole
from npvae.gaussian import kl_per_latent, reparameterize_backward
from npvae.layers import Layer, backward_parameters
from npvae.parameters import Array, one_thread_at_a_time
from npvae.vae import VAE, VAEOptions, require_noise

OBJECTIVES = ("elbo", "iwae", "dreg")


class IWAEOptions(VAEOptions, total=False):
    """Keyword arguments of `IWAE.dense`."""

    k: int
    objective: str


class IWAE(VAE):
    """Importance-weighted autoencoder: a VAE trained on k weighted draws of z per example.

    With log w_i = log p(x | z_i) + log p(z_i) - log q(z_i | x) it maximises

        L_k = log 1/k sum(w_i),  E[L_1] = ELBO <= E[L_k] <= E[L_k+1] <= log p(x)

    In the gradient of L_k, draw i has the weight v_i = w_i / sum(w).

    Parameters
    ----------
    encoder, decoder : Layer
        As for `VAE`.
    k : int
        Number of draws of z per example, at least 1.
    objective : {"iwae", "dreg", "elbo"}
        "iwae" uses the gradient of L_k. "dreg" replaces the encoder's gradient by an estimate with
        the same expectation and less noise: each draw has the weight v_i² instead of v_i, and the
        direct dependence of log q on the parameters of q is left out. Its signal-to-noise ratio
        does not vanish as k grows. "elbo" maximises the mean of log w_i, the ELBO estimated with k
        draws.
    **others
        As for `VAE`, except `beta` and `free_bits`: the KL divergence is not a term of its own
        here.

    Raises
    ------
    InputError
        If `k` or `objective` is invalid, `beta` or `free_bits` is set, or the likelihood computes
        its sigma in closed form.

    References
    ----------
    Burda, Grosse & Salakhutdinov 2015, arXiv:1509.00519. The doubly reparameterized gradient
    ("dreg"): Tucker, Lawson, Gu & Maddison 2018, arXiv:1810.04152. Why it is needed: Rainforth et
    al. 2018, arXiv:1802.04537.

    >>> iwae = IWAE.dense(n_x=784, n_h=(200, 200), n_z=50, activation="tanh", k=5)
    >>> iwae.draw_noise(np.random.default_rng(0), 20).shape
    (20, 5, 50)
    """

    kind = "iwae"
    options: ClassVar[tuple[str, ...]] = ("k", "objective")

    def __init__(
        self,
        encoder: Layer,
        decoder: Layer,
        *,
        k: int = 5,
        objective: str = "iwae",
        **others: Any,
    ) -> None:
        if objective not in OBJECTIVES:
            raise InputError(f"objective is {objective!r}; choose from {', '.join(OBJECTIVES)}")
        if (others.get("beta", 1), others.get("free_bits", 0)) != (1, 0):
            raise InputError(
                "an IWAE takes neither beta nor free_bits, because the KL divergence is part of "
                "each draw's weight and not a term of its own; leave them out, or use a VAE"
            )
        self.k, self.objective = require_draws(k), objective
        super().__init__(encoder, decoder, **others)
        if getattr(self.likelihood, "closed_form", False):
            raise InputError(
                "the optimal sigma is defined for one draw per example; for several draws use "
                'sigma="learned" or a number'
            )

    if TYPE_CHECKING:

        @classmethod
        def dense(  # type: ignore[override]
            cls, n_x: int, n_h: int | Sequence[int], n_z: int, **options: Unpack[IWAEOptions]
        ) -> Self: ...

    @property
    def bound_name(self) -> str:
        """Short name of the bound that is maximised."""
        return "ELBO" if self.objective == "elbo" else f"L_{self.k}"

    def draw_noise(self, rng: np.random.Generator, n: int) -> Array:
        """Return eps ~ N(0, I), (n, k, n_z), the noise of `loss_and_grad` for n examples."""
        return rng.standard_normal(size=(n, self.k, self.n_z), dtype=self.params.dtype.type)

    @one_thread_at_a_time
    def loss_and_grad(self, x: Array, eps: Array, y: Array | None = None) -> Loss:
        """Return the loss of a batch, -L_k, with its parts; write its gradient to `params.grad`.

        Parameters
        ----------
        x : (B, n_x) float array
        eps : (B, k, n_z) float array
            Standard normal noise.
        y : (B, n_y) float array, optional
            Condition, required if the model is conditional.

        Returns
        -------
        Loss
            In nats per example, mean over the batch. `reconstruction` and `kl` are the terms of the
            ELBO, which do not add up to `loss`.

        Notes
        -----
        For each draw of z

            d log w / dz = d log p(x | z) / dz - z,  d log w / dlogvar = 1/2

        where the 1/2 comes from the logvar in log q. For "dreg", log q(z | x) acts through z alone:
        the 1/2 is dropped, -d log q / dz = (z - mu) / sigma² = eps / sigma is added to the first
        derivative, and the gradient of each draw is multiplied by v_i a second time.
        """
        mu, logvar = self.encode(x, y)
        require_noise(eps, (len(mu), self.k, self.n_z))
        n = len(x)
        z, log_px, log_w = self._draws(x, mu, logvar, eps, y)
        bound, v = self._bound(log_w)
        dlog_w = v * (-1 / n)  # dloss/dlog_w, (B, k)
        doutputs = self.likelihood.backward(dlog_w).reshape(n * self.k, self.n_x)
        dz = self.decoder.backward(doutputs)[:, : self.n_z].reshape(z.shape)
        if self.objective == "dreg":
            dlog_q_dz = -eps * np.exp(logvar[:, None] * -0.5)  # d log q / dz = (mu - z) / sigma²
            dz = v[..., None] * (dz - dlog_w[..., None] * (z + dlog_q_dz))
            dlogvar_q = 0.0  # log q acts through z alone
        else:
            dz = dz - dlog_w[..., None] * z
            dlogvar_q = -0.5 / n  # 1/2 sum_i dlog_w_i, since the v_i of an example sum to 1
        dmu, dlogvar = reparameterize_backward(dz, logvar[:, None], eps)
        dmu, dlogvar = dmu.sum(axis=1), dlogvar.sum(axis=1) + dlogvar_q
        backward_parameters(self.encoder, np.concatenate([dmu, dlogvar], axis=1))
        kl = kl_per_latent(mu, logvar).sum() * (1 / n)
        return Loss(bound.sum() * (-1 / n), log_px.sum() * (-1 / (n * self.k)), kl)

    @one_thread_at_a_time
    def terms(self, x: Array, eps: Array, y: Array | None = None) -> Terms:
        """Return log p(x | z), averaged over the draws, the KL of each latent, mu and L_k."""
        mu, logvar = self.encode(x, y)
        require_noise(eps, (len(mu), self.k, self.n_z))
        _, log_px, log_w = self._draws(x, mu, logvar, eps, y)
        log_px = log_px.sum(axis=1) * (1 / self.k)
        return Terms(log_px, kl_per_latent(mu, logvar), mu, self._bound(log_w)[0])

    def _bound(self, log_w: Array) -> tuple[Array, Array]:
        """Return the bound of each example, (B,), and its gradient dbound/dlog_w, (B, k)."""
        if self.objective == "elbo":
            return log_w.sum(axis=1) * (1 / self.k), np.full_like(log_w, 1 / self.k)
        return log_mean_exp_and_grad(log_w)


def log_mean_exp_and_grad(log_w: Array) -> tuple[Array, Array]:
    """Return log(mean(exp(log_w))) over the last axis, and its gradient.

    log 1/k sum(w) = m + log 1/k sum(exp(log w - m)),  m = max(log w)

    Subtracting the maximum keeps exp from overflowing.

    Parameters
    ----------
    log_w : (..., k) float array

    Returns
    -------
    value : (...) float array
    dlog_w : (..., k) float array
        The normalised weights, w / sum(w); they sum to 1.

    >>> value, dlog_w = log_mean_exp_and_grad(np.array([1000.0, 1000.0]))
    >>> float(value), dlog_w
    (1000.0, array([0.5, 0.5]))
    """
    highest = np.max(log_w, axis=-1, keepdims=True)
    w = np.exp(log_w - highest)
    total = np.sum(w, axis=-1, keepdims=True)
    value = highest + np.log(total * (1 / log_w.shape[-1]))
    return value[..., 0], w / total


def require_draws(k: int) -> int:
    """Return k as an int, if it is a whole number of at least 1."""
    return require_whole("k", k)
