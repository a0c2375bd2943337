"""The settings of a training, each declared once.

A declaration holds the accepted values, the help text and the wording of the summary. The flags of
`npvae train`, the checks, config.json, the summary of a run and the flags of a recipe are made from
it. To add a setting, declare it here and use it where it has an effect.
"""

# ruff: noqa: RUF009 (each call declares one field)

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from functools import partial
from typing import Any, NamedTuple, get_args

from npvae.autoencoder import CORRUPTIONS
from npvae.datasets.preprocessing import Binarize
from npvae.datasets.user_examples import Missing
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
    Texts,
    Whole,
    YesNo,
    require,
    written,
)
from npvae.runs.model_file import MOST_DRAWS

MODELS = ("vae", "autoencoder", "denoising")
LR_SCHEDULES = ("constant", "stages", "cosine")
MOST_WORKERS = 1024
NOISE = {"mask": 0.3, "gaussian": 0.5}  # the default amount of each corruption
RATES: dict[str, float] = {name.lower(): cls().lr for name, cls in OPTIMIZERS.items()}
OPTIMIZER_NAMES = {name.lower(): name for name in OPTIMIZERS}


@dataclass(frozen=True)
class Declaration:
    """Everything about a setting except its default value.

    Attributes
    ----------
    kind : the accepted values, and how they are read from text
    help : what the setting does
    group : the part of a training that it belongs to: data, model, loss or training
    common : whether the help lists it first, among the options that most people need
    metavar : the placeholder for its value in the help
    unset : the default in words, where the default value is None
    words : how the summary of a run expresses a value; "" leaves it out. By default "name value"
    always : whether the summary mentions it even if it has its default value
    models : the values of `model` for which it has an effect
    one_draw : whether it needs the loss of a single draw of z, where the KL is a separate term
    """

    kind: Kind
    help: str
    group: str = ""
    common: bool = False
    metavar: str | None = None
    unset: str = ""
    words: str | Callable[[Any], str] | None = None
    always: bool = False
    models: tuple[str, ...] = MODELS
    one_draw: bool = False

    def say(self, name: str, value: Any) -> str:
        """Return the words of the summary for a value."""
        if callable(self.words):
            return self.words(value)
        if self.words is not None:
            return self.words.format(value)
        return f"{name.replace('_', ' ')} {written(value)}"


def setting(kind: Kind, help: str, *, default: Any = None, **more: Any) -> Any:
    """Declare a field of `Settings`; its default is None unless one is given."""
    return field(default=default, metadata={"declared": Declaration(kind, help, **more)})


def counted(unit: str, words: str = "{}", plural: str = "s") -> Callable[[int], str]:
    """Return a function that writes "1 epoch" or "2 epochs"."""
    return lambda n: words.format(f"{n} {unit}{plural if n != 1 else ''}")


of_data = partial(setting, group="data")
of_model = partial(setting, group="model")
of_loss = partial(setting, group="loss")
of_training = partial(setting, group="training")
VAE_ONLY, DENOISING = ("vae",), ("denoising",)


