"""`VAETransformer`: what it makes of rows, and that it trains as `npvae train` does."""

import numpy as np
import pandas as pd
import pytest

import npvae
from npvae import Bernoulli, Gaussian, InputError, cli
from npvae.datasets import scaling_for
from npvae.estimators import VAETransformer
from npvae.estimators.vae_estimator import as_dataset
from npvae.evaluation.elbo import evaluate
from npvae.evaluation.importance import log_likelihood


def test_it_trains_as_the_functions_of_npvae_do(vae, X):
    vae.fit(X.astype(np.float32))
    data = as_dataset(X.astype(np.float32))
    rng = np.random.default_rng(vae.settings_.seed)
    model = npvae.VAE.dense(6, 8, 2, likelihood="gaussian", sigma=0.5, seed=rng)
    npvae.fit(model, data, epochs=3, scaling=scaling_for(data), batch_size=8, rng=rng)
    np.testing.assert_array_equal(vae.model_.params.flat, model.params.flat)


@pytest.mark.parametrize(
    ("dtype", "likelihood", "binarize", "shape"),
    [
        (np.uint8, Bernoulli, "dynamic", (8, 8)),
        (bool, Bernoulli, "dynamic", (8, 8)),
        (np.float32, Gaussian, "none", (64,)),
        (np.int64, Gaussian, "none", (64,)),
    ],
)
def test_the_numbers_decide_the_likelihood(dtype, likelihood, binarize, shape, vae, pixels):
    vae.fit((pixels > 100) if dtype is bool else pixels.astype(dtype))
    assert isinstance(vae.model_.likelihood, likelihood)
    assert vae.settings_.binarize == binarize
    assert vae.shape_ == shape


def test_defaults_are_those_of_npvae_train(X):
    settings = VAETransformer(epochs=1).fit(X).settings_
    assert (settings.latent, settings.batch_size, settings.sigma) == (3, 8, 0.5)
    assert VAETransformer(hidden=4).fit(X).settings_.epochs == 125  # 1000 updates


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_codes_and_reconstructions_have_the_precision_of_the_rows(dtype, vae, X):
    X = X.astype(dtype)
    codes = vae.fit_transform(X)
    assert codes.dtype == vae.inverse_transform(codes).dtype == dtype
    assert vae.score_samples(X).dtype == np.float64


def test_reconstructions_are_in_the_units_of_the_data(X):
    vae = VAETransformer(1, hidden=(32,), epochs=150, sigma=0.1, random_state=0).fit(X)
    away = vae.inverse_transform(vae.transform(X)) - X
    assert np.sqrt((away**2).mean()) < 0.1 * X.std()


def test_decoded_pixels_are_from_0_to_1_and_can_be_encoded_again(vae, pixels):
    decoded = vae.fit(pixels).inverse_transform(vae.transform(pixels))
    assert 0 <= decoded.min() <= decoded.max() <= 1
    assert vae.transform(decoded).shape == (60, 2)


def test_grey_pixels_are_encoded_as_probabilities(vae, pixels):
    codes = vae.fit(pixels).transform(pixels)
    np.testing.assert_allclose(codes, vae.transform(pixels / 255), atol=1e-5)


@pytest.mark.parametrize("n_draws", [None, 5])
@pytest.mark.parametrize("kind", ["columns", "pixels"])
def test_a_score_depends_on_the_row_and_the_seed_alone(kind, n_draws, vae, X, pixels, rng):
    rows = X if kind == "columns" else pixels
    vae.set_params(n_draws=n_draws).fit(rows)
    scores, order = vae.score_samples(rows), rng.permutation(60)
    tolerance = {"rtol": 1e-5 if kind == "pixels" else 1e-10}
    np.testing.assert_allclose(vae.score_samples(rows[order]), scores[order], **tolerance)
    alone = [vae.score_samples(row[np.newaxis])[0] for row in rows[:5]]
    np.testing.assert_allclose(alone, scores[:5], **tolerance)
    twice = vae.score_samples(np.concatenate([rows[:1], rows[:1]]))
    assert twice[0] == twice[1]


