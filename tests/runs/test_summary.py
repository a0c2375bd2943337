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
        ({}, "VAE 4-5-2-5-4, 88 parameters, relu"),
        ({"conditional": True}, "Conditional VAE with 3 labels, 4-5-2-5-4, "),
        (
            {"mean_bias": True, "init": "he"},
            "relu activation, he initialisation, mean output bias, Bernoulli",
        ),
        ({"logvar_range": (-6, 2)}, "logvar from -6 to 2"),
        ({"warm_up": 1, "beta": 2, "free_bits": 0.5}, "beta 2, warm-up of 1 epoch, free bits 0.5"),
        ({"objective": "dreg"}, "dynamic binarisation, IWAE bound with DReG gradients"),
        ({"k": 5}, "dynamic binarisation, 5 draws of z per example"),
        ({"likelihood": "gaussian", "sigma": "learned"}, "Gaussian likelihood, learned sigma"),
        ({"likelihood": "gaussian", "sigma": 0.2}, "sigma 0.2"),
        ({"model": "denoising", "noise": 0.4}, "Denoising autoencoder 4-5-2-5-4, 76 parameters"),
        ({"model": "denoising", "noise": 0.4}, "mask noise, amount 0.4"),
    ],
)
def test_the_model_in_words(asked, words):
    settings = resolve(Settings(data="x", hidden=(5,), latent=2, **asked), DATA)
    model = build_model(settings, DATA, np.random.default_rng(0))
    assert words in model_words(DATA, settings, model)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "Adam, learning rate 0.001, batch size 8, 1000 epochs"),  # of eight examples
        ({"optimizer": "sgd", "epochs": 1}, "SGD, learning rate 0.01, batch size 8, 1 epoch"),
        (
            {"lr_schedule": "stages", "patience": 3, "batch_size": 4},
            "0.001, stages schedule, batch size 4, 500 epochs, patience 3",
        ),
    ],
)
def test_the_training_in_words(asked, words):
    assert words in training_words(resolve(Settings(data="x", **asked), DATA))


def test_labels_that_no_training_example_has():
    assert unseen_labels(DATA) == []
    assert unseen_labels(dataset([0, 0, 2, 0, 0, 2, 0, 0])) == ["dog"]
