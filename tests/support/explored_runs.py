"""What the tests of the explorer share: runs of any kind, and their content computed in NumPy."""

import base64

import numpy as np

from npvae.explorer.content import explorer_content
from npvae.layers import HIDDEN_LAYERS
from npvae.runs.pictures import Trained
from npvae.runs.run import begin

MODELS = {  # settings of a model of each kind, by a name
    **{name: {"activation": name} for name in HIDDEN_LAYERS},
    "two hidden layers": {"hidden": (7, 6)},
    "no hidden layer": {"hidden": ()},
    "clipped": {"logvar_range": (-0.1, 0.1)},
    "one latent": {"latent": 1},
    "two latents": {"latent": 2},
    "conditional": {"conditional": True},
    "iwae": {"objective": "iwae", "k": 3},
    "autoencoder": {"model": "autoencoder"},
    "denoising": {"model": "denoising"},
    "grey": {"binarize": "none"},
    "gaussian": {"likelihood": "gaussian"},
    "laplace": {"likelihood": "laplace", "sigma": 0.3},
    "learned": {"likelihood": "gaussian", "sigma": "learned"},
    "colours": {"data": "colours.npy"},
    "no labels": {"data": "plain.npy"},
    "table": {"data": "table.npy"},
    "categories": {"data": "texts.csv", "label_column": ""},
    "mixed": {"data": "mixed.csv", "label_column": ""},
    "mixed, learned": {"data": "mixed.csv", "label_column": "", "sigma": "learned"},
    "one-hot numbers": {"data": "mixed.csv", "label_column": "", "likelihood": "gaussian"},
}
SMALL = {"latent": 3, "hidden": (8,), "batch_size": 16, "workers": 1}


def save_data(folder, n=60):
    """Write images of bytes with and without labels, images of colours, and a table."""
    rng = np.random.default_rng(0)
    x, labels = rng.integers(0, 256, (n, 4, 5), dtype=np.uint8), np.arange(n) % 3
    np.savez(folder / "images.npz", x=x, y=np.array(["cat", "dog", "emu"])[labels])
    np.save(folder / "plain.npy", x)
    np.save(folder / "colours.npy", rng.integers(0, 256, (n, 4, 5, 3), dtype=np.uint8))
    texts = [f"{'abc'[i % 3]},{'de'[i % 2]}" for i in rng.integers(0, 6, n)]
    (folder / "texts.csv").write_text("\n".join(["first,second", *texts]))
    numbers = rng.normal([100, 0.2], [20, 0.01], (n, 2)).round(3)
    mixed = [f"{a},{text},{b}" for text, (a, b) in zip(texts, numbers, strict=True)]
    (folder / "mixed.csv").write_text("\n".join(["size,first,second,weight", *mixed]))
    np.save(folder / "table.npy", rng.normal(100, [1, 5, 20, 3, 2], (n, 5)))


def save_run(folder, data="images.npz", **settings):
    """Save a run that has been trained for no epoch, and return its folder.

    Its weights are larger than initial ones, so that they have an effect.
    """
    out = folder / "run"
    with begin({"data": str(folder / data), **SMALL, **settings}, out, progress=False) as run:
        run.trainer.model.params.flat *= 2
        run.save()
        return run.folder


def content_of(folder, metrics=None):
    """Return a run as it is opened, and its content."""
    run = Trained.open(folder)
    return run, explorer_content(folder, run, metrics or {})


def numbers(text, dtype="<f2"):
    """Return the numbers that base64 stands for, as float64, or as bytes."""
    found = np.frombuffer(base64.b64decode(text), dtype)
    return found if dtype == "u1" else found.astype(np.float64)


def forward(layers, weights, x):
    """Return what a network of the page computes, (B, n_out), for x, (B, n_in)."""
    for layer in layers:
        x = _layer(layer, weights, x)
    return x


def _layer(layer, weights, x):
    name = layer["name"]
    if name in ("dense", "gated"):
        n_in, n = layer["in"], layer["out"] * (1 if name == "dense" else 2)
        W = weights[layer["W"] : layer["W"] + n_in * n].reshape(n_in, n)
        y = x @ W + weights[layer["b"] : layer["b"] + n]
        return y if name == "dense" else y[:, : n // 2] / (1 + np.exp(-y[:, n // 2 :]))
    if name == "clip-logvar":
        mu, logvar = np.split(x, 2, axis=1)
        return np.concatenate([mu, logvar.clip(layer["low"], layer["high"])], axis=1)
    return {
        "relu": lambda: x.clip(0, None),
        "leaky-relu": lambda: np.where(x > 0, x, layer["slope"] * x),
        "tanh": lambda: np.tanh(x),
        "sigmoid": lambda: 1 / (1 + np.exp(-x)),
        "softplus": lambda: np.log1p(np.exp(x)),
    }[name]()


def decode(content, z):
    """Return the means of p(x | z), (B, n_x), for z and y side by side, (B, n_z + n_y)."""
    outputs = forward(content["decoder"], numbers(content["weights"]), z)
    likelihood = content["likelihood"]
    if likelihood["name"] == "bernoulli":
        return 1 / (1 + np.exp(-outputs))
    start = 0
    for size in likelihood.get("groups", ()):
        if size:
            p = np.exp(outputs[:, start : start + size])
            outputs[:, start : start + size] = p / p.sum(axis=1, keepdims=True)
        start += max(1, size)
    return outputs


def encode(content, x):
    """Return what the encoder returns, (B, n_z) or (B, 2 n_z), for x and y side by side."""
    return forward(content["encoder"], numbers(content["weights"]), x)
