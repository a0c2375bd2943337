"""The training curves of several runs, and their rate and distortion, side by side."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from npvae.errors import InputError
from npvae.figures.curves import over_epochs
from npvae.figures.rates import rate_distortion
from npvae.figures.style import (
    FAINT,
    LINES,
    MOST_MARKERS,
    POINTS,
    distinct,
    drawable,
    drawing,
    panels,
    say_instead,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "os^DvPX<>*"  # one for each of `POINTS`
MOST_RUNS = len(POINTS)
LONGEST_NAME, CHARACTERS = 40, 110  # of a name, and across the picture
DASHES: dict[str, Any] = {"train": ":", "validation": "-"}
QUANTITIES = {
    "elbo": "ELBO",
    "reconstruction": "Reconstruction, −log p(x | z)",
    "kl": "KL(q(z | x) ‖ p(z))",
}


def comparison(
    histories: Mapping[str, Mapping[str, Sequence[float]]],
    points: Mapping[str, tuple[float, float]],
    *,
    part: str = "test",
    told: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the ELBO, reconstruction and KL of several runs by epoch, and their rate and distortion.

    Parameters
    ----------
    histories : the columns of history.csv of each run, by the name of the run; a column that a run
        lacks, such as the KL of an autoencoder, is not drawn
    points : rate and distortion of the runs that have both, in nats per example
    part : the part of the data on which they were measured
    told : the title
    ax : where to draw; the panels take its place. By default a new figure

    Raises
    ------
    InputError : if there are no runs or more than ten, or a point is of none of them

    Returns
    -------
    ax
    """
    if not 1 <= len(histories) <= MOST_RUNS or not points.keys() <= histories.keys():
        raise InputError(
            f"{len(histories)} histories and {len(points)} points; pass 1 to {MOST_RUNS} "
            "histories, and points of runs that have a history"
        )
    colours = dict(zip(histories, LINES if len(histories) <= len(LINES) else POINTS, strict=False))
    markers = dict(zip(histories, MARKERS, strict=False))
    with drawing(ax, width=7.2, height=6) as ax:
        title(ax, told)
        elbo, plane, *others = panels(ax, 2, 2)
        for panel, (quantity, name) in zip((elbo, *others), QUANTITIES.items(), strict=True):
            title(panel, name)
            for run, columns in histories.items():
                _curves(panel, columns, quantity, colours[run], markers[run])
            if not panel.lines:
                say_instead(panel, "An autoencoder has no prior, and therefore no KL and no ELBO.")
                continue
            over_epochs(panel, [epoch for each in histories.values() for epoch in each["epoch"]])
            panel.set_ylabel("nats per example")
        heading = f"Rate and distortion, {part} part"
        if points:
            look = [(colours[run], markers[run]) for run in points]
            rate_distortion(*zip(*points.values(), strict=True), looks=look, told=heading, ax=plane)
            plane.set_xlabel("rate, KL (nats per example)")
            plane.set_ylabel("distortion (nats per example)")
        else:
            title(plane, heading)
            say_instead(plane, "An autoencoder has no prior, and therefore no rate.")
        _legend(ax, colours, markers)
    return ax


def _curves(
    ax: "Axes", columns: Mapping[str, Sequence[float]], quantity: str, colour: str, marker: str
) -> None:
    """Draw a quantity of the training part and of the validation part of one run."""
    epochs = columns["epoch"]
    marked = ("train", "validation") if len(epochs) == 1 else ("validation",)  # one is no line
    for part, dashes in DASHES.items():
        if (values := columns.get(f"{part}_{quantity}")) is not None:
            shown = marker if part in marked and len(epochs) <= MOST_MARKERS else ""
            inside = "none" if part == "train" else colour
            look: dict[str, Any] = {"color": colour, "marker": shown, "markerfacecolor": inside}
            ax.plot(epochs, drawable(values), dashes, **look)


def _legend(ax: "Axes", colours: Mapping[str, str], markers: Mapping[str, str]) -> None:
    """Name the runs and the parts, between the title and the panels."""
    from matplotlib.lines import Line2D

    names = distinct(colours, LONGEST_NAME)
    lines = [
        *(Line2D([], [], color=colours[run], marker=markers[run]) for run in colours),
        *(Line2D([], [], color=FAINT, linestyle=dashes) for dashes in DASHES.values()),
    ]
    words = [*names, "training part", "validation part"]
    columns = max(1, min(4, CHARACTERS // (max(map(len, words)) + 8)))
    legend = ax.legend(lines, [""] * len(lines), ncols=columns, loc="upper left", borderaxespad=0)
    for text, name in zip(legend.get_texts(), words, strict=True):
        text.set(text=name, parse_math=False)
