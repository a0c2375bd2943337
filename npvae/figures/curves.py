"""A training, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from npvae.errors import InputError
from npvae.figures.style import (
    BLUE,
    GREEN,
    MOST_MARKERS,
    ORANGE,
    drawable,
    drawing,
    panels,
    say_instead,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


COLUMNS = {"epoch", "train_loss", "train_elbo", "train_reconstruction", "train_kl"}


def history(
    columns: Mapping[str, Sequence[float]],
    bound: str = "ELBO",
    *,
    prior: bool = True,
    best: int | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """What was maximised, reconstruction, KL and active units over the epochs, in four panels.

    Parameters
    ----------
    columns : the columns of history.csv by name; the validation_... ones may be missing
    bound : what was maximised, but for weights of the KL: the loss itself, if it is no ELBO
    prior : whether there is one, and so a KL
    best : the epoch that the model has gone back to, after early stopping
    ax : whose place the panels take; by default a new figure

    Raises
    ------
    InputError : if a column is missing, or there is no epoch yet

    Returns
    -------
    ax
    """
    if missing := COLUMNS - set(columns):
        raise InputError(f"the history has no column {min(missing)}; see history_columns")
    if len(columns["epoch"]) == 0:
        raise InputError("the history has no epoch yet")
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
            if quantity == "kl" and not prior:
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
