"""Datasets: MNIST and its like, built-in glyphs, and the user's own.

`load_dataset` is the door; `Dataset` and `Split` are what comes out; `Pixels` and `Standardized`
turn stored numbers into what a model sees.
"""

from npvae.datasets.dataset import Dataset, Split, split_by_seed
from npvae.datasets.load import NAMES, Entry, catalogue, default_dataset, load_dataset
from npvae.datasets.scaling import Binarize, Pixels, Scaling, Standardized, scaling_for

__all__ = [
    "NAMES",
    "Binarize",
    "Dataset",
    "Entry",
    "Pixels",
    "Scaling",
    "Split",
    "Standardized",
    "catalogue",
    "default_dataset",
    "load_dataset",
    "scaling_for",
    "split_by_seed",
]
