"""The plain autoencoder, x to a code z and back, and the denoising one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

import numpy as np

from npvae.encoder_decoder import DenseOptions, EncoderDecoder, Loss, Terms
from npvae.errors import InputError
from npvae.layers import Layer, backward_parameters
from npvae.parameters import Array, one_thread_at_a_time, require_batch


class Autoencoder(EncoderDecoder):
    """z = encoder(x), reconstruction = decoder(z).

    It minimises -log p(x | z) alone: no prior asks the codes to lie anywhere in particular, which
    is why it compresses well and why drawing a z at random decodes to nonsense.

    Parameters
    ----------
    encoder : layer (B, n_x) -> (B, n_z)
    decoder : layer (B, n_z) -> (B, n_x); logits for the Bernoulli likelihood
    others : as for `EncoderDecoder`

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
        """Return the codes z, (B, n_z), of examples x, (B, n_x)."""
        require_batch(x, self.n_x, device=self.params.device)
        return self.encoder.forward(self.beside(x, y))

    def reconstruct(self, x: Array, y: Array | None = None) -> Array:
        """Return decode(encode(x)), (B, n_x)."""
        return self.decode(self.encode(x, y), y)

    def draw_noise(self, rng: np.random.Generator, n: int) -> Array | None:
        """Return what `loss_and_grad` needs for n examples beside x: nothing."""
        return None

    def loss_and_grad(self, x: Array, eps: None = None, y: Array | None = None) -> Loss:
        """Return -log p(x | z) for a batch, having filled `params.grad` with its gradient."""
        return self._loss_and_grad(x, x, y)

    def terms(self, x: Array, eps: None = None, y: Array | None = None) -> Terms:
        """Return log p(x | z) and the code of each example; every KL is zero."""
        return self._terms(x, x, y)

    @one_thread_at_a_time
    def _loss_and_grad(self, given: Array, x: Array, y: Array | None) -> Loss:
        """Of x, reconstructed from what the encoder is given."""
        z = self.encode(given, y)
        if len(z) == 0:
            raise InputError("x has no row: there is no example to take the mean over")
        outputs = self.decoder.forward(self.beside(z, y))
        reconstruction, doutputs = self.likelihood.loss_and_grad(outputs, x)
        dz = self.decoder.backward(doutputs)[:, : self.n_z]
        backward_parameters(self.encoder, dz)
        return Loss(reconstruction, reconstruction, reconstruction * 0)

    @one_thread_at_a_time
    def _terms(self, given: Array, x: Array, y: Array | None) -> Terms:
        z = self.encode(given, y)
        if len(z) == 0:
            raise InputError("x has no row: there is no example to measure")
        log_px = self.likelihood.log_prob(self.decoder.forward(self.beside(z, y)), x)
        return Terms(log_px, z * 0, z, log_px)


CORRUPTIONS = ("mask", "gaussian")


class DenoisingOptions(DenseOptions, total=False):
    """What `DenoisingAutoencoder.dense` takes by name."""

    corruption: str
    amount: float


class DenoisingAutoencoder(Autoencoder):
    """x spoiled, then coded, then x again: it minimises -log p(x | z), z = encoder(corrupt(x)).

    Copying would bring the noise along, so that it has to learn what x usually looks like.

    Parameters
    ----------
    corruption : "mask" sets numbers to zero, "gaussian" adds normal noise
    amount : the share of the numbers that are masked, in (0, 1); or the noise's standard deviation
    others : as for `Autoencoder`

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
            raise InputError(f"amount of {corruption} noise is {amount}; give a number {expected}")
        self.corruption, self.amount = corruption, float(amount)
        super().__init__(encoder, decoder, **others)

    if TYPE_CHECKING:

        @classmethod
        def dense(  # type: ignore[override]
            cls, n_x: int, n_h: int | Sequence[int], n_z: int, **options: Unpack[DenoisingOptions]
        ) -> Self: ...

    def draw_noise(self, rng: np.random.Generator, n: int) -> Array:
        """Return what `corrupt` needs for n examples, (n, n_x): uniform or normal draws."""
        draw: Any = rng.random if self.corruption == "mask" else rng.standard_normal
        return draw(size=(n, self.n_x), dtype=self.params.dtype.type)

    def corrupt(self, x: Array, eps: Array) -> Array:
        """Return x, (B, n_x), with some numbers masked (where eps < amount), or amount eps added.

        Parameters
        ----------
        x, eps : (B, n_x) float arrays, eps as `draw_noise` returns it
        """
        require_batch(x, self.n_x, device=self.params.device)
        require_batch(eps, self.n_x, "eps", self.params.device)
        if len(eps) != len(x):
            raise InputError(f"eps has {len(eps)} rows, expected {len(x)}: one for each of x")
        return x * (eps >= self.amount) if self.corruption == "mask" else x + self.amount * eps

    def loss_and_grad(self, x: Array, eps: Any = None, y: Array | None = None) -> Loss:
        """Return -log p(x | z) of a batch with z coded from x spoiled by eps; fill `params.grad`.

        Parameters
        ----------
        x, eps : (B, n_x) float arrays, eps as `draw_noise` returns it
        y : (B, n_y) condition, if the model has one
        """
        return self._loss_and_grad(self.corrupt(x, eps), x, y)

    def terms(self, x: Array, eps: Any = None, y: Array | None = None) -> Terms:
        """Return log p(x | z) of each example, and its code, from x spoiled by eps."""
        return self._terms(self.corrupt(x, eps), x, y)
