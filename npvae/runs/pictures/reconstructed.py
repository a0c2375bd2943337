"""Reconstructions of test examples."""

from typing import TYPE_CHECKING

from npvae import figures
from npvae.autoencoder import DenoisingAutoencoder
from npvae.evaluation.elbo import NOISE, generator_of
from npvae.runs.pictures.trained_run import Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXAMPLES = 16  # that are reconstructed


def reconstructions(run: Trained, *, ax: "Axes | None" = None) -> "Axes":
    """Draw test examples, chosen by the seed, above their reconstructions."""
    x, y = run.take(run.chosen(EXAMPLES))
    given, corrupted = x, None
    if isinstance(run.model, DenoisingAutoencoder):
        noise = run.model.draw_noise(generator_of(run.model, run.seed, NOISE, 0), len(x))
        given = run.model.corrupt(x, noise)
        corrupted = run.seen(given)
    x_hat = run.decode(run.encode(given, y), y[0] if y else None)
    how = "decoded from μ" if run.has_prior else "decoded from the code"
    return figures.reconstructions(
        run.seen(x),
        x_hat,
        run.form,
        corrupted=corrupted,
        what=f"{run.told_examples}{run.told_pixels}",
        how=how + run.told_greys,
        ax=ax,
    )
