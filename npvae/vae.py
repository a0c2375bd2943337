"""The variational autoencoder: x to a distribution over z, a draw of it, and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from npvae.arrays import CPU, Array, Device, Parameters, Seed, require_batch
from npvae.autoencoder import Loss, Terms, hidden_sizes, mirrored_networks
from npvae.errors import InputError
from npvae.gaussian import kl_and_grad, kl_per_latent, reparameterize, reparameterize_backward
from npvae.layers import Layer, backward_parameters
from npvae.likelihoods import Bernoulli, Likelihood, make_likelihood


class VAE:
    """q(z | x) = N(mu(x), exp(logvar(x))), p(z) = N(0, I), p(x | z) from the decoder.

    It maximises, for beta = 1, the evidence lower bound

        ELBO = E_q[log p(x | z)] - KL(q(z | x), p(z)) <= log p(x)

    with one draw of z for each example.

    Parameters
    ----------
    encoder : layer (B, n_x) -> (B, 2 n_z), mu beside logvar
    decoder : layer (B, n_z) -> (B, n_x); logits for the Bernoulli likelihood
    n_x, n_z : numbers in an example; latents
    likelihood : what the decoder's outputs say about x
    beta : weight of the KL in the loss, with both terms summed over pixels and latents
        (Higgins et al. 2017); only beta = 1 gives the ELBO
    dtype, device : of the parameters

    References
    ----------
    Kingma & Welling 2013, arXiv:1312.6114; Rezende, Mohamed & Wierstra 2014, arXiv:1401.4082.

    >>> vae = VAE.dense(n_x=784, n_h=400, n_z=20, seed=0)
    >>> vae.sample(5, rng=0).shape
    (5, 784)
    """

    def __init__(
        self,
        encoder: Layer,
        decoder: Layer,
        *,
        n_x: int,
        n_z: int,
        likelihood: Likelihood | None = None,
        beta: float = 1.0,
        dtype: DTypeLike = np.float32,
        device: Device = CPU,
    ) -> None:
        self.encoder, self.decoder = encoder, decoder
        self.likelihood = likelihood or Bernoulli()
        self.n_x, self.n_z, self.beta = n_x, n_z, require_beta(beta)
        self.config: dict[str, Any] = {}
        self.params = Parameters(
            {"encoder": encoder, "decoder": decoder, "likelihood": self.likelihood}, dtype, device
        )

    @classmethod
    def dense(
        cls,
        n_x: int,
        n_h: int | Sequence[int],
        n_z: int,
        *,
        activation: str = "relu",
        likelihood: str = "bernoulli",
        sigma: float = 1.0,
        beta: float = 1.0,
        init: str = "glorot",
        seed: Seed = 0,
        dtype: DTypeLike = np.float32,
        device: Device = CPU,
    ) -> "VAE":
        """Dense layers n_x - n_h - 2 n_z, and n_z - n_h - n_x back; any number of hidden layers.

        The decoder mirrors the encoder's hidden sizes. `config` keeps the arguments, so that a
        saved model can be built again.
        """
        n_h = hidden_sizes(n_h)
        model = cls(
            *mirrored_networks(n_x, n_h, 2 * n_z, n_z, activation, init, seed),
            n_x=n_x,
            n_z=n_z,
            likelihood=make_likelihood(likelihood, sigma),
            beta=beta,
            dtype=dtype,
            device=device,
        )
        model.config = {
            "model": "vae",
            "n_x": int(n_x),
            "n_h": list(n_h),
            "n_z": int(n_z),
            "activation": activation,
            "likelihood": likelihood,
            "sigma": float(sigma),
            "beta": float(beta),
        }
        return model

    def encode(self, x: Array) -> tuple[Array, Array]:
        """Return mu and logvar of q(z | x), (B, n_z) each, for examples x, (B, n_x)."""
        require_batch(x, self.n_x)
        h = self.encoder.forward(x)  # (B, 2 n_z)
        return h[:, : self.n_z], h[:, self.n_z :]

    def decode(self, z: Array) -> Array:
        """Return the means of p(x | z), (B, n_x), in the space of x."""
        require_batch(z, self.n_z, "z")
        return self.likelihood.mean(self.decoder.forward(z))

    def reconstruct(self, x: Array, eps: Array | None = None) -> Array:
        """Return the means decoded from mu or, given noise eps (B, n_z), from a draw of z."""
        mu, logvar = self.encode(x)
        if eps is None:
            return self.decode(mu)
        require_noise(eps, mu)
        return self.decode(reparameterize(mu, logvar, eps))

    def sample(self, n: int, rng: Seed = 0, *, draw: bool = False) -> Array:
        """Return n new examples, (n, n_x): z drawn from the prior, then the means of p(x | z).

        With `draw`, x itself is drawn as well: zeros and ones for the Bernoulli likelihood.
        """
        if n < 1:
            raise InputError(f"sample({n}): ask for at least one example")
        rng = self.params.device.generator(rng)
        outputs = self.decoder.forward(self.draw_noise(rng, n))
        return self.likelihood.draw(outputs, rng) if draw else self.likelihood.mean(outputs)

    def draw_noise(self, rng: np.random.Generator, n: int) -> Array:
        """Return eps ~ N(0, I), (n, n_z), as `loss_and_grad` takes it."""
        return rng.standard_normal(size=(n, self.n_z), dtype=self.params.dtype.type)

    def loss_and_grad(self, x: Array, eps: Array) -> Loss:
        """Return the loss of a batch with its parts, having filled `params.grad` with its gradient.

        loss = -log p(x | z) + beta KL(q(z | x), p(z)),  z = mu + exp(logvar / 2) eps

        Parameters
        ----------
        x : (B, n_x) float array
        eps : (B, n_z) float array of standard normal noise; the loss is a deterministic function
            of the parameters, x and eps

        Returns
        -------
        Loss in nats an example, batch means
        """
        mu, logvar = self.encode(x)
        require_noise(eps, mu)
        z = reparameterize(mu, logvar, eps)
        reconstruction, doutputs = self.likelihood.loss_and_grad(self.decoder.forward(z), x)
        kl, dmu_kl, dlogvar_kl = kl_and_grad(mu, logvar)

        dz = self.decoder.backward(doutputs)
        dmu, dlogvar = reparameterize_backward(dz, logvar, eps)
        dmu = dmu + self.beta * dmu_kl
        dlogvar = dlogvar + self.beta * dlogvar_kl
        backward_parameters(self.encoder, np.concatenate([dmu, dlogvar], axis=1))
        return Loss(reconstruction + self.beta * kl, reconstruction, kl)

    def terms(self, x: Array, eps: Array) -> Terms:
        """Return log p(x | z), the KL of each latent, and mu, for each example of a batch."""
        mu, logvar = self.encode(x)
        require_noise(eps, mu)
        outputs = self.decoder.forward(reparameterize(mu, logvar, eps))
        return Terms(self.likelihood.log_prob(outputs, x), kl_per_latent(mu, logvar), mu)


def require_beta(beta: float) -> float:
    """Refuse a weight of the KL that is no number, or below zero."""
    if not 0 <= beta < float("inf"):
        raise InputError(f"beta is {beta}; a weight of the KL is zero or a positive number")
    return float(beta)


def require_noise(eps: Array, mu: Array) -> None:
    """Refuse noise that is not one number for each latent of each example."""
    if len(mu) == 0:
        raise InputError("x has no row: there is no example to take the mean over")
    if getattr(eps, "shape", None) != mu.shape:
        given = getattr(eps, "shape", type(eps).__name__)
        raise InputError(f"eps has shape {given}, expected {mu.shape}: a number for each latent")
