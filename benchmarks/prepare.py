"""Write the common starting point of all workers to a folder: images and initial weights.

    python benchmarks/prepare.py FOLDER [--hidden 200 400] [--examples 6000]

This is a separate process to keep the parent small (see turns.py). It prints as JSON which images
it wrote.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from npvae import VAE, Adam, Pixels, Split, Trainer
from npvae.datasets import default_dataset

SIZES = {"n_x": 784, "n_h": 400, "n_z": 20}
IWAE_SIZES = {"n_x": 784, "n_h": (200, 200), "n_z": 50, "activation": "tanh"}


def slightly_trained(images: Split) -> VAE:
    """Return the model for log p(x) after an epoch over few images.

    With untrained weights, chance would move the estimates by half a nat.
    """
    model, few = VAE.dense(**IWAE_SIZES, seed=0), images.only(slice(10_000))
    Trainer(model, few, Pixels("none"), Adam(1e-3), batch_size=100).run_epoch()
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hidden", type=int, nargs="+", default=[400], help="hidden units")
    parser.add_argument("--examples", type=int, help="training images (default: all)")
    options = parser.parse_args()
    folder = options.folder
    dataset, _ = default_dataset(validation=0, progress=False)
    train = dataset.train.take(slice(options.examples))
    np.save(folder / "train.npy", train)  # (N, 784) uint8
    np.save(folder / "test.npy", dataset.test.take(slice(None)))
    for n_h in options.hidden:
        model = VAE.dense(**SIZES | {"n_h": n_h}, init="fan-in", seed=0)
        np.savez(folder / f"weights-{n_h}.npz", **model.params.values)
    np.savez(folder / "iwae.npz", **slightly_trained(dataset.train).params.values)
    about = f"{len(train):,} training and {len(dataset.test):,} test images of {dataset.name}"
    print(json.dumps({"name": dataset.name, "about": about, "n": len(train)}))


if __name__ == "__main__":
    main()
