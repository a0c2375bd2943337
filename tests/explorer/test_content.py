"""The content of the explorer's page: it computes what the model computes, and is honest."""

import json

import explored_runs
import numpy as np
import pytest
from explored_runs import MODELS, content_of, numbers, save_data, save_run

from npvae import VAE, Bernoulli, Categorical, InputError, Sequential, Split, Standardized, Tanh
from npvae.evaluation.elbo import evaluate
from npvae.evaluation.latent_space import Codes
from npvae.explorer import content as made
from npvae.explorer.content import as_json
from npvae.explorer.network import networks, weights
from npvae.layers import Dense
from npvae.runs.pictures import Trained


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A function that returns the folder, the run and the content of a model by its name."""
    known = {}

    def explored(name):
        if name not in known:
            folder = tmp_path_factory.mktemp("run")
            save_data(folder)
            saved = save_run(folder, **MODELS[name])
            known[name] = saved, *content_of(saved)
        return known[name]

    return explored


every_model = pytest.mark.parametrize("name", MODELS)


def in_half_precision(run):
    """Return the model with the parameters that the page has, in double precision."""
    flat = run.model.params.flat
    flat[...] = flat.astype(np.float16)
    return run.model


def labels_beside(model, values, rng):
    """Return the input of a network of the page, and the model's condition."""
    if not model.n_y:
        return values, None
    y = model.one_hot(rng.integers(0, model.n_y, len(values)))
    return np.concatenate([values, y], axis=1), y


# ---- the same numbers ----------------------------------------------------------------------------


@every_model
def test_it_decodes_as_the_model_does(runs, name, rng):
    folder, _, content = runs(name)
    model = folder.load_model().model
    z = rng.standard_normal((100, model.n_z)).astype(np.float32)
    beside, y = labels_beside(model, z, rng)
    found = explored_runs.decode(content, beside)
    scale = 1 if content["likelihood"]["name"] == "bernoulli" else 10
    np.testing.assert_allclose(found, model.decode(z, y), atol=scale / 255)
    model = in_half_precision(Trained.open(folder))
    np.testing.assert_allclose(found, model.decode(z, y), rtol=1e-4, atol=1e-5)


@every_model
def test_it_encodes_as_the_model_does(runs, name, rng):
    folder, run, content = runs(name)
    x, y = run.take(slice(0, 6))
    beside = np.concatenate([x, *y], axis=1)
    code = in_half_precision(Trained.open(folder)).encode(x, *y)
    expected = np.concatenate(code if isinstance(code, tuple) else (code,), axis=1)
    found = explored_runs.encode(content, beside)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@every_model
def test_it_says_what_the_model_is(runs, name):
    _, run, content = runs(name)
    model = run.model
    assert [content[size] for size in ("n_x", "n_z", "n_y")] == [model.n_x, model.n_z, model.n_y]
    assert content["shape"] == list(run.shape)
    assert content["kind"] == {"iwae": "iwae", "autoencoder": "autoencoder"}.get(name, model.kind)
    assert content["is_vae"] == (model.kind in ("vae", "iwae"))
    assert content["is_vae"] == (content["kl"] is not None)
    sigma = content["likelihood"]["sigma"]
    with_sigma = getattr(model.likelihood, "parts", [model.likelihood])[0]
    assert sigma == pytest.approx(with_sigma.sigma if sigma is not None else None)
    assert (sigma is None) == isinstance(model.likelihood, Bernoulli | Categorical)


# ---- the examples --------------------------------------------------------------------------------


@every_model
def test_points_are_examples_of_the_test_part(runs, name):
    _, run, content = runs(name)
    points, test = content["points"], run.dataset.test
    assert points["n"] == points["of"] == points["k"] == len(test)
    assert sorted(points["rows"]) == list(range(len(test)))
    labels = None if test.labels is None else test.labels[points["rows"]].tolist()
    assert points["labels"] == labels
    stored = test.take(points["rows"])
    if isinstance(run.scaling, Standardized):
        found = numbers(points["images"]).reshape(len(test), -1)
        np.testing.assert_allclose(found, run.scaling.encode(stored), rtol=1e-3)
    else:
        most = 1 if stored.dtype == np.uint8 else 255
        np.testing.assert_array_equal(numbers(points["images"], "u1"), stored.ravel() * most)


