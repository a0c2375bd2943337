"""Lesson 07: corrupted images, and the gradient of a denoising autoencoder."""

import numpy as np
from grading import difference, differences, fail, normal, sizes, within

from npvae.layers import dense_network
from npvae.parameters import Parameters


def hidden(x, eps, amount):
    return np.where(eps < amount, 0.0, x)


def test_corrupt(lesson, rng):
    for amount in (0.2, 0.5, 0.9):
        x, eps = normal(rng, (5, 8)), rng.random((5, 8))
        hint = "the other pixels are hidden: those with eps below the amount should be."
        hints = {hint: {"corrupted": x - hidden(x, eps, amount)}}
        lesson.compare("corrupt", (x, eps, amount), {"corrupted": hidden(x, eps, amount)}, hints)


def test_corrupt_hides_the_share_that_it_should(lesson, rng):
    x, eps, n = np.ones((200, 500)), rng.random((200, 500)), 100_000
    for amount in (0.1, 0.5, 0.75):
        share = (np.asarray(lesson.call("corrupt", x, eps, amount)) == 0).mean()
        if not within(share, amount, np.sqrt(amount * (1 - amount) / n)):
            fail(f"corrupt hides {share:.1%} of the pixels with amount {amount}")


def test_loss_and_grad(lesson, rng):
    B, n_x, n_h, n_z = sizes(rng, 4)
    encoder = dense_network([n_x, n_h, n_z], "tanh", rng=0)
    decoder = dense_network([n_z, n_h, n_x], "tanh", rng=1)
    params = Parameters({"encoder": encoder, "decoder": decoder}, dtype=np.float64)
    x, eps, amount = rng.random((B, n_x)), rng.random((B, n_x)), 0.5
    spoilt = hidden(x, eps, amount)

    def loss(flat, seen=spoilt, target=x):
        params.flat[:] = flat
        a = decoder.forward(encoder.forward(seen))
        return (np.logaddexp(0, a) - target * a).sum() / B

    start = params.flat.copy()
    hints = {
        "the output is compared with the corrupted image; compare it with the clean one.": {
            "loss": loss(start, target=spoilt)
        },
        "the encoder gets the clean image; give it the corrupted one.": {"loss": loss(start, x)},
    }
    gradient = differences(loss, start)
    params.flat[:] = start
    right = loss(start)
    lesson.compare("loss_and_grad", (encoder, decoder, x, eps, amount), {"loss": right}, hints)
    wrong = {
        "no gradient has reached the encoder: pass it what decoder.backward returns.": (
            np.where(np.arange(start.size) < encoder_size(params), 0, gradient)
        ),
        "nothing is passed backwards.": np.zeros(start.size),
    }
    if problem := difference("all gradients in a row", params.grad, gradient, wrong):
        fail(f"loss_and_grad leaves wrong gradients in the layers\n{problem}")


def encoder_size(params):
    sizes = [array.size for name, array in params.values.items() if name.startswith("encoder")]
    return sum(sizes)
