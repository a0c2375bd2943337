"""Both estimators keep scikit-learn's contract, and work with its tools."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from npvae.estimators import VAETransformer

CHECK = """
import sys
from sklearn.utils.estimator_checks import check_estimator
from npvae import estimators
for name in estimators.__all__:
    made = getattr(estimators, name)(hidden=(8,), epochs=2)
    statuses = [done["status"] for done in check_estimator(made, on_fail="raise")]
    assert set(statuses) == {"passed"}, statuses
    print(name, len(statuses))
"""
NO_SKLEARN = """
import sys
sys.modules["sklearn"] = None
import npvae
try:
    import npvae.estimators
except ImportError as error:
    print(error)
"""


def run(code, **environment):
    """Run code in a process of its own, with warnings as errors; return what it prints."""
    command = [sys.executable, "-W", "error", "-c", code]
    environment = os.environ | environment
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_check_of_scikit_learn_passes_and_none_is_skipped():
    """One of them asks for this variable, before SciPy is imported."""
    lines = [line.split() for line in run(CHECK, SCIPY_ARRAY_API="1").splitlines()]
    assert [name for name, _ in lines] == ["VAEOutlierDetector", "VAETransformer"]
    assert all(int(n) >= 40 for _, n in lines)


def test_without_scikit_learn_one_sentence_says_what_to_install():
    (line,) = run(NO_SKLEARN).splitlines()
    assert "scikit-learn" in line
    assert "1.6" in line


def test_a_clone_fits_the_same_model(vae, X):
    again = clone(vae).fit(X)
    np.testing.assert_array_equal(again.transform(X), vae.fit(X).transform(X))
    assert again.model_ is not vae.model_


@pytest.mark.parametrize("name", ["vae", "detector"])
def test_a_pickled_estimator_says_the_same(name, X, request):
    estimator = request.getfixturevalue(name).fit(X)
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.score_samples(X), estimator.score_samples(X))


def test_a_pickled_transformer_learns_on_as_the_original(vae, X):
    vae.partial_fit(X)
    again = pickle.loads(pickle.dumps(vae)).partial_fit(X)
    np.testing.assert_array_equal(again.transform(X), vae.partial_fit(X).transform(X))


def test_it_stands_between_a_scaler_and_a_classifier_in_a_grid_search(vae, X):
    y = (X[:, 0] > 10).astype(int)
    pipeline = make_pipeline(StandardScaler(), vae, LogisticRegression())
    grid = {"vaetransformer__n_components": [1, 2], "vaetransformer__beta": np.array([0.1, 1.0])}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_score_ > 0.8
    assert search.predict(X).shape == (60,)


def test_a_grid_search_without_labels_maximises_the_mean_score(vae, X):
    search = GridSearchCV(vae, {"hidden": [4, (8, 4)]}, cv=2).fit(X)
    assert np.isfinite(search.best_score_)
    found = search.best_estimator_
    assert found.score(X) == pytest.approx(found.score_samples(X).mean())


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_dataframes_come_back(library, vae, X):
    frame = library.DataFrame({name: X[:, i] for i, name in enumerate("abcdef")})
    codes = vae.set_output(transform=library.__name__).fit_transform(frame)
    assert isinstance(codes, library.DataFrame)
    assert list(codes.columns) == ["vaetransformer0", "vaetransformer1"]
    assert list(vae.feature_names_in_) == list("abcdef")
    expected = clone(vae).set_output(transform="default").fit_transform(X)
    np.testing.assert_array_equal(codes.to_numpy(), expected)


def test_columns_in_another_order_are_refused(vae, X):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    with pytest.raises(ValueError, match="order"):
        vae.fit(frame).transform(frame[list("bacdef")])


def test_the_seed_of_a_random_state_object_moves_on(X):
    state = np.random.RandomState(0)
    first, second = (VAETransformer(2, epochs=1, random_state=state).fit(X) for _ in range(2))
    assert first.settings_.seed != second.settings_.seed