@dataclass(frozen=True)
class Settings:
    """All settings of a training, as `npvae train` takes them.

    `npvae train --help` explains each of them. Defaults that depend on the data are None here, and
    `resolve` fills them in when the data are known.
    """

    data: str = of_data(
        Text(),
        "train on this dataset: a name that npvae datasets lists, or the path of your own data, "
        "an array (.npy, .npz), a table (.csv, .tsv, .parquet) or a folder of images",
        default=MISSING,
        common=True,
        metavar="DATA",
        unset="mnist, or glyphs if mnist cannot be downloaded",
        words="",
    )
    label_column: str | None = of_data(
        Text(),
        "take the labels from this column of a table, given by name or by number (0 is the first, "
        "-1 the last)",
        metavar="COLUMN",
        unset="the column called label, labels, class, target or y, if any",
        words="",
    )
    drop: tuple[str, ...] = of_data(
        Texts("names or numbers of columns such as name,ticket"),
        "leave these columns of a table out, given by name or by number (0 is the first, -1 the "
        "last)",
        default=(),
        metavar="COLUMN[,COLUMN...]",
        words="",
    )
    missing: Missing = of_data(
        OneOf(get_args(Missing)),
        "say what to do about missing values of your own data: refuse them, drop their rows, or "
        "fill in the mean of the training part",
        default="refuse",
        words="",
    )
    validation: int | None = of_data(
        Whole(),
        "hold out N training examples for validation",
        metavar="N",
        unset="5000, or 10 % of your own data",
        words="",
    )
    recipe: str | None = of_data(
        Text(),
        "start from the settings of a recipe that npvae recipes lists; other flags override them",
        common=True,
        metavar="NAME",
        unset="no recipe",
        words="",
    )
    start: str | None = of_model(
        Text(),
        "start from the weights of this run, on data of the same kind; --hidden and the other "
        "settings of the model are then those of the run",
        metavar="RUN",
        unset="random weights",
        words="starting from {}",
    )
    model: str = of_model(OneOf(MODELS), "train this kind of model", default="vae", words="")
    conditional: bool = of_model(
        YesNo(),
        "train a conditional model: the label is an input, so you can later sample a given label",
        default=False,
        words="",
    )
    latent: int = of_model(
        Whole(1),
        "use N latents, the numbers in z",
        common=True,
        metavar="N",
        unset="20, or half the number of columns if that is smaller",
        words="",
    )
    hidden: tuple[int, ...] = of_model(
        Sizes(),
        "use hidden layers of these sizes in the encoder, and mirrored in the decoder",
        default=(400,),
        common=True,
        metavar="N[,N...]",
        words="",
    )
    activation: str = of_model(
        OneOf(tuple(HIDDEN_LAYERS)),
        "use this activation in the hidden layers",
        default="relu",
        words="{} activation",
        always=True,
    )
    init: str = of_model(
        OneOf(tuple(INITIALIZERS)),
        "draw the initial weights by this rule",
        default="glorot",
        words="{} initialisation",
    )
    mean_bias: bool = of_model(
        YesNo(),
        "set the output bias so that the untrained decoder gives the mean training example",
        default=False,
        words="mean output bias",
    )
    logvar_range: tuple[float, float] | None = of_model(
        Pair(Real(least=-40, most=40)),
        "limit the encoder's log variance to this range, written --logvar-range=-6,2",
        metavar="LOW,HIGH",
        unset="no limits",
        words=lambda pair: "logvar from {:g} to {:g}".format(*pair),
        models=VAE_ONLY,
    )
    likelihood: str | None = of_model(
        OneOf(tuple(LIKELIHOODS)),
        "use this distribution for p(x | z)",
        unset="bernoulli for greyscale pixels, categorical for tunes and tables of text alone, "
        "mixed for tables of numbers and text, gaussian for colours and other tables",
        words=lambda name: f"{name.capitalize()} likelihood",
    )
    sigma: float | str | None = of_model(
        NumberOr(Real(above=LEAST_SIGMA, below=MOST_SIGMA), SIGMAS),
        "set the standard deviation of a gaussian, laplace or mixed likelihood: a number or, "
        "except for laplace, learned (by gradient) or optimal (in closed form)",
        metavar="S",
        unset="0.1 for pixels, 0.5 for standardised columns",
        words=lambda sigma: f"{sigma} sigma" if isinstance(sigma, str) else f"sigma {sigma:g}",
    )
    binarize: Binarize | None = of_data(
        OneOf(("dynamic", "threshold", "none")),
        "make pixels binary: dynamic draws each pixel again for every batch, threshold turns on "
        "those of at least 128, none keeps grey values",
        unset="dynamic with --likelihood bernoulli, otherwise none",
        words=lambda how: {
            "dynamic": "dynamic binarisation",
            "threshold": "binarised at 128",
            "none": "not binarised",
        }[how],
    )
    corruption: str | None = of_model(
        OneOf(CORRUPTIONS),
        "corrupt the input of --model denoising in this way",
        unset="mask",
        words="{} noise",
        models=DENOISING,
    )
    noise: float | None = of_model(
        Real(above=0),
        "set the amount of corruption: the share that is masked, or the standard deviation of "
        "the gaussian noise",
        metavar="A",
        unset=", ".join(f"{amount:g} for {name}" for name, amount in NOISE.items()),
        words="amount {:g}",
        models=DENOISING,
    )
    objective: str = of_loss(
        OneOf(OBJECTIVES),
        "maximise the ELBO, the importance-weighted bound (iwae), or that bound with doubly "
        "reparameterised gradients (dreg)",
        default="elbo",
        words=lambda name: {"iwae": "IWAE bound", "dreg": "IWAE bound with DReG gradients"}[name],
        models=VAE_ONLY,
    )
    k: int = of_loss(
        Whole(1, MOST_DRAWS),
        "draw z K times for each example",
        default=1,
        words=counted("draw", "{} of z per example"),
        models=VAE_ONLY,
    )
    beta: float = of_loss(
        Real(least=0),
        "multiply the KL by BETA (ELBO with one draw only)",
        default=1.0,
        always=True,
        models=VAE_ONLY,
        one_draw=True,
    )
    warm_up: int = of_loss(
        Whole(),
        "raise beta from 0 to its value over the first N epochs (ELBO with one draw only)",
        default=0,
        metavar="N",
        words=counted("epoch", "warm-up of {}"),
        models=VAE_ONLY,
        one_draw=True,
    )
    free_bits: float = of_loss(
        Real(least=0),
        "do not penalise the KL of a latent below this many nats (ELBO with one draw only)",
        default=0.0,
        metavar="NATS",
        models=VAE_ONLY,
        one_draw=True,
    )
    optimizer: str = of_training(
        OneOf(tuple(OPTIMIZER_NAMES)),
        "use this optimiser",
        default="adam",
        words=OPTIMIZER_NAMES.get,
        always=True,
    )
    lr: float | None = of_training(
        Real(above=0),
        "set the learning rate",
        common=True,
        unset=", ".join(f"{rate:g} for {name}" for name, rate in RATES.items()),
        words="learning rate {:g}",
    )
    lr_schedule: str = of_training(
        OneOf(LR_SCHEDULES),
        "change the learning rate during training: stages divides it by 10^(1/7) after 1, 3, 9, "
        "... more epochs, cosine lowers it to zero at the last epoch along half a cosine",
        default="constant",
        words="{} schedule",
    )
    adam_beta1: float = of_training(
        Real(least=0, below=1),
        "set beta1 of Adam, the decay of its averaged gradient",
        default=0.9,
        metavar="B",
        words="",
    )
    adam_eps: float = of_training(
        Real(above=0),
        "set eps of Adam, which it adds to the square root in its denominator",
        default=1e-8,
        metavar="E",
        words="",
    )
    batch_size: int = of_training(
        Whole(1),
        "use N examples per batch",
        common=True,
        metavar="N",
        unset="128, or a tenth of the training part if that is smaller",
        words="batch size {}",
        always=True,
    )
    epochs: int = of_training(
        Whole(1),
        "train for N epochs in total",
        common=True,
        metavar="N",
        unset="10, or as many as give 1000 updates",
        words=counted("epoch"),
        always=True,
    )
    patience: int | None = of_training(
        Whole(1),
        "stop early, after N epochs without a new best validation result, and keep the best epoch",
        metavar="N",
        unset="train to the end and keep the last epoch",
    )
    seed: int = of_training(
        Whole(most=MOST_SEED),
        "seed the initial weights, data order, binarisation and noise",
        default=0,
        common=True,
        words="",
    )
    keep_epochs: int | None = of_training(
        Whole(1),
        "keep the model of every Nth epoch in the folder epochs of the run, for the epoch slider "
        "of npvae explore",
        metavar="N",
        unset="keep the last model only",
        words="",
    )
    workers: int | None = of_training(
        Whole(1, MOST_WORKERS),
        "train in N processes that share each batch, with one thread each where N is above 1",
        metavar="N",
        unset="the cores of this machine, or fewer if the batches are too small to share",
        words=counted("process", plural="es"),
    )
    device: str = of_training(
        OneOf(DEVICES),
        "train on this device; cuda needs an NVIDIA GPU and CuPy",
        default="cpu",
        words="",
    )

    def __post_init__(self) -> None:
        values = ((one, getattr(self, one.name)) for one in fields(self))
        require(
            {
                one.name: (value, declared(one).kind)
                for one, value in values
                if value is not None or one.default is not None  # a default of None allows None
            }
        )

    @property
    def draws_several(self) -> bool:
        """Whether the loss takes several draws of z per example, or weights them."""
        return self.objective != "elbo" or self.k > 1

    @property
    def rate(self) -> float:
        """The learning rate that was given, or the default of the optimiser."""
        return RATES[self.optimizer] if self.lr is None else self.lr

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON can represent them; `from_json` is the inverse."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Settings":
        """Return stored settings; those that an older npvae did not store get their defaults.

        Raises
        ------
        InputError : a setting is unknown or has an invalid value, or data is missing
        """
        if odd := set(stored) - {one.name for one in fields(cls)}:
            names = ", ".join(sorted(odd))
            raise InputError(f"these settings do not exist: {names:.200}")
        if "data" not in stored:
            raise InputError("the setting data is missing")
        given: dict[str, Any] = {k: tuple(v) if type(v) is list else v for k, v in stored.items()}
        return cls(**given)


