"""A trained run as the pictures need it: its model, its history and, once needed, its data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from npvae.datasets.dataset import Dataset, Split
from npvae.datasets.preprocessing import Notes, Pixels, Scaling, Standardized
from npvae.devices import CPU, Device
from npvae.encoder_decoder import condition, require_examples
from npvae.errors import InputError
from npvae.evaluation.elbo import EVALUATION_SEED
from npvae.evaluation.latent_space import Codes, Plane, encode_split, plane_of
from npvae.figures import Form, is_image
from npvae.figures.piano_rolls import ROLL_SHAPE, as_piano_rolls
from npvae.figures.style import label_name
from npvae.parameters import Array
from npvae.runs.folder import RunFolder
from npvae.runs.model_file import SavedModel
from npvae.runs.selection import Selection
from npvae.vae import VAE

FEW = 50  # test examples; figures over fewer are marked as uncertain
MOST_CODES = 10_000  # test examples that are encoded for the pictures of latent space


class Trained:
    """A trained model, its data and its history.

    Parameters
    ----------
    saved : the model, with its scaling and the shape of its examples
    dataset : the data, or a function that loads them; the first picture that needs them calls it
    history : the columns of history.csv, {} before the first epoch has ended
    columns, classes : the names of a table's columns and of the labels, if they are known without
        the data; by default those of the dataset
    best : the epoch whose parameters early stopping restored, or None
    seed : seeds the choice of test examples, the samples, and the pixels that are drawn
    examples : what the pictures show in place of the test part, if anything
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
        examples: Selection | None = None,
    ) -> None:
        self.model, self.scaling, self.shape = saved.model, saved.scaling, saved.shape
        self._dataset, self._columns, self._classes = dataset, columns, classes
        self.history, self.best, self.seed, self._examples = history, best, seed, examples
        self.device, self.dtype = self.model.params.device, self.model.params.dtype

    @classmethod
    def open(
        cls,
        folder: str | Path | RunFolder,
        place: str | None = None,
        seed: int = EVALUATION_SEED,
        device: Device | str = CPU,
    ) -> "Trained":
        """Return the run in a folder.

        Parameters
        ----------
        folder : of the run, such as "runs/mnist-001"
        place : the path of the data, if they have moved since the run was trained
        seed : as above
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
        """The data; they are loaded when they are first needed.

        Raises
        ------
        DataError : if they are missing, damaged, or have changed since the run was trained
        """
        return self._dataset() if callable(self._dataset) else self._dataset

    @property
    def test(self) -> Split:
        """The examples that the pictures show: the test part, unless others were given."""
        return self.dataset.test if self._examples is None else self._examples.split

    @property
    def told_examples(self) -> str:
        """What these examples are, for the beginning of a title."""
        words = "the test part" if self._examples is None else self._examples.words
        return "Test examples x" if words == "the test part" else f"Examples x of {words}"

    @property
    def columns(self) -> Sequence[str]:
        """The names of a table's columns."""
        return self.dataset.columns if self._columns is None else self._columns

    @property
    def classes(self) -> Sequence[str]:
        """The names of the labels that the model knows."""
        return self.dataset.classes if self._classes is None else self._classes

    @property
    def has_prior(self) -> bool:
        """Whether the model has a prior; an autoencoder has none."""
        return isinstance(self.model, VAE)

    @cached_property
    def encoded(self) -> Split:
        """The test part, or 10,000 examples of a larger one: those that `codes` encodes."""
        part = self.test
        return part.only(np.sort(self.chosen(MOST_CODES))) if len(part) > MOST_CODES else part

    @cached_property
    def codes(self) -> Codes:
        """The codes of the test part, or of 10,000 examples of a larger one."""
        return encode_split(self.model, self.encoded, self.scaling, seed=self.seed)

    @property
    def counted_codes(self) -> str:
        """The number of encoded test examples, in words."""
        n, of = len(self.codes.mu), len(self.test)
        return f"{n:,} test example{'s' * (n > 1)}" if n == of else f"{n:,} of {of:,} test examples"

    def chosen(self, n: int) -> Array:
        """Return the indices of n test examples, chosen by the seed, as the data may be sorted."""
        return np.random.default_rng(self.seed).permutation(len(self.test))[:n]

    @cached_property
    def plane(self) -> Plane:
        """The plane, or the line, in which the codes are drawn.

        A plane of principal directions goes through the mean of the codes: where the prior has
        its mean there may be no codes at all, and nothing that is worth decoding.
        """
        plane = plane_of(self.codes)
        if not plane.principal:
            return plane
        mean = self.codes.mu.mean(axis=0, dtype=np.float64)
        return replace(plane, origin=mean - plane.project(mean) @ plane.directions)

    @cached_property
    def form(self) -> Form:
        """The form of an example."""
        return form_of(self.scaling, self.shape, self.columns)

    def seen(self, x: Array) -> Array:
        """Return examples as they are drawn, on the host."""
        return as_shown(self.device.to_host(x), self.scaling, self.form)

    @property
    def told_pixels(self) -> str:
        """For a title: whether the pixels of the examples were drawn as 0 or 1."""
        if isinstance(self.scaling, Pixels) and self.scaling.binarize == "dynamic":
            return " (each pixel drawn as 0 or 1)"
        return ""

    @property
    def told_greys(self) -> str:
        """For a title: the values shown as black and white, if they are not 0 and 1."""
        if not self.form.is_image or self.form.limits is None:
            return ""
        return "; black is {:.3g}, white {:.3g}".format(*self.form.limits)

    def take(self, chosen: Any) -> tuple[Array, tuple[Array, ...]]:
        """Return the input of the model for test examples, and their labels if it takes them."""
        require_examples(self.model, self.test)
        rng = np.random.default_rng(self.seed)
        x = self.scaling.encode(self.test.take(chosen), rng, self.dtype)
        return self.device.asarray(x), condition(self.model, self.test, chosen)

    def encode(self, x: Array, y: Sequence[Array]) -> Array:
        """Return the code of each example, the mean of q(z | x) for a VAE, on the host."""
        code = self.model.encode(x, *y)
        return self.device.to_host(code[0] if isinstance(code, tuple) else code)

    def decode(self, z: Array, y: Array | None = None) -> Array:
        """Return what codes, (..., n_z), decode to: (..., n_x) examples as they are drawn."""
        flat = self.device.asarray(z.reshape(-1, z.shape[-1]), self.dtype)
        if y is not None:
            y = self.device.asarray(y.reshape(len(flat), -1), self.dtype)
        return self.seen(self.model.decode(flat, y)).reshape(*z.shape[:-1], -1)

    def label_name(self, label: int) -> str:
        """Return the name of a label, or its number."""
        return label_name(self.dataset.classes, label)

    def example_name(self, index: int) -> str:
        """Return the label of a test example or, without labels, its index, such as #7."""
        labels = self.test.labels
        return f"#{index}" if labels is None else self.label_name(int(labels[index]))

    def pick(self, label: int | None, n: int, rng: np.random.Generator) -> list[int]:
        """Return indices of n test examples of a label, or of any; repeated if there are few."""
        split = self.test
        require_examples(self.model, split)
        found = np.arange(len(split))
        if label is not None:
            if split.labels is None:
                raise InputError("these data have no labels; choose test examples by their indices")
            found = np.flatnonzero(np.asarray(split.labels) == label)
        if len(found) == 0:
            raise InputError(f"no test example has the label {self.label_name(label or 0)}")
        return np.resize(rng.permutation(found), n).tolist()

    def require_prior(self, what: str) -> None:
        """Raise InputError for an autoencoder."""
        if not self.has_prior:
            raise InputError(f"an autoencoder has no prior, and therefore no {what}")

    def require_epochs(self) -> None:
        """Raise InputError if fewer than two epochs have ended: one would be a single point."""
        n = len(self.history.get("epoch", ()))
        if n == 0:
            raise InputError("no epoch of this run has ended yet")
        if n == 1:
            raise InputError(
                "this run has trained for one epoch, and a curve needs at least two; the figures "
                "of the epoch are in history.csv"
            )


