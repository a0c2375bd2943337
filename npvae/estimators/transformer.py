"""A VAE as a transformer: rows to codes and back, the score of a row, and new rows."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from npvae.errors import InputError
from npvae.estimators.rows import batches, codes
from npvae.estimators.vae_estimator import (
    MOST_SEED,
    SETTINGS,
    VAEEstimator,
    as_dataset,
    precision,
)
from npvae.parameters import Array
from npvae.runs.folder import RunFolder
from npvae.vae import VAE


class VAETransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, VAEEstimator):
    """Encode rows as the latents of a VAE that is trained on them.

    A parameter that is None has the default of `npvae train`. `settings_` holds what it became. The
    names are those of `npvae train`, except where scikit-learn has a word of its own.

    Parameters
    ----------
    n_components : int, optional
        Number of latents (`--latent`). By default 20, or half the number of columns if that is
        smaller.
    hidden : int or tuple of int
        Sizes of the hidden layers of the encoder, mirrored in the decoder.
    activation : str
        Activation of the hidden layers, such as "relu" or "tanh".
    likelihood : {"bernoulli", "gaussian", "laplace"}, optional
        The distribution p(x | z). By default Bernoulli for uint8 and bool arrays, which are pixels,
        and Gaussian for all other numbers, whose columns are standardised.
    sigma : float, "learned" or "optimal", optional
        Standard deviation of a Gaussian or Laplace likelihood. By default 0.5 for standardised
        columns and 0.1 for pixels.
    binarize : {"dynamic", "threshold", "none"}, optional
        How pixels become zeros and ones. By default "dynamic" for the Bernoulli likelihood, else
        "none".
    beta : float
        Weight of the KL divergence in the loss; only beta = 1 gives the ELBO.
    epochs : int, optional
        Passes over the rows. By default 10, or as many as give 1000 updates.
    batch_size : int, optional
        Rows per update. By default 128, or a tenth of the rows if that is smaller, but at least 8.
    lr : float, optional
        Learning rate of Adam. By default 0.001.
    n_draws : int, optional
        Draws of z with which `score_samples` and `score` estimate log p(x). None for the ELBO.
    random_state : int, RandomState or None
        Seeds the initial weights, the order of the rows, the binarisation and the noise.
    verbose : bool
        Whether `fit` shows a progress bar.

    Attributes
    ----------
    model_ : VAE
    scaling_ : Pixels or Standardized
        How rows become the x of the model; `save_model(path, model_, scaling_, shape_)` writes it.
    shape_ : tuple of int
        Shape of one example: (n_x,), or that of a square image for rows of pixels.
    settings_ : Settings
        The settings of the training with all defaults filled in.
    records_ : list of EpochRecord
        The record of each epoch.
    n_features_in_ : int
    feature_names_in_ : (n_x,) array of str
        Only if X is a DataFrame whose columns have names.

    Notes
    -----
    Float32 rows are computed in float32 and float64 rows in float64, which takes twice as long.
    X holds flat rows of finite numbers. Text belongs through a OneHotEncoder first, and an image is
    a row of its pixels.

    >>> X = np.random.default_rng(0).normal(size=(100, 6))
    >>> vae = VAETransformer(n_components=2, epochs=2, random_state=0).fit(X)
    >>> vae.transform(X).shape, vae.inverse_transform(vae.transform(X)).shape, vae.sample(3).shape
    ((100, 2), (100, 6), (3, 6))
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train a new model on the rows of X.

        Parameters
        ----------
        X : (N, n_x) array-like
            Rows of finite numbers.
        y : object
            Not used.

        Raises
        ------
        InputError
            If a parameter is out of range or does not fit the data.
        TrainingError
            If a loss is not finite; choose a smaller learning rate.
        """
        self._train(self._begin(self._read(X, reset=True)), self.settings_.epochs)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train for one epoch more on the rows of X; the first call builds the model.

        The first rows also decide the kind of the data, how columns are standardised, and the
        defaults of the settings.

        Parameters
        ----------
        X : (N, n_x) array-like
            Rows of finite numbers.
        y : object
            Not used.
        """
        if hasattr(self, "model_"):
            dataset = as_dataset(self._stored(X))
        else:
            dataset = self._begin(self._read(X, reset=True))
        self._train(dataset, 1)
        return self

    @classmethod
    def from_run(cls, path: str | Path) -> Self:
        """Return an estimator with the model of a run, as if it had been fitted.

        Its `records_` are empty, and its parameters are those settings of the run that it knows. A
        text column of the run's table has a column of zeros and ones for each of its texts here,
        such as `colour=blue` and `colour=red`. `feature_names_in_` lists all columns in order. From
        a pandas `table`, `pandas.get_dummies(table, columns=["colour"], prefix_sep="=")` makes
        them, and `.reindex(columns=vae.feature_names_in_, fill_value=0)` puts them in this order.

        Parameters
        ----------
        path : str or Path
            The folder that `npvae train` wrote, such as "runs/mnist-001".

        Raises
        ------
        InputError
            If the folder is not a run, or its model is conditional or not a VAE.
        DataError
            If a file of the run is damaged.
        """
        folder = RunFolder.open(path)
        saved, settings = folder.load_model(), folder.settings()
        is_vae = isinstance(saved.model, VAE)
        if not is_vae or saved.model.n_y:
            what = "a conditional VAE, which needs labels" if is_vae else "an autoencoder"
            raise InputError(
                f"the model in {path} is {what}; expected a VAE without labels. Use "
                "npvae.load_model for it"
            )
        given = {name: getattr(settings, name) for name in SETTINGS}
        found = cls(settings.latent, hidden=settings.hidden, random_state=settings.seed, **given)
        found._take(saved, settings, np.random.default_rng(settings.seed))
        found.n_features_in_ = saved.model.n_x
        if columns := folder.columns():
            found.feature_names_in_ = np.array(columns, dtype=object)
        return found

    def transform(self, X: Any) -> Array:
        """Return the codes of rows: the mean mu of q(z | x).

        Nothing is drawn: where the training draws pixels, the encoder gets their probabilities.

        Parameters
        ----------
        X : (N, n_x) array-like

        Returns
        -------
        (N, n_components) float array
            Float32 for float32 rows and for pixels, else float64. A DataFrame after `set_output`.
        """
        rows = self._stored(X)
        found = [codes(self.model_, self.scaling_, some) for some in batches(self.model_, rows)]
        return np.concatenate(found).astype(precision(rows))

    def inverse_transform(self, X: Any) -> Array:
        """Decode codes: return the means of p(x | z), in the units of the data.

        Parameters
        ----------
        X : (N, n_components) array-like

        Returns
        -------
        (N, n_x) float array
            Columns in their units, or pixels from 0 to 1, which `transform` takes as well.
        """
        check_is_fitted(self)
        z = check_array(X, dtype=[np.float64, np.float32])
        if z.shape[1] != self.model_.n_z:
            raise InputError(
                f"X has {z.shape[1]} columns, expected {self.model_.n_z}: one for each latent"
            )
        decoded = self.model_.decode(z.astype(self.model_.params.dtype))
        return self.scaling_.decode(decoded).astype(z.dtype)

    def sample(self, n_samples: int = 1, *, random_state: Any = None, draw: bool = False) -> Array:
        """Return new rows, in the units of the data.

        Parameters
        ----------
        n_samples : int
            Number of rows, at least 1.
        random_state : int, RandomState or None
            An int gives the same rows in each call.
        draw : bool
            Whether to draw x from p(x | z), instead of returning its mean. The means vary less than
            the data.

        Returns
        -------
        (n_samples, n_x) float array
            As from `inverse_transform`.
        """
        check_is_fitted(self)
        seed = int(check_random_state(random_state).randint(MOST_SEED))
        return self.scaling_.decode(self.model_.sample(n_samples, seed, draw=draw))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, in nats per row, as a grid search maximises it.

        Parameters
        ----------
        X : (N, n_x) array-like
        y : object
            Not used.
        """
        return float(self.score_samples(X).mean())

    @property
    def _n_features_out(self) -> int:
        """The number of latents, for `get_feature_names_out`."""
        return int(self.model_.n_z)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
