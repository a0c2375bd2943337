"""Pictures, drawn with matplotlib: one style, and every function takes an `ax` and returns it.

Without `ax` a function makes a figure of pyplot's, which `plt.show()` shows, and in a block of
`off_screen()` one that only `save` will ever see:

    ax = figures.samples(vae.sample(64), (28, 28))
    figures.save(ax, "samples.png")

Images are (H, W), (H, W, 1) or (H, W, 3); examples of any other shape are rows of a table, and
drawn over their columns. A picture that has panels puts them all in the place of the one `ax`.
In an axes of your own your own style holds; give its figure `layout="constrained"`, so that titles
and labels find room. `plt.rcParams.update(figures.STYLE)` makes npvae's style your own.
"""

from npvae.figures.comparison import comparison
from npvae.figures.curves import history
from npvae.figures.examples import reconstructions, samples
from npvae.figures.form import Form, is_image
from npvae.figures.paths import interpolation, traversals
from npvae.figures.piano_rolls import piano_rolls
from npvae.figures.plane import manifold
from npvae.figures.rates import kl_per_latent, rate_distortion
from npvae.figures.scatter import latent_scatter
from npvae.figures.scored import oddest
from npvae.figures.style import STYLE, off_screen, panels
from npvae.figures.tiles import tile
from npvae.figures.writing import light_and_dark, picture_bytes, save

__all__ = [
    "STYLE",
    "Form",
    "comparison",
    "history",
    "interpolation",
    "is_image",
    "kl_per_latent",
    "latent_scatter",
    "light_and_dark",
    "manifold",
    "oddest",
    "off_screen",
    "panels",
    "piano_rolls",
    "picture_bytes",
    "rate_distortion",
    "reconstructions",
    "samples",
    "save",
    "tile",
    "traversals",
]