@every_model
def test_points_are_where_the_model_encodes_them(runs, name):
    """Pixels that are drawn are other pixels each time, so that they are not drawn here."""
    folder, *_ = runs(name)
    run = Trained.open(folder)
    if name != "table":
        run.scaling.binarize = "threshold"
    points = made._points(run, run.dataset.test.only(run.chosen(6)))
    expected = run.encode(*run.take(np.array(points["rows"])))
    found = numbers(points["mu"]).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@every_model
def test_scores_are_those_of_evaluate(runs, name):
    _, run, content = runs(name)
    part = run.dataset.test.only(np.array(content["points"]["rows"]))
    found = evaluate(run.model, part, run.scaling, run.seed)
    expected = -found.elbo if content["is_vae"] else found.reconstruction
    assert np.mean(content["points"]["scores"]) == pytest.approx(expected, abs=0.01)


def test_pixels_stored_as_floats_become_bytes(tmp_path):
    np.save(tmp_path / "floats.npy", np.linspace(0, 1, 60 * 20).reshape(60, 4, 5))
    run, content = content_of(save_run(tmp_path, "floats.npy"))
    stored = run.dataset.test.take(content["points"]["rows"])
    np.testing.assert_allclose(
        numbers(content["points"]["images"], "u1"), 255 * stored.ravel(), atol=0.5
    )


def test_a_table_keeps_its_units(runs):
    _, run, content = runs("table")
    assert content["scaling"]["name"] == "standardized"
    np.testing.assert_allclose(content["scaling"]["mean"], run.scaling.mean, rtol=1e-6)
    np.testing.assert_allclose(content["scaling"]["std"], run.scaling.std, rtol=1e-6)
    assert content["scaling"]["constant"] == []


def test_a_table_with_texts_says_which_columns_belong_together(tmp_path):
    colours = ["red", "green", "blue"] * 20
    rows = [f"{i % 7},{colour},{i % 5}" for i, colour in enumerate(colours)]
    (tmp_path / "own.csv").write_text("\n".join(["size,colour,weight", *rows]) + "\n")
    _, content = content_of(save_run(tmp_path, "own.csv"))
    (texts,) = content["categories"].values()
    assert set(texts) == set(colours)
    assert [f"colour={text}" for text in texts] == content["columns"][1:4]


def test_a_large_part_is_thinned_by_the_seed(runs, monkeypatch):
    folder, run, before = runs("two latents")
    monkeypatch.setattr(made, "MOST_POINTS", 4)
    monkeypatch.setattr(made, "FEWEST_IMAGES", 1)
    monkeypatch.setattr(made, "IMAGES_BYTES", 2 * 20)
    points = content_of(folder)[1]["points"]
    assert [points[key] for key in ("n", "of", "k")] == [4, len(run.dataset.test), 2]
    assert points["rows"] == before["points"]["rows"][:4]
    assert len(numbers(points["mu"])) == 4 * 2
    assert len(numbers(points["images"], "u1")) == 2 * 20


# ---- the latent space ----------------------------------------------------------------------------


@every_model
def test_the_plane_is_that_of_the_pictures(runs, name):
    _, run, content = runs(name)
    axes, (u, *v) = content["axes"], run.plane.directions
    assert axes["kind"] == ("principal" if run.model.n_z > 2 else "latents")
    np.testing.assert_allclose(axes["origin"], run.plane.origin, atol=1e-6)
    np.testing.assert_allclose(axes["u"], u, atol=1e-6)
    np.testing.assert_allclose(axes["v"], v[0] if v else 0 * u, atol=1e-6)
    assert sum(axes["share"]) <= 1 + 1e-6


def test_a_direction_leads_to_the_mean_code_of_its_label(runs):
    _, run, content = runs("two latents")
    mu, labels = run.codes.mu, run.codes.labels
    assert [each["name"] for each in content["directions"]] == ["cat", "dog", "emu"]
    for label, each in enumerate(content["directions"]):
        expected = mu[labels == label].mean(axis=0) - mu.mean(axis=0)
        np.testing.assert_allclose(each["z"], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["conditional", "no labels", "table"])
