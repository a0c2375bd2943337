"""The variational autoencoder: encode x to a distribution over z, draw z from it, and decode."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

import numpy as np

from npvae.encoder_decoder import DenseOptions, EncoderDecoder, Loss, Terms
from npvae.errors import InputError, require_whole
from npvae.gaussian import (
    kl_and_grad,
    kl_per_latent,
    log_prior_over_posterior,
    reparameterize,
    reparameterize_backward,
)
from npvae.layers import Layer, backward_parameters
from npvae.parameters import (
    Array,
    Seed,
    one_thread_at_a_time,
    require_batch,
    require_plain,
)


class VAEOptions(DenseOptions, total=False):
    """Keyword arguments of `VAE.dense`."""

    beta: float
    free_bits: float


class VAE(EncoderDecoder):
    """Variational autoencoder: q(z | x) = N(mu(x), exp(logvar(x))), p(z) = N(0, I), p(x | z).

    With beta = 1 it maximises the evidence lower bound (ELBO), estimated with one draw of z per
    example:

        ELBO = E_q[log p(x | z)] - KL(q(z | x) ‖ p(z)) <= log p(x)

    With a condition y it is the conditional VAE: q(z | x, y) and p(x | z, y) both depend on y, so
    that z need not encode y. The prior p(z) stays the same.

    Parameters
    ----------
    encoder : Layer
        Maps (B, n_x + n_y) to (B, 2 n_z): mu, followed by logvar.
    decoder : Layer
        Maps (B, n_z + n_y) to (B, n_x), the outputs that parameterize the likelihood.
    beta : float
        Weight of the KL divergence in the loss, 0 or above. Both terms are sums, over features and
        over latents. Only beta = 1 gives the ELBO.
    free_bits : float
        KL allowance per latent, in nats: a latent whose mean KL divergence over the batch is below
        it is not penalised. 0 for no allowance.
    **others
        As for `EncoderDecoder`.

    Raises
    ------
    InputError
        If `beta` or `free_bits` is negative or not finite.

    References
    ----------
    Kingma & Welling 2013, arXiv:1312.6114; Rezende, Mohamed & Wierstra 2014, arXiv:1401.4082. The
    conditional VAE: Sohn, Lee & Yan 2015, NeurIPS 28. Beta: Higgins et al. 2017, ICLR. Free bits:
    Kingma et al. 2016, arXiv:1606.04934.

    >>> vae = VAE.dense(n_x=784, n_h=400, n_z=20, seed=0)
    >>> vae.sample(5, rng=0).shape
    (5, 784)
    """

    kind = "vae"
    per_latent = 2  # mu and logvar
    options: ClassVar[tuple[str, ...]] = ("beta", "free_bits")

    def __init__(
        self,
        encoder: Layer,
        decoder: Layer,
        *,
        beta: float = 1.0,
        free_bits: float = 0.0,
        **others: Any,
    ) -> None:
        if not 0 <= free_bits < float("inf"):
            raise InputError(f"free_bits is {free_bits}; choose nats per latent, 0 or more")
        self.beta, self.free_bits = require_beta(beta), float(free_bits)
        super().__init__(encoder, decoder, **others)

    if TYPE_CHECKING:

        @classmethod
        def dense(  # type: ignore[override]
            cls, n_x: int, n_h: int | Sequence[int], n_z: int, **options: Unpack[VAEOptions]
        ) -> Self: ...

    @property
    def bound_name(self) -> str:
        """Short name of the bound that is maximised."""
        return "ELBO"

    @one_thread_at_a_time
    def encode(self, x: Array, y: Array | None = None) -> tuple[Array, Array]:
        """Return mu and logvar of q(z | x), (B, n_z) each, for examples x, (B, n_x)."""
        require_batch(x, self.n_x, device=self.params.device)
        h = self.encoder.forward(self.beside(x, y))  # (B, 2 n_z)
        return h[:, : self.n_z], h[:, self.n_z :]

    @one_thread_at_a_time
    def reconstruct(self, x: Array, *, eps: Array | None = None, y: Array | None = None) -> Array:
        """Return the means of p(x | z), (B, n_x), with z = mu.

        Parameters
        ----------
        x : (B, n_x) float array
        eps : (B, n_z) float array, optional
            Standard normal noise; if given, z = mu + exp(logvar / 2) eps is a draw from q(z | x).
        y : (B, n_y) float array, optional
            Condition, required if the model is conditional.
        """
        mu, logvar = self.encode(x, y)
        if eps is None:
            return self.decode(mu, y)
        require_noise(eps, mu.shape)
        return self.decode(reparameterize(mu, logvar, eps), y)

    @one_thread_at_a_time
    def sample(self, n: int, rng: Seed = 0, *, draw: bool = False, y: Array | None = None) -> Array:
        """Draw z from the prior and return the means of p(x | z), or draws of x.

        Parameters
        ----------
        n : int
            Number of examples, at least 1.
        rng : int or Generator
            The same seed gives the same examples; pass a generator to get new ones in each call.
        draw : bool
            Whether to draw x from p(x | z), which gives zeros and ones for the Bernoulli
            likelihood, instead of returning its mean.
        y : (n, n_y) float array, optional
            Condition of each example, required if the model is conditional.

        Returns
        -------
        x : (n, n_x) float array
        """
        n = require_whole("n", n)
        rng = self.params.device.generator(rng)
        z = rng.standard_normal(size=(n, self.n_z), dtype=self.params.dtype.type)
        outputs = self.decoder.forward(self.beside(z, y))
        return self.likelihood.draw(outputs, rng) if draw else self.likelihood.mean(outputs)

    def draw_noise(self, rng: np.random.Generator, n: int) -> Array:
        """Return eps ~ N(0, I), (n, n_z), the noise of `loss_and_grad` for n examples."""
        return rng.standard_normal(size=(n, self.n_z), dtype=self.params.dtype.type)

    @one_thread_at_a_time
    def loss_and_grad(self, x: Array, eps: Array, y: Array | None = None) -> Loss:
        """Return the loss of a batch with its parts, and write its gradient to `params.grad`.

        loss = -log p(x | z) + beta KL(q(z | x) ‖ p(z)),  z = mu + exp(logvar / 2) eps

        With free bits, latent j contributes max(free_bits, KL_j) in place of KL_j, where KL_j is
        its mean over the batch. Since that is a statistic of the batch, the losses of two
        half-batches need not average to that of the whole batch.

        Parameters
        ----------
        x : (B, n_x) float array
        eps : (B, n_z) float array
            Standard normal noise. The loss is a deterministic function of the parameters, x, eps
            and y.
        y : (B, n_y) float array, optional
            Condition, required if the model is conditional.

        Returns
        -------
        Loss
            In nats per example, mean over the batch.

        References
        ----------
        Kingma & Welling 2013, arXiv:1312.6114, algorithm 1 and equation 10.
        """
        mu, logvar = self.encode(x, y)
        require_noise(eps, mu.shape)
        z = reparameterize(mu, logvar, eps)
        outputs = self.decoder.forward(self.beside(z, y))
        reconstruction, doutputs = self.likelihood.loss_and_grad(outputs, x)
        kl, paid, dmu_kl, dlogvar_kl = self._kl_and_grad(mu, logvar)

        dz = self.decoder.backward(doutputs)[:, : self.n_z]
        dmu, dlogvar = reparameterize_backward(dz, logvar, eps)
        dmu, dlogvar = dmu + self.beta * dmu_kl, dlogvar + self.beta * dlogvar_kl
        backward_parameters(self.encoder, np.concatenate([dmu, dlogvar], axis=1))
        return Loss(reconstruction + self.beta * paid, reconstruction, kl)

    def _kl_and_grad(self, mu: Array, logvar: Array) -> tuple[Array, Array, Array, Array]:
        """Return the KL divergence, the part of it that the loss counts, and that part's gradient.

        Without free bits both are the same. With them, latent j counts max(free_bits, KL_j).
        """
        kl, dmu, dlogvar = kl_and_grad(mu, logvar)
        if not self.free_bits:
            return kl, kl, dmu, dlogvar
        each = kl_per_latent(mu, logvar).sum(axis=0) * (1 / len(mu))  # (n_z,)
        each = self.params.comm.mean(each)  # over all processes that share the batch
        self.pays = each > self.free_bits
        return kl, np.maximum(each, self.free_bits).sum(), dmu * self.pays, dlogvar * self.pays

    @property
    def pattern(self) -> Array:
        """Which latents exceed their free bits; where that changes, the loss has no derivative."""
        return self.pays if self.free_bits else np.zeros(0, bool)

    @one_thread_at_a_time
    def terms(self, x: Array, eps: Array, y: Array | None = None) -> Terms:
        """Return log p(x | z), the KL divergence of each latent, mu and the ELBO, per example."""
        mu, logvar = self.encode(x, y)
        require_noise(eps, mu.shape)
        outputs = self.decoder.forward(self.beside(reparameterize(mu, logvar, eps), y))
        log_px, kl = self.likelihood.log_prob(outputs, x), kl_per_latent(mu, logvar)
        return Terms(log_px, kl, mu, log_px - kl.sum(axis=1))

    @one_thread_at_a_time
    def log_weights(
        self, x: Array, mu: Array, logvar: Array, eps: Array, y: Array | None = None
    ) -> Array:
        """Return the log importance weights of k draws of z per example, in nats.

        log w = log p(x | z) + log p(z) - log q(z | x),  z = mu + exp(logvar / 2) eps

        For any q, the expectation of w under q is p(x). The decoder runs once on all draws
        together.

        Parameters
        ----------
        x : (B, n_x) float array
        mu, logvar : (B, n_z) float arrays
            Parameters of q(z | x), as `encode` returns them.
        eps : (B, k, n_z) float array
            Standard normal noise.
        y : (B, n_y) float array, optional
            Condition, required if the model is conditional.

        Returns
        -------
        log_w : (B, k) float array

        References
        ----------
        Burda, Grosse & Salakhutdinov 2015, arXiv:1509.00519, equation 8.
        """
        return self._draws(x, mu, logvar, eps, y)[2]

    def _draws(
        self, x: Array, mu: Array, logvar: Array, eps: Array, y: Array | None
    ) -> tuple[Array, Array, Array]:
        """Return z, (B, k, n_z), log p(x | z) and log w, (B, k), of k draws per example."""
        n, k, _ = eps.shape
        z = reparameterize(mu[:, None], logvar[:, None], eps)
        if y is not None:
            y = np.repeat(y, k, axis=0)
        outputs = self.decoder.forward(self.beside(z.reshape(n * k, self.n_z), y))
        log_px = self.likelihood.log_prob(outputs.reshape(n, k, self.n_x), x)
        return z, log_px, log_px + log_prior_over_posterior(z, logvar[:, None], eps)


def require_beta(beta: float) -> float:
    """Return beta as a float, if it is a finite number, 0 or above."""
    if not 0 <= beta < float("inf"):
        raise InputError(f"beta is {beta}; choose a weight of the KL divergence, 0 or more")
    return float(beta)


def require_noise(eps: Array, shape: tuple[int, ...]) -> None:
    """Raise `InputError` unless eps has the given shape, of at least one example."""
    if shape[0] == 0:
        raise InputError("x has no examples; give at least one row")
    require_plain(eps, "eps")
    if getattr(eps, "shape", None) != shape:
        given = getattr(eps, "shape", type(eps).__name__)
        raise InputError(f"eps has shape {given}, expected {shape}: one value per latent")
    if eps.dtype.kind != "f":
        raise InputError(f"eps holds {eps.dtype!s:.60}, expected floats, as draw_noise returns")
