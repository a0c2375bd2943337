"""The variational autoencoder: x to a distribution over z, a draw of it, and back."""

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
    """What `VAE.dense` takes by name."""

    beta: float
    free_bits: float


class VAE(EncoderDecoder):
    """q(z | x) = N(mu(x), exp(logvar(x))), p(z) = N(0, I), p(x | z) from the decoder.

    It maximises, for beta = 1, the evidence lower bound

        ELBO = E_q[log p(x | z)] - KL(q(z | x), p(z)) <= log p(x)

    with one draw of z for each example. With a condition y it is the conditional VAE: all three
    distributions but the prior are given y as well, which need not be found in z then.

    Parameters
    ----------
    encoder : layer (B, n_x + n_y) -> (B, 2 n_z), mu beside logvar
    decoder : layer (B, n_z + n_y) -> (B, n_x); logits for the Bernoulli likelihood
    beta : weight of the KL in the loss, with both terms summed over pixels and latents
        (Higgins et al. 2017); only beta = 1 gives the ELBO
    free_bits : nats that each latent may use without paying for them; 0 for none
    others : as for `EncoderDecoder`

    References
    ----------
    Kingma & Welling 2013, arXiv:1312.6114; Rezende, Mohamed & Wierstra 2014, arXiv:1401.4082.
    The condition: Sohn, Lee & Yan 2015. Free bits: Kingma et al. 2016, arXiv:1606.04934.

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
            raise InputError(f"free_bits is {free_bits}; give nats for each latent, zero or more")
        self.beta, self.free_bits = require_beta(beta), float(free_bits)
        super().__init__(encoder, decoder, **others)

    if TYPE_CHECKING:

        @classmethod
        def dense(  # type: ignore[override]
            cls, n_x: int, n_h: int | Sequence[int], n_z: int, **options: Unpack[VAEOptions]
        ) -> Self: ...

    @property
    def bound_name(self) -> str:
        """What the bound is called."""
        return "ELBO"

    @one_thread_at_a_time
    def encode(self, x: Array, y: Array | None = None) -> tuple[Array, Array]:
        """Return mu and logvar of q(z | x), (B, n_z) each, for examples x, (B, n_x)."""
        require_batch(x, self.n_x, device=self.params.device)
        h = self.encoder.forward(self.beside(x, y))  # (B, 2 n_z)
        return h[:, : self.n_z], h[:, self.n_z :]

    def reconstruct(self, x: Array, eps: Array | None = None, y: Array | None = None) -> Array:
        """Return the means decoded from mu or, given noise eps (B, n_z), from a draw of z."""
        mu, logvar = self.encode(x, y)
        if eps is None:
            return self.decode(mu, y)
        require_noise(eps, mu.shape)
        return self.decode(reparameterize(mu, logvar, eps), y)

    @one_thread_at_a_time
    def sample(self, n: int, rng: Seed = 0, *, draw: bool = False, y: Array | None = None) -> Array:
        """Return n new examples, (n, n_x): z drawn from the prior, then the means of p(x | z).

        With `draw`, x itself is drawn as well: zeros and ones for the Bernoulli likelihood. A
        conditional model takes y, (n, n_y), and makes examples of that kind. The same seed `rng`
        gives the same examples; give a generator for others in each call.
        """
        n = require_whole("n", n)
        rng = self.params.device.generator(rng)
        z = rng.standard_normal(size=(n, self.n_z), dtype=self.params.dtype.type)
        outputs = self.decoder.forward(self.beside(z, y))
        return self.likelihood.draw(outputs, rng) if draw else self.likelihood.mean(outputs)

    def draw_noise(self, rng: np.random.Generator, n: int) -> Array:
        """Return eps ~ N(0, I), (n, n_z), as `loss_and_grad` takes it."""
        return rng.standard_normal(size=(n, self.n_z), dtype=self.params.dtype.type)

    @one_thread_at_a_time
    def loss_and_grad(self, x: Array, eps: Array, y: Array | None = None) -> Loss:
        """Return the loss of a batch with its parts, having filled `params.grad` with its gradient.

        loss = -log p(x | z) + beta KL(q(z | x), p(z)),  z = mu + exp(logvar / 2) eps

        With free bits the KL of latent j counts as max(free_bits, KL_j), where KL_j is its mean
        over the batch. That is a statistic of the batch, so that two half-batches need not average
        to the whole.

        Parameters
        ----------
        x : (B, n_x) float array
        eps : (B, n_z) float array of standard normal noise; the loss is a deterministic function
            of the parameters, x, eps and y
        y : (B, n_y) condition, if the model has one

        Returns
        -------
        Loss in nats an example, batch means
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
        """Return the KL divergence, what the loss counts of it, and the gradient of the latter.

        Both are the same without free bits. With them, latent j counts as max(free_bits, KL_j).
        """
        kl, dmu, dlogvar = kl_and_grad(mu, logvar)
        if not self.free_bits:
            return kl, kl, dmu, dlogvar
        each = kl_per_latent(mu, logvar).sum(axis=0) * (1 / len(mu))  # (n_z,)
        self.pays = each > self.free_bits
        return kl, np.maximum(each, self.free_bits).sum(), dmu * self.pays, dlogvar * self.pays

    @property
    def pattern(self) -> Array:
        """Which latents paid for their KL: where that changes there is no derivative."""
        return self.pays if self.free_bits else np.zeros(0, bool)

    @one_thread_at_a_time
    def terms(self, x: Array, eps: Array, y: Array | None = None) -> Terms:
        """Return log p(x | z), the KL of each latent, mu and the ELBO, for each example."""
        mu, logvar = self.encode(x, y)
        require_noise(eps, mu.shape)
        outputs = self.decoder.forward(self.beside(reparameterize(mu, logvar, eps), y))
        log_px, kl = self.likelihood.log_prob(outputs, x), kl_per_latent(mu, logvar)
        return Terms(log_px, kl, mu, log_px - kl.sum(axis=1))

    @one_thread_at_a_time
    def log_weights(
        self, x: Array, mu: Array, logvar: Array, eps: Array, y: Array | None = None
    ) -> Array:
        """Log importance weights, (B, k), of k draws of z for each example, in nats.

        log w = log p(x | z) + log p(z) - log q(z | x),  z = mu + exp(logvar / 2) eps

        The mean of w over q is p(x), for any q. The decoder runs once on all draws together.

        Parameters
        ----------
        x : (B, n_x) float array
        mu, logvar : (B, n_z) float arrays, of q(z | x): what `encode` returned
        eps : (B, k, n_z) float array of standard normal noise
        y : (B, n_y) condition, if the model has one

        References
        ----------
        Burda, Grosse & Salakhutdinov 2015, arXiv:1509.00519, equation 8.
        """
        return self._draws(x, mu, logvar, eps, y)[2]

    def _draws(
        self, x: Array, mu: Array, logvar: Array, eps: Array, y: Array | None
    ) -> tuple[Array, Array, Array]:
        """Return z, (B, k, n_z), log p(x | z) and log w, (B, k), of k draws an example."""
        n, k, _ = eps.shape
        z = reparameterize(mu[:, None], logvar[:, None], eps)
        if y is not None:
            y = np.repeat(y, k, axis=0)
        outputs = self.decoder.forward(self.beside(z.reshape(n * k, self.n_z), y))
        log_px = self.likelihood.log_prob(outputs.reshape(n, k, self.n_x), x)
        return z, log_px, log_px + log_prior_over_posterior(z, logvar[:, None], eps)


def require_beta(beta: float) -> float:
    """Refuse a weight of the KL that is no number, or below zero."""
    if not 0 <= beta < float("inf"):
        raise InputError(f"beta is {beta}; a weight of the KL is zero or a positive number")
    return float(beta)


def require_noise(eps: Array, shape: tuple[int, ...]) -> None:
    """Refuse noise that is not one number for each latent of each draw of each example."""
    if shape[0] == 0:
        raise InputError("x has no row: there is no example to take the mean over")
    require_plain(eps, "eps")
    if getattr(eps, "shape", None) != shape:
        given = getattr(eps, "shape", type(eps).__name__)
        raise InputError(f"eps has shape {given}, expected {shape}: a number for each latent")
    if eps.dtype.kind != "f":
        raise InputError(f"eps holds {eps.dtype!s:.60}, expected floats, as draw_noise returns")
