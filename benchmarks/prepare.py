"""Write what all workers start from into a folder: the same images, the same weights.

    python benchmarks/prepare.py FOLDER

It is a process of its own so that the parent stays small (see turns.py). It prints which images
these are, as JSON.
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
