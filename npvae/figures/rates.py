"""The information that z carries: in each latent, and against the distortion that it leaves."""

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

MOST_BARS = 40  # more latents are not numbered one by one


def kl_per_latent(
    kl: Array,
    active: Array | None = None,
    *,
    told: str = "KL of each latent, in descending order",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the KL of each latent, an upper bound on the information it carries, as bars.

    Parameters
    ----------
    kl : (n_z,) KL divergence of each latent, in nats per example
    active : (n_z,) whether the variance of its posterior mean over the data is above 0.01; the
        bars of inactive latents are hatched
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
        raise InputError(
            f"kl has shape {kl.shape}, expected (n_z,): one finite number for each latent"
        )
    if active is not None and np.shape(active) != kl.shape:
        raise InputError(
            f"active has shape {np.shape(active)}, expected {kl.shape}: one flag for each latent"
        )
    order = np.argsort(-kl, kind="stable")
    works = np.ones(len(kl), bool) if active is None else np.asarray(active, bool)
    with drawing(ax, height=3) as ax:
        title(ax, told)
        place = np.arange(len(kl))
        idle: Any = {"color": "none", "edgecolor": ORANGE, "hatch": "/////"}
        for which, name, look in ((works, "active", {"color": BLUE}), (~works, "inactive", idle)):
            shown = which[order]
            if shown.any():
                label = f"{int(shown.sum())} {name}"
                ax.bar(place[shown], kl[order][shown], width=0.8, label=label, **look)
        if len(kl) <= MOST_BARS:
            size = "medium" if len(kl) <= 25 else "x-small"
            ax.set_xticks(place, [str(i) for i in order], fontsize=size)
            ax.set_xlabel("latent")
        else:
            ax.set_xlabel("latents, in descending order of KL")
        middle, wide = (len(kl) - 1) / 2, max(len(kl), 6)  # few latents have bars in the middle
        ax.set_xlim(middle - wide / 2 - 0.2, middle + wide / 2 + 0.2)
        ax.set_ylim(0, (float(kl.max()) or 1.0) * 1.2)  # room for the legend
        ax.grid(visible=False, axis="x")
        ax.set_axisbelow(True)
        ax.set_ylabel("KL (nats per example)")
        if active is not None:
            ax.legend(loc="upper right", ncols=2)
    return ax


def rate_distortion(
    rate: Sequence[float],
    distortion: Sequence[float],
    names: Sequence[str] = (),
    *,
    looks: Sequence[tuple[str, str]] = (),
    told: str = "Rate and distortion",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw models, or the epochs of one model, by their rate and their distortion.

    Along a dashed line the ELBO, -(rate + distortion), is constant. A better model lies closer to
    the lower left corner; along such a line rate is traded for distortion.

    Parameters
    ----------
    rate : KL(q(z | x) ‖ p(z)), in nats per example
    distortion : -E_q[log p(x | z)], in nats per example
    names : of the points; "" for a point without a name
    looks : a colour and a marker for each point, and then no line joins them; by default the points
        are those of one model in turn, and a line joins them
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
    n = len(rate)
    if n != len(distortion) or n == 0 or len(names) > n or len(looks) not in (0, n):
        raise InputError(
            f"{n} rates, {len(distortion)} distortions, {len(names)} names and {len(looks)} looks; "
            "pass as many of each, at least one"
        )
    points = drawable([rate, distortion])
    with drawing(ax) as ax:
        if looks:
            for point, (colour, marker) in zip(points.T, looks, strict=True):
                ax.plot(*point, marker, color=colour, markersize=6, clip_on=False)
        else:
            marker = "o" if n <= MOST_MARKERS else ""
            ax.plot(*points, color=BLUE, marker=marker, clip_on=False)
        _set_limits(ax, points)
        above = _equal_elbo(ax)
        title(ax, told, pad=18 if above else None)
        _name_points(ax, points, names)
        ax.set_xlabel("Rate, KL(q(z | x) ‖ p(z)) (nats per example)")
        ax.set_ylabel("Distortion, −log p(x | z) (nats per example)")
    return ax


def _set_limits(ax: "Axes", points: Array) -> None:
    """Leave room around the points, and give neither axis less than 2 % of the other's range.

    The rate is never negative, so neither are the ticks of its axis.
    """
    low, high = points.min(axis=1), points.max(axis=1)
    least = max(0.02 * float((high - low).max()), 1e-3 * float(np.abs(points).max()), 1e-3)
    room = 0.12 * np.maximum(high - low, least) + np.maximum(0, least - (high - low)) / 2
    left = low[0] - room[0]
    ax.set_xlim(max(0.0, left) if low[0] >= 0 else left, high[0] + room[0])
    ax.set_ylim(low[1] - room[1], high[1] + room[1])


def _name_points(ax: "Axes", points: Array, names: Sequence[str]) -> None:
    """Write each name beside its point: of 24 places around it, where it hides the least."""
    from matplotlib.text import Text

    a_point = ax.figure.dpi / 72
    x, y = ax.transData.transform(points.T).T / a_point
    t = np.linspace(0, len(x) - 1, max(500, len(x)))  # places on the curve, which names avoid
    curve = np.stack([np.interp(t, np.arange(len(x)), along) for along in (x, y)])
    (left, bottom), (right, top) = ax.get_window_extent().get_points() / a_point
    taken: list[tuple[float, float, float, float]] = []  # left, right, bottom and top of names
    for said in ax.texts:
        (x0, y0), (x1, y1) = (Text.get_window_extent(said).get_points() / a_point).tolist()
        taken.append((x0 - 6, x1 + 6, y0 - 2, y1 + 2))
    for i, name in enumerate(names):
        if not name:
            continue
        wide, high, places = 5.4 * len(name), 10, []
        for away in (7, 16, 28):
            for dx, dy in ((1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)):
                x0 = x[i] + away * dx - wide * (1 - dx) / 2
                y0 = y[i] + away * dy - high * (1 - dy) / 2
                x1, y1 = x0 + wide, y0 + high
                near = (x0 - 3 < curve[0]) & (curve[0] < x1 + 3) & (y0 - 3 < curve[1])
                near &= curve[1] < y1 + 3
                hidden = int(near.sum()) + away / 4
                hidden += 500 * any(x0 < d and c < x1 and y0 < f and e < y1 for c, d, e, f in taken)
                hidden += 500 * (x0 < left or x1 > right or y0 < bottom or y1 > top)
                places.append((hidden, away, dx, dy, (x0, x1, y0, y1)))
        _, away, dx, dy, box = min(places, key=lambda place: place[0])
        taken.append(box)
        ax.annotate(
            one_line(name),
            points[:, i].tolist(),
            (away * dx, away * dy),
            textcoords="offset points",
            ha={1: "left", 0: "center", -1: "right"}[dx],
            va={1: "bottom", 0: "center", -1: "top"}[dy],
            parse_math=False,
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.6} if away > 7 else None,
        )


def _equal_elbo(ax: "Axes") -> bool:
    """Draw lines of equal rate + distortion, with their ELBO where they leave the axes.

    A line that ends at the right is named there, and one that begins at the top above; of others
    the name is beside their lower end. Return whether there are names above.
    """
    from matplotlib.ticker import MaxNLocator

    left, right = ax.get_xlim()
    low, high = ax.get_ylim()
    wide, tall = right - left, high - low
    look: Any = {"fontsize": "small", "color": FAINT, "textcoords": "offset points"}
    above = False
    for total in MaxNLocator(nbins=6).tick_values(left + low, right + high):
        begin, end = max(left, total - high), min(right, total - low)
        if (end - begin) * (1 / wide + 1 / tall) < 0.05:  # it only cuts a corner, or is outside
            continue
        ends = np.array([begin, end])
        ax.plot(ends, total - ends, color=FAINT, linestyle="--", linewidth=0.7, zorder=1)
        text = f"ELBO {f'{0 - total:g}'.replace('-', '−')}"
        if end >= right:
            ax.annotate(text, (end, total - end), (4, 0), va="center", **look)
        elif begin > left:
            ax.annotate(text, (begin, high), (0, 3), ha="center", va="bottom", **look)
            above = True
        elif left + 0.1 * wide < end < right - 0.15 * wide:
            ax.annotate(text, (end, low), (4, 2), va="bottom", **look)
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)
    return above
