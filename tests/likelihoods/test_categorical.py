"""The categorical likelihood, up the ladder: values by hand, gradients, moments, extremes, halves.

And on its way through the commands, with a table of text columns.
"""

import csv
import json

import numpy as np
import pytest
from run_files import draw_quickly

from npvae import VAE, Adam, InputError, check, load_model
from npvae.cli import main
from npvae.likelihoods import Categorical, make_likelihood
from npvae.likelihoods.categorical import log_sum_exp_and_softmax

GROUPS = (3, 3, 2, 1, 4, 4, 4)
N_X = sum(GROUPS)


def one_hot(rng, n, groups=GROUPS):
    return np.concatenate([np.eye(size)[rng.integers(0, size, n)] for size in groups], axis=1)


def places(groups=GROUPS):
    ends = np.cumsum(groups)
    return [slice(end - size, end) for end, size in zip(ends, groups, strict=True)]


def plain_log_prob(logits, x, groups=GROUPS):
    """Log p of the category that is 1, group by group, as the definition has it."""
    log_px = np.zeros(logits.shape[:-1])
    for place in places(groups):
        p = np.exp(logits[..., place]) / np.exp(logits[..., place]).sum(axis=-1, keepdims=True)
        log_px += np.log((p * x[..., place]).sum(axis=-1))
    return log_px


def test_by_hand():
    """Odds of 1 to 3: log p(second) = log 3/4, and p - x is 1/4 and -1/4."""
    logits, x = np.log([[1.0, 3.0]]), np.array([[0.0, 1.0]])
    loss, dlogits = Categorical().loss_and_grad(logits, x)
    assert loss == pytest.approx(-np.log(0.75))
    np.testing.assert_allclose(dlogits, [[0.25, -0.25]])


def test_groups_of_any_sizes_are_as_the_definition_has_them(rng):
    logits, x = rng.normal(0, 2, (7, N_X)), one_hot(rng, 7)
    found = Categorical(GROUPS).log_prob(logits, x)
    np.testing.assert_allclose(found, plain_log_prob(logits, x), rtol=1e-12)


def test_the_probabilities_of_all_categories_sum_to_one(rng):
    logits, groups = rng.normal(0, 2, (1, 5)), (3, 2)
    every = [np.concatenate([a, b])[None] for a in np.eye(3) for b in np.eye(2)]
    total = sum(np.exp(Categorical(groups).log_prob(logits, x)[0]) for x in every)
    assert total == pytest.approx(1, rel=1e-12)


def test_two_categories_are_a_bernoulli(rng):
    """Softmax of two logits is the sigmoid of their difference."""
    logits, on = rng.normal(0, 2, (9, 1)), rng.integers(0, 2, (9, 1)).astype(float)
    pair, x = np.hstack([logits, 0 * logits]), np.hstack([on, 1 - on])
    coin = make_likelihood("bernoulli")
    np.testing.assert_allclose(
        Categorical().log_prob(pair, x), coin.log_prob(logits, on), rtol=1e-12
    )
    np.testing.assert_allclose(Categorical().mean(pair)[:, :1], coin.mean(logits), rtol=1e-12)


def test_loss_and_gradient_are_those_of_log_prob_and_backward(rng):
    logits, x, likelihood = rng.normal(0, 2, (7, N_X)), one_hot(rng, 7), Categorical(GROUPS)
    loss, dlogits = likelihood.loss_and_grad(logits, x)
    log_prob = likelihood.log_prob(logits, x)
    assert log_prob.shape == (7,)
    assert loss == pytest.approx(-log_prob.mean(), rel=1e-12)
    np.testing.assert_allclose(likelihood.backward(np.full(7, -1 / 7)), dlogits, rtol=1e-12)
    np.testing.assert_allclose(dlogits, (likelihood.mean(logits) - x) / 7, rtol=1e-12)


def test_the_gradient_agrees_with_finite_differences(rng):
    assert check(Categorical(GROUPS), rng.normal(0, 2, (5, N_X)), one_hot(rng, 5))


def test_each_draw_is_compared_with_its_own_example_and_has_its_own_weight(rng):
    logits, x, v = rng.normal(0, 2, (3, 4, N_X)), one_hot(rng, 3), rng.normal(0, 1, (3, 4))
    likelihood = Categorical(GROUPS)
    log_px, gradient = likelihood.log_prob(logits, x), likelihood.backward(v)
    assert log_px.shape == (3, 4)
    for draw in range(4):
        one = likelihood.log_prob(logits[:, draw], x)
        np.testing.assert_allclose(one, log_px[:, draw], rtol=1e-12)
        np.testing.assert_allclose(likelihood.backward(v[:, draw]), gradient[:, draw], rtol=1e-12)


def test_the_one_that_is_1_bears_the_cost_of_its_group(rng):
    logits, x, likelihood = rng.normal(0, 2, (6, N_X)), one_hot(rng, 6), Categorical(GROUPS)
    nats = likelihood.nats_by_feature(logits, x)
    assert (nats[x == 0] == 0).all()
    np.testing.assert_allclose(nats.sum(axis=1), -likelihood.log_prob(logits, x), rtol=1e-12)


