"""A run in words, before it trains: the model, what decides its loss, the training."""

from collections.abc import Iterator

from npvae.autoencoder import DenoisingAutoencoder
from npvae.datasets import NAMES
from npvae.datasets.dataset import Dataset
from npvae.evaluation.fine_print import counted
from npvae.runs.model_file import Model
from npvae.runs.settings import Settings

OBJECTIVES = {"elbo": "ELBO", "iwae": "IWAE's bound", "dreg": "IWAE's bound, by DReG"}
OPTIMIZERS = {"sgd": "SGD"}


def data_words(dataset: Dataset, settings: Settings) -> Iterator[str]:
    """Yield lines on the data: where they are from, their shape and number, and what is odd."""
    shape = "x".join(map(str, dataset.shape))
    parts = f"{len(dataset.train)} to train, {len(dataset.validation)} to validate"
    name = dataset.source if settings.data not in NAMES else f"{dataset.name} ({dataset.source})"
    yield f"data   {name}: {shape}, {parts}, {len(dataset.test)} to test"
    if dataset.remark:
        yield f"       {dataset.remark}"
    if settings.conditional and (unseen := unseen_labels(dataset)):
        yield f"       no training example has the label {', '.join(unseen):.200}: not learned"


def model_words(dataset: Dataset, settings: Settings, model: Model) -> str:
    """Return the kind and the sizes of a model, then whatever decides its loss."""
    return f"{', '.join(_model(dataset, settings, model))}: {model.params.size:,} parameters"


def training_words(settings: Settings) -> str:
    """Return the optimiser, its rate, the batches and the epochs."""
    return ", ".join(_training(settings))


def unseen_labels(dataset: Dataset) -> list[str]:
    """Return the names of the labels that no training example has."""
    labels = dataset.train.labels
    seen = set() if labels is None else set(labels.tolist())
    return [name for i, name in enumerate(dataset.classes) if i not in seen]


def _model(dataset: Dataset, settings: Settings, model: Model) -> Iterator[str]:
    hidden = "-".join(map(str, settings.hidden))
    mirrored = "-".join(map(str, reversed(settings.hidden)))
    sizes = [str(dataset.n_x), hidden, str(settings.latent), mirrored, str(dataset.n_x)]
    kinds = {"vae": "VAE", "autoencoder": "autoencoder", "denoising": "denoising autoencoder"}
    kind = f"{'conditional ' * bool(model.n_y)}{kinds[settings.model]}"
    if model.n_y:
        kind += f" with {counted(model.n_y, 'label')},"
    yield f"{kind[0].upper()}{kind[1:]} {'-'.join(filter(None, sizes))}"
    yield settings.activation
    if settings.init != Settings.init:
        yield f"{settings.init} init"
    if settings.mean_bias:
        yield "mean bias"
    if settings.logvar_range:
        yield "logvar from {:g} to {:g}".format(*settings.logvar_range)
    yield f"{settings.likelihood} likelihood".capitalize()
    if settings.sigma is not None:
        number = isinstance(settings.sigma, float | int)
        yield f"sigma {settings.sigma:g}" if number else f"{settings.sigma} sigma"
    if dataset.kind == "pixels" or settings.likelihood == "bernoulli":
        yield f"binarize {settings.binarize}"
    if isinstance(model, DenoisingAutoencoder):
        yield f"{model.corruption} noise {model.amount:g}"
    if settings.draws_several:
        yield f"{OBJECTIVES[settings.objective]} of {counted(settings.k, 'draw')}"
    elif settings.model == "vae":
        warm_up = settings.warm_up
        after = f" after a warm-up of {counted(warm_up, 'epoch')}" if warm_up else ""
        yield f"beta {settings.beta:g}{after}"
        if settings.free_bits:
            yield f"free bits {settings.free_bits:g}"


def _training(settings: Settings) -> Iterator[str]:
    constant = settings.lr_schedule == "constant"
    schedule = "" if constant else f" ({settings.lr_schedule})"
    optimizer = OPTIMIZERS.get(settings.optimizer, settings.optimizer.capitalize())
    yield f"{optimizer}, learning rate {settings.lr:g}{schedule}"
    yield f"batches of {settings.batch_size}"
    yield counted(settings.epochs, "epoch")
    if settings.patience:
        yield f"patience {settings.patience}"
