"""What every model here is made of: an encoder, a decoder, a likelihood, and one flat vector."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self, TypedDict

import numpy as np
from numpy.typing import DTypeLike

from npvae.devices import CPU, Device
from npvae.errors import InputError, require_whole
from npvae.layers import ClipLogvar, Layer, Sequential, dense_network
from npvae.likelihoods import Likelihood, make_likelihood
from npvae.parameters import Array, Parameters, Seed, one_thread_at_a_time, require_batch


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
    bound : (B,) what the model maximises but for weights of the KL: its ELBO; the bound of several
        draws; log p(x | z) where there is no prior
    """

    log_px: Array
    kl: Array
    mu: Array
    bound: Array


class DenseOptions(TypedDict, total=False):
    """What `dense` of every model takes by name; a type checker refuses other names."""

    n_y: int
    activation: str
    likelihood: str
    sigma: float | str
    init: str
    logvar_range: Sequence[float] | None
    seed: Seed
    dtype: DTypeLike
    device: Device | str


class EncoderDecoder:
    """An encoder, a decoder and a likelihood whose numbers lie in one flat vector.

    Parameters
    ----------
    encoder : layer (B, n_x + n_y) -> (B, n_z `per_latent`)
    decoder : layer (B, n_z + n_y) -> (B, n_x); logits for the Bernoulli likelihood
    n_x, n_z : numbers in an example and in its code
    n_y : numbers of a condition y that both networks are told, a label's one-hot for instance
    likelihood : what the decoder's outputs say about x: a `Likelihood`, or its name in
        `likelihoods.LIKELIHOODS`
    sigma : the standard deviation of a likelihood given by its name, as for `make_likelihood`
    dtype, device : of the parameters; device is "cpu", "cuda", or a `Device`
    """

    kind: ClassVar[str]  # its name in a file
    per_latent: ClassVar[int] = 1  # numbers that the encoder says about each latent
    options: ClassVar[tuple[str, ...]] = ()  # what decides the loss beside the networks

    def __init__(
        self,
        encoder: Layer,
        decoder: Layer,
        *,
        n_x: int,
        n_z: int,
        n_y: int = 0,
        likelihood: Likelihood | str = "bernoulli",
        sigma: float | str = 1.0,
        dtype: DTypeLike = np.float32,
        device: Device | str = CPU,
    ) -> None:
        self.encoder, self.decoder = encoder, decoder
        self.likelihood = make_likelihood(likelihood, sigma)
        self.n_x, self.n_z, self.n_y = require_sizes(n_x, n_z, n_y)
        self.config: dict[str, Any] = {}
        parts = {"encoder": encoder, "decoder": decoder, "likelihood": self.likelihood}
        self.params = Parameters(parts, dtype, device)
        self._classes = self.params.device.asarray(np.arange(n_y))
        self._require_width("encoder", n_x + n_y, self.per_latent * n_z)
        self._require_width("decoder", n_z + n_y, n_x)

    def __setattr__(self, name: str, value: Any) -> None:
        fixed = {"encoder", "decoder", "likelihood", "params", "n_x", "n_z", "n_y", *self.options}
        if name in fixed - {"beta"} and name in self.__dict__:
            # the flat vector of parameters and the file of the model would not follow
            raise InputError(f"the {name} of a model cannot be replaced; build a new model")
        super().__setattr__(name, value)

    def _require_width(self, name: str, n_in: int, n_out: int) -> None:
        """Send one row through a network, so that a size that does not fit is found at once."""
        network: Layer = getattr(self, name)
        row = np.full((1, n_in), 0.5)
        try:
            found = network.forward(self.params.device.asarray(row, self.params.dtype)).shape
        except (ValueError, IndexError, TypeError, AttributeError) as error:
            raise InputError(f"the {name} does not take rows of {n_in} numbers: {error}") from error
        if found != (1, n_out):
            raise InputError(
                f"the {name} makes {found} of (1, {n_in}), expected (1, {n_out}): give it other "
                f"sizes, or other n_x, n_z, n_y (here {self.n_x}, {self.n_z}, {self.n_y})"
            )

    @classmethod
    def dense(
        cls,
        n_x: int,
        n_h: int | Sequence[int],
        n_z: int,
        *,
        n_y: int = 0,
        activation: str = "relu",
        likelihood: str = "bernoulli",
        sigma: float | str = 1.0,
        init: str = "glorot",
        logvar_range: Sequence[float] | None = None,
        seed: Seed = 0,
        dtype: DTypeLike = np.float32,
        device: Device | str = CPU,
        **options: Any,
    ) -> Self:
        """Dense layers n_x - n_h - n_z and back; any number of hidden layers, mirrored.

        Parameters
        ----------
        n_x, n_z, n_y, dtype, device : as for the class
        n_h : sizes of the encoder's hidden layers; the decoder has them in reverse
        activation : of the hidden layers, a name in `layers.HIDDEN_LAYERS`
        likelihood, sigma : as for `likelihoods.make_likelihood`
        init, seed : how the weights begin
        logvar_range : between which two numbers a VAE's encoder keeps logvar; None sets no limit
        options : what the class takes beside that, such as beta

        Returns
        -------
        model, whose `config` keeps the arguments, so that a saved one can be built again
        """
        n_h, rng = hidden_sizes(n_h), CPU.generator(seed)
        n_x, n_z, n_y = require_sizes(n_x, n_z, n_y)
        encoder = dense_network([n_x + n_y, *n_h, cls.per_latent * n_z], activation, rng, init)
        if logvar_range is not None:
            if cls.per_latent == 1:
                raise InputError("logvar_range is for a VAE; an autoencoder's code has no logvar")
            encoder = Sequential(*encoder.layers, ClipLogvar(*logvar_range))
        model = cls(
            encoder,
            dense_network([n_z + n_y, *reversed(n_h), n_x], activation, rng, init),
            n_x=n_x,
            n_z=n_z,
            n_y=n_y,
            likelihood=likelihood,
            sigma=sigma,
            dtype=dtype,
            device=device,
            **options,
        )
        if isinstance(likelihood, str):  # a file cannot hold an object
            model.config = {
                "model": cls.kind,
                "n_x": n_x,
                "n_h": list(n_h),
                "n_z": n_z,
                "n_y": n_y,
                "activation": activation,
                "likelihood": likelihood,
                "logvar_range": None if logvar_range is None else list(map(float, logvar_range)),
                "sigma": sigma if isinstance(sigma, str) else float(sigma),
                **{name: getattr(model, name) for name in cls.options},
            }
        return model

    def __repr__(self) -> str:
        options = "".join(f", {name} {getattr(self, name)}" for name in self.options)
        return (
            f"{type(self).__name__}({self.n_x} numbers, {self.n_z} latents, "
            f"{type(self.likelihood).__name__}{options}: {self.params.size:,} parameters)"
        )

    @property
    def bound_name(self) -> str:
        """What is maximised, in short."""
        return "log p(x|z)"

    @one_thread_at_a_time
    def decode(self, z: Array, y: Array | None = None) -> Array:
        """Return the means of p(x | z), (B, n_x), in the space of x."""
        require_batch(z, self.n_z, "z", self.params.device)
        return self.likelihood.mean(self.decoder.forward(self.beside(z, y)))

    def beside(self, v: Array, y: Array | None) -> Array:
        """Return what a network is told: v, and the condition y beside it if there is one."""
        if y is None and self.n_y == 0:
            return v
        if self.n_y == 0:
            raise InputError("y was given to a model without a condition; build it with n_y=...")
        if y is None:
            raise InputError(
                f"this model is conditional: give y, (B, {self.n_y}), such as one_hot(labels)"
            )
        require_batch(y, self.n_y, "y", self.params.device)
        if len(y) != len(v):
            raise InputError(f"y has {len(y)} rows, expected {len(v)}: one for each example")
        return np.concatenate([v, y], axis=1)

    def one_hot(self, labels: Array) -> Array:
        """Return y, (B, n_y), for labels, (B,) whole numbers from 0 to n_y - 1.

        >>> from npvae import VAE
        >>> VAE.dense(1, 1, 1, n_y=3).one_hot(np.array([2, 0]))
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
        """
        if getattr(labels, "ndim", None) != 1:
            given = getattr(labels, "shape", type(labels).__name__)
            raise InputError(f"labels have shape {given}, expected (B,): a number for each example")
        if isinstance(labels, np.ndarray):
            require_labels(labels, self.n_y)
        labels = self.params.device.asarray(labels)
        return (labels[:, None] == self._classes).astype(self.params.dtype)

    def start_at(self, mean: Array) -> None:
        """Let the decoder put out `mean`, but for its weights: set its last bias.

        A model that begins at the mean of the training part need not learn it first.

        Parameters
        ----------
        mean : (n_x,) float array on the host, of x over the training part

        Raises
        ------
        InputError : if the decoder's last layer has no bias, or the mean another size
        """
        last = getattr(self.decoder, "layers", [self.decoder])[-1]
        if getattr(last, "b", None) is None or last.b.shape != (self.n_x,):
            raise InputError("the decoder does not end in a Dense layer, whose bias could be set")
        if np.shape(mean) != (self.n_x,):
            raise InputError(f"mean has shape {np.shape(mean)}, expected ({self.n_x},)")
        outputs = self.likelihood.link(np.asarray(mean, np.float64))
        last.b[...] = self.params.device.asarray(outputs, self.params.dtype)


