"""Latent space in a plane: where examples lie, and what its places decode to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npvae.arrays import Array
from npvae.figures.form import Form
from npvae.figures.style import BLUE, FAINT, POINTS, drawable, drawing, panels, title
from npvae.figures.tables import colour_bar, field, name_columns
from npvae.figures.tiles import show_tiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "os"  # the second for labels from the eleventh on
MOST_LABELS = len(POINTS) * len(MARKERS)
MOST_PANELS = 12
PRIOR = "standard deviations of the prior"


def latent_scatter(
    u: Array,
    labels: Array | None = None,
    classes: Sequence[str] = (),
    *,
    axes: Sequence[str] = ("z 1", "z 2"),
    unit: str = PRIOR,
    prior: bool = True,
    told: str = "the posterior means of test examples",
    ax: "Axes | None" = None,
) -> "Axes":
    """Codes in a plane, coloured by label; those of one latent as a histogram.

    Parameters
    ----------
    u : (N, 2) or (N, 1) array of coordinates
    labels : (N,) whole numbers, or None
    classes : names of the labels; each also stands at the median of its codes
    axes, unit : what the coordinates are, and their unit
    prior : whether to draw circles at one and two standard deviations of N(0, I)
    told : the title
    ax : where to draw; by default a new figure

    Returns
    -------
    ax
    """
    groups = _by_label(drawable(u), labels, classes)
    with drawing(ax, height=5) as ax:
        title(ax, told)
        _name_axes(ax, axes, unit)
        if u.shape[1] == 1:
            _bars(ax, groups)
        else:
            _points(ax, groups, 12000 / len(u))
            if prior:
                _circles(ax)
        if len(groups) > 1 or (prior and u.shape[1] == 2):
            _legend(ax, [group.name for group in groups])
    return ax


class Group(NamedTuple):
    """The codes of one label, (n, 1 or 2), and how they are drawn."""

    name: str
    u: Array
    colour: str
    marker: str


def _by_label(u: Array, labels: Array | None, classes: Sequence[str]) -> list[Group]:
    """Return a group for each label; where there are many, for the most frequent and the rest."""
    if labels is None:
        return [Group("examples", u, BLUE, "o")]
    known, counts = np.unique(labels, return_counts=True)
    often = np.sort(known[np.argsort(-counts, kind="stable")[:MOST_LABELS]])
    groups = []
    if len(often) < len(known):
        rest = u[~np.isin(labels, often)]
        groups.append(Group(f"{len(known) - len(often)} other labels", rest, FAINT, "."))
    for i, label in enumerate(often.tolist()):
        name = classes[label] if label < len(classes) else str(label)
        look = POINTS[i % len(POINTS)], MARKERS[i // len(POINTS)]
        groups.append(Group(name[:20], u[labels == label], *look))
    return groups


def _bars(ax: "Axes", groups: Sequence[Group]) -> None:
    """Draw how often each code is there, the labels above one another."""
    codes = np.concatenate([group.u[:, 0] for group in groups])
    edges, below = np.histogram_bin_edges(codes, bins=60), np.zeros(60)
    for group in groups:
        counts, _ = np.histogram(group.u[:, 0], bins=edges)
        hatch = "" if group.marker == "o" else "////"
        look: Any = {"color": group.colour, "edgecolor": "white", "linewidth": 0, "hatch": hatch}
        ax.bar(edges[:-1], counts, np.diff(edges), below, align="edge", label="codes", **look)
        below += counts
    ax.set_ylabel("examples")


def _points(ax: "Axes", groups: Sequence[Group], size: float) -> None:
    """Draw every code, and the name of a label amid its own, on a halo that makes it readable."""
    from matplotlib.patheffects import withStroke

    looks: Any = {"s": min(25.0, max(3.0, size)), "alpha": 0.7, "linewidths": 0}
    for _, u, colour, marker in groups:
        ax.scatter(u[:, 0], u[:, 1], color=colour, marker=marker, label="codes", **looks)
    ax.set_aspect("equal", adjustable="datalim")
    if 1 < len(groups) <= len(POINTS) + 1:
        halo = [withStroke(linewidth=2.5, foreground="white")]
        look: Any = {"ha": "center", "va": "center", "weight": "bold", "color": "#111111"}
        wide, high = np.ptp(np.concatenate([group.u for group in groups]), axis=0)
        written: list[tuple[float, float, str]] = []
        for name, u, _, _ in groups:
            x, y = np.median(u, axis=0).tolist()
            near = (
                abs(x - a) < 0.012 * wide * len(name + other) and abs(y - b) < 0.03 * high
                for a, b, other in written
            )
            if not any(near):  # else names on names, which nobody could read
                ax.text(x, y, name, path_effects=halo, parse_math=False, **look)
                written.append((x, y, name))


def _circles(ax: "Axes") -> None:
    """Draw where the prior is one and two standard deviations from its mean."""
    angle = np.linspace(0, 2 * np.pi, 100)
    for radius, name in ((1, "the prior: 1 and 2\nstandard deviations"), (2, None)):
        circle = radius * np.cos(angle), radius * np.sin(angle)
        ax.plot(*circle, color=FAINT, linewidth=0.8, linestyle="--", zorder=3, label=name)


def _legend(ax: "Axes", names: Sequence[str]) -> None:
    """Name the colours beside the picture, where they hide nothing.

    The names are written into a legend that is there already: matplotlib leaves those out that
    begin with an underscore.
    """
    legend = ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), handletextpad=0.3)
    handles: Any = legend.legend_handles
    for handle in handles:
        if hasattr(handle, "set_sizes"):  # points, which would be too small to see
            handle.set_sizes([25])
            handle.set_alpha(1)
    for text, name in zip(legend.get_texts(), names, strict=False):
        text.set(text=name, parse_math=False)


def manifold(
    x: Array,
    form: Form | Sequence[int],
    ticks: Sequence[Array],
    *,
    axes: Sequence[str] = ("z 1", "z 2"),
    unit: str = PRIOR,
    told: str = "the means of p(x | z) at Gaussian quantiles",
    ax: "Axes | None" = None,
) -> "Axes":
    """What a plane decodes to: an image at each place, or a map of each column of a table.

    Parameters
    ----------
    x : (n * n, n_x) array, or (n, n_x) for one latent, in the order of `latent_space.Plane.grid`
    form : of one example, or its shape; of a table the twelve columns that vary most are drawn
    ticks : the n coordinates along each direction, ascending
    axes, unit : what the coordinates are, and their unit
    told : the title
    ax : where to draw; by default a new figure

    Returns
    -------
    ax
    """
    form, x = Form.of(form, x.shape[1]), drawable(x)
    maps = len(_varying(x)) if len(ticks) == 2 and not form.is_image else 0
    with drawing(ax, height=6 if not maps else 1 + 1.6 * -(-maps // _across(maps))) as ax:
        title(ax, told)
        if form.is_image:
            across, *up = [_sparse(tick) for tick in ticks]
            names = up[0][::-1] if up else []
            show_tiles(ax, x, form, len(across), heads=across, names=names, below=True)
            _name_axes(ax, axes[: len(ticks)], unit)
        elif len(ticks) == 1:
            image = field(ax, x.T, form, x=ticks[0])
            name_columns(ax, form, down=True)
            _name_axes(ax, axes[:1], unit)
            colour_bar(image, [ax], form)
        else:
            if maps < x.shape[1]:
                told += f"; the {maps} of {x.shape[1]} columns that vary most"
            title(ax, f"{told}; coordinates in {unit}" if unit else told)
            _maps(ax, x, form, ticks, axes)
    return ax


def _maps(
    ax: "Axes",
    x: Array,
    form: Form,
    ticks: Sequence[Array],
    axes: Sequence[str],
) -> None:
    """Draw one map of the plane for each column, those that vary most if there are many."""
    chosen, n = _varying(x), len(ticks[0])
    across = _across(len(chosen))
    parts = panels(ax, -(-len(chosen) // across), across)
    for part, column in zip(parts, chosen.tolist(), strict=False):
        upwards = x[:, column].reshape(n, n)[::-1]
        image = field(part, upwards, form, *ticks)
        named = len(form.columns) == x.shape[1]
        title(part, form.columns[column][:24] if named else f"column {column}")
    for part in parts[len(chosen) :]:
        part.set_axis_off()
    for i, part in enumerate(parts[: len(chosen)]):
        part.tick_params(labelleft=i % across == 0, labelbottom=i + across >= len(chosen))
    corner = parts[(len(chosen) - 1) // across * across]
    _name_axes(corner, axes, unit="")
    colour_bar(image, parts, form)


def _varying(x: Array) -> Array:
    """Return the columns that vary most, in their order."""
    return np.sort(np.argsort(-x.var(axis=0), kind="stable")[:MOST_PANELS])


def _across(n: int) -> int:
    """Return how many of n panels stand in a row."""
    return min(4, int(np.ceil(np.sqrt(n))))


def _name_axes(ax: "Axes", axes: Sequence[str], unit: str) -> None:
    """Name the coordinates along x and, of two, along y."""
    named = [f"{name} ({unit})" if unit else name for name in axes]
    ax.set_xlabel(named[0], parse_math=False)
    if len(named) > 1:
        ax.set_ylabel(named[1], parse_math=False)


def _sparse(values: Array, most: int = 9) -> list[str]:
    """Return numbers as text, all of them or, where that is too much, some in even steps."""
    step = -(-len(values) // most)
    start = (len(values) - 1) % step // 2
    return [f"{v:.2g}" if i % step == start else "" for i, v in enumerate(values)]
