"""What a run says of itself before it trains."""

import numpy as np
import pytest

from npvae import Dataset, Split
from npvae.runs.building import build_model, resolve
from npvae.runs.settings import Settings
from npvae.runs.summary import model_words, training_words, unseen_labels

X = np.random.default_rng(0).integers(0, 256, (8, 4), dtype=np.uint8)


def dataset(labels):
    part = Split(X, np.arange(8), np.array(labels))
    return Dataset("mine", part, part, part, (4,), "pixels", "a test", ("cat", "dog", "emu"))


DATA = dataset([0, 1, 2, 0, 1, 2, 0, 1])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "VAE 4-5-2-5-4, relu, Bernoulli likelihood, binarize dynamic, beta 1: 88 parameters"),
        ({"conditional": True}, "Conditional VAE with 3 labels, 4-5-2-5-4, relu"),
        ({"mean_bias": True, "init": "he"}, "relu, he init, mean bias, Bernoulli"),
        ({"logvar_range": (-6, 2)}, "logvar from -6 to 2"),
        ({"warm_up": 1, "beta": 2, "free_bits": 0.5}, "beta 2, warm-up of 1 epoch, free bits 0.5"),
        ({"objective": "dreg"}, "binarize dynamic, IWAE's bound, by DReG:"),
        ({"k": 5}, "VAE 4-5-2-5-4, relu, Bernoulli likelihood, binarize dynamic, 5 draws of z:"),
        ({"likelihood": "gaussian", "sigma": "learned"}, "Gaussian likelihood, learned sigma"),
        ({"likelihood": "gaussian", "sigma": 0.2}, "sigma 0.2"),
        ({"model": "denoising", "noise": 0.4}, "Denoising autoencoder 4-5-2-5-4, relu"),
        ({"model": "denoising", "noise": 0.4}, "mask noise, amount 0.4: 76 parameters"),
    ],
)
def test_the_model_in_words(asked, words):
    settings = resolve(Settings(data="x", hidden=(5,), latent=2, **asked), DATA)
    model = build_model(settings, DATA, np.random.default_rng(0))
    assert words in model_words(DATA, settings, model)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "Adam, learning rate 0.001, batches of 8, 1000 epochs"),  # of eight examples
        ({"optimizer": "sgd", "epochs": 1}, "SGD, learning rate 0.01, batches of 8, 1 epoch"),
        (
            {"lr_schedule": "stages", "patience": 3, "batch_size": 4},
            "0.001, rate by stages, batches of 4, 500 epochs, patience 3",
        ),
    ],
)
def test_the_training_in_words(asked, words):
    assert words in training_words(resolve(Settings(data="x", **asked), DATA))


def test_labels_that_no_training_example_has():
    assert unseen_labels(DATA) == []
    assert unseen_labels(dataset([0, 0, 2, 0, 0, 2, 0, 0])) == ["dog"]
