"""Small models, and data that have something to learn, for the tests of a training on a GPU."""

import numpy as np

from npvae import IWAE, VAE, Autoencoder, Dataset, Split

N_X = 36
MODELS = {
    "vae": lambda **options: VAE.dense(N_X, (16, 12), 4, **options),
    "conditional": lambda **options: VAE.dense(N_X, 16, 4, n_y=3, free_bits=0.1, **options),
    "gaussian": lambda **options: VAE.dense(
        N_X, 16, 4, likelihood="gaussian", sigma="learned", activation="gated", **options
    ),
    "iwae": lambda **options: IWAE.dense(N_X, 16, 4, activation="tanh", k=5, **options),
    "dreg": lambda **options: IWAE.dense(N_X, 16, 4, k=3, objective="dreg", **options),
    "autoencoder": lambda **options: Autoencoder.dense(
        N_X, 16, 4, activation="softplus", **options
    ),
}


def digits(n=300, rng=0):
    """Bytes that have something to learn: the brightness of a row goes with its label."""
    rng = np.random.default_rng(rng)
    labels = rng.integers(0, 3, n)
    bright = (labels[:, None] + 1) * np.linspace(20, 80, N_X) + rng.normal(0, 10, (n, N_X))
    return Split(bright.clip(0, 255).astype(np.uint8), np.arange(n), labels)


def dataset():
    whole = digits()
    parts = (whole.only(slice(a, b)) for a, b in ((0, 200), (200, 250), (250, 300)))
    return Dataset(
        "rows", *parts, shape=(6, 6), kind="pixels", source="a test", classes=tuple("abc")
    )
