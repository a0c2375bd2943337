"""npvae with blots for pictures: drawing these takes far longer than all the rest of a small run.

python tests/support/quick.py train --data own.npy --out run
"""

import sys
from io import BytesIO

import numpy as np
from PIL import Image

from npvae import figures
from npvae.runs import pictures
from npvae.storage.atomic import atomic_write


def blot():
    """Return the content of a PNG file of four kilobytes."""
    file, noise = BytesIO(), np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(file, "png")
    return file.getvalue()


def draw_blots(run):
    """In place of `pictures.draw_all`."""
    drawn = pictures.Drawn(blot(), blot(), "title")
    names = set(pictures.PICTURES)
    if not run.has_prior:
        names -= {"samples", "kl", "rate-distortion"}
    return {name: drawn if name in names else "no prior" for name in pictures.PICTURES}


def save_blot(figure, path):
    """In place of `figures.save`."""
    with atomic_write(path) as file:
        file.write(blot())


def draw_quickly(patch=setattr):
    """Let npvae write blots, for as long as the process or a patch lasts."""
    patch(pictures, "draw_all", draw_blots)
    patch(figures, "save", save_blot)
    patch(pictures, "save", lambda run, name, path: save_blot(None, path))


if __name__ == "__main__":
    from npvae.cli import main

    draw_quickly()
    sys.exit(main(sys.argv[1:]))
