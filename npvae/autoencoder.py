"""The autoencoder, which maps x to a code z and back, and the denoising autoencoder."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

import numpy as np

from npvae.encoder_decoder import DenseOptions, EncoderDecoder, Loss, Terms
from npvae.errors import InputError
from npvae.layers import Layer, backward_parameters
from npvae.parameters import Array, one_thread_at_a_time, require_batch


class Autoencoder(EncoderDecoder):
    """Autoencoder: z = encoder(x), with p(x | z) from decoder(z).

    It minimises -log p(x | z) alone. Since no prior constrains where the codes lie, it compresses
    well, but the decoder turns most randomly drawn z into nonsense.

    Parameters
    ----------
    encoder : Layer
        Maps (B, n_x + n_y) to (B, n_z).
    decoder : Layer
        Maps (B, n_z + n_y) to (B, n_x), the outputs that parameterize the likelihood.
    **others
        As for `EncoderDecoder`.

    References
    ----------
    Hinton & Salakhutdinov 2006, doi:10.1126/science.1127647.

    >>> autoencoder = Autoencoder.dense(n_x=784, n_h=400, n_z=30, seed=0)
    >>> autoencoder.encode(np.zeros((5, 784), np.float32)).shape
    (5, 30)
    """

    kind = "autoencoder"

    if TYPE_CHECKING:

        @classmethod
        def dense(  # type: ignore[override]
            cls, n_x: int, n_h: int | Sequence[int], n_z: int, **options: Unpack[DenseOptions]
        ) -> Self: ...

    @one_thread_at_a_time
    def encode(self, x: Array, y: Array | None = None) -> Array:
        """Return the codes z, (B, n_z), of examples x, (B, n_x), with condition y, (B, n_y)."""
        require_batch(x, self.n_x, device=self.params.device)
        return self.encoder.forward(self.beside(x, y))

    @one_thread_at_a_time
    def reconstruct(self, x: Array, *, y: Array | None = None) -> Array:
        """Return decode(encode(x)): the means of p(x | z), (B, n_x)."""
        return self.decode(self.encode(x, y), y)

    def draw_noise(self, rng: np.random.Generator, n: int) -> Array | None:
        """Return None: `loss_and_grad` of an autoencoder needs no noise."""
        return None

    def loss_and_grad(self, x: Array, eps: None = None, y: Array | None = None) -> Loss:
        """Return the loss of a batch, -log p(x | z), and write its gradient to `params.grad`.

        Parameters
        ----------
        x : (B, n_x) float array
        eps : None
            Ignored; the argument is there for models that need noise.
        y : (B, n_y) float array, optional
            Condition, required if the model is conditional.

        Returns
        -------
        Loss
            In nats per example, with a KL divergence of 0.
        """
        return self._loss_and_grad(x, x, y)

    def terms(self, x: Array, eps: None = None, y: Array | None = None) -> Terms:
        """Return log p(x | z) and the code of each example; the KL divergence is 0 throughout."""
        return self._terms(x, x, y)

    @one_thread_at_a_time
    def _loss_and_grad(self, given: Array, x: Array, y: Array | None) -> Loss:
        """Return the loss of reconstructing x from the encoder's input `given`."""
        _, outputs = self._forward(given, y)
        reconstruction, doutputs = self.likelihood.loss_and_grad(outputs, x)
        dz = self.decoder.backward(doutputs)[:, : self.n_z]
        backward_parameters(self.encoder, dz)
        return Loss(reconstruction, reconstruction, reconstruction * 0)

    @one_thread_at_a_time
    def _terms(self, given: Array, x: Array, y: Array | None) -> Terms:
        """Return the terms of each example x, reconstructed from the encoder's input `given`."""
        z, outputs = self._forward(given, y)
        log_px = self.likelihood.log_prob(outputs, x)
        return Terms(log_px, z * 0, z, log_px)

    def _forward(self, given: Array, y: Array | None) -> tuple[Array, Array]:
        """Return the codes z, (B, n_z), and the decoder's outputs, of at least one example."""
        z = self.encode(given, y)
        if len(z) == 0:
            raise InputError("x has no examples; give at least one row")
        return z, self.decoder.forward(self.beside(z, y))


CORRUPTIONS = ("mask", "gaussian")


