"""Where examples are in latent space, in a plane or along a line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npvae.errors import InputError
from npvae.figures.style import (
    BLUE,
    FAINT,
    INK,
    POINTS,
    distinct,
    drawable,
    drawing,
    label_name,
    one_line,
    title,
)
from npvae.parameters import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "os"  # the second is for the eleventh label and later ones
NAMED = 100  # of fewer codes in a plane, names would cover most
NEAREST = 20  # codes around the middle of a label, most of which must be its own
MOST_LABELS = len(POINTS) * len(MARKERS)
PRIOR = "standard deviations of the prior"


def latent_scatter(
    u: Array,
    labels: Array | None = None,
    classes: Sequence[str] = (),
    *,
    axes: Sequence[str] = ("z 0", "z 1"),
    unit: str = PRIOR,
    prior: bool = True,
    told: str = "Posterior means μ of test examples",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw codes in a plane, coloured by label; codes of one latent as a histogram.

    Parameters
    ----------
    u : (N, 2) or (N, 1) array of coordinates
    labels : (N,) whole numbers, or None
    classes : names of the labels; if the codes of each form a cluster, and there are at least 100
        codes, they are also written in the middle of the clusters
    axes, unit : what the coordinates are, and their unit
    prior : whether to draw circles at one and two standard deviations of N(0, I)
    told : the title
    ax : where to draw; by default a new figure

    Raises
    ------
    InputError : if u is not finite or of another shape, or the labels do not fit it

    Returns
    -------
    ax
    """
    _require_coordinates(u, labels)
    groups = _by_label(drawable(u), labels, classes)
    with drawing(ax, height=5) as ax:
        title(ax, told)
        name_axes(ax, axes, unit)
        (_bars if u.shape[1] == 1 else _points)(ax, groups)
        around = _prior(ax, groups) if prior else None
        if u.shape[1] == 2 and len(u) >= NAMED and 1 < len(groups) <= len(POINTS) + 1:
            _names(ax, groups, least=4.0 if prior else 0.0)
        if len(groups) > 1 or prior:
            _legend(ax, groups, around)
    return ax


def _require_coordinates(u: Array, labels: Array | None) -> None:
    """Refuse coordinates that cannot be drawn, and labels that do not fit them."""
    if u.ndim != 2 or u.shape[1] not in (1, 2) or len(u) == 0:
        raise InputError(
            f"u has shape {u.shape}, expected (N, 2) or (N, 1): coordinates in a plane, such as "
            "plane_of(codes).project(codes.mu)"
        )
    if not np.isfinite(np.asarray(u, np.float64)).all():
        raise InputError(
            "u has numbers that are not finite; train the model again, with a lower learning rate"
        )
    if labels is not None and (
        np.shape(labels) != (len(u),) or np.asarray(labels).dtype.kind not in "iu"
    ):
        raise InputError(
            f"labels have shape {np.shape(labels)}, expected ({len(u)},): a whole number for each "
            "row of u"
        )


class Group(NamedTuple):
    """The codes of one label, (n, 1) or (n, 2), and how they are drawn."""

    name: str
    u: Array
    colour: str
    marker: str


