"""The importance-weighted autoencoder: several draws of z for each example, and a tighter bound."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

import numpy as np

from npvae.encoder_decoder import Loss, Terms
from npvae.errors import InputError, require_whole
from npvae.gaussian import kl_per_latent, log_mean_exp_and_grad, reparameterize_backward
from npvae.layers import Layer, backward_parameters
from npvae.parameters import Array, one_thread_at_a_time
from npvae.vae import VAE, VAEOptions, require_noise

OBJECTIVES = ("elbo", "iwae", "dreg")


class IWAEOptions(VAEOptions, total=False):
    """What `IWAE.dense` takes by name."""

    k: int
    objective: str


class IWAE(VAE):
    """A VAE that draws z k times for each example, encoded once, and weighs what it drew.

    With log w_i = log p(x | z_i) + log p(z_i) - log q(z_i | x) it maximises

        L_k = log 1/k sum(w_i),  E[L_1] = ELBO <= E[L_k] <= E[L_k+1] <= log p(x)

    whose gradient gives each draw the weight v_i = w_i / sum(w).

    Parameters
    ----------
    k : draws of z for each example
    objective : "iwae" is the gradient of L_k. "dreg" changes the encoder's: its expectation is the
        same, but it has v_i² in place of v_i, and leaves out the gradient of log q with respect to
        the parameters of q, so that its signal does not drown in noise as k grows. "elbo" maximises
        the mean of the log w_i, the ELBO estimated with k draws, v_i = 1/k
    others : as for `VAE`, but that nothing weighs the KL, which does not occur

    References
    ----------
    Burda, Grosse & Salakhutdinov 2015, arXiv:1509.00519; the doubly reparameterized gradient:
    Tucker, Lawson, Gu & Maddison 2018, arXiv:1810.04152; why it is needed: Rainforth et al. 2018,
    arXiv:1802.04537.

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
                "beta and free_bits need the KL as a term of its own, and with several draws it is "
                "part of each draw's weight; leave them out, or use a VAE"
            )
        self.k, self.objective = require_draws(k), objective
        super().__init__(encoder, decoder, **others)
        if getattr(self.likelihood, "closed_form", False):
            raise InputError(
                "the optimal sigma is that of a batch with one draw for each example; with several "
                'draws give sigma="learned" or a number'
            )

    if TYPE_CHECKING:

        @classmethod
        def dense(  # type: ignore[override]
            cls, n_x: int, n_h: int | Sequence[int], n_z: int, **options: Unpack[IWAEOptions]
        ) -> Self: ...

    @property
    def bound_name(self) -> str:
        """What the bound is called."""
        return "ELBO" if self.objective == "elbo" else f"L_{self.k}"

    def draw_noise(self, rng: np.random.Generator, n: int) -> Array:
        """Return eps ~ N(0, I), (n, k, n_z), as `loss_and_grad` takes it."""
        return rng.standard_normal(size=(n, self.k, self.n_z), dtype=self.params.dtype.type)

    @one_thread_at_a_time
    def loss_and_grad(self, x: Array, eps: Array, y: Array | None = None) -> Loss:
        """Return -L_k of a batch with its parts, having filled `params.grad` with its gradient.

        Parameters
        ----------
        x : (B, n_x) float array
        eps : (B, k, n_z) float array of standard normal noise
        y : (B, n_y) condition, if the model has one

        Returns
        -------
        Loss in nats an example, batch means; reconstruction and kl are the ELBO's

        Notes
        -----
        Per draw, d log w / dz = d log p(x | z) / dz - z, and d log w / dlogvar = 1/2, since logvar
        is in log q. For "dreg" log q(z | x) counts through z alone, which adds
        (z - mu) / sigma² = eps / sigma, and each draw has the weight v_i once more.
        """
        mu, logvar = self.encode(x, y)
        require_noise(eps, (len(mu), self.k, self.n_z))
        n = len(x)
        z, log_px, log_w = self._draws(x, mu, logvar, eps, y)
        bound, v = self._bound(log_w)
        dlog_w = v * (-1 / n)  # of the loss, (B, k)
        doutputs = self.likelihood.backward(dlog_w).reshape(n * self.k, self.n_x)
        dz = self.decoder.backward(doutputs)[:, : self.n_z].reshape(z.shape)
        if self.objective == "dreg":
            dlog_q_dz = -eps * np.exp(logvar[:, None] * -0.5)  # (mu - z) / sigma²
            dz = v[..., None] * (dz - dlog_w[..., None] * (z + dlog_q_dz))
            dlogvar_q = 0.0  # log q counts through z alone
        else:
            dz = dz - dlog_w[..., None] * z
            dlogvar_q = -0.5 / n  # the weights of an example sum to one
        dmu, dlogvar = reparameterize_backward(dz, logvar[:, None], eps)
        dmu, dlogvar = dmu.sum(axis=1), dlogvar.sum(axis=1) + dlogvar_q
        backward_parameters(self.encoder, np.concatenate([dmu, dlogvar], axis=1))
        kl = kl_per_latent(mu, logvar).sum() * (1 / n)
        return Loss(bound.sum() * (-1 / n), log_px.sum() * (-1 / (n * self.k)), kl)

    @one_thread_at_a_time
    def terms(self, x: Array, eps: Array, y: Array | None = None) -> Terms:
        """Return log p(x | z), mean over the draws, the KL of each latent, mu, and L_k."""
        mu, logvar = self.encode(x, y)
        require_noise(eps, (len(mu), self.k, self.n_z))
        _, log_px, log_w = self._draws(x, mu, logvar, eps, y)
        log_px = log_px.sum(axis=1) * (1 / self.k)
        return Terms(log_px, kl_per_latent(mu, logvar), mu, self._bound(log_w)[0])

    def _bound(self, log_w: Array) -> tuple[Array, Array]:
        """Return the bound of each example, (B,), and its gradient by log w, (B, k)."""
        if self.objective == "elbo":
            return log_w.sum(axis=1) * (1 / self.k), np.full_like(log_w, 1 / self.k)
        return log_mean_exp_and_grad(log_w)


def require_draws(k: int) -> int:
    """Refuse a number of draws below 1."""
    return require_whole("k", k)
