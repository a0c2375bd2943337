"""Start a training from the weights of a trained model instead of random ones."""

from collections.abc import Mapping
from typing import Any

from npvae.datasets.dataset import Dataset
from npvae.errors import InputError
from npvae.runs.folder import RunFolder
from npvae.runs.model_file import Model
from npvae.runs.settings import flag

OF_THE_MODEL = (
    *("model", "conditional", "latent", "hidden", "activation", "init", "mean_bias"),
    *("logvar_range", "likelihood", "sigma"),
)


def with_settings_of(start: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given settings, completed by those of the model in the folder `start`.

    The path of the folder becomes absolute, so that the run can be used from any working directory.

    Raises
    ------
    InputError : if a setting that belongs to the model is given with another value
    DataError : if the folder is not that of a run
    """
    folder = RunFolder.open(start)
    trained = folder.settings()
    of_model = {name: getattr(trained, name) for name in OF_THE_MODEL}
    for name, value in of_model.items():
        if name in given and given[name] != value:
            was = "another one" if value is None else flag(name, value)
            raise InputError(
                f"{flag(name, given[name])} does not fit the model in {start}, which has {was}; "
                "leave it out, or leave --start out"
            )
    return {**of_model, **given, "start": str(folder.path.resolve())}


def start_from(start: str, model: Model, dataset: Dataset) -> None:
    """Copy the weights of the model in the folder `start` into a new model.

    Raises
    ------
    InputError : if the examples, or the labels of a conditional model, are not of the same kind
    DataError : if the folder has no model
    """
    folder = RunFolder.open(start)
    trained = folder.load_model().model.params.values
    values = model.params.values
    same = {name: value.shape for name, value in trained.items()} == {
        name: value.shape for name, value in values.items()
    }
    if not same or folder.columns() != list(dataset.columns):
        raise InputError(
            f"the examples of {dataset.name} differ in size, columns or number of labels from "
            f"those of the model in {start}; give data of the same kind, or leave --start out"
        )
    for name, value in values.items():
        value[...] = model.params.device.asarray(trained[name])
