"""What every model is made of: an encoder, a decoder, a likelihood, and one parameter vector."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self, TypedDict

import numpy as np
from numpy.typing import DTypeLike

from npvae.devices import CPU, Device, one_thread_at_a_time
from npvae.errors import InputError, require_sizes
from npvae.layers import ClipLogvar, Layer, Sequential, dense_network, hidden_sizes
from npvae.likelihoods import Likelihood, make_likelihood, require_features
from npvae.parameters import Array, Parameters, Seed, named_parameters, require_batch


class Loss(NamedTuple):
    """The minimised loss of one step and its parts, in nats per example (mean over the batch).

    Attributes
    ----------
    loss : 0-d float
        The value that is minimised, of which `params.grad` is the gradient.
    reconstruction : 0-d float
        -log p(x | z)
    kl : 0-d float
        KL divergence of q(z | x) from the prior, before any weighting; 0 for a model without a
        prior.
    """

    loss: Array
    reconstruction: Array
    kl: Array


class Terms(NamedTuple):
    """The terms of the bound for each example, as evaluation needs them.

    Attributes
    ----------
    log_px : (B,) float array
        log p(x | z), in nats.
    kl : (B, n_z) float array
        KL divergence of each latent from the prior, in nats.
    mu : (B, n_z) float array
        Mean of q(z | x); for an autoencoder, the code.
    bound : (B,) float array
        What the model maximises, but without any weight of the KL divergence: the ELBO of a VAE,
        L_k of an IWAE, log p(x | z) of an autoencoder.
    """

    log_px: Array
    kl: Array
    mu: Array
    bound: Array


class DenseOptions(TypedDict, total=False):
    """Keyword arguments of `dense` of every model, for type checkers."""

    n_y: int
    activation: str
    likelihood: Likelihood | str
    sigma: float | str
    groups: Sequence[int]
    init: str
    logvar_range: Sequence[float] | None
    seed: Seed
    dtype: DTypeLike
    device: Device | str


class EncoderDecoder:
    """Base class of all models: an encoder, a decoder and a likelihood that share one flat vector.

    Parameters
    ----------
    encoder : Layer
        Maps (B, n_x + n_y) to (B, n_z `per_latent`).
    decoder : Layer
        Maps (B, n_z + n_y) to (B, n_x): the outputs that parameterize the likelihood, such as
        logits.
    n_x : int
        Number of features of an example (pixels or columns).
    n_z : int
        Number of latents.
    n_y : int
        Number of features of the condition y, which is an extra input of both networks, such as a
        one-hot label; 0 for no condition.
    likelihood : Likelihood or str
        The distribution p(x | z), or its name in `likelihoods.LIKELIHOODS`.
    sigma : float or str
        Standard deviation of a likelihood given by its name, as for `likelihoods.make_likelihood`.
    dtype : dtype
        Of the parameters: float32, or float64 to check gradients.
    device : str or Device
        Where the parameters live: "cpu" or "cuda".

    Attributes
    ----------
    params : Parameters
        All parameters and their gradients, as flat vectors and by name.
    config : dict
        The arguments of `dense`, from which the model can be built again; empty if it was built
        from layers or with a likelihood object.

    Raises
    ------
    InputError
        If the widths of the networks do not fit `n_x`, `n_z` and `n_y`, or an argument is out of
        range.
    """

    kind: ClassVar[str]  # the name of the class in a saved file
    per_latent: ClassVar[int] = 1  # encoder outputs per latent
    options: ClassVar[tuple[str, ...]] = ()  # constructor arguments that the loss depends on

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
        require_features(self.likelihood, n_x)
        self.config: dict[str, Any] = {}
        parts = {"encoder": encoder, "decoder": decoder, "likelihood": self.likelihood}
        self.params = Parameters(parts | vars(self), dtype, device)
        self._classes = self.params.device.asarray(np.arange(n_y))
        with self.params.released_on_error():
            self._require_width("encoder", n_x + n_y, self.per_latent * n_z)
            self._require_width("decoder", n_z + n_y, n_x)
            self.params.require_complete()

    def __setattr__(self, name: str, value: Any) -> None:
        fixed = {"encoder", "decoder", "likelihood", "params", "n_x", "n_z", "n_y", *self.options}
        if name in fixed - {"beta"} and name in self.__dict__:
            # the flat parameter vector and the saved file would keep the old one
            raise InputError(f"the {name} of a model cannot be replaced; build a new model")
        if "params" in self.__dict__ and any(named_parameters({name: value})):
            raise InputError(f"{name} has parameters; set it before super().__init__() runs")
        super().__setattr__(name, value)

    def _require_width(self, name: str, n_in: int, n_out: int) -> None:
        """Send one row through a network, to find a wrong width when the model is built."""
        network: Layer = getattr(self, name)
        row = np.full((1, n_in), 0.5)
        try:
            y = network.forward(self.params.device.asarray(row, self.params.dtype))
            found = y.shape
        except (ValueError, IndexError, TypeError, AttributeError) as error:
            raise InputError(f"the {name} does not accept inputs (B, {n_in}): {error}") from error
        if found != (1, n_out):
            raise InputError(
                f"the {name} maps (1, {n_in}) to {found}, expected (1, {n_out}); change its sizes, "
                f"or n_x, n_z and n_y (now {self.n_x}, {self.n_z} and {self.n_y})"
            )
        network.backward(y * 0)  # a layer that makes its gradients there has them now

    @classmethod
    def dense(
        cls,
        n_x: int,
        n_h: int | Sequence[int],
        n_z: int,
        *,
        n_y: int = 0,
        activation: str = "relu",
        likelihood: Likelihood | str = "bernoulli",
        sigma: float | str = 1.0,
        groups: Sequence[int] = (),
        init: str = "glorot",
        logvar_range: Sequence[float] | None = None,
        seed: Seed = 0,
        dtype: DTypeLike = np.float32,
        device: Device | str = CPU,
        **options: Any,
    ) -> Self:
        """Build a model of dense layers, n_x - n_h - n_z - n_h - n_x.

        Parameters
        ----------
        n_x, n_z, n_y, dtype, device
            As for the class.
        n_h : int or sequence of int
            Sizes of the encoder's hidden layers; the decoder has them in reverse order.
        activation : str
            Activation of the hidden layers, a name in `layers.HIDDEN_LAYERS`.
        likelihood, sigma, groups
            As for `likelihoods.make_likelihood`.
        init : str
            Initialiser of the weights, a name in `layers.INITIALIZERS`.
        logvar_range : (float, float), optional
            Limits between which a VAE's encoder clips logvar; None for no limits.
        seed : int or Generator
            Seeds the initial weights.
        **options
            Further arguments of the class, such as `beta`.

        Returns
        -------
        model
            Its `config` keeps the arguments, so that a saved model can be built again.

        Raises
        ------
        InputError
            If a size is below 1, a name is unknown, or an option does not fit the class.
        """
        n_h, rng = hidden_sizes(n_h), CPU.generator(seed)
        n_x, n_z, n_y = require_sizes(n_x, n_z, n_y)
        encoder = dense_network([n_x + n_y, *n_h, cls.per_latent * n_z], activation, rng, init)
        if logvar_range is not None:
            if cls.per_latent == 1:
                raise InputError("logvar_range is for a VAE; an autoencoder has no logvar to clip")
            encoder = Sequential(*encoder.layers, ClipLogvar(*logvar_range))
        decoder = dense_network([n_z + n_y, *reversed(n_h), n_x], activation, rng, init)
        made = make_likelihood(likelihood, sigma, groups)
        options |= {"dtype": dtype, "device": device}
        model = cls(encoder, decoder, n_x=n_x, n_z=n_z, n_y=n_y, likelihood=made, **options)
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
                **({"groups": list(groups)} if groups else {}),
                **{name: getattr(model, name) for name in cls.options},
            }
        return model

    def __repr__(self) -> str:
        options = "".join(f", {name} {getattr(self, name)}" for name in self.options)
        return (
            f"{type(self).__name__}({self.n_x} features, {self.n_z} latents, "
            f"{type(self.likelihood).__name__}{options}: {self.params.size:,} parameters)"
        )

    @property
    def bound_name(self) -> str:
        """Short name of the bound that is maximised."""
        return "log p(x|z)"

    @one_thread_at_a_time
    def decode(self, z: Array, y: Array | None = None) -> Array:
        """Return the means of p(x | z), (B, n_x), in the units of x.

        Parameters
        ----------
        z : (B, n_z) float array
        y : (B, n_y) float array, optional
            Condition, required if the model is conditional.
        """
        require_batch(z, self.n_z, "z", self.params.device)
        return self.likelihood.mean(self.decoder.forward(self.beside(z, y)))

    def beside(self, v: Array, y: Array | None) -> Array:
        """Return the input of a network: v, with the condition y appended if the model has one.

        Parameters
        ----------
        v : (B, n) float array
            x for the encoder, z for the decoder.
        y : (B, n_y) float array or None

        Returns
        -------
        (B, n + n_y) float array

        Raises
        ------
        InputError
            If y is missing, unexpected, or of the wrong shape.
        """
        if y is None and self.n_y == 0:
            return v
        if self.n_y == 0:
            raise InputError("this model takes no condition y; build one with n_y=... to use y")
        if y is None:
            raise InputError(f"a conditional model needs y, (B, {self.n_y}): model.one_hot(labels)")
        require_batch(y, self.n_y, "y", self.params.device)
        if len(y) != len(v):
            raise InputError(f"y has {len(y)} rows, expected {len(v)}: one row per example")
        return np.concatenate([v, y], axis=1)

    def one_hot(self, labels: Array) -> Array:
        """Return labels as one-hot rows y.

        Parameters
        ----------
        labels : (B,) integer array
            Labels from 0 to n_y - 1.

        Returns
        -------
        y : (B, n_y) float array, on the model's device and in its dtype

        Raises
        ------
        InputError
            If the labels are not integers, out of range, or not one-dimensional.

        >>> from npvae import VAE
        >>> VAE.dense(1, 1, 1, n_y=3).one_hot(np.array([2, 0]))
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
        """
        if getattr(labels, "ndim", None) != 1:
            given = getattr(labels, "shape", type(labels).__name__)
            raise InputError(f"labels have shape {given}, expected (B,): one integer per example")
        if isinstance(labels, np.ndarray):
            require_labels(labels, self.n_y)
        labels = self.params.device.asarray(labels)
        return (labels[:, None] == self._classes).astype(self.params.dtype)

    def start_at(self, mean: Array) -> None:
        """Set the decoder's last bias so that, with zero weights, it outputs the given mean.

        A model that starts at the mean of the training data does not have to learn it first.

        Parameters
        ----------
        mean : (n_x,) float array, on the host
            Mean of x over the training data.

        Raises
        ------
        InputError
            If the decoder's last layer has no bias of this size, or the mean has another shape.
        """
        last = getattr(self.decoder, "layers", [self.decoder])[-1]
        if getattr(last, "b", None) is None or last.b.shape != (self.n_x,):
            raise InputError(f"the decoder does not end in a Dense layer with {self.n_x} outputs")
        if np.shape(mean) != (self.n_x,):
            raise InputError(f"mean has shape {np.shape(mean)}, expected ({self.n_x},)")
        outputs = self.likelihood.link(np.asarray(mean, np.float64))
        last.b[...] = self.params.device.asarray(outputs, self.params.dtype)


def require_labels(labels: Array, n_y: int) -> None:
    """Raise `InputError` unless the labels are integers from 0 to n_y - 1."""
    if labels.dtype.kind not in "iu":
        raise InputError(f"labels are {labels.dtype}, expected integers from 0 to {n_y - 1}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < n_y:
        raise InputError(
            f"labels range from {labels.min()} to {labels.max()}, expected 0 to {n_y - 1}"
        )


def condition(model: Any, examples: Any, chosen: Any) -> tuple[Array, ...]:
    """Return (y,), one-hot (B, n_y), for the chosen examples, or () for an unconditional model."""
    return (model.one_hot(examples.labels[chosen]),) if getattr(model, "n_y", 0) else ()


def require_examples(model: Any, examples: Any) -> int:
    """Return the number of examples, if there are any and the model accepts them.

    Raises
    ------
    InputError
        If they are not one part of a dataset, there are none, they have another number of features
        than the model, or a conditional model finds no valid labels.
    """
    if isinstance(examples, np.ndarray) or not hasattr(examples, "take"):
        part = "one part of a Dataset, such as data.test; Dataset.from_arrays(x) makes a Dataset"
        raise InputError(f"the examples are a {type(examples).__name__}, expected {part}")
    if len(examples) == 0:
        raise InputError("there are no examples in this part of the data; hold some out for it")
    given: Any = getattr(getattr(examples, "x", None), "shape", ())
    n_x = getattr(model, "n_x", None)
    if n_x is not None and len(given) == 2 and given[1] != n_x:
        raise InputError(
            f"the examples have {given[1]} features, but the model was built for {n_x}; use the "
            "data it was trained on, or build another model"
        )
    if n_y := getattr(model, "n_y", 0):
        if examples.labels is None:
            raise InputError(
                f"a conditional model needs labels ({n_y} classes), but these data have none; "
                "use data with labels (an .npz file with y, a label column of a table, or one "
                "folder per class), or train a model without a condition"
            )
        if isinstance(examples.labels, np.ndarray):
            require_labels(examples.labels, n_y)
    return len(examples)