def test_rows_have_noise_of_their_own(vae, X):
    """With the same noise for all, the mean would not come nearer to the ELBO with more rows."""
    many = np.random.default_rng(1).normal(size=(4000, 6))
    vae.fit(X)
    estimate = evaluate(vae.model_, as_dataset(many).train, vae.scaling_, seed=1).elbo
    scores = vae.score_samples(many)
    assert abs(scores.mean() - estimate) < 5 * scores.std() / np.sqrt(4000)
    two = VAETransformer(2, epochs=1, random_state=1).fit(X)
    near = two.score_samples(np.stack([X[0], X[0] + 1e-9]))
    assert near[0] != pytest.approx(near[1], abs=1e-6)


def test_with_draws_a_score_estimates_log_p_of_x(vae, X):
    vae.set_params(n_draws=500).fit(X)
    expected = log_likelihood(vae.model_, as_dataset(X).train, vae.scaling_, k=500)
    assert vae.score(X) == pytest.approx(expected.log_px, abs=0.3)
    assert vae.score(X) > vae.set_params(n_draws=None).score(X)


def test_a_row_far_away_gets_a_low_and_finite_score(vae, X):
    vae.fit(X)
    scores = vae.score_samples([np.full(6, 1e3), np.full(6, 1e9), np.full(6, 1e200)])
    assert np.isfinite(scores).all()
    assert (np.diff(scores) <= 0).all()
    assert scores[0] < vae.score_samples(X).min()


def test_samples_are_new_rows(vae, X):
    vae.fit(X)
    np.testing.assert_array_equal(vae.sample(3, random_state=1), vae.sample(3, random_state=1))
    assert (vae.sample(3) != vae.sample(3)).any()
    means, draws = (vae.sample(500, random_state=0, draw=draw) for draw in (False, True))
    assert means.std() < draws.std()


def test_partial_fit_makes_one_epoch_and_goes_on_where_the_last_call_ended(vae, X):
    vae.partial_fit(X[:30])
    vae.partial_fit(X[30:]).partial_fit(X)
    assert [record.epoch for record in vae.records_] == [1, 2, 3]
    assert vae.score(X) > VAETransformer(**vae.get_params()).partial_fit(X[:30]).score(X)
    assert len(vae.fit(X).records_) == 3


def test_partial_fit_of_all_rows_is_fit(vae, X):
    expected = vae.fit(X).transform(X)
    steps = VAETransformer(**vae.get_params())
    for _ in range(3):
        steps.partial_fit(X)
    np.testing.assert_array_equal(steps.transform(X), expected)


def test_a_fitted_model_can_be_saved(vae, pixels, tmp_path):
    vae.fit(pixels)
    npvae.save_model(tmp_path / "vae.npz", vae.model_, vae.scaling_, vae.shape_)
    saved = npvae.load_model(tmp_path / "vae.npz")
    np.testing.assert_array_equal(saved.model.params.flat, vae.model_.params.flat)
    assert saved.shape == (8, 8)


def test_the_model_of_a_run_becomes_an_estimator(X, tmp_path):
    pd.DataFrame(X, columns=list("abcdef")).to_csv(tmp_path / "table.csv", index=False)
    run = str(tmp_path / "run")
    settings = "--hidden 8 --epochs 2 --latent 2 --no-report --quiet --lr 0.01"
    assert (
        cli.main(["train", "--data", str(tmp_path / "table.csv"), "--out", run, *settings.split()])
        == 0
    )
    vae = VAETransformer.from_run(run)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    rows = vae.scaling_.encode(X)
    np.testing.assert_allclose(vae.transform(frame), vae.model_.encode(rows)[0], rtol=1e-5)
    assert vae.get_params()["n_components"] == 2
    assert vae.get_params()["lr"] == 0.01
    assert vae.partial_fit(frame).records_[0].epoch == 1
    with pytest.raises(InputError, match="run"):
        VAETransformer.from_run(tmp_path)


