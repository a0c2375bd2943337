"""Curves and bars in nats: a training, the latents, and the trade between rate and distortion."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from npvae.arrays import Array
from npvae.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    ORANGE,
    drawable,
    drawing,
    panels,
    say_instead,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_MARKERS = 40  # epochs that are marked one by one
MOST_BARS = 40  # latents that are numbered one by one


def history(
    columns: Mapping[str, Sequence[float]],
    bound: str = "ELBO",
    *,
    best: int | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """What was maximised, reconstruction, KL and active units over the epochs, in four panels.

    Parameters
    ----------
    columns : the columns of history.csv by name; the validation_... ones may be missing
    bound : what was maximised, but for weights of the KL: the loss itself, if it is no ELBO
    best : the epoch that the model has gone back to, after early stopping
    ax : whose place the panels take; by default a new figure

    Returns
    -------
    ax
    """
    epochs = columns["epoch"]
    if bound != "ELBO":
        columns = {**columns, "train_bound": [-loss for loss in columns["train_loss"]]}
    quantities = {
        "elbo" if bound == "ELBO" else "bound": f"{bound} (nats an example)",
        "reconstruction": "-log p(x | z) (nats an example)",
        "kl": "KL(q(z | x), p(z)) (nats an example)",
        "active_units": "active latents",
    }
    with drawing(ax, height=4.6) as ax:
        parts = panels(ax, 2, 2)
        for part, (quantity, name) in zip(parts, quantities.items(), strict=True):
            title(part, name)
            if quantity == "kl" and not any(columns["train_kl"]):
                say_instead(part, "no prior, no KL")
                continue
            _curves(part, columns, quantity)
            if not part.lines:
                say_instead(part, "no validation part to measure it on")
                continue
            _over_epochs(part, epochs, best)
        units = [1.0, *columns.get("validation_active_units", [])]
        if parts[-1].lines:
            _whole_numbers(parts[-1], "y")
            parts[-1].set_ylim(0, max(units) * 1.08)
        parts[0].legend(loc="best")
    return ax


def _curves(ax: "Axes", columns: Mapping[str, Sequence[float]], quantity: str) -> None:
    """Draw the training and the validation part's."""
    epochs = columns["epoch"]
    for part, colour, marker in (("train", BLUE, "o"), ("validation", ORANGE, "s")):
        values = columns.get(f"{part}_{quantity}")
        if values is not None:
            marked = marker if len(epochs) <= MOST_MARKERS else ""
            ax.plot(epochs, drawable(values), color=colour, marker=marked, label=part)


def _over_epochs(ax: "Axes", epochs: Sequence[float], best: int | None) -> None:
    margin = max(0.5, 0.02 * (max(epochs) - min(epochs)))
    ax.set_xlim(min(epochs) - margin, max(epochs) + margin)
    _whole_numbers(ax, "x")
    ax.set_xlabel("epoch")
    if best is not None:
        ax.axvline(best, color=GREEN, linestyle="--", linewidth=1, label=f"best: epoch {best}")


def _whole_numbers(ax: "Axes", which: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))


def kl_per_latent(
    kl: Array,
    active: Array | None = None,
    *,
    told: str = "KL of each latent, from the largest",
    ax: "Axes | None" = None,
) -> "Axes":
    """How many nats each latent carries, and which do nothing.

    Parameters
    ----------
    kl : (n_z,) KL divergence of each latent, nats an example
    active : (n_z,) whether its posterior mean varies over the data by more than 0.01; those that
        do not have hatched bars
    told : the title
    ax : where to draw; by default a new figure

    Returns
    -------
    ax
    """
    kl = drawable(kl)
    order = np.argsort(-kl, kind="stable")
    works = np.ones(len(kl), bool) if active is None else np.asarray(active, bool)
    with drawing(ax, height=3) as ax:
        title(ax, told)
        place = np.arange(len(kl))
        idle: Any = {"color": "none", "edgecolor": ORANGE, "hatch": "/////"}
        for which, name, look in ((works, "active", {"color": BLUE}), (~works, "not active", idle)):
            shown = which[order]
            if shown.any():
                label = f"{int(shown.sum())} {name}"
                ax.bar(place[shown], kl[order][shown], width=0.8, label=label, **look)
        if len(kl) <= MOST_BARS:
            size = "medium" if len(kl) <= 25 else "x-small"
            ax.set_xticks(place, [str(i + 1) for i in order], fontsize=size)
            ax.set_xlabel("latent")
        else:
            ax.set_xlabel("latents, from the largest KL")
        ax.set_xlim(-0.7, max(len(kl), 6) - 0.3)  # two latents need no bars as wide as walls
        ax.set_ylim(0, (float(kl.max()) or 1.0) * 1.2)  # room for the legend
        ax.grid(visible=False, axis="x")
        ax.set_ylabel("KL (nats an example)")
        if active is not None:
            ax.legend(loc="upper right", ncols=2)
    return ax


def rate_distortion(
    rate: Sequence[float],
    distortion: Sequence[float],
    names: Sequence[str] = (),
    *,
    told: str = "rate and distortion",
    ax: "Axes | None" = None,
) -> "Axes":
    """Models, or one model at several times, between what z costs and what it leaves out.

    On a dashed line the ELBO, -(rate + distortion), is the same: a better model lies nearer to the
    lower left corner; along such a line one is traded for the other.

    Parameters
    ----------
    rate : KL(q(z | x), p(z)), nats an example
    distortion : -E_q[log p(x | z)], nats an example
    names : what stands at each point, "" for nothing
    told : the title
    ax : where to draw; by default a new figure

    Returns
    -------
    ax

    References
    ----------
    Alemi et al. 2018, arXiv:1711.00464.
    """
    points = drawable([rate, distortion])
    with drawing(ax) as ax:
        title(ax, told)
        marker = "o" if len(rate) <= MOST_MARKERS else ""
        ax.plot(*points, color=BLUE, marker=marker)
        ax.margins(0.12)
        for i, name in enumerate(names):
            if name:
                ax.annotate(
                    name,
                    points[:, i].tolist(),
                    (5, 5),
                    textcoords="offset points",
                    parse_math=False,
                )
        _equal_elbo(ax)
        ax.set_xlabel("rate: KL(q(z | x), p(z)) (nats an example)")
        ax.set_ylabel("distortion: -log p(x | z) (nats an example)")
    return ax


def _equal_elbo(ax: "Axes") -> None:
    """Draw lines of equal rate + distortion over what is seen, each with its -ELBO."""
    from matplotlib.ticker import MaxNLocator

    left, right = ax.get_xlim()
    low, high = ax.get_ylim()
    for total in MaxNLocator(nbins=6).tick_values(left + low, right + high):
        ends = np.array([max(left, total - high), min(right, total - low)])
        seen = (ends[1] - ends[0]) * (1 / (right - left) + 1 / (high - low))
        if seen < 0.05:  # but a corner is cut off, or nothing
            continue
        ax.plot(ends, total - ends, color=FAINT, linestyle="--", linewidth=0.7)
        # the label stands over the left end, in the margin, where no name of a point goes; beside
        # the lower end of a line that begins at the top
        begin, end = ends
        wide = right - left
        if end - begin < 0.1 * wide or (begin > left and end > right - 0.15 * wide):
            continue  # no room to say it
        place, gap = (begin, (2, 2)) if begin <= left else (end, (4, 2))
        ax.annotate(
            f"-ELBO {total:g}",
            (place, total - place),
            gap,
            textcoords="offset points",
            va="bottom",
            fontsize="x-small",
            color=FAINT,
        )
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)
