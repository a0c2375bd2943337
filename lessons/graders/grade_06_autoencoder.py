"""Lesson 06: the gradient of an autoencoder, its error, and PCA."""

import numpy as np
from grading import difference, differences, fail, normal, sizes, without_sign

from npvae.layers import dense_network
from npvae.parameters import Parameters


def test_loss_and_grad(lesson, rng):
    B, n_x, n_h, n_z = sizes(rng, 4)
    encoder = dense_network([n_x, n_h, n_z], "tanh", rng=0)
    decoder = dense_network([n_z, n_h, n_x], "tanh", rng=1)
    params = Parameters({"encoder": encoder, "decoder": decoder}, dtype=np.float64)
    x = normal(rng, (B, n_x))

    def loss(flat):
        params.flat[:] = flat
        x_hat = decoder.forward(encoder.forward(x))
        return 0.5 * ((x_hat - x) ** 2).sum() / B + 0.5 * n_x * np.log(2 * np.pi)

    start = params.flat.copy()
    right, gradient = loss(start), differences(loss, start)
    params.flat[:] = start
    lesson.compare("loss_and_grad", (encoder, decoder, x), {"loss": right})
    found = params.grad.copy()
    params.grad[:] = gradient
    expected = {name: array.copy() for name, array in params.gradients.items()}
    params.grad[:] = found
    for name, array in params.gradients.items():
        part = name.partition(".")[0]
        hint = f"no gradient has reached the {part}: call {part}.backward"
        hint += " with what decoder.backward returns." if part == "encoder" else "."
        if problem := difference(name, array, expected[name], {hint: 0 * array}):
            fail(f"loss_and_grad leaves a wrong gradient\n{problem}")


def test_error(lesson, rng):
    for _ in range(2):
        B, n_x = sizes(rng, 2)
        x_hat, x = normal(rng, (B, n_x), (B, n_x))
        right = np.mean([(a - b) @ (a - b) for a, b in zip(x_hat, x, strict=True)])
        hints = {
            "this is the mean over the pixels. Sum over them, and take the mean over images.": {
                "error": right / n_x
            },
            "this is the sum over all images. Sum over pixels, and take the mean over images.": {
                "error": right * B
            },
            "half of the squared error is the loss; the error is without the half.": {
                "error": right / 2
            },
        }
        lesson.compare("error", (x_hat, x), {"error": right}, hints)


def test_principal_axes(lesson, rng):
    N, n = 50, 4
    x = normal(rng, (N, n)) @ normal(rng, (n, n)) + normal(rng, n)
    _, singular, rows = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    variances = singular**2 / N
    hints = {
        "the smallest comes first; eigh sorts in this order. Turn both results round.": {
            "variances": variances[::-1],
            "axes": rows[::-1].T,
        },
        "the covariance is divided by N - 1: use bias=True.": {"variances": singular**2 / (N - 1)},
        "these are standard deviations; variances are their squares.": {
            "variances": np.sqrt(variances)
        },
        "each axis should be a column, not a row.": {"axes": rows},
    }

    def sorted_signs(x):
        variances, axes = lesson["principal_axes"](x)
        return variances, without_sign(np.asarray(axes), rows.T)

    expected = {"variances": variances, "axes": rows.T}
    lesson.compare(
        "principal_axes", (x,), expected, hints, sorted_signs, by="singular values of x - mean"
    )


def test_project(lesson, rng):
    N, n, n_z = sizes(rng, 3)
    n_z = min(n_z, n - 1)
    P = np.linalg.qr(normal(rng, (n, n)))[0][:, :n_z]
    x, mean = normal(rng, (N, n), n)
    z = np.linalg.lstsq(P, (x - mean).T, rcond=None)[0]
    x_hat = mean + (P @ z).T
    hints = {
        "the mean is not added again.": {"x_hat": x_hat - mean},
        "the mean is not subtracted before the product.": {"x_hat": mean + x @ P @ P.T},
        "this is the code; decode it with P.T.": {"x_hat": z.T},
    }
    lesson.compare("project", (x, mean, P), {"x_hat": x_hat}, hints, by="least squares")