def declared(one: "Field[Any]") -> Declaration:
    """Return the declaration of a field of `Settings`."""
    found: Declaration = one.metadata["declared"]
    return found


class Flag(NamedTuple):
    """A setting as a flag of `npvae train`; the group of a common setting is ""."""

    group: str
    name: str
    kind: Kind
    metavar: str | None
    help: str
    or_none: bool


def flags() -> list[Flag]:
    """Return the flags of all settings, made from their declarations."""
    made = []
    for one in fields(Settings):
        about = declared(one)
        names = f"{{{','.join(about.kind.names)}}}" if isinstance(about.kind, OneOf) else None
        has_default = one.default not in (None, MISSING)
        default = written(one.default) if has_default else about.unset
        help = f"{about.help} (default: {'off' if one.default is False else default})"
        says_none = isinstance(about.kind, Text) or "none" in getattr(about.kind, "names", ())
        or_none = one.default is None and not says_none
        group = "" if about.common else f"{about.group} options"
        name = flag_name(one.name)
        made.append(Flag(group, name, about.kind, about.metavar or names, help, or_none))
    return made


def flag_name(name: str) -> str:
    """Return the name of the flag of a setting.

    >>> flag_name("batch_size")
    '--batch-size'
    """
    return f"--{name.replace('_', '-')}"


def flag(name: str, value: Any) -> str:
    """Return the flag and the value with which a setting is given on the command line.

    >>> flag("logvar_range", (-6, 2)), flag("mean_bias", False), flag("hidden", ())
    ('--logvar-range=-6,2', '--no-mean-bias', '--hidden none')
    """
    text = flag_name(name)
    if isinstance(value, bool):
        return text if value else text.replace("--", "--no-", 1)
    said = written(value)
    return f"{text}={said}" if said.startswith("-") else f"{text} {said}"
