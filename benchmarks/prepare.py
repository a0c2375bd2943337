"""Write the common starting point of all workers to a folder: images and initial weights.

    python benchmarks/prepare.py FOLDER

This is a separate process to keep the parent small (see turns.py). It prints as JSON which images
it wrote.
"""

import json
import sys
from pathlib import Path

import numpy as np

from npvae import VAE
from npvae.datasets import default_dataset

SIZES = {"n_x": 784, "n_h": 400, "n_z": 20}


def main() -> None:
    folder = Path(sys.argv[1])
    dataset, reason = default_dataset(validation=0, progress=False)
    for name, part in [("train", dataset.train), ("test", dataset.test)]:
        np.save(folder / f"{name}.npy", part.take(slice(None)))  # (N, 784) uint8
    np.savez(folder / "weights.npz", **VAE.dense(**SIZES, init="fan-in", seed=0).params.values)
    about = f"{reason}: {len(dataset.train):,} training and {len(dataset.test):,} test images"
    print(json.dumps({"name": dataset.name, "about": about}))


if __name__ == "__main__":
    main()
