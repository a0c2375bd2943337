"""VAEs as scikit-learn estimators, for pipelines, grid searches and DataFrames.

transformer        `VAETransformer`: rows to codes and back, scores and new rows
outlier_detector   `VAEOutlierDetector`: which rows are unlike the others
vae_estimator      what the two share: parameters, training, and the score of a row
rows               random numbers that belong to a row, wherever it stands
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
