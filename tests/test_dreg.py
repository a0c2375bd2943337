"""The doubly reparameterized gradient: against a surrogate, and against the plain one's draws.

It is not the gradient of the sampled loss, so that the check against central differences would go
red. What it is the gradient of, with weights and density frozen, has to be written out.
"""

import numpy as np
import pytest

from npvae.iwae import IWAE

K = 8


def make(objective, **options):
    options = {"activation": "tanh", "dtype": np.float64} | options
    model = IWAE.dense(5, 4, 2, k=K, objective=objective, **options)
    model.params.flat[:] = np.random.default_rng(1).normal(0, 0.3, model.params.size)
    return model


def batch(n=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2, (n, 5)).astype(float), rng.standard_normal((n, K, 2))


def log_normal(z, mu, logvar):
    return -0.5 * ((z - mu) ** 2 / np.exp(logvar) + logvar + np.log(2 * np.pi)).sum(axis=-1)


def surrogate(model, x, eps):
    """A function of the parameters: sum(stopgrad(v)² (log p(x, z) - log q(z | x; frozen)))."""
    mu_0, logvar_0 = (half[:, None] for half in model.encode(x))
    log_w = model.log_weights(x, mu_0[:, 0], logvar_0[:, 0], eps)
    v = np.exp(log_w) / np.exp(log_w).sum(axis=1, keepdims=True)

    def value():
        mu, logvar = (half[:, None] for half in model.encode(x))
        z = mu + np.exp(logvar / 2) * eps
        logits = model.decoder.forward(z.reshape(-1, 2)).reshape(*z.shape[:2], 5)
        log_px = (x[:, None] * logits - np.logaddexp(0, logits)).sum(axis=-1)
        log_pz = log_normal(z, np.zeros(2), np.zeros(2))
        return -(v**2 * (log_px + log_pz - log_normal(z, mu_0, logvar_0))).sum() / len(x)

    return value


def central_differences(value, array, h=1e-5):
    numeric = np.empty(array.shape)
    for index in np.ndindex(array.shape):
        before, values = array[index], []
        for array[index] in (before + h, before - h):
            values.append(value())
        array[index], numeric[index] = before, (values[0] - values[1]) / (2 * h)
    return numeric


def split_gradients(model):
    """Copies of the encoder's gradient and of all others, each as one vector."""
    gradients = model.params.gradients
    encoder = np.concatenate([g.ravel() for n, g in gradients.items() if n.startswith("encoder")])
    others = [g.ravel() for n, g in gradients.items() if not n.startswith("encoder")]
    return encoder, np.concatenate(others)


def test_the_encoders_gradient_is_that_of_the_surrogate():
    model, (x, eps) = make("dreg"), batch()
    model.loss_and_grad(x, eps)
    by_hand = {name: grad.copy() for name, grad in model.params.gradients.items()}
    value = surrogate(model, x, eps)
    for name, array in model.params.values.items():
        if name.startswith("encoder"):
            numeric = central_differences(value, array)
            np.testing.assert_allclose(by_hand[name], numeric, rtol=1e-6, atol=1e-9, err_msg=name)


def test_the_surrogate_is_not_the_plain_bound():
    """The same check with the plain gradient must fail, or it would check nothing."""
    model, (x, eps) = make("iwae"), batch()
    model.loss_and_grad(x, eps)
    by_hand = model.params.gradients["encoder.2.b"].copy()
    numeric = central_differences(surrogate(model, x, eps), model.params.values["encoder.2.b"])
    assert (np.abs(by_hand - numeric) > 1e-3).any()


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_loss_and_the_decoders_gradient_are_the_plain_ones_to_the_last_bit(likelihood):
    x, eps = batch(20)
    options = {"likelihood": likelihood, "sigma": 1.0 if likelihood == "bernoulli" else "learned"}
    plain, dreg = (make(objective, **options) for objective in ("iwae", "dreg"))
    np.testing.assert_array_equal(plain.loss_and_grad(x, eps), dreg.loss_and_grad(x, eps))
    np.testing.assert_array_equal(split_gradients(plain)[1], split_gradients(dreg)[1])


def many_draws(objective, n=1500):
    """The encoder's gradient, (n, size), for n draws of the noise on the same batch."""
    model, (x, _) = make(objective), batch()
    rng, found = np.random.default_rng(2), []
    for _ in range(n):
        model.loss_and_grad(x, model.draw_noise(rng, len(x)))
        found.append(split_gradients(model)[0])
    return np.array(found)


def test_its_mean_is_the_plain_gradients_and_its_variance_is_smaller():
    """Both meet the same noise; the difference has mean zero within 4 standard errors."""
    plain, dreg = many_draws("iwae"), many_draws("dreg")
    difference = plain - dreg
    assert (np.abs(difference.mean(axis=0)) < 4 * difference.std(axis=0) / np.sqrt(1500)).all()
    assert (np.abs(plain.mean(axis=0)) > 10 * plain.std(axis=0) / np.sqrt(1500)).any()
    assert dreg.var(axis=0).sum() < 0.7 * plain.var(axis=0).sum()
