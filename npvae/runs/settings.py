"""What decides a training: each setting is declared here, once.

A declaration says what is accepted, what the setting does, and how it is said in a summary. The
flags of `npvae train`, the checks, config.json, the summary of a run and the flags of a recipe are
made from it. To add a setting, declare it here and use it where it acts.
"""

# ruff: noqa: RUF009 (each call declares one field)

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from functools import partial
from typing import Any, NamedTuple

from npvae.autoencoder import CORRUPTIONS
from npvae.datasets.preprocessing import Binarize
from npvae.devices import DEVICES
from npvae.errors import InputError
from npvae.iwae import OBJECTIVES
from npvae.layers import HIDDEN_LAYERS, INITIALIZERS
from npvae.likelihoods import LIKELIHOODS, SIGMAS
from npvae.likelihoods.likelihood import LEAST_SIGMA, MOST_SIGMA
from npvae.optimizers import OPTIMIZERS
from npvae.runs.kinds import (
    MOST_SEED,
    Kind,
    NumberOr,
    OneOf,
    Pair,
    Real,
    Sizes,
    Text,
    Whole,
    YesNo,
    require,
    written,
)
from npvae.runs.model_file import MOST_DRAWS

MODELS = ("vae", "autoencoder", "denoising")
LR_SCHEDULES = ("constant", "stages", "cosine")
NOISE = {"mask": 0.3, "gaussian": 0.5}  # how much of each corruption, unless it is given
RATES: dict[str, float] = {name.lower(): cls().lr for name, cls in OPTIMIZERS.items()}
OPTIMIZER_NAMES = {name.lower(): name for name in OPTIMIZERS}


@dataclass(frozen=True)
class Declaration:
    """What is known of a setting beside its default.

    Attributes
    ----------
    kind : the values that are accepted, and how they are read from text
    help : what the setting does
    group : of flags, in the help of `npvae train`
    metavar : what its value is called there
    unset : in words, what happens where it is None; the help says it as the default
    words : how the summary of a run says a value; "" leaves it out. By default "name value"
    always : whether the summary says it even if it has its default
    models : the values of `model` that it is for
    one_draw : whether it is for the loss of one draw of z, which has the KL as a term of its own
    """

    kind: Kind
    help: str
    group: str = ""
    metavar: str | None = None
    unset: str = ""
    words: str | Callable[[Any], str] | None = None
    always: bool = False
    models: tuple[str, ...] = MODELS
    one_draw: bool = False

    def say(self, name: str, value: Any) -> str:
        """Return a value in the words of the summary."""
        if callable(self.words):
            return self.words(value)
        if self.words is not None:
            return self.words.format(value)
        return f"{name.replace('_', ' ')} {written(value)}"


def setting(kind: Kind, help: str, *, default: Any = None, **more: Any) -> Any:
    """Declare a field of `Settings`; without a default of its own it may be None."""
    return field(default=default, metadata={"declared": Declaration(kind, help, **more)})


def counted(unit: str, words: str = "{}") -> Callable[[int], str]:
    """Return how to say "1 epoch", "2 epochs"."""
    return lambda n: words.format(f"{n} {unit}{'s' * (n != 1)}")