def require_labels(labels: Array, n_y: int) -> None:
    """Refuse labels that are no whole numbers from 0 to n_y - 1."""
    if labels.dtype.kind not in "iu":
        raise InputError(f"labels are {labels.dtype}, expected whole numbers from 0 to {n_y - 1}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < n_y:
        raise InputError(
            f"labels go from {labels.min()} to {labels.max()}, expected 0 to {n_y - 1}: this model "
            f"knows {n_y} of them"
        )


def condition(model: Any, examples: Any, chosen: Any) -> tuple[Array, ...]:
    """Return y for the chosen examples, (B, n_y), or nothing where the model takes none."""
    return (model.one_hot(examples.labels[chosen]),) if getattr(model, "n_y", 0) else ()


def require_examples(model: Any, examples: Any) -> int:
    """Return how many examples there are; refuse none, and such as the model does not take."""
    if len(examples) == 0:
        raise InputError("there are no examples; hold some out for this part")
    given: Any = getattr(getattr(examples, "x", None), "shape", ())
    n_x = getattr(model, "n_x", None)
    if n_x is not None and len(given) == 2 and given[1] != n_x:
        raise InputError(
            f"the examples have {given[1]} numbers each, expected {n_x}; use the model's own data"
        )
    if n_y := getattr(model, "n_y", 0):
        if examples.labels is None:
            raise InputError(
                f"a conditional model needs labels (here {n_y} of them), and these data have none; "
                "give data with labels (.npz with y, a column of a table, or sub-folders), or "
                "train one without a condition"
            )
        if isinstance(examples.labels, np.ndarray):
            require_labels(examples.labels, n_y)
    return len(examples)


def hidden_sizes(n_h: int | Sequence[int]) -> tuple[int, ...]:
    """Return the hidden sizes as a tuple: 400 and (400,) say the same; () has no hidden layer."""
    sizes = n_h if isinstance(n_h, list | tuple | np.ndarray) else [n_h]
    return tuple(require_whole("a size in n_h", size) for size in sizes)


def require_sizes(n_x: int, n_z: int, n_y: int) -> tuple[int, int, int]:
    """Return the sizes of x, z and the condition y as whole numbers, if they are such."""
    return require_whole("n_x", n_x), require_whole("n_z", n_z), require_whole("n_y", n_y, 0)