def test_without_labels_in_the_code_there_are_no_directions(runs, name):
    assert runs(name)[2]["directions"] == []


def test_a_factor_that_the_code_can_tell_gives_a_direction(runs, rng):
    """The slope of the codes, for one standard deviation of the factor."""
    run = Trained.open(runs("no labels")[0])
    mu = rng.standard_normal((500, 3))
    factors = {
        "slant": 10 * mu[:, 1] + 7,
        "unknown": rng.standard_normal(500),
        "constant": np.ones(500),
        "font": np.arange(500),
    }
    run.codes, run.encoded = Codes(mu), Split(mu, np.arange(500), factors=factors)
    (found,) = made._directions(run)
    assert (found["kind"], found["name"]) == ("factor", "slant")
    np.testing.assert_allclose(found["z"], [0, mu[:, 1].std(), 0], atol=0.15)
    assert found["z"][1] == pytest.approx(mu[:, 1].std())


# ---- other epochs --------------------------------------------------------------------------------


def test_kept_epochs_are_in_it_except_the_present_one(tmp_path, monkeypatch):
    save_data(tmp_path)
    given = {"data": str(tmp_path / "images.npz"), **explored_runs.SMALL, "epochs": 5}
    with explored_runs.begin(given | {"keep_epochs": 1}, tmp_path / "run", progress=False) as run:
        for _ in range(5):
            run.trainer.run_epoch()
            run.keep_epoch()
        run.save()
    _, content = content_of(run.folder)
    assert content["epoch"] == 5
    assert [each["epoch"] for each in content["epochs"]] == [1, 2, 3, 4]
    saved = run.folder.load_epoch(2).model
    assert content["epochs"][1]["weights"] == weights(saved)
    assert content["epochs"][1]["mu"] != content["points"]["mu"]
    monkeypatch.setattr(made, "MOST_EPOCHS", 2)
    _, content = content_of(run.folder)
    assert [each["epoch"] for each in content["epochs"]] == [1, 4]
    assert content["kept"] == 4


# ---- text ----------------------------------------------------------------------------------------


def test_text_cannot_leave_its_element(tmp_path):
    names = np.array(["</script><b>", "<!--", "\"'&\u202eturned\x1b", "a"])
    x = np.random.default_rng(0).integers(0, 256, (60, 4, 5), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", x=x, y=names[np.arange(60) % 4])
    _, content = content_of(save_run(tmp_path, "own.npz"))
    text = as_json(content)
    assert "<" not in text
    assert text.isascii()
    assert json.loads(text) == content
    assert {"</script><b>", "<!--", "a"} < set(content["classes"])
    assert {each["name"] for each in content["directions"]} <= set(content["classes"])
    assert all(name.isprintable() for name in content["classes"])


def test_the_measured_elbo_is_told(runs):
    folder, *_ = runs("two latents")
    assert "12.35" in content_of(folder, {"test": {"elbo": -12.345}})[1]["trained"]


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1e5, np.nan])
def test_a_number_too_large_for_float16_is_refused(runs, value):
    folder, *_ = runs("two latents")
    run = Trained.open(folder)
    run.model.params.flat[3] = value
    with pytest.raises(InputError, match="float16"):
        weights(run.model)


class Other(Tanh):
    """A layer of a user's own, although it is derived from a known one."""


class Coin(Bernoulli):
    """A likelihood of a user's own."""


def test_what_the_page_cannot_compute_is_refused():
    def model(layer, likelihood="bernoulli"):
        encoder, decoder = Sequential(Dense(4, 3, 0), layer, Dense(3, 4, 0)), Dense(2, 4, 0)
        return VAE(encoder, decoder, n_x=4, n_z=2, likelihood=likelihood)

    assert len(networks(model(Tanh()))["decoder"]) == 1
    with pytest.raises(InputError, match="Other"):
        networks(model(Other()))
    with pytest.raises(InputError, match="Coin"):
        networks(model(Tanh(), Coin()))