def _by_label(u: Array, labels: Array | None, classes: Sequence[str]) -> list[Group]:
    """Return a group for each label; of many labels, for the most frequent and for the rest."""
    if labels is None:
        return [Group("examples", u, BLUE, "o")]
    known, counts = np.unique(labels, return_counts=True)
    often = np.sort(known[np.argsort(-counts, kind="stable")[:MOST_LABELS]])
    groups = []
    if len(often) < len(known):
        rest = u[~np.isin(labels, often)]
        groups.append(Group(f"{len(known) - len(often)} other labels", rest, FAINT, "."))
    names = distinct([label_name(classes, label) for label in often.tolist()], 20)
    for i, (label, name) in enumerate(zip(often.tolist(), names, strict=True)):
        look = POINTS[i % len(POINTS)], MARKERS[i // len(POINTS)]
        groups.append(Group(name, u[labels == label], *look))
    return groups


def _bars(ax: "Axes", groups: Sequence[Group]) -> None:
    """Draw a histogram of the codes, with the labels stacked."""
    from matplotlib.ticker import MaxNLocator

    edges = _edges(groups)
    below = np.zeros(len(edges) - 1)
    for group in groups:
        counts, _ = np.histogram(group.u[:, 0], bins=edges)
        hatch = "" if group.marker == "o" else "////"
        look: Any = {"facecolor": group.colour, "edgecolor": "white", "linewidth": 0}
        ax.stairs(below + counts, edges, baseline=below, fill=True, hatch=hatch, **look)
        below = below + counts
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylabel("examples")
    ax.set_axisbelow(True)


def _edges(groups: Sequence[Group]) -> Array:
    """Return the borders of 2 sqrt(N) bins, 5 to 60 of them, that cover the codes."""
    codes = np.concatenate([group.u[:, 0] for group in groups])
    low, high = codes.min(), codes.max()
    margin = 0.5 if high - low < 1e-6 * max(1, abs(low)) else 0.0
    return np.linspace(
        low - margin, high + margin, int(np.clip(2 * np.sqrt(len(codes)), 5, 60)) + 1
    )


def _points(ax: "Axes", groups: Sequence[Group]) -> None:
    """Draw every code, in random order so that no label covers another."""
    n = sum(len(group.u) for group in groups)
    size = min(25.0, max(4.0, 16000 / n))
    for marker in dict.fromkeys(group.marker for group in groups):
        alike = [group for group in groups if group.marker == marker]
        u = np.concatenate([group.u for group in alike])
        colours = np.concatenate([[group.colour] * len(group.u) for group in alike])
        mixed = np.random.default_rng(0).permutation(len(u))
        x, y = u[mixed].T
        ax.scatter(x, y, s=size, c=colours[mixed].tolist(), marker=marker, alpha=0.85, linewidths=0)
    ax.set_aspect("equal", adjustable="datalim")


def _names(ax: "Axes", groups: Sequence[Group], least: float) -> None:
    """Write labels in the middle of their clusters or, where another one is, a little beside.

    If any label has no place, because its codes lie among those of others, none is written: the
    legend names them. The picture is as wide and as high as the codes, and at least `least`.
    """
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.5, foreground="white")]
    look: Any = {"ha": "center", "va": "center", "weight": "bold", "color": INK, "zorder": 4}
    wide, high = np.maximum(np.ptp(np.concatenate([group.u for group in groups]), axis=0), least)
    written: list[tuple[float, float, str]] = []
    if not all(_is_cluster(group, groups) for group in groups):
        return
    for group in groups:
        x, middle = np.median(group.u, axis=0).tolist()
        for step in (0, 1, -1, 2, -2, 3, -3, 4, -4):
            y = middle + 0.04 * step * high
            if not any(
                abs(x - a) < 0.012 * wide * len(group.name + other) and abs(y - b) < 0.038 * high
                for a, b, other in written
            ):
                break
        else:
            return
        written.append((x, y, group.name))
    for x, y, name in written:
        ax.text(x, y, name, path_effects=halo, parse_math=False, **look)


def _is_cluster(group: Group, groups: Sequence[Group]) -> bool:
    """Return whether most codes around the median of a group are its own."""
    middle, n = np.median(group.u, axis=0), min(NEAREST, len(group.u))
    own = np.square(group.u - middle).sum(axis=1)
    others = [np.square(other.u - middle).sum(axis=1) for other in groups if other is not group]
    nearest = np.partition(np.concatenate([own, *others]), n - 1)[n - 1]
    return int((own <= nearest).sum()) > n // 2


def _prior(ax: "Axes", groups: Sequence[Group]) -> Any:
    """Draw N(0, I) in the colour of text, above all codes; return a line for the legend.

    In a plane it is circles at one and two standard deviations, along a line its density.
    """
    from matplotlib import rcParams

    look: Any = {"color": rcParams["text.color"], "linewidth": 1.2, "linestyle": "--", "zorder": 3}
    if groups[0].u.shape[1] == 1:
        edges, n = _edges(groups), sum(len(group.u) for group in groups)
        z = np.linspace(min(-3, edges[0]), max(3, edges[-1]), 200)
        density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
        return ax.plot(z, n * (edges[1] - edges[0]) * density, **look)[0]
    angle = np.linspace(0, 2 * np.pi, 100)
    circles = [ax.plot(r * np.cos(angle), r * np.sin(angle), **look)[0] for r in (1, 2)]
    return circles[0]


def _legend(ax: "Axes", groups: Sequence[Group], prior: Any) -> None:
    """Name the colours and the line of the prior, to the right of the axes.

    The names are written into a finished legend, because matplotlib leaves out those that begin
    with an underscore.
    """
    from matplotlib.lines import Line2D

    flat = groups[0].u.shape[1] == 1
    shown: list[Any] = [
        Line2D(
            [],
            [],
            color=group.colour,
            marker="s" if flat else group.marker,
            linestyle="",
            markersize=6,
        )
        for group in groups
    ]
    names = [group.name for group in groups]
    if prior is not None:
        shown.append(prior)
        names.append("the prior" if flat else "the prior, at 1 and 2\nstandard deviations")
    beside: Any = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "handletextpad": 0.3}
    legend = ax.legend(shown, ["codes"] * len(shown), **beside)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, parse_math=False)


def name_axes(ax: "Axes", axes: Sequence[str], unit: str) -> None:
    """Name the coordinate along x and, of two, the one along y."""
    named = [one_line(f"{name} ({unit})" if unit else name) for name in axes]
    ax.set_xlabel(named[0], parse_math=False)
    if len(named) > 1:
        ax.set_ylabel(named[1], parse_math=False)
