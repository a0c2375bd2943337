"""The pictures of a trained run.

    run = pictures.Trained.open("runs/mnist-001")
    pictures.scatter(run)

Each picture is a function that takes a `Trained` run and an optional `ax`, and returns the axes.
It raises `InputError` if the model or the data cannot have this picture.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from npvae import figures
from npvae.errors import DataError, InputError
from npvae.figures import light_and_dark, off_screen
from npvae.runs.pictures.epochs import history, rate_distortion
from npvae.runs.pictures.latents import interpolation, kl, manifold, scatter, traversals
from npvae.runs.pictures.reconstructed import reconstructions
from npvae.runs.pictures.sampled import draw_samples, draw_variations, samples, show_samples
from npvae.runs.pictures.scored import oddest
from npvae.runs.pictures.trained_run import Trained, form_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Picture(NamedTuple):
    """The function that draws a picture, and a caption of a few words."""

    draw: "Callable[..., Axes]"
    caption: str


PICTURES = {
    "samples": Picture(samples, "New examples"),
    "reconstructions": Picture(reconstructions, "Reconstructions of test examples"),
    "history": Picture(history, "Training curves"),
    "scatter": Picture(scatter, "Test examples in latent space"),
    "manifold": Picture(manifold, "Decoded plane of latent space"),
    "interpolation": Picture(interpolation, "Interpolations between test examples"),
    "traversals": Picture(traversals, "Effect of each latent"),
    "kl": Picture(kl, "Information per latent (upper bound)"),
    "rate-distortion": Picture(rate_distortion, "Rate and distortion by epoch"),
}


class Drawn(NamedTuple):
    """A picture as two PNG files without title, for white paper and a dark screen; its title."""

    light: bytes
    dark: bytes
    title: str = ""


def draw(run: Trained, name: str) -> Drawn:
    """Draw the picture of that name."""
    with off_screen():
        ax = PICTURES[name].draw(run)
    title = ax.get_title(loc="left").replace("\n", " ")
    ax.set_title("", loc="left")
    return Drawn(*light_and_dark(ax), title)


def save(run: Trained, name: str, path: Path) -> None:
    """Write the picture of that name, with its title, to a file."""
    with off_screen():
        figures.save(PICTURES[name].draw(run), path)


def draw_all(run: Trained) -> dict[str, Drawn | str]:
    """Draw every picture; for one that cannot be drawn, return the reason instead.

    A picture that fails does not prevent the others, nor the report of the run.

    Raises
    ------
    DataError : if the data of the run are missing, damaged, or have changed since it was trained
    """
    drawn: dict[str, Drawn | str] = {}
    for name in with_bar(PICTURES):
        try:
            drawn[name] = draw(run, name)
        except DataError:  # that concerns the whole run
            raise
        except (InputError, ArithmeticError, MemoryError, ValueError) as error:
            drawn[name] = str(error) or type(error).__name__
    return drawn


def with_bar(names: Iterable[str]) -> Iterator[str]:
    """Yield names of pictures; if standard output is a terminal, a bar says which one is drawn."""
    from tqdm import tqdm

    with tqdm(
        list(names), unit="picture", leave=False, disable=None, file=sys.stdout, dynamic_ncols=True
    ) as bar:
        for name in bar:
            bar.set_description(f"Drawing {name}")
            yield name


__all__ = [
    "PICTURES",
    "Drawn",
    "Picture",
    "Trained",
    "draw",
    "draw_all",
    "draw_samples",
    "draw_variations",
    "form_of",
    "history",
    "interpolation",
    "kl",
    "manifold",
    "oddest",
    "rate_distortion",
    "reconstructions",
    "samples",
    "save",
    "scatter",
    "show_samples",
    "traversals",
    "with_bar",
]