def form_of(scaling: Scaling, shape: Sequence[int], columns: Sequence[str] = ()) -> Form:
    """Return the form of examples that a scaling turns into x.

    Tunes are piano rolls. Pixels are drawn from 0 to 1, tables in standard deviations (texts by
    their probabilities), and images of real values in their own units: from two standard deviations
    below the smallest mean to two above the largest.
    """
    shape, columns = tuple(shape), tuple(columns)
    if isinstance(scaling, Notes):
        return Form(ROLL_SHAPE)
    if not isinstance(scaling, Standardized):
        limits = None if is_image(shape) else (0.0, 1.0)
        return Form(shape, columns, limits, "value, from 0 to 1")
    if not is_image(shape):
        unit = "standard deviations, or probability of a text" if scaling.kept.any() else Form.unit
        return Form(shape, columns, unit=unit)
    low, high = scaling.mean - 2 * scaling.std, scaling.mean + 2 * scaling.std
    return Form(shape, limits=(float(low.min()), float(high.max())))


def as_shown(x: Array, scaling: Scaling, form: Form) -> Array:
    """Return examples, (..., n_x), in the units in which their form draws them."""
    if isinstance(scaling, Notes):
        return as_piano_rolls(x)
    in_units = isinstance(scaling, Standardized) and form.is_image
    return scaling.decode(x) if in_units else x
