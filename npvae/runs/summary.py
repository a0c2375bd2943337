"""A run described in words before it trains: the data, the model and the training."""

from collections.abc import Collection, Iterator
from dataclasses import fields

from npvae.datasets import NAMES
from npvae.datasets.dataset import Dataset
from npvae.datasets.one_hot import table_columns
from npvae.datasets.preprocessing import Pixels
from npvae.evaluation.fine_print import counted
from npvae.runs.building import build_scaling
from npvae.runs.model_file import Model
from npvae.runs.settings import Settings, declared


def data_words(dataset: Dataset, settings: Settings) -> Iterator[str]:
    """Yield lines about the data: source and shape, number of examples, and any remarks."""
    shape = "x".join(map(str, dataset.shape))
    size = f"{shape} {'numbers' if dataset.kind == 'real' else dataset.kind}"
    if dataset.columns or len(dataset.shape) == 1:
        n = len(list(table_columns(dataset.columns, dataset.categories))) or dataset.n_x
        size = f"{n} {'pixels' if dataset.kind == 'pixels' else 'columns'}"
        if dataset.categories:
            size += f" that become {dataset.n_x} numbers"
    if settings.data in NAMES:
        yield f"{dataset.name}, {size}, {dataset.source}"
    else:
        yield f"{dataset.source}, {size}"
    yield (
        f"{len(dataset.train):,} training, {len(dataset.validation):,} validation and "
        f"{len(dataset.test):,} test examples"
    )
    if dataset.remark:
        yield dataset.remark
    if settings.conditional and (unseen := unseen_labels(dataset)):
        names = ", ".join(unseen)
        yield f"No training example has the label {names:.200}, so it cannot be learned."


def model_words(dataset: Dataset, settings: Settings, model: Model) -> str:
    """Return the kind and sizes of a model, its parameters, and the settings of its loss."""
    return ", ".join(_model(dataset, settings, model))


def training_words(settings: Settings) -> str:
    """Return the optimiser, the learning rate, the batch size and the number of epochs."""
    return ", ".join(_said(settings, ("training",)))


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
    yield f"{model.params.size:,} parameters"
    standardised = not isinstance(build_scaling(settings, dataset), Pixels)
    yield from _said(settings, ("data", "model", "loss"), but={"binarize"} if standardised else ())


def _said(settings: Settings, groups: Collection[str], but: Collection[str] = ()) -> Iterator[str]:
    """Yield the words of each setting in these groups that has an effect and is worth a mention.

    A setting is worth a mention if it differs from its default, or is declared with `always`.
    """
    for one in fields(settings):
        about, value = declared(one), getattr(settings, one.name)
        acts = settings.model in about.models and not (about.one_draw and settings.draws_several)
        worth = value is not None and (about.always or value != one.default)
        if about.group in groups and acts and worth and about.words != "" and one.name not in but:
            yield about.say(one.name, value)
