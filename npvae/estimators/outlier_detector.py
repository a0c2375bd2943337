"""A VAE as an outlier detector: rows that are unlikely under the model are outliers."""

from typing import Any, Self

import numpy as np
from sklearn.base import OutlierMixin

from npvae.estimators.vae_estimator import VAEEstimator, plain
from npvae.parameters import Array
from npvae.runs.kinds import Real, require


class VAEOutlierDetector(OutlierMixin, VAEEstimator):
    """Find rows that are unlikely under a VAE that is trained on them.

    The score of a row is its ELBO or, with `n_draws`, log p(x). The training rows with the lowest
    scores, a share of `contamination`, are outliers, and so is every new row that scores lower than
    the rest of them.

    Parameters
    ----------
    contamination : float
        Share of the training rows that are outliers, above 0 and at most 0.5.
    n_components, hidden, activation, likelihood, sigma, binarize, beta, epochs, batch_size, lr, \
    n_draws, random_state, verbose
        As for `VAETransformer`.

    Attributes
    ----------
    offset_ : float
        The score below which a row is an outlier, in nats.
    model_, scaling_, shape_, settings_, records_, n_features_in_, feature_names_in_
        As for `VAETransformer`.

    Notes
    -----
    The model has seen the training rows, so that they score a little higher than new ones, and a
    larger share of new ordinary rows than `contamination` is called an outlier.

    >>> X = np.random.default_rng(0).normal(size=(100, 6))
    >>> odd = VAEOutlierDetector(contamination=0.1, epochs=20, random_state=0)
    >>> (odd.fit_predict(X) == -1).sum(), odd.predict(np.full((1, 6), 9.0))
    (np.int64(10), array([-1]))
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        contamination: float = 0.1,
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
        super().__init__(
            n_components,
            hidden=hidden,
            activation=activation,
            likelihood=likelihood,
            sigma=sigma,
            binarize=binarize,
            beta=beta,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            n_draws=n_draws,
            random_state=random_state,
            verbose=verbose,
        )
        self.contamination = contamination

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train a new model on the rows of X, and choose the threshold `offset_`.

        Parameters
        ----------
        X : (N, n_x) array-like
            Rows of finite numbers, most of which are ordinary.
        y : object
            Not used.

        Raises
        ------
        InputError
            If a parameter is out of range or does not fit the data.
        TrainingError
            If a loss is not finite; choose a smaller learning rate.
        """
        share = plain(self.contamination)
        require({"contamination": (share, Real(above=0, most=0.5))})
        dataset = self._begin(self._read(X, reset=True))
        self._train(dataset, self.settings_.epochs)
        self.offset_ = float(np.percentile(self._scores(dataset.train.x), 100 * share))
        return self

    def decision_function(self, X: Any) -> Array:
        """Return the score of each row above the threshold, in nats; outliers are negative.

        Parameters
        ----------
        X : (N, n_x) array-like

        Returns
        -------
        (N,) float64 array
            `score_samples(X) - offset_`
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> Array:
        """Return -1 for each row that is an outlier and 1 for the others.

        Parameters
        ----------
        X : (N, n_x) array-like

        Returns
        -------
        (N,) int array
        """
        return np.where(self.decision_function(X) < 0, -1, 1)