def test_draws_have_their_moments(rng):
    """Shares of the categories, one per group, and independent groups."""
    n, groups = 200_000, (3, 2)
    p = np.array([0.2, 0.7, 0.1, 0.4, 0.6])
    draws = Categorical(groups).draw(np.tile(np.log(p), (n, 1)), rng)
    assert set(np.unique(draws)) == {0, 1}
    for place in places(groups):
        assert (draws[:, place].sum(axis=1) == 1).all()
    np.testing.assert_allclose(draws.mean(axis=0), p, atol=4 * np.sqrt(0.25 / n))
    both = (draws[:, 1] * draws[:, 4]).mean()
    assert both == pytest.approx(0.7 * 0.6, abs=4 * np.sqrt(0.25 / n))


def test_categories_without_probability_are_never_drawn(rng):
    logits = np.tile([-1e4, 0.0, 0.0, -1e4], (10_000, 1)).astype(np.float32)
    draws = Categorical().draw(logits, rng)
    assert (draws[:, [0, 3]] == 0).all()
    assert (draws.sum(axis=1) == 1).all()


def test_nor_is_the_first_category_where_the_random_number_is_zero():
    class Zeros:
        def random(self, size, dtype):
            return np.zeros(size, dtype)

    drawn = Categorical().draw(np.array([[-1e4, 0.0, 0.0]]), Zeros())
    np.testing.assert_array_equal(drawn, [[0, 1, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes(dtype):
    logits = np.array([[-1e4, 0, 1e4], [1e4, 1e4, 1e4]], dtype)
    x = np.array([[1, 0, 0], [0, 1, 0]], dtype)
    likelihood = Categorical()
    log_px = likelihood.log_prob(logits, x)
    np.testing.assert_allclose(log_px, [-2e4, -np.log(3)], rtol=1e-3)
    loss, dlogits = likelihood.loss_and_grad(logits, x)
    assert np.isfinite(loss)
    assert loss.dtype == dlogits.dtype == dtype
    np.testing.assert_allclose(2 * dlogits[0], [-1, 0, 1])


def test_one_example_and_a_group_of_one():
    """A group with a single category costs nothing and has no gradient."""
    loss, dlogits = Categorical((1, 2)).loss_and_grad(np.zeros((1, 3)), np.array([[1.0, 0, 1]]))
    assert loss == pytest.approx(np.log(2))
    np.testing.assert_allclose(dlogits, [[0, 0.5, -0.5]])


def test_float32_agrees_with_float64(rng):
    groups = (22,) * 32
    logits, x, v = rng.normal(0, 5, (50, 704)), one_hot(rng, 50, groups), rng.random(50)
    likelihood = Categorical(groups)
    log_px, gradient = likelihood.log_prob(logits, x), likelihood.backward(v)
    narrow = [array.astype(np.float32) for array in (logits, x)]
    log_px32, gradient32 = likelihood.log_prob(*narrow), likelihood.backward(v.astype(np.float32))
    drawn, mean = likelihood.draw(narrow[0], rng), likelihood.mean(narrow[0])
    assert {a.dtype for a in (log_px32, gradient32, drawn, mean)} == {np.dtype("f4")}
    np.testing.assert_allclose(log_px32, log_px, rtol=2e-6)
    np.testing.assert_allclose(gradient32, gradient, atol=2e-6)


def test_half_batches_equal_the_whole(rng):
    logits, x, likelihood = rng.normal(0, 2, (10, N_X)), one_hot(rng, 10), Categorical(GROUPS)
    loss, dlogits = likelihood.loss_and_grad(logits, x)
    halves = [likelihood.loss_and_grad(logits[p], x[p]) for p in (slice(5), slice(5, 10))]
    assert loss == pytest.approx((halves[0][0] + halves[1][0]) / 2)
    np.testing.assert_allclose(dlogits, np.concatenate([half[1] for half in halves]) / 2)


def test_inputs_are_left_alone(rng):
    logits, x = rng.normal(0, 2, (4, N_X)), one_hot(rng, 4)
    before = logits.copy(), x.copy()
    likelihood = Categorical(GROUPS)
    likelihood.loss_and_grad(logits, x), likelihood.draw(logits, rng), likelihood.mean(logits)
    likelihood.log_prob(logits, x), likelihood.backward(np.ones(4))
    np.testing.assert_array_equal(logits, before[0])
    np.testing.assert_array_equal(x, before[1])


def test_outputs_of_a_mean_have_that_mean():
    mean = np.array([[0.02, 0.5, 0.48, 0.3, 0.7]])
    likelihood = Categorical((3, 2))
    np.testing.assert_allclose(likelihood.mean(likelihood.link(mean)), mean, rtol=1e-12)
    assert np.isfinite(likelihood.link(np.array([0.0, 1.0]))).all()


def test_log_sum_exp_is_logaddexp(rng):
    a = rng.normal(0, 50, (20, 6))
    log_sum, p = log_sum_exp_and_softmax(a)
    np.testing.assert_allclose(log_sum, np.logaddexp.reduce(a, axis=-1), rtol=1e-12)
    np.testing.assert_allclose(p.sum(axis=-1), 1)


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [(0, 3), (2.0, 3), "ab", (True, 2)])
def test_bad_groups(groups):
    with pytest.raises(InputError, match="groups"):
        Categorical(groups)


def test_groups_must_make_up_an_example():
    with pytest.raises(InputError, match=r"\b5\b.*\b6\b"):
        VAE.dense(6, 4, 2, likelihood="categorical", groups=(2, 3))


def test_groups_are_for_the_categorical_likelihood_only():
    with pytest.raises(InputError, match="gaussian"):
        make_likelihood("gaussian", groups=(2, 3))


# ---- in a model, and through the commands --------------------------------------------------------


def test_a_vae_with_it_learns(rng):
    """One of four kinds decides three columns; a model that knows the kind knows them all."""
    kind = rng.integers(0, 4, 200)
    x = np.concatenate([np.eye(4)[(kind * step) % 4] for step in (1, 3, 1)], axis=1)
    vae = VAE.dense(12, 16, 2, likelihood="categorical", groups=(4, 4, 4), dtype=np.float64)
    adam, losses = Adam(0.02), []
    for _ in range(400):
        losses.append(vae.loss_and_grad(x, vae.draw_noise(rng, 200)).loss)
        adam.step(vae.params)
    assert losses[0] > 3 * np.log(4)  # as much as no knowledge costs
    assert np.mean(losses[-10:]) < np.log(4) + 1.3  # the kind itself costs log(4)


@pytest.fixture
def pets(tmp_path, monkeypatch, rng):
    """A table of text columns, in the working folder, and one with a column of numbers."""
    monkeypatch.chdir(tmp_path)
    draw_quickly(monkeypatch)
    kinds, colours = rng.integers(0, 3, (2, 60))
    texts = [("cat", "dog", "emu")[i] for i in kinds], [("red", "blue", "grey")[i] for i in colours]
    rows = list(zip(*texts, strict=True))
    for name, header, more in (
        ("pets.csv", [], []),
        ("mixed.csv", ["weight"], rng.normal(10, 2, 60).round(2)),
    ):
        with open(name, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["kind", "colour", *header])
            extra = [[value] for value in more] or [[]] * 60
            writer.writerows([*row, *value] for row, value in zip(rows, extra, strict=True))
    return tmp_path


SMALL = ["--latent", "2", "--hidden", "5", "--epochs", "1", "--out", "run"]


def test_a_table_of_texts_goes_through_every_command(pets, capsys):
    assert main(["train", "--data", "pets.csv", *SMALL]) == 0
    assert "Categorical likelihood" in " ".join(capsys.readouterr().out.split())
    stored = json.loads((pets / "run" / "config.json").read_text())["settings"]
    assert (stored["likelihood"], stored["sigma"], stored["binarize"]) == (
        "categorical",
        None,
        "none",
    )
    likelihood = load_model("run/model.npz").model.likelihood
    assert isinstance(likelihood, Categorical)
    assert likelihood.groups == (3, 3)
    assert main(["evaluate", "run", "--samples", "5"]) == 0
    assert "categories" in capsys.readouterr().out
    assert main(["train", "--resume", "run", "--epochs", "2"]) == 0
    for command in ("reconstruct", "score", "explore", "report", "interpolate", "traverse"):
        assert main([command, "run"]) == 0, command
    assert main(["compare", "run", "run", "--out", "both.png"]) in (0, 2)
    assert main(["sample", "run", "-n", "30", "--draw", "--out", "new.csv"]) == 0
    with open("new.csv", newline="") as file:
        made = list(csv.DictReader(file))
    assert {row["kind"] for row in made} <= {"cat", "dog", "emu"}
    assert {row["colour"] for row in made} <= {"red", "blue", "grey"}


def test_gaussian_can_still_be_asked_for(pets):
    assert main(["train", "--data", "pets.csv", "--likelihood", "gaussian", *SMALL]) == 0


@pytest.mark.parametrize(
    ("data", "more", "named"),
    [
        ("mixed.csv", [], ["categorical", "--drop", "mixed.csv"]),
        ("pets.csv", ["--sigma", "0.3"], ["--sigma", "categorical"]),
        ("pets.csv", ["--binarize", "dynamic"], ["--binarize", "categorical"]),
    ],
)
def test_what_it_cannot_do(pets, capsys, data, more, named):
    given = ["--likelihood", "categorical", *more]
    assert main(["train", "--data", data, *given, *SMALL]) == 2
    told = capsys.readouterr().err
    assert all(name in told for name in named)
    assert not (pets / "run").exists()


def test_numbers_can_be_left_out(pets):
    given = ["--data", "mixed.csv", "--drop", "weight", "--likelihood", "categorical"]
    assert main(["train", *given, *SMALL]) == 0
