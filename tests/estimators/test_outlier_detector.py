"""`VAEOutlierDetector`: a share of the training rows, and rows unlike them, are outliers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from npvae import InputError
from npvae.estimators import VAEOutlierDetector


def test_a_share_of_the_training_rows_are_outliers(detector, X):
    found = detector.set_params(contamination=0.2).fit_predict(X)
    assert sorted(np.unique(found)) == [-1, 1]
    assert (found == -1).sum() == 12
    np.testing.assert_array_equal(found == -1, detector.decision_function(X) < 0)
    scores = detector.score_samples(X)
    np.testing.assert_allclose(detector.decision_function(X), scores - detector.offset_)


@pytest.mark.parametrize("kind", ["bool", "DataFrame"])
def test_the_threshold_is_that_of_the_scores_of_the_training_rows(kind, detector, X, pixels):
    rows = pixels > 100 if kind == "bool" else pd.DataFrame(X, columns=list("abcdef"))
    scores = detector.fit(rows).score_samples(rows)
    assert detector.offset_ == np.percentile(scores, 10)


def test_rows_off_the_line_are_odd(X, rng):
    """Each column of an odd row is ordinary; only together they are not."""
    detector = VAEOutlierDetector(2, hidden=(32,), epochs=100, random_state=0).fit(X)
    odd = np.stack([rng.permutation(column) for column in X.T], axis=1)
    scores = detector.score_samples(np.concatenate([X, odd]))
    assert roc_auc_score([1] * 60 + [0] * 60, scores) > 0.9
    assert (detector.predict(odd) == -1).mean() > 0.6


@pytest.mark.parametrize("contamination", [0, 0.6, "auto", np.nan])
def test_a_share_that_is_none_is_refused(contamination, detector, X):
    with pytest.raises(InputError, match="contamination"):
        detector.set_params(contamination=contamination).fit(X)
