"""What the two estimators share: their parameters, the training, and the score of a row."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from npvae.datasets.dataset import Dataset, whole
from npvae.datasets.preprocessing import Pixels
from npvae.datasets.user_arrays import understand_array
from npvae.errors import InputError
from npvae.estimators.rows import batches, bounds, log_likelihoods
from npvae.evaluation.importance import MOST_DRAWS
from npvae.parameters import Array
from npvae.runs.building import build_model, build_optimizer, build_scaling, resolve
from npvae.runs.fit import Records, fit
from npvae.runs.kinds import Whole, require
from npvae.runs.model_file import SavedModel
from npvae.runs.settings import Settings

SETTINGS = ("activation", "likelihood", "sigma", "binarize", "beta", "epochs", "batch_size", "lr")
TEXT = ("could not convert string", "arrays of bytes/strings")  # in scikit-learn's messages
LOWEST = -1e300  # the score of a row so far away that its ELBO overflows
MOST_SEED = 2**31 - 1


class VAEEstimator(BaseEstimator):
    """Base class of `VAETransformer` and `VAEOutlierDetector`, which document the parameters."""

    def __init__(
        self,
        n_components: int | None = None,
        *,
        hidden: Any = (400,),
        activation: str = "relu",
        likelihood: str | None = None,
        sigma: float | str | None = None,
        binarize: str | None = None,
        beta: float = 1.0,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        n_draws: int | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.hidden = hidden
        self.activation = activation
        self.likelihood = likelihood
        self.sigma = sigma
        self.binarize = binarize
        self.beta = beta
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.n_draws = n_draws
        self.random_state = random_state
        self.verbose = verbose

    # ---- training --------------------------------------------------------------------------------

    def _begin(self, X: Array) -> Dataset:
        """Build an untrained model for rows of this kind, and return them as a dataset."""
        self._draws()  # refused now, not after the training
        dataset = as_dataset(X, getattr(self, "feature_names_in_", ()))
        with naming_parameters():
            settings = resolve(self._settings(), dataset)
            rng = np.random.default_rng(settings.seed)
            scaling = build_scaling(settings, dataset)
            model = build_model(settings, dataset, rng, precision(X))
        self._take(SavedModel(model, scaling, dataset.shape), replace(settings, data="X"), rng)
        return dataset

    def _take(self, saved: SavedModel, settings: Settings, rng: np.random.Generator) -> None:
        """Take over a model, and what its training needs besides its data."""
        self.model_: Any = saved.model
        self.scaling_, self.shape_, self.settings_ = saved.scaling, saved.shape, settings
        self.records_ = Records()
        self._optimizer, self._rng = build_optimizer(settings), rng

    def _settings(self) -> Settings:
        """Return the parameters as settings of `npvae train`, which check them."""
        hidden = plain(self.hidden)
        return Settings(
            data="X",
            latent=plain(self.n_components),
            hidden=hidden if isinstance(hidden, tuple) else (hidden,),
            seed=int(check_random_state(self.random_state).randint(MOST_SEED)),
            **{name: plain(getattr(self, name)) for name in SETTINGS},
        )

    def _draws(self) -> int | None:
        """Return the draws of z for each score, or None for the ELBO."""
        k = plain(self.n_draws)
        require({"n_draws": (k, Whole(1, MOST_DRAWS))} if k is not None else {})
        return k

    def _train(self, dataset: Dataset, epochs: int) -> None:
        """Train for some epochs, and add their records to those of earlier epochs."""
        done = len(self.records_)
        records = fit(
            self.model_,
            dataset,
            epochs=epochs,
            scaling=self.scaling_,
            optimizer=self._optimizer,
            batch_size=self.settings_.batch_size,
            rng=self._rng,
            progress=bool(self.verbose),
        )
        self.records_ += [replace(record, epoch=done + record.epoch) for record in records]

    # ---- using it --------------------------------------------------------------------------------

    def _read(self, X: Any, *, reset: bool = False) -> Array:
        """Return rows as an array, once checked as scikit-learn does.

        Parameters
        ----------
        X : (N, n_x) array-like
        reset : whether these rows decide how many columns there are, and what they are called
        """
        try:
            checked: Array = validate_data(self, X, reset=reset)
            if checked.dtype == object:  # from a polars DataFrame
                checked = checked.astype(np.float64)
        except ValueError as error:
            if not any(words in str(error) for words in TEXT):
                raise
            raise InputError(
                f"{error}. X has text{columns_with_text(X)}; expected numbers. Put a OneHotEncoder "
                "in front, for columns of text alone within a ColumnTransformer"
            ) from error
        return checked

    def _stored(self, X: Any) -> Array:
        """Return rows in the form in which those of the training were stored."""
        check_is_fitted(self)
        rows = self._read(X)
        if not isinstance(self.scaling_, Pixels) or rows.dtype == np.uint8:
            return rows
        if rows.dtype == bool:
            return np.multiply(rows, 255, dtype=np.uint8)
        if rows.min() < 0 or rows.max() > 1:
            raise InputError(
                f"X has {rows.dtype} numbers from {rows.min():g} to {rows.max():g}, but this "
                f"{type(self).__name__} was fitted on pixels; expected uint8 (0 to 255), bool, or "
                "floats from 0 to 1"
            )
        return rows

    def score_samples(self, X: Any) -> Array:
        """Return how likely each row is under the model.

        Parameters
        ----------
        X : (N, n_x) array-like

        Returns
        -------
        (N,) float64 array
            In nats; higher is more likely. It is the ELBO, estimated with one draw of z, or with
            `n_draws` an estimate of log p(x) by importance weighting. The noise of a row depends on
            `random_state` and on the row alone, so that its score is the same in every call and
            beside any other rows. Real-valued columns are those that the model sees, which are
            standardised; for the density in the units of X, subtract
            `np.log(vae.scaling_.std).sum()`. A row that is so far from the training data that its
            ELBO overflows gets -1e300.
        """
        return self._scores(self._stored(X))

    def _scores(self, rows: Array) -> Array:
        """Return the scores of rows in the form in which those of the training were stored."""
        model, scaling, seed = self.model_, self.scaling_, self.settings_.seed
        k = self._draws()
        found = []
        with np.errstate(all="ignore"):
            for some in batches(model, rows):
                if k is None:
                    found.append(bounds(model, scaling, some, seed))
                else:
                    found.append(log_likelihoods(model, scaling, some, seed, k))
        scores = np.concatenate(found).astype(np.float64)
        return np.maximum(np.nan_to_num(scores, nan=LOWEST, neginf=LOWEST), LOWEST)


def as_dataset(X: Array, columns: Any = ()) -> Dataset:
    """Return rows as a dataset whose training part they are; its other parts are empty.

    What the numbers mean is decided as for a file: uint8 and bool are pixels, and all other numbers
    are real-valued.
    """
    names = tuple(map(str, columns))
    examples = understand_array(X, "X", columns=names)
    train = whole(examples.x)
    none = train.only(slice(0, 0))
    return Dataset("X", train, none, none, examples.shape, examples.kind, "X", columns=names)


def precision(X: Array) -> type[np.floating[Any]]:
    """Return the float type in which to compute: float32 where it can hold the numbers of X."""
    return np.float32 if np.result_type(X.dtype, np.float32) == np.float32 else np.float64


def columns_with_text(X: Any) -> str:
    """Return " in the columns ..." for a DataFrame, in words."""
    names = [
        str(name) for name in getattr(X, "columns", ()) if np.asarray(X[name]).dtype.kind in "OUST"
    ]
    return f" in the columns {', '.join(names):.200}" if names else ""


def plain(value: Any) -> Any:
    """Return NumPy numbers, such as a grid search gives, as numbers of Python; lists as tuples."""
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(map(plain, value))
    return value.item() if isinstance(value, np.generic) else value


@contextmanager
def naming_parameters() -> Iterator[None]:
    """Let messages name the parameters of the estimator instead of the flags of `npvae train`."""
    try:
        yield
    except InputError as error:
        raise InputError(in_python(str(error))) from error


def in_python(message: str) -> str:
    """Return a message about flags in words for Python.

    >>> in_python("--batch-size is 0; leave --latent out")
    'batch_size is 0; leave n_components out'
    """
    named = re.sub(r"--([a-z][a-z-]*)", lambda flag: flag[1].replace("-", "_"), message)
    return re.sub(r"\blatent\b", "n_components", named)
