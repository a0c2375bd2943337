"""The pictures of one trained run: which there are, and what each of them shows of it.

    run = pictures.Trained.open("runs/mnist-001")
    pictures.scatter(run)

Each is a function of a `Trained` run, takes an optional `ax` and returns it. Where the model or the
data have nothing to show it raises `InputError`, which says why.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from npvae.errors import DataError, InputError
from npvae.figures import off_screen, picture_bytes
from npvae.runs.pictures.epochs import history, rate_distortion
from npvae.runs.pictures.latents import interpolation, kl, manifold, scatter, traversals
from npvae.runs.pictures.reconstructed import reconstructions
from npvae.runs.pictures.sampled import draw_samples, samples, show_samples
from npvae.runs.pictures.trained_run import Trained, form_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Picture(NamedTuple):
    """How a picture is drawn, and what it shows."""

    draw: "Callable[..., Axes]"
    caption: str


PICTURES = {
    "samples": Picture(samples, "New examples, from draws of the prior"),
    "reconstructions": Picture(reconstructions, "Test examples, and what the model makes of them"),
    "history": Picture(history, "The training, epoch by epoch"),
    "scatter": Picture(scatter, "Where test examples lie in latent space"),
    "manifold": Picture(manifold, "What a plane of latent space decodes to"),
    "interpolation": Picture(interpolation, "From one test example to another"),
    "traversals": Picture(traversals, "What each latent changes"),
    "kl": Picture(kl, "How much each latent carries, at most"),
    "rate-distortion": Picture(rate_distortion, "What z costs, and what it leaves out"),
}


class Drawn(NamedTuple):
    """A picture as the content of a PNG file, for white paper and for a dark screen."""

    light: bytes
    dark: bytes


def draw(run: Trained, name: str) -> Drawn:
    """Draw the picture of that name."""
    with off_screen():
        ax = PICTURES[name].draw(run)
    return Drawn(picture_bytes(ax), picture_bytes(ax, dark=True))


def draw_all(run: Trained) -> dict[str, Drawn | str]:
    """Draw every picture; in place of one that has nothing to show, or that cannot be, say why.

    One picture that fails costs neither the others nor the report of a run.

    Raises
    ------
    DataError : if the data of the run are not there, damaged, or have changed since
    """
    drawn: dict[str, Drawn | str] = {}
    for name in PICTURES:
        try:
            drawn[name] = draw(run, name)
        except DataError:  # the data are gone, or have changed: that concerns the whole run
            raise
        except (InputError, ArithmeticError, MemoryError, ValueError) as error:
            drawn[name] = str(error) or type(error).__name__
    return drawn


__all__ = [
    "PICTURES",
    "Drawn",
    "Picture",
    "Trained",
    "draw",
    "draw_all",
    "draw_samples",
    "form_of",
    "history",
    "interpolation",
    "kl",
    "manifold",
    "rate_distortion",
    "reconstructions",
    "samples",
    "scatter",
    "show_samples",
    "traversals",
]
