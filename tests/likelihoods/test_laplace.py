"""The Laplace likelihood, up the ladder: values by hand, gradients, moments, extremes, halves."""

import json

import numpy as np
import pytest
from run_files import draw_quickly

from npvae import VAE, check, load_model
from npvae.cli import main
from npvae.likelihoods import Laplace


def test_by_hand():
    """-log p(3; 1, sigma = sqrt(2) 2): b = 2, so that |3 - 1| / 2 + log(2 * 2), gradient -1/2."""
    loss, dmean = Laplace(2 * 2**0.5).loss_and_grad(np.array([[1.0]]), np.array([[3.0]]))
    assert loss == pytest.approx(1 + np.log(4))
    np.testing.assert_allclose(dmean, [[-1 / 2]])


def test_the_density_integrates_to_one_and_has_the_standard_deviation_sigma():
    x = np.linspace(-20, 20, 80_001)[:, None]
    density = np.exp(Laplace(0.7).log_prob(np.full_like(x, 0.4), x))
    assert density.sum() * 0.0005 == pytest.approx(1, abs=1e-6)
    assert (density * (x[:, 0] - 0.4) ** 2).sum() * 0.0005 == pytest.approx(0.7**2, rel=1e-5)


def test_loss_and_gradient_are_those_of_log_prob_and_backward(rng):
    mean, x, laplace = *rng.standard_normal((2, 7, 9)), Laplace(0.7)
    loss, dmean = laplace.loss_and_grad(mean, x)
    log_prob = laplace.log_prob(mean, x)
    assert log_prob.shape == (7,)
    assert loss == pytest.approx(-log_prob.mean(), rel=1e-12)
    np.testing.assert_allclose(laplace.backward(np.full(7, -1 / 7)), dmean, rtol=1e-12)


def test_each_draw_is_compared_with_its_own_example_and_has_its_own_weight(rng):
    mean, x, v = rng.normal(0, 1, (3, 4, 6)), rng.normal(0, 1, (3, 6)), rng.normal(0, 1, (3, 4))
    laplace = Laplace(0.7)
    log_px, gradient = laplace.log_prob(mean, x), laplace.backward(v)
    for draw in range(4):
        np.testing.assert_allclose(laplace.log_prob(mean[:, draw], x), log_px[:, draw], rtol=1e-12)
        np.testing.assert_allclose(laplace.backward(v[:, draw]), gradient[:, draw], rtol=1e-12)


def test_at_its_kink_the_gradient_is_zero_and_the_checker_is_told(rng):
    laplace, x = Laplace(1), rng.standard_normal((2, 3))
    _, dmean = laplace.loss_and_grad(x.copy(), x)
    np.testing.assert_array_equal(dmean, np.zeros((2, 3)))
    report = check(laplace, x + 1e-7, x)  # every probe crosses it
    assert report.too_many_skipped
    assert check(laplace, x + 1, x).ok


def test_draws_have_their_moments(rng):
    n, sigma = 200_000, 0.5
    draws = Laplace(sigma).draw(np.full((n, 1), 3.0), rng)
    assert abs(draws.mean() - 3) < 4 * sigma / np.sqrt(n)
    assert draws.var() == pytest.approx(sigma**2, rel=4 * np.sqrt(5 / n))  # kurtosis 6
    absolute = np.abs(draws - 3).mean()  # b, where a Gaussian has sigma sqrt(2 / pi)
    assert absolute == pytest.approx(sigma / 2**0.5, rel=4 / np.sqrt(n))
    assert abs((draws > 3).mean() - 0.5) < 2 / np.sqrt(n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes(dtype):
    mean = np.array([[-1e4, 0, 1e4]], dtype)
    loss, dmean = Laplace(2**0.5).loss_and_grad(mean, np.zeros((1, 3), dtype))
    assert loss == pytest.approx(2e4 + 3 * np.log(2))
    assert dmean.dtype == dtype
    np.testing.assert_array_equal(dmean, [[-1, 0, 1]])


def test_float32_agrees_with_float64(rng):
    mean, x, v = *rng.standard_normal((2, 128, 784)), rng.random(128)
    laplace = Laplace(0.3)
    loss, dmean = laplace.loss_and_grad(mean, x)
    narrow = [array.astype(np.float32) for array in (mean, x)]
    loss32, dmean32 = laplace.loss_and_grad(*narrow)
    log_px32 = laplace.log_prob(*narrow)
    gradient32 = laplace.backward(v.astype(np.float32))
    drawn = laplace.draw(narrow[0], rng)
    assert {a.dtype for a in (loss32, dmean32, log_px32, gradient32, drawn)} == {np.dtype("f4")}
    np.testing.assert_allclose(loss32, loss, rtol=1e-6)
    np.testing.assert_allclose(dmean32, dmean, atol=1e-6)


def test_half_batches_equal_the_whole(rng):
    mean, x, laplace = *rng.standard_normal((2, 10, 4)), Laplace(0.7)
    loss, dmean = laplace.loss_and_grad(mean, x)
    halves = [laplace.loss_and_grad(mean[p], x[p]) for p in (slice(5), slice(5, 10))]
    assert loss == pytest.approx((halves[0][0] + halves[1][0]) / 2)
    np.testing.assert_allclose(dmean, np.concatenate([half[1] for half in halves]) / 2)


def test_the_best_constant_is_the_median(rng):
    x, laplace = rng.exponential(1, (101, 1)), Laplace(1)
    losses = [laplace.loss_and_grad(np.full_like(x, m), x)[0] for m in np.sort(x[:, 0])]
    assert np.sort(x[:, 0])[np.argmin(losses)] == np.median(x)


def test_it_goes_through_npvae_train_evaluate_and_a_file(tmp_path, monkeypatch, capsys, rng):
    monkeypatch.chdir(tmp_path)
    draw_quickly(monkeypatch)
    np.save("own.npy", rng.normal(100, 15, (60, 4)))
    given = "--likelihood laplace --sigma 0.4 --latent 2 --hidden 5 --epochs 1 --out run"
    assert main(["train", "--data", "own.npy", *given.split()]) == 0
    assert "sigma 0.4" in " ".join(capsys.readouterr().out.split())
    stored = json.loads((tmp_path / "run" / "config.json").read_text())["settings"]
    assert (stored["likelihood"], stored["sigma"]) == ("laplace", 0.4)
    model = load_model("run/model.npz").model
    assert isinstance(model.likelihood, Laplace)
    assert model.likelihood.sigma == 0.4
    assert main(["evaluate", "run"]) == 0
    assert "log of a density" in capsys.readouterr().out
    assert main(["train", "--resume", "run", "--epochs", "2"]) == 0
    for wrong in (["--sigma", "learned"], ["--binarize", "dynamic"]):
        assert main(["train", "--data", "own.npy", "--likelihood", "laplace", *wrong]) == 2


def test_a_vae_with_it_learns(rng):
    from npvae import Adam

    x = rng.normal(0, 1, (200, 1)) @ np.ones((1, 5)) + rng.laplace(0, 0.1, (200, 5))
    vae, adam = VAE.dense(5, 8, 1, likelihood="laplace", sigma=0.3, dtype=np.float64), Adam(0.01)
    losses = []
    for _ in range(300):
        losses.append(vae.loss_and_grad(x, vae.draw_noise(rng, 200)).loss)
        adam.step(vae.params)
    assert np.mean(losses[-10:]) < losses[0] - 5
