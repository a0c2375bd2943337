"""What decides a training: the settings, each with what is expected of it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any

from npvae.autoencoder import CORRUPTIONS
from npvae.datasets.preprocessing import Binarize
from npvae.devices import DEVICES
from npvae.errors import InputError
from npvae.iwae import OBJECTIVES
from npvae.layers import HIDDEN_LAYERS, INITIALIZERS
from npvae.likelihoods import SIGMAS
from npvae.optimizers import OPTIMIZERS
from npvae.runs.model_file import MOST_DRAWS

MOST = (1 << 63) - 1  # of a whole number
MOST_LAYERS = 100
KINDS = ("vae", "autoencoder", "denoising")
LR_SCHEDULES = ("constant", "stages", "cosine")


def _whole(value: Any, least: int) -> bool:
    return type(value) is int and least <= value <= MOST


def _real(value: Any) -> bool:
    return (type(value) is float and isfinite(value)) or _whole(value, -MOST)


def _one_of(names: Any) -> tuple[Callable[[Any], bool], str]:
    return lambda value: isinstance(value, str) and value in names, f"one of {', '.join(names)}"


AT_LEAST_1 = (lambda value: _whole(value, 1), "a whole number, at least 1")
AT_LEAST_0 = (lambda value: _whole(value, 0), "a whole number, at least 0")
POSITIVE = (lambda value: _real(value) and value > 0, "a number above 0")
NOT_NEGATIVE = (lambda value: _real(value) and value >= 0, "a number, at least 0")
TEXT = (lambda value: isinstance(value, str), "text")
YES_OR_NO = (lambda value: type(value) is bool, "true or false")
EXPECTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "data": TEXT,
    "label_column": TEXT,
    "validation": AT_LEAST_0,
    "recipe": TEXT,
    "model": _one_of(KINDS),
    "conditional": YES_OR_NO,
    "latent": AT_LEAST_1,
    "hidden": (
        lambda value: (
            isinstance(value, tuple)
            and len(value) <= MOST_LAYERS
            and all(_whole(size, 1) for size in value)
        ),
        f"sizes such as (400,) or (500, 300), {MOST_LAYERS} at most",
    ),
    "activation": _one_of(HIDDEN_LAYERS),
    "init": _one_of(INITIALIZERS),
    "mean_bias": YES_OR_NO,
    "logvar_range": (
        lambda value: (
            isinstance(value, tuple)
            and len(value) == 2
            and all(map(_real, value))
            and -40 <= value[0] < value[1] <= 40
        ),
        "two numbers, the lower first, such as (-6, 2), within -40 and 40",
    ),
    "likelihood": _one_of(("bernoulli", "gaussian")),
    "binarize": _one_of(("dynamic", "threshold", "none")),
    "sigma": (
        lambda value: value in SIGMAS if isinstance(value, str) else _real(value) and value > 0,
        f"a number above 0, or one of {', '.join(SIGMAS)}",
    ),
    "corruption": _one_of(CORRUPTIONS),
    "noise": POSITIVE,
    "objective": _one_of(OBJECTIVES),
    "k": (
        lambda value: _whole(value, 1) and value <= MOST_DRAWS,
        f"a whole number, 1 to {MOST_DRAWS}",
    ),
    "beta": NOT_NEGATIVE,
    "warm_up": AT_LEAST_0,
    "free_bits": NOT_NEGATIVE,
    "epochs": AT_LEAST_1,
    "patience": AT_LEAST_1,
    "batch_size": AT_LEAST_1,
    "optimizer": _one_of([name.lower() for name in OPTIMIZERS]),
    "lr": POSITIVE,
    "lr_schedule": _one_of(LR_SCHEDULES),
    "adam_beta1": (lambda value: _real(value) and 0 <= value < 1, "a number in [0, 1)"),
    "adam_eps": POSITIVE,
    "seed": AT_LEAST_0,
    "device": _one_of(DEVICES),
}


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a training does, as `npvae train` takes it.

    Attributes
    ----------
    data : a name or a path, as for `load_dataset`
    label_column : of a .csv
    validation : training examples held out; None leaves it to the dataset
    recipe : the name of the one that these settings began with, if any
    model : a name in `KINDS`
    conditional : whether the model is told the label of each example
    latent, hidden : latents; sizes of the hidden layers
    activation, init : names in `layers.HIDDEN_LAYERS` and `layers.INITIALIZERS`
    mean_bias : whether the decoder's last bias starts at the mean of the training part
    logvar_range : between which the encoder keeps logvar, or None
    likelihood, binarize, sigma : None until `resolve` has seen the data
    corruption, noise : of a denoising autoencoder
    objective, k : of a VAE: a name in `iwae.OBJECTIVES`; draws of z for each example
    beta, warm_up, free_bits : weight of the KL; epochs until it is reached; nats that are free
    epochs, batch_size : of the training
    patience : epochs without a new best after which it stops, and returns to the best; or None
    optimizer, lr, lr_schedule : a name in `optimizers.OPTIMIZERS`, in small letters; its rate; how
        that changes, a name in `LR_SCHEDULES`
    adam_beta1, adam_eps : of Adam
    seed : of everything random
    device : where it trains, a name in `devices.DEVICES`; its random numbers are its own
    """

    data: str
    label_column: str | None = None
    validation: int | None = None
    recipe: str | None = None
    model: str = "vae"
    conditional: bool = False
    latent: int = 20
    hidden: tuple[int, ...] = (400,)
    activation: str = "relu"
    init: str = "glorot"
    mean_bias: bool = False
    logvar_range: tuple[float, float] | None = None
    likelihood: str | None = None
    binarize: Binarize | None = None
    sigma: float | str | None = None
    corruption: str | None = None
    noise: float | None = None
    objective: str = "elbo"
    k: int = 1
    beta: float = 1.0
    warm_up: int = 0
    free_bits: float = 0.0
    epochs: int = 10
    patience: int | None = None
    batch_size: int = 128
    optimizer: str = "adam"
    lr: float = 1e-3
    lr_schedule: str = "constant"
    adam_beta1: float = 0.9
    adam_eps: float = 1e-8
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        for field in fields(self):
            value, (fits, expected) = getattr(self, field.name), EXPECTED[field.name]
            if not (fits(value) or (value is None and field.default is None)):
                raise InputError(f"{field.name} is {value!r:.60}, expected {expected}")

    @property
    def draws_several(self) -> bool:
        """Whether the loss is that of k draws of z, weighted or not, in place of a VAE's."""
        return self.objective != "elbo" or self.k > 1

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON knows them; `from_json` is the way back."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Settings":
        """Return settings that were stored whole; those that came later have their default.

        Raises
        ------
        InputError : a setting is missing, unknown, or of another kind
        """
        names = {field.name for field in fields(cls)}
        if odd := (set(stored) ^ names) - (LATER - set(stored)):
            listed = ", ".join(sorted(odd))
            raise InputError(f"these settings are missing or unknown: {listed:.200}")
        given: dict[str, Any] = dict(stored)
        for name in ("hidden", "logvar_range"):
            if isinstance(given.get(name), list):
                given[name] = tuple(given[name])
        return cls(**given)


LATER = {
    *("recipe", "model", "conditional", "mean_bias", "logvar_range", "corruption", "noise"),
    *("objective", "k", "warm_up", "free_bits", "patience", "optimizer", "lr_schedule"),
    *("adam_beta1", "adam_eps", "device"),
}  # settings that the first runs did not have