class DenoisingOptions(DenseOptions, total=False):
    """Keyword arguments of `DenoisingAutoencoder.dense`."""

    corruption: str
    amount: float


class DenoisingAutoencoder(Autoencoder):
    """Denoising autoencoder: encode a corrupted x, and reconstruct the original x.

    It minimises -log p(x | z) with z = encoder(corrupt(x)). Copying the input would copy the noise
    as well, so that the model has to learn what x usually looks like.

    Parameters
    ----------
    encoder, decoder : Layer
        As for `Autoencoder`.
    corruption : {"mask", "gaussian"}
        "mask" sets features to zero at random; "gaussian" adds normal noise.
    amount : float
        For "mask" the probability that a feature is masked, in (0, 1); for "gaussian" the standard
        deviation of the noise, above 0, in the units of x.
    **others
        As for `EncoderDecoder`.

    Raises
    ------
    InputError
        If `corruption` is unknown or `amount` is out of range.

    References
    ----------
    Vincent et al. 2008, doi:10.1145/1390156.1390294; 2010, jmlr.org/papers/v11/vincent10a.html.

    >>> denoiser = DenoisingAutoencoder.dense(784, 400, 30, corruption="mask", amount=0.25)
    >>> u = denoiser.draw_noise(np.random.default_rng(0), 5)
    >>> denoiser.corrupt(np.ones((5, 784), np.float32), u).mean().round(2)
    np.float32(0.75)
    """

    kind = "denoising"
    options: ClassVar[tuple[str, ...]] = ("corruption", "amount")

    def __init__(
        self,
        encoder: Layer,
        decoder: Layer,
        *,
        corruption: str = "mask",
        amount: float = 0.3,
        **others: Any,
    ) -> None:
        if corruption not in CORRUPTIONS:
            choices = ", ".join(CORRUPTIONS)
            raise InputError(f"corruption is {corruption!r}; choose from {choices}")
        if not 0 < amount < (1 if corruption == "mask" else float("inf")):
            expected = "between 0 and 1" if corruption == "mask" else "above 0"
            raise InputError(
                f"amount is {amount} for {corruption} noise; choose a number {expected}"
            )
        self.corruption, self.amount = corruption, float(amount)
        super().__init__(encoder, decoder, **others)

    if TYPE_CHECKING:

        @classmethod
        def dense(  # type: ignore[override]
            cls, n_x: int, n_h: int | Sequence[int], n_z: int, **options: Unpack[DenoisingOptions]
        ) -> Self: ...

    def draw_noise(self, rng: np.random.Generator, n: int) -> Array:
        """Return the noise of `corrupt` for n examples, (n, n_x): uniform in [0, 1), or normal."""
        draw: Any = rng.random if self.corruption == "mask" else rng.standard_normal
        return draw(size=(n, self.n_x), dtype=self.params.dtype.type)

    def corrupt(self, x: Array, eps: Array) -> Array:
        """Return x with features masked (where eps < amount), or with amount eps added.

        Parameters
        ----------
        x : (B, n_x) float array
        eps : (B, n_x) float array
            Noise as `draw_noise` returns it.

        Returns
        -------
        (B, n_x) float array
        """
        require_batch(x, self.n_x, device=self.params.device)
        require_batch(eps, self.n_x, "eps", self.params.device)
        if len(eps) != len(x):
            raise InputError(f"eps has {len(eps)} rows, expected {len(x)}: one row per example")
        return x * (eps >= self.amount) if self.corruption == "mask" else x + self.amount * eps

    def loss_and_grad(self, x: Array, eps: Any = None, y: Array | None = None) -> Loss:
        """Return the loss of a batch, -log p(x | z), and write its gradient to `params.grad`.

        Here z is the code of x corrupted with eps.

        Parameters
        ----------
        x : (B, n_x) float array
        eps : (B, n_x) float array
            Noise as `draw_noise` returns it.
        y : (B, n_y) float array, optional
            Condition, required if the model is conditional.

        Returns
        -------
        Loss
            In nats per example, with a KL divergence of 0.
        """
        return self._loss_and_grad(self.corrupt(x, eps), x, y)

    def terms(self, x: Array, eps: Any = None, y: Array | None = None) -> Terms:
        """Return log p(x | z) and the code of each example, encoded from x corrupted with eps."""
        return self._terms(self.corrupt(x, eps), x, y)
