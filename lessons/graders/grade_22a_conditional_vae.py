"""Lesson 22a: one-hot labels, a conditional VAE with its gradient, and every label for a code."""

import numpy as np
from grading import difference, fail, normal

from npvae import VAE
from npvae.layers import sigmoid, softplus

SMALL = {"n_x": 11, "n_h": 6, "n_z": 3, "n_y": 4, "activation": "tanh", "dtype": np.float64}


def test_one_hot(lesson):
    labels = np.array([2, 0, 3, 3, 1, 2])
    right = np.eye(5)[labels]
    hints = {
        "one row for each label: this has one column for each.": {"y": right.T},
        "the rows have n_y numbers, also if the largest label is missing.": {"y": right[:, :4]},
        "the labels count from 0.": {"y": np.eye(6)[labels][:, 1:]},
        "the ones and the zeros are exchanged.": {"y": 1 - right},
    }
    lesson.compare("one_hot", (labels, 5), {"y": right}, hints)


def test_one_hot_is_of_floats(lesson):
    if np.asarray(lesson.call("one_hot", np.array([1, 0]), 3)).dtype.kind != "f":
        fail("one_hot should return floats\n  Hint: .astype(np.float32) makes them.")


def gradients_of(model, x, eps, y, *, kl_of=("mu", "logvar"), own_z=True):
    """The gradients of all parameters, by name: right, or with a mistake that is often made."""
    h = model.encoder.forward(np.concatenate([x, y], axis=1))
    mu, logvar = h[:, :3], h[:, 3:]
    z = mu + np.exp(logvar / 2) * eps
    logits = model.decoder.forward(np.concatenate([z, y], axis=1))
    back = model.decoder.backward((sigmoid(logits) - x) / len(x))
    dz = back[:, :3] if own_z else back[:, -3:]
    dmu, dlogvar = dz, dz * 0.5 * np.exp(logvar / 2) * eps
    if "mu" in kl_of:
        dmu = dmu + mu / len(x)
    if "logvar" in kl_of:
        dlogvar = dlogvar + 0.5 * (np.exp(logvar) - 1) / len(x)
    model.encoder.backward(np.concatenate([dmu, dlogvar], axis=1))
    return {name: array.copy() for name, array in model.params.gradients.items()}


def reconstruction_of(model, x, eps, y, without):
    """The reconstruction in nats if one of the two networks gets zeros in place of y."""
    mu, logvar = model.encode(x, 0 * y if without == "encoder" else y)
    z, y = mu + np.exp(logvar / 2) * eps, 0 * y if without == "decoder" else y
    logits = model.decoder.forward(np.concatenate([z, y], axis=1))
    return (softplus(logits) - x * logits).sum() / len(x)


def test_loss_and_grad(lesson, rng):
    x, eps = rng.integers(0, 2, (5, 11)).astype(float), normal(rng, (5, 3))
    y = np.eye(4)[rng.integers(0, 4, 5)]
    ours, right = lesson["ByHand"].dense(**SMALL), VAE.dense(**SMALL)
    ours.params.flat[:] = right.params.flat[:] = normal(rng, right.params.flat.size) / 2
    loss = lesson.call("ByHand.loss_and_grad", x, eps, y, function=ours.loss_and_grad)
    if not hasattr(loss, "reconstruction"):
        fail("ByHand.loss_and_grad should return Loss(loss, reconstruction, kl)")
    expected = right.loss_and_grad(x, eps, y)
    without_y = {name: reconstruction_of(right, x, eps, y, name) for name in ("encoder", "decoder")}
    hints = {
        "reconstruction": {
            "this is the mean over the pixels, too; add them up.": expected.reconstruction / 11,
            "this is the sum over the images; divide by B.": 5 * expected.reconstruction,
            "the encoder has not seen the condition.": without_y["encoder"],
            "the decoder has not seen the condition.": without_y["decoder"],
        },
        "kl": {
            "this is the sum over the images; divide by B.": 5 * expected.kl,
            "is the factor 1/2 missing?": 2 * expected.kl,
        },
        "loss": {"the KL divergence is missing.": expected.reconstruction},
    }
    for what in ("reconstruction", "kl", "loss"):
        problem = difference(what, getattr(loss, what), getattr(expected, what), hints[what])
        if problem:
            fail(f"ByHand.loss_and_grad is not right\n{problem}")
    found = {name: array.copy() for name, array in ours.params.gradients.items()}
    correct = gradients_of(right, x, eps, y)
    without_kl = gradients_of(right, x, eps, y, kl_of=())
    only = {name: gradients_of(right, x, eps, y, kl_of=(name,)) for name in ("mu", "logvar")}
    of_y = gradients_of(right, x, eps, y, own_z=False)
    for name, array in correct.items():
        hints = {
            "no gradient has arrived here: call `backward` of this network, too.": 0 * array,
            "the gradient of the KL divergence is not added.": without_kl[name],
            "the gradient of the KL divergence is not added to dmu.": only["logvar"][name],
            "the gradient of the KL divergence is not added to dlogvar.": only["mu"][name],
            "dz are the first n_z columns of what the decoder returns, as z stands first.": of_y[
                name
            ],
        }
        if problem := difference(f"gradient of {name}", found[name], array, hints):
            fail(f"ByHand.loss_and_grad leaves a wrong gradient\n{problem}")


class Decoder:
    """A decoder whose images show their code and their label."""

    def one_hot(self, labels):
        return 5.0 * np.eye(3)[labels]  # a label of another size

    def decode(self, z, y):
        if len(z) != len(y):
            fail(
                f"with_every_label decodes {len(z)} codes with {len(y)} conditions\n"
                "  Hint: each code needs one row for each label: np.repeat(z, n_y, axis=0)."
            )
        return np.concatenate([z, z * (y @ np.arange(3.0))[:, None], y], axis=1)


def test_with_every_label(lesson, rng):
    z, model = normal(rng, (4, 2)), Decoder()
    right = np.stack([model.decode(z, model.one_hot(np.full(4, label))) for label in range(3)], 1)
    wrong = model.decode(np.tile(z, (3, 1)), model.one_hot(np.tile(np.arange(3), 4)))
    plain = np.stack([model.decode(z, np.tile(np.eye(3)[label], (4, 1))) for label in range(3)], 1)
    hints = {
        "image [i, j] is not of code i: np.repeat(z, n_y, axis=0) keeps the rows of a code "
        "together, np.tile does not.": {"images": wrong.reshape(4, 3, -1)},
        "codes and labels are exchanged: image [i, j] is that of code i and label j.": {
            "images": right.swapaxes(0, 1)
        },
        "use model.one_hot, which says how large a label is.": {"images": plain},
    }
    lesson.compare("with_every_label", (model, z, 3), {"images": right}, hints)