of_data = partial(setting, group="data")
of_model = partial(setting, group="model")
of_loss = partial(setting, group="loss")
of_training = partial(setting, group="training")
VAE_ONLY, DENOISING = ("vae",), ("denoising",)


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a training does, as `npvae train` takes it.

    What is None, and is not meant to stay so, is filled in by `resolve` once the data are known.
    `npvae train --help` lists what each setting does.
    """

    data: str = of_data(
        Text(),
        "a name that `npvae datasets` lists, or a path: .npy, .npz, .csv, or a folder of images",
        default=MISSING,
        metavar="D",
        unset="mnist if it can be had, else glyphs",
        words="",
    )
    label_column: str | None = of_data(
        Text(), "the column of a .csv that holds labels", metavar="C", words=""
    )
    validation: int | None = of_data(
        Whole(),
        "number of training examples to hold out for validation",
        metavar="N",
        unset="5000; 10 % of your own data",
        words="",
    )
    recipe: str | None = of_data(
        Text(),
        "begin with the settings of this recipe, see npvae recipes; other flags override them",
        metavar="NAME",
        words="",
    )
    model: str = of_model(OneOf(MODELS), "what to train", default="vae", words="")
    conditional: bool = of_model(
        YesNo(),
        "tell the model the label of each example, so that you can ask for one",
        default=False,
        words="",
    )
    latent: int = of_model(
        Whole(1),
        "number of latents",
        metavar="N",
        unset="20, or half as many as there are columns, if that is less",
        words="",
    )
    hidden: tuple[int, ...] = of_model(
        Sizes(),
        "sizes of the encoder's hidden layers, mirrored in the decoder",
        default=(400,),
        metavar="N[,N...]",
        words="",
    )
    activation: str = of_model(
        OneOf(tuple(HIDDEN_LAYERS)),
        "activation of the hidden layers",
        default="relu",
        words="{}",
        always=True,
    )
    init: str = of_model(
        OneOf(tuple(INITIALIZERS)), "initial weights", default="glorot", words="{} init"
    )
    mean_bias: bool = of_model(
        YesNo(),
        "begin with the mean of the training part as output",
        default=False,
        words="mean bias",
    )
    logvar_range: tuple[float, float] | None = of_model(
        Pair(Real(least=-40, most=40)),
        "keep the encoder's logvar between these: --logvar-range=-6,2",
        metavar="LOW,HIGH",
        unset="no limit",
        words=lambda pair: "logvar from {:g} to {:g}".format(*pair),
        models=VAE_ONLY,
    )
    likelihood: str | None = of_model(
        OneOf(tuple(LIKELIHOODS)),
        "the form of p(x | z)",
        unset="bernoulli for grey pixels, gaussian for colours and real values",
        words=lambda name: f"{name.capitalize()} likelihood",
    )
    sigma: float | str | None = of_model(
        NumberOr(Real(above=LEAST_SIGMA, below=MOST_SIGMA), SIGMAS),
        "standard deviation of the likelihood, where it has one: a number or, for gaussian, "
        "learned (by gradient) or optimal (in closed form)",
        metavar="S",
        unset="0.1 for pixels, 0.5 for standardised columns",
        words=lambda sigma: f"{sigma} sigma" if isinstance(sigma, str) else f"sigma {sigma:g}",
    )
    binarize: Binarize | None = of_data(
        OneOf(("dynamic", "threshold", "none")),
        "turn pixels into zeros and ones: drawn anew each time, on from 128 up, or left grey",
        unset="dynamic with --likelihood bernoulli, else none",
    )
    corruption: str | None = of_model(
        OneOf(CORRUPTIONS),
        "how the input of --model denoising is spoiled",
        unset="mask",
        words="{} noise",
        models=DENOISING,
    )
    noise: float | None = of_model(
        Real(above=0),
        "the share that is masked, or the standard deviation of gaussian noise",
        metavar="A",
        unset=", ".join(f"{amount:g} for {name}" for name, amount in NOISE.items()),
        words="amount {:g}",
        models=DENOISING,
    )
    objective: str = of_loss(
        OneOf(OBJECTIVES),
        "what is maximised: the ELBO, the importance-weighted bound, or that with doubly "
        "reparameterized gradients",
        default="elbo",
        words=lambda name: {"iwae": "IWAE's bound", "dreg": "IWAE's bound, by DReG"}[name],
        models=VAE_ONLY,
    )
    k: int = of_loss(
        Whole(1, MOST_DRAWS),
        "draws of z for each example",
        default=1,
        words=counted("draw", "{} of z"),
        models=VAE_ONLY,
    )
    beta: float = of_loss(
        Real(least=0),
        "weight of the KL; for the ELBO with k = 1",
        default=1.0,
        always=True,
        models=VAE_ONLY,
        one_draw=True,
    )
    warm_up: int = of_loss(
        Whole(),
        "epochs in which beta rises from 0; for the ELBO with k = 1",
        default=0,
        metavar="N",
        words=counted("epoch", "warm-up of {}"),
        models=VAE_ONLY,
        one_draw=True,
    )
    free_bits: float = of_loss(
        Real(least=0),
        "KL allowance of each latent, in nats; for the ELBO with k = 1",
        default=0.0,
        metavar="NATS",
        models=VAE_ONLY,
        one_draw=True,
    )
    optimizer: str = of_training(
        OneOf(tuple(OPTIMIZER_NAMES)),
        "the optimiser",
        default="adam",
        words=OPTIMIZER_NAMES.get,
        always=True,
    )
    lr: float | None = of_training(
        Real(above=0),
        "learning rate",
        unset=", ".join(f"{rate:g} for {name}" for name, rate in RATES.items()),
        words="learning rate {:g}",
    )
    lr_schedule: str = of_training(
        OneOf(LR_SCHEDULES),
        "constant; stages: for 1, 3, 9, ... epochs, each time divided by 10^(1/7); cosine: half a "
        "cosine, to zero at the last epoch",
        default="constant",
        words="rate by {}",
    )
    adam_beta1: float = of_training(
        Real(least=0, below=1),
        "Adam's decay of the averaged gradient",
        default=0.9,
        metavar="B",
        words="",
    )
    adam_eps: float = of_training(
        Real(above=0), "what Adam adds to its root", default=1e-8, metavar="E", words=""
    )
    batch_size: int = of_training(
        Whole(1),
        "examples in a batch",
        metavar="N",
        unset="128, or a tenth of the training part, if that is less",
        words="batches of {}",
        always=True,
    )
    epochs: int = of_training(
        Whole(1),
        "epochs in all",
        metavar="N",
        unset="10, or as many as make 1000 updates",
        words=counted("epoch"),
        always=True,
    )
    patience: int | None = of_training(
        Whole(1),
        "stop after N epochs without a new best on the validation part, and keep the best",
        metavar="N",
        unset="train to the end and keep that",
    )
    seed: int = of_training(
        Whole(most=MOST_SEED),
        "seeds the initial weights, data order, binarisation and noise",
        default=0,
        words="",
    )
    device: str = of_training(OneOf(DEVICES), "where it trains", default="cpu", words="")

    def __post_init__(self) -> None:
        values = ((one, getattr(self, one.name)) for one in fields(self))
        require(
            {
                one.name: (value, declared(one).kind)
                for one, value in values
                if value is not None or one.default is not None  # what has no default may be None
            }
        )

    @property
    def draws_several(self) -> bool:
        """Whether the loss is that of k draws of z, weighted or not, in place of a VAE's."""
        return self.objective != "elbo" or self.k > 1

    @property
    def rate(self) -> float:
        """The learning rate: as given, or the optimiser's own."""
        return RATES[self.optimizer] if self.lr is None else self.lr

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON knows them; `from_json` is the way back."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Settings":
        """Return stored settings; what an older npvae did not store has its default.

        Raises
        ------
        InputError : a setting is unknown, or of another kind, or data is missing
        """
        if odd := set(stored) - {one.name for one in fields(cls)}:
            raise InputError(f"these settings are unknown: {', '.join(sorted(odd)):.200}")
        if "data" not in stored:
            raise InputError("the setting data is missing")
        given: dict[str, Any] = {k: tuple(v) if type(v) is list else v for k, v in stored.items()}
        return cls(**given)