def test_the_model_of_a_table_with_text_takes_one_hot_columns(tmp_path, monkeypatch):
    """They are made as the docstring of `from_run` says."""
    monkeypatch.chdir(tmp_path)
    people = pd.DataFrame(
        {
            "colour": ["red", "blue", "green"] * 10,
            "size": np.arange(30) ** 2 / 7,
            "z": [1.5, 2] * 15,
        }
    )
    people.to_csv("people.csv", index=False)
    settings = "--hidden 8 --epochs 2 --latent 2 --no-report --quiet --out run"
    assert cli.main(["train", "--data", "people.csv", *settings.split()]) == 0
    people[people["colour"] != "green"].to_csv("new.csv", index=False)
    assert cli.main(["encode", "run", "--data", "new.csv", "--out", "codes.npy"]) == 0
    vae, new = VAETransformer.from_run("run"), pd.read_csv("new.csv")
    found = pd.get_dummies(new, columns=["colour"], prefix_sep="=")
    found = found.reindex(columns=vae.feature_names_in_, fill_value=0)
    np.testing.assert_allclose(vae.transform(found), np.load("codes.npy"), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("flags", "what"), [(["--conditional"], "conditional"), (["--model", "autoencoder"], "autoenc")]
)
def test_a_run_of_another_model_is_refused_and_named(tmp_path, monkeypatch, flags, what):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame({"a": range(0, 90, 3), "b": [1, 5, 2] * 10, "label": ["u", "v"] * 15})
    table.to_csv("t.csv", index=False)
    small = "--hidden 8 --epochs 1 --latent 2 --no-report --quiet --out run"
    assert cli.main(["train", "--data", "t.csv", *small.split(), *flags]) == 0
    with pytest.raises(InputError, match=what) as error:
        VAETransformer.from_run("run")
    assert ("conditional" in str(error.value)) != ("autoencoder" in str(error.value))


# ---- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"n_components": 0}, ["n_components", "0"]),
        ({"epochs": 1.5}, ["epochs", "1.5"]),
        ({"hidden": (8, -1)}, ["hidden", "-1"]),
        ({"hidden": "eight"}, ["hidden", "eight"]),
        ({"batch_size": 0}, ["batch_size"]),
        ({"n_draws": 0}, ["n_draws", "0"]),
        ({"likelihood": "poisson"}, ["likelihood", "poisson"]),
        ({"likelihood": "bernoulli"}, ["likelihood bernoulli", "[0, 1]"]),
        ({"likelihood": "laplace", "sigma": "learned"}, ["sigma learned", "likelihood laplace"]),
        ({"random_state": "x"}, ["x"]),
    ],
)
def test_a_parameter_that_does_not_work_is_named(parameters, names, vae, X):
    with pytest.raises(ValueError, match=r"\w") as refused:
        vae.set_params(**parameters).fit(X)
    assert all(name in str(refused.value) for name in names), refused.value
    assert "--" not in str(refused.value)
    assert "latent" not in str(refused.value)


@pytest.mark.parametrize("library", ["pandas", "polars", "numpy"])
def test_text_is_refused_with_advice(library, vae):
    columns = {"height": [1.0, 2.0] * 10, "city": ["Bern", "Rome"] * 10}
    if library == "numpy":
        X = np.array(list(zip(*columns.values(), strict=True)))
    else:
        X = pytest.importorskip(library).DataFrame(columns)
    with pytest.raises(InputError, match="OneHotEncoder") as refused:
        vae.fit(X)
    assert ("city" in str(refused.value)) == (library != "numpy")


def test_numbers_that_are_no_pixels_are_refused_after_pixels(vae, pixels):
    with pytest.raises(InputError, match="uint8"):
        vae.fit(pixels).transform(pixels.astype(np.float64))


def test_codes_of_another_width_are_refused(vae, X):
    with pytest.raises(InputError, match="3 columns, expected 2"):
        vae.fit(X).inverse_transform(np.zeros((1, 3)))
