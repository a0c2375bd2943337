"""Datasets: MNIST and Fashion-MNIST, built-in glyphs and tunes, and your own data.

`load_dataset` returns a `Dataset` whose three parts are `Split` objects. `Pixels` and
`Standardized` convert stored numbers to the input of a model.
"""

from typing import TYPE_CHECKING, Any

from npvae.datasets.dataset import Dataset, Split, split_by_seed
from npvae.datasets.preprocessing import Binarize, Notes, Pixels, Scaling, Standardized, scaling_for

if TYPE_CHECKING:
    from npvae.datasets.load import NAMES, Entry, catalogue, default_dataset, load_dataset

__all__ = [
    "NAMES",
    "Binarize",
    "Dataset",
    "Entry",
    "Notes",
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


def __getattr__(name: str) -> Any:
    """Import the file readers on first use, because they take as long as the rest of npvae."""
    if name in __all__:
        from npvae.datasets import load

        return getattr(load, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
