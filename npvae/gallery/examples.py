"""What a run makes up, and what it makes of test examples."""

from typing import TYPE_CHECKING, Any

from npvae import figures
from npvae.autoencoder import DenoisingAutoencoder
from npvae.datasets.scaling import Pixels
from npvae.errors import InputError
from npvae.gallery.sampling import draw_samples, show_samples
from npvae.gallery.trained import Trained
from npvae.vae import VAE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXAMPLES = 16  # beside their reconstructions


def samples(run: Trained) -> "Axes":
    """New examples, from draws of the prior."""
    if not isinstance(run.model, VAE):
        raise InputError("an autoencoder has no prior to sample from")
    made = draw_samples(run.model, run.seed, names=run.dataset.classes)
    return show_samples(made, run.scaling, run.form, run.dataset.classes)


def reconstructions(run: Trained, chosen: Any = slice(0, EXAMPLES)) -> "Axes":
    """Test examples beside what the model makes of them."""
    x, y = run.take(chosen)
    given, spoiled = x, None
    if isinstance(run.model, DenoisingAutoencoder):
        rng = run.device.generator(run.seed)
        given = run.model.corrupt(x, run.model.draw_noise(rng, len(x)))
        spoiled = run.seen(given)
    x_hat = run.decode(run.encode(given, y), y[0] if y else None)
    drawn = isinstance(run.scaling, Pixels) and run.scaling.binarize == "dynamic"
    what = f"test examples x{' (each pixel drawn as 0 or 1)' * drawn}"
    how = "decoded from mu" if run.has_prior else "decoded from the code"
    return figures.reconstructions(
        run.seen(x), x_hat, run.form, spoiled=spoiled, what=what, how=how
    )
