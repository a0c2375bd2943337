"""The plain autoencoder: x to a code z and back, and nothing else."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from npvae.arrays import CPU, Array, Device, Parameters, Seed, require_batch
from npvae.errors import InputError
from npvae.layers import Layer, backward_parameters, dense_network
from npvae.likelihoods import Bernoulli, Likelihood, make_likelihood


class Loss(NamedTuple):
    """What a step minimises, and its parts, in nats an example (mean over the batch).

    Attributes
    ----------
    loss : what the gradient is the gradient of
    reconstruction : -log p(x | z)
    kl : KL divergence of q(z | x) from the prior, unweighted; 0 where there is no prior
    """

    loss: Array
    reconstruction: Array
    kl: Array


class Terms(NamedTuple):
    """The same parts for each example, as evaluation needs them.

    Attributes
    ----------
    log_px : (B,) log p(x | z), in nats
    kl : (B, n_z) KL divergence for each latent, in nats
    mu : (B, n_z) mean of q(z | x); the code itself where there is no q
    """

    log_px: Array
    kl: Array
    mu: Array


class Autoencoder:
    """z = encoder(x), reconstruction = decoder(z).

    It minimises -log p(x | z) alone: no prior asks the codes to lie anywhere in particular, which
    is why it compresses well and why drawing a z at random decodes to nonsense.

    Parameters
    ----------
    encoder : layer (B, n_x) -> (B, n_z)
    decoder : layer (B, n_z) -> (B, n_x); logits for the Bernoulli likelihood
    n_x, n_z : numbers in an example and in its code
    likelihood : what the decoder's outputs say about x
    dtype, device : of the parameters

    References
    ----------
    Hinton & Salakhutdinov 2006, doi:10.1126/science.1127647.

    >>> autoencoder = Autoencoder.dense(n_x=784, n_h=400, n_z=30, seed=0)
    >>> autoencoder.encode(np.zeros((5, 784), np.float32)).shape
    (5, 30)
    """

    def __init__(
        self,
        encoder: Layer,
        decoder: Layer,
        *,
        n_x: int,
        n_z: int,
        likelihood: Likelihood | None = None,
        dtype: DTypeLike = np.float32,
        device: Device = CPU,
    ) -> None:
        self.encoder, self.decoder = encoder, decoder
        self.likelihood = likelihood or Bernoulli()
        self.n_x, self.n_z = n_x, n_z
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
        init: str = "glorot",
        seed: Seed = 0,
        dtype: DTypeLike = np.float32,
        device: Device = CPU,
    ) -> "Autoencoder":
        """Dense layers n_x - n_h - n_z - n_h - n_x; several hidden sizes narrow towards the code.

        The decoder mirrors the encoder's hidden sizes. `config` keeps the arguments, so that a
        saved model can be built again.
        """
        n_h = hidden_sizes(n_h)
        model = cls(
            *mirrored_networks(n_x, n_h, n_z, n_z, activation, init, seed),
            n_x=n_x,
            n_z=n_z,
            likelihood=make_likelihood(likelihood, sigma),
            dtype=dtype,
            device=device,
        )
        model.config = {
            "model": "autoencoder",
            "n_x": int(n_x),
            "n_h": list(n_h),
            "n_z": int(n_z),
            "activation": activation,
            "likelihood": likelihood,
            "sigma": float(sigma),
        }
        return model

    def encode(self, x: Array) -> Array:
        """Return the codes z, (B, n_z), of examples x, (B, n_x)."""
        require_batch(x, self.n_x)
        return self.encoder.forward(x)

    def decode(self, z: Array) -> Array:
        """Return the means of p(x | z), (B, n_x), in the space of x."""
        require_batch(z, self.n_z, "z")
        return self.likelihood.mean(self.decoder.forward(z))

    def reconstruct(self, x: Array) -> Array:
        """Return decode(encode(x)), (B, n_x)."""
        return self.decode(self.encode(x))

    def draw_noise(self, rng: np.random.Generator, n: int) -> None:
        """Return what `loss_and_grad` needs for n examples beside x: nothing."""

    def loss_and_grad(self, x: Array, eps: None = None) -> Loss:
        """Return -log p(x | z) for a batch, having filled `params.grad` with its gradient."""
        z = self.encode(x)
        reconstruction, doutputs = self.likelihood.loss_and_grad(self.decoder.forward(z), x)
        backward_parameters(self.encoder, self.decoder.backward(doutputs))
        return Loss(reconstruction, reconstruction, reconstruction * 0)

    def terms(self, x: Array, eps: None = None) -> Terms:
        """Return log p(x | z) and the code of each example; every KL is zero."""
        z = self.encode(x)
        return Terms(self.likelihood.log_prob(self.decoder.forward(z), x), z * 0, z)


def mirrored_networks(
    n_x: int,
    n_h: Sequence[int],
    n_code: int,
    n_z: int,
    activation: str,
    init: str,
    seed: Seed,
) -> tuple[Layer, Layer]:
    """Return an encoder n_x - n_h - n_code and a decoder n_z - n_h in reverse - n_x.

    n_code is what the encoder says about z: n_z numbers, or 2 n_z for mu beside logvar.
    """
    rng = np.random.default_rng(seed)
    encoder = dense_network([n_x, *n_h, n_code], activation, rng, init)
    return encoder, dense_network([n_z, *reversed(n_h), n_x], activation, rng, init)


def hidden_sizes(n_h: int | Sequence[int]) -> tuple[int, ...]:
    """Return the hidden sizes as a tuple: 400 and (400,) say the same; () has no hidden layer."""
    sizes = (int(n_h),) if isinstance(n_h, int | np.integer) else tuple(map(int, n_h))
    if any(size < 1 for size in sizes):
        raise InputError(f"hidden sizes are {sizes}; each layer has at least one number")
    return sizes
