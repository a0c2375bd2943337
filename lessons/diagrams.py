"""Diagrams of networks: boxes, arrows forward, and gradients back.

    diagram = Diagram(width=3.2, height=1)
    x = diagram.box(0.5, 0.5, "$x$", below="784")
    y = diagram.box(2.5, 0.5, "decoder", fill=NETWORK)
    diagram.arrow(x, y, "$x$", back="$dx$")

All lengths are in inches. A diagram at most 3.3 inches wide fits on a phone. `python diagrams.py`
draws the variational autoencoder, as `vae()` does, and for the README
`NPVAE_PICTURES=lessons python lessons/diagrams.py`.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

INK, ORANGE = "#222222", "#d55e00"
NETWORK, LOSS, RANDOM = "#d6e8f5", "#fbe3d2", "#d3f0e4"  # pale blue, pale orange, pale green
SIDE = 0.055  # how far an arrow is to the left of the line if a gradient comes back beside it


class Diagram:
    """A figure on white paper, without axes.

    Parameters
    ----------
    width, height : in inches
    """

    def __init__(self, width, height):
        self.figure = plt.figure(figsize=(width, height), layout="none")
        self.ax = self.figure.add_axes((0, 0, 1, 1))
        self.ax.set(xlim=(0, width), ylim=(0, height))
        self.ax.set_axis_off()

    def box(self, x, y, text, width=0.5, height=0.34, fill="white", below=""):
        """Draw a box with its centre at (x, y), and return it for `arrow`.

        Parameters
        ----------
        text : may contain mathematics between dollars
        fill : NETWORK for what has weights, RANDOM for what is drawn, LOSS for a term of the loss
        below : a small text under the box, such as a size
        """
        corner = (x - width / 2, y - height / 2)
        shape = f"round,pad=0,rounding_size={height / 2 if fill == RANDOM else 0.05}"
        box = FancyBboxPatch(
            corner, width, height, boxstyle=shape, facecolor=fill, edgecolor=INK, linewidth=0.9
        )
        self.ax.add_patch(box)
        self.text(x, y, text)
        self.text(x, corner[1] - 0.1, below, size=8)
        return box

    def text(self, x, y, text, **style):
        """Write a text with its centre at (x, y)."""
        self.ax.text(x, y, text, **{"ha": "center", "va": "center", "size": 9} | style)

    def arrow(self, start, end, text="", back=None):
        """Draw an arrow from one box to another.

        Parameters
        ----------
        text : beside the arrow
        back : beside the dashed arrow of a gradient, from `end` to `start`; None: no such arrow
        """
        if back is None:
            self._line(start, end, text, 0, color=INK)
        else:
            self._line(start, end, text, SIDE, color=INK)
            self._line(end, start, back, SIDE, color=ORANGE, linestyle=(0, (3, 1.5)))

    def _line(self, start, end, text, side, color, **style):
        """Draw one arrow, `side` to the left of the line between two centres, and its text."""
        a, b = centre(start), centre(end)
        along = (b - a) / np.hypot(*(b - a))
        left = np.array([-along[1], along[0]])
        style |= {"arrowstyle": "-|>,head_width=1.6,head_length=3", "color": color}
        style |= {"patchA": start, "patchB": end, "shrinkA": 1, "shrinkB": 1, "linewidth": 1.1}
        self.ax.add_patch(FancyArrowPatch(a + side * left, b + side * left, **style))
        middle = (edge(start, along) + edge(end, -along)) / 2 + (side + 0.05) * left
        place = {"ha": align(left[0], "left", "right"), "va": align(left[1], "bottom", "top")}
        self.text(*middle, text, color=color, **place)


def centre(box):
    """Return the centre of a box, (2,)."""
    return np.array([box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2])


def edge(box, along):
    """Return the point where a line from the centre in direction `along` leaves the box."""
    half = np.array([box.get_width(), box.get_height()]) / 2
    return centre(box) + along * (half / np.maximum(np.abs(along), 1e-9)).min()


def align(component, positive, negative):
    """Return on which side of a point a text starts that lies in a direction from it."""
    return "center" if abs(component) < 0.3 else positive if component > 0 else negative


def vae(losses=False, nats=None, gradients=False):
    """Return a figure of the variational autoencoder: down the encoder, and up the decoder.

    Parameters
    ----------
    losses : bool
        Whether to draw the two terms of the loss, whose sum is -ELBO.
    nats : (reconstruction, KL), optional
        Values of these terms, in nats per image.
    gradients : bool
        Whether to draw the gradients, which come back along the arrows.
    """
    diagram = Diagram(3.3, 3.1)
    left, right = 0.55, 2.75  # the encoder's column, and the decoder's
    top, middle, bottom, last = 2.8, 1.97, 1.14, 0.31

    def back(text=""):
        return text if gradients else None

    x = diagram.box(left, top, "$x$")
    encoder = diagram.box(left, middle, "encoder", width=0.9, fill=NETWORK)
    q = diagram.box(left, bottom, r"$\mu,\ \log\sigma^2$", width=0.9)
    z = diagram.box(right, bottom, "$z$")
    eps = diagram.box(right, last, r"$\varepsilon$", width=0.34, fill=RANDOM)
    decoder = diagram.box(right, middle, "decoder", width=0.9, fill=NETWORK)
    p = diagram.box(right, top, r"$p(x \mid z)$", width=0.8)

    diagram.arrow(x, encoder)
    diagram.arrow(encoder, q, back=back("$d\\mu,$\n$d\\log\\sigma^2$"))
    diagram.arrow(q, z, r"$z = \mu + \sigma\varepsilon$", back=back())
    diagram.arrow(eps, z)
    diagram.arrow(z, decoder, back=back("$dz$"))
    diagram.arrow(decoder, p, back=back())
    if losses:
        names, height = ["reconstruction", "KL"], 0.34 if nats is None else 0.45
        if nats is not None:
            names = [f"{name}\n{value:.1f} nats" for name, value in zip(names, nats, strict=True)]
        between = (left + right) / 2
        reconstruction = diagram.box(between, top, names[0], 1.0, height, LOSS)
        kl = diagram.box(left, last, names[1], 0.9, height, LOSS)
        diagram.arrow(x, reconstruction)
        diagram.arrow(p, reconstruction, back=back())
        diagram.arrow(q, kl, back=back())
        diagram.text(between, middle, "loss = −ELBO =\nreconstruction\n+ KL")
    return diagram.figure


if __name__ == "__main__":
    from course import show

    show(vae(losses=True), "vae")
