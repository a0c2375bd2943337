"""Write a file of many images: those of another file over and over, without holding them all.

python benchmarks/many.py FROM.npy TO.npy SIZE
"""

import sys

import numpy as np


def main() -> None:
    source, target, size = sys.argv[1:]
    images = np.load(source)
    many = np.lib.format.open_memmap(target, "w+", np.uint8, (int(size), images.shape[1]))
    for start in range(0, len(many), len(images)):
        part = many[start : start + len(images)]
        part[:] = images[: len(part)]


if __name__ == "__main__":
    main()