def declared(one: "Field[Any]") -> Declaration:
    """Return the declaration of a field of `Settings`."""
    found: Declaration = one.metadata["declared"]
    return found


class Flag(NamedTuple):
    """A setting as a flag of `npvae train`: its group, name, kind, metavar and help."""

    group: str
    name: str
    kind: Kind
    metavar: str | None
    help: str
    or_none: bool


def flags() -> list[Flag]:
    """Return the flag of every setting, made from its declaration."""
    made = []
    for one in fields(Settings):
        about = declared(one)
        names = f"{{{','.join(about.kind.names)}}}" if isinstance(about.kind, OneOf) else None
        has_default = one.default not in (None, MISSING) and one.default is not False
        default = written(one.default) if has_default else about.unset
        help = f"{about.help} (default: {default})" if default else about.help
        says_none = isinstance(about.kind, Text) or "none" in getattr(about.kind, "names", ())
        or_none = one.default is None and not says_none
        name = flag_name(one.name)
        made.append(Flag(about.group, name, about.kind, about.metavar or names, help, or_none))
    return made


def flag_name(name: str) -> str:
    """Return the flag of a setting.

    >>> flag_name("batch_size")
    '--batch-size'
    """
    return f"--{name.replace('_', '-')}"


def flag(name: str, value: Any) -> str:
    """Return a setting as it is given on the command line.

    >>> flag("logvar_range", (-6, 2)), flag("mean_bias", False), flag("hidden", ())
    ('--logvar-range=-6,2', '--no-mean-bias', '--hidden none')
    """
    text = flag_name(name)
    if isinstance(value, bool):
        return text if value else text.replace("--", "--no-", 1)
    said = written(value)
    return f"{text}={said}" if said.startswith("-") else f"{text} {said}"
