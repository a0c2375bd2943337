"""VAEs as scikit-learn estimators, for pipelines, grid searches and DataFrames.

`VAETransformer` turns rows into codes and back, scores them and draws new ones.
`VAEOutlierDetector` finds rows that are unlike the others. The file `vae_estimator.py` holds what
the two share, and `rows.py` the random numbers that belong to a row, wherever it stands.
"""

try:
    from sklearn.utils.validation import validate_data  # noqa: F401 (new in scikit-learn 1.6)
except ImportError as error:
    raise ImportError(
        "npvae.estimators needs scikit-learn 1.6 or later; install it with: "
        "pip install 'scikit-learn>=1.6'"
    ) from error

from npvae.estimators.outlier_detector import VAEOutlierDetector
from npvae.estimators.transformer import VAETransformer

__all__ = ["VAEOutlierDetector", "VAETransformer"]
