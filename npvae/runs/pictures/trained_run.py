"""A trained run as the pictures need it: its model, its history, and its data once one asks."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from npvae.datasets.dataset import Dataset
from npvae.datasets.preprocessing import Pixels, Scaling, Standardized
from npvae.devices import CPU, Device
from npvae.encoder_decoder import condition, require_examples
from npvae.errors import InputError
from npvae.evaluation.elbo import EVALUATION_SEED
from npvae.evaluation.latent_space import Codes, Plane, encode_split, plane_of
from npvae.figures import Form, is_image
from npvae.figures.style import label_name, shortened
from npvae.parameters import Array
from npvae.runs.folder import RunFolder
from npvae.runs.model_file import SavedModel
from npvae.vae import VAE

MOST_CODES = 10_000  # test examples that the pictures of latent space are made from


class Trained:
    """A trained model, the data that it is shown with, and its history.

    Parameters
    ----------
    saved : the model, with its scaling and the shape of its examples
    dataset : whose test part is shown, or what loads it; it is called once, by the first picture
        that needs the data
    history : the columns of history.csv, {} before the first epoch has ended
    columns, classes : the names of a table's columns and of the labels, as the run knows them
        without its data; by default those of the dataset
    best : the epoch that the model has gone back to, or None
    seed : of everything that is drawn
    """

    def __init__(
        self,
        saved: SavedModel,
        dataset: Dataset | Callable[[], Dataset],
        history: Mapping[str, Sequence[float]],
        *,
        columns: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        best: int | None = None,
        seed: int = EVALUATION_SEED,
    ) -> None:
        self.model, self.scaling, self.shape = saved.model, saved.scaling, saved.shape
        self._dataset, self._columns, self._classes = dataset, columns, classes
        self.history, self.best, self.seed = history, best, seed
        self.device, self.dtype = self.model.params.device, self.model.params.dtype

    @classmethod
    def open(
        cls,
        folder: str | Path | RunFolder,
        place: str | None = None,
        seed: int = EVALUATION_SEED,
        device: Device | str = CPU,
    ) -> "Trained":
        """Return what the folder of a run holds.

        Parameters
        ----------
        folder : of the run, such as "runs/mnist-001"
        place : where the run's own data are now, if they are no longer where they were
        device : where the model computes
        """
        folder = folder if isinstance(folder, RunFolder) else RunFolder.open(folder)
        saved, history = folder.load_model(device), folder.history()
        return cls(
            saved,
            lambda: folder.load_data(place),
            history,
            columns=folder.columns(),
            classes=folder.classes(),
            best=folder.best_epoch(),
            seed=seed,
        )

    @cached_property
    def dataset(self) -> Dataset:
        """The data, loaded when they are needed for the first time.

        Raises
        ------
        DataError : if they are not there, damaged, or have changed since
        """
        return self._dataset() if callable(self._dataset) else self._dataset

    @property
    def columns(self) -> Sequence[str]:
        """Names of a table's columns."""
        return self.dataset.columns if self._columns is None else self._columns

    @property
    def classes(self) -> Sequence[str]:
        """Names of the labels that the model knows."""
        return self.dataset.classes if self._classes is None else self._classes

    @property
    def has_prior(self) -> bool:
        """Whether codes lie about a prior: those of an autoencoder do not."""
        return isinstance(self.model, VAE)

    @cached_property
    def codes(self) -> Codes:
        """Those of the test part, or of some of it where it is large."""
        part = self.dataset.test
        if len(part) > MOST_CODES:
            part = part.only(np.sort(self.chosen(MOST_CODES)))
        return encode_split(self.model, part, self.scaling, seed=self.seed)

    @property
    def counted_codes(self) -> str:
        """How many test examples these are, in words."""
        n, of = len(self.codes.mu), len(self.dataset.test)
        return f"{n:,} test example{'s' * (n > 1)}" if n == of else f"{n:,} of {of:,} test examples"

    def chosen(self, n: int) -> Array:
        """Return the numbers of n test examples, chosen by the seed: data may be sorted."""
        return np.random.default_rng(self.seed).permutation(len(self.dataset.test))[:n]

    @cached_property
    def plane(self) -> Plane:
        """Where the codes are looked at."""
        return plane_of(self.codes)

    @cached_property
    def form(self) -> Form:
        """How an example is shown."""
        return form_of(self.scaling, self.shape, self.columns)

    def seen(self, x: Array) -> Array:
        """Return examples as they are shown, on the host."""
        return as_shown(self.device.to_host(x), self.scaling, self.form)

    @property
    def told_pixels(self) -> str:
        """What of examples as the model takes them a reader should know."""
        if isinstance(self.scaling, Pixels) and self.scaling.binarize == "dynamic":
            return " (each pixel drawn as 0 or 1)"
        return ""

    @property
    def told_greys(self) -> str:
        """What black and white are, where that is not 0 and 1."""
        if not self.form.is_image or self.form.limits is None:
            return ""
        return "; black is {:.3g}, white {:.3g}".format(*self.form.limits)

    def take(self, chosen: Any) -> tuple[Array, tuple[Array, ...]]:
        """Return test examples as the model takes them, and what it is told beside them."""
        require_examples(self.model, self.dataset.test)
        rng = np.random.default_rng(self.seed)
        x = self.scaling.encode(self.dataset.test.take(chosen), rng, self.dtype)
        return self.device.asarray(x), condition(self.model, self.dataset.test, chosen)

    def encode(self, x: Array, y: Sequence[Array]) -> Array:
        """Return the code of each example, mu where there is a distribution, on the host."""
        code = self.model.encode(x, *y)
        return self.device.to_host(code[0] if isinstance(code, tuple) else code)

    def decode(self, z: Array, y: Array | None = None) -> Array:
        """Return what codes (..., n_z) decode to, (..., n_x), as it is shown."""
        flat = self.device.asarray(z.reshape(-1, z.shape[-1]), self.dtype)
        if y is not None:
            y = self.device.asarray(y.reshape(len(flat), -1), self.dtype)
        return self.seen(self.model.decode(flat, y)).reshape(*z.shape[:-1], -1)

    def label_name(self, label: int) -> str:
        """Return the name of a label, or its number."""
        return label_name(self.dataset.classes, label)

    def example_name(self, index: int) -> str:
        """Return the label of a test example in short, or its number, #7, where it has none."""
        labels = self.dataset.test.labels
        return f"#{index}" if labels is None else shortened(self.label_name(int(labels[index])), 12)

    def pick(self, label: int | None, n: int, rng: np.random.Generator) -> list[int]:
        """Return the numbers of n test examples of a label, or of any; some twice where few."""
        split = self.dataset.test
        require_examples(self.model, split)
        found = np.arange(len(split))
        if label is not None:
            if split.labels is None:
                raise InputError("these data have no labels; choose test examples by their numbers")
            found = np.flatnonzero(np.asarray(split.labels) == label)
        if len(found) == 0:
            raise InputError(f"no test example has the label {self.label_name(label or 0)}")
        return np.resize(rng.permutation(found), n).tolist()

    def require_prior(self, what: str) -> None:
        """Refuse an autoencoder."""
        if not self.has_prior:
            raise InputError(f"an autoencoder has no prior, and so no {what}")

    def require_history(self) -> None:
        """Refuse a run of which no epoch has ended."""
        if not self.history.get("epoch"):
            raise InputError("no epoch of this run has ended yet")


def form_of(scaling: Scaling, shape: Sequence[int], columns: Sequence[str] = ()) -> Form:
    """Return how examples are shown that a scaling has made x of.

    Pixels are shown from 0 to 1 and tables in standard deviations; images of real values in their
    own units, from two standard deviations below the darkest mean to as many above the lightest.
    """
    shape, columns = tuple(shape), tuple(columns)
    if not isinstance(scaling, Standardized):
        limits = None if is_image(shape) else (0.0, 1.0)
        return Form(shape, columns, limits, "value, from 0 to 1")
    if not is_image(shape):
        return Form(shape, columns)
    low, high = scaling.mean - 2 * scaling.std, scaling.mean + 2 * scaling.std
    return Form(shape, limits=(float(low.min()), float(high.max())))


def as_shown(x: Array, scaling: Scaling, form: Form) -> Array:
    """Return examples, (..., n_x), as their form says: images of real values in their units."""
    in_units = isinstance(scaling, Standardized) and form.is_image
    return scaling.decode(x) if in_units else x
