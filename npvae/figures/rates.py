"""Nats that z carries: latent by latent, and in exchange for what it leaves out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from npvae.errors import InputError
from npvae.figures.style import (
    BLUE,
    FAINT,
    MOST_MARKERS,
    ORANGE,
    drawable,
    drawing,
    one_line,
    title,
)
from npvae.parameters import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 40  # latents that are numbered one by one


def kl_per_latent(
    kl: Array,
    active: Array | None = None,
    *,
    told: str = "KL of each latent, from the largest",
    ax: "Axes | None" = None,
) -> "Axes":
    """How many nats each latent carries at most, and which hardly move.

    Parameters
    ----------
    kl : (n_z,) KL divergence of each latent, nats an example
    active : (n_z,) whether its posterior mean varies over the data by more than 0.01; those that
        do not have hatched bars
    told : the title
    ax : where to draw; by default a new figure

    Raises
    ------
    InputError : if kl is empty or not finite, or `active` has another length

    Returns
    -------
    ax
    """
    given, kl = np.asarray(kl, np.float64), drawable(kl)
    if kl.ndim != 1 or len(kl) == 0 or not np.isfinite(given).all():
        raise InputError(f"kl has shape {kl.shape}, expected (n_z,) finite numbers: one a latent")
    if active is not None and np.shape(active) != kl.shape:
        raise InputError(f"active has shape {np.shape(active)}, expected {kl.shape}: one a latent")
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
            ax.set_xticks(place, [str(i) for i in order], fontsize=size)
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

    Raises
    ------
    InputError : if there is no point, or the lengths differ

    Returns
    -------
    ax

    References
    ----------
    Alemi et al. 2018, arXiv:1711.00464.
    """
    if len(rate) != len(distortion) or len(rate) == 0 or len(names) > len(rate):
        raise InputError(
            f"{len(rate)} rates, {len(distortion)} distortions and {len(names)} names; give as "
            "many of each, one at least"
        )
    points = drawable([rate, distortion])
    with drawing(ax) as ax:
        title(ax, told)
        marker = "o" if len(rate) <= MOST_MARKERS else ""
        ax.plot(*points, color=BLUE, marker=marker)
        _spread(ax, points)
        for i, name in enumerate(names):
            if name:
                _name_point(ax, points[:, i], name)
        _equal_elbo(ax)
        ax.set_xlabel("rate: KL(q(z | x), p(z)) (nats an example)")
        ax.set_ylabel("distortion: -log p(x | z) (nats an example)")
    return ax


def _spread(ax: "Axes", points: Array) -> None:
    """Give the axes room, and neither of them less than a fiftieth of the other's nats."""
    low, high = points.min(axis=1), points.max(axis=1)
    least = max(0.02 * float((high - low).max()), 1e-3 * float(np.abs(points).max()), 1e-3)
    room = 0.12 * np.maximum(high - low, least) + np.maximum(0, least - (high - low)) / 2
    ax.set_xlim(low[0] - room[0], high[0] + room[0])
    ax.set_ylim(low[1] - room[1], high[1] + room[1])


def _name_point(ax: "Axes", point: Array, name: str) -> None:
    """Write what a point is, on the side where there is more room."""
    right = point[0] < sum(ax.get_xlim()) / 2
    ax.annotate(
        one_line(name),
        point.tolist(),
        (5 if right else -5, 5),
        textcoords="offset points",
        ha="left" if right else "right",
        parse_math=False,
    )


def _equal_elbo(ax: "Axes") -> None:
    """Draw lines of equal rate + distortion over what is seen, with its -ELBO where there is room.

    That stands over the left end of a line, in the margin, where no point is; beside the lower end
    of one that begins at the top.
    """
    from matplotlib.ticker import MaxNLocator

    left, right = ax.get_xlim()
    low, high = ax.get_ylim()
    wide, tall = right - left, high - low
    for total in MaxNLocator(nbins=6).tick_values(left + low, right + high):
        begin, end = max(left, total - high), min(right, total - low)
        if (end - begin) * (1 / wide + 1 / tall) < 0.05:  # but a corner is cut off, or nothing
            continue
        ends = np.array([begin, end])
        ax.plot(ends, total - ends, color=FAINT, linestyle="--", linewidth=0.7)
        over = begin <= left and low + 0.04 * tall < total - begin < high - 0.07 * tall
        beside = begin > left and left + 0.1 * wide < end < right - 0.15 * wide
        if over or beside:
            place, gap = (begin, (2, 2)) if over else (end, (4, 2))
            look: Any = {"va": "bottom", "fontsize": "x-small", "color": FAINT}
            text = f"-ELBO {total:g}"
            ax.annotate(text, (place, total - place), gap, textcoords="offset points", **look)
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)
