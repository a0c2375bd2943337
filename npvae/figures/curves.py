"""The training curves, epoch by epoch."""

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
    """Draw the objective, reconstruction, KL and active latents of each epoch, in four panels.

    Parameters
    ----------
    columns : the columns of history.csv by name; those of the validation part may be missing
    bound : the name of the objective; for any but "ELBO" minus the training loss is drawn
    prior : whether the model has a prior, and so a KL
    best : the epoch whose parameters early stopping restored, or None
    ax : where to draw; the panels take its place. By default a new figure

    Raises
    ------
    InputError : if a column is missing, or there is no epoch yet

    Returns
    -------
    ax
    """
    if missing := COLUMNS - set(columns):
        raise InputError(
            f"the history has no column {min(missing)}; pass all columns of history.csv"
        )
    if len(columns["epoch"]) == 0:
        raise InputError("the history has no epoch yet; train for at least one")
    from matplotlib.ticker import MaxNLocator

    epochs = columns["epoch"]
    if bound != "ELBO":
        columns = {**columns, "train_bound": [-loss for loss in columns["train_loss"]]}
    quantities = {
        "elbo" if bound == "ELBO" else "bound": bound,
        "reconstruction": "Reconstruction, −log p(x | z)",
        "kl": "KL(q(z | x) ‖ p(z))",
        "active_units": "Active latents",
    }
    with drawing(ax, height=4.4) as ax:
        parts = panels(ax, 2, 2)
        for part, (quantity, name) in zip(parts, quantities.items(), strict=True):
            title(part, name)
            if quantity == "kl" and not prior:
                say_instead(part, "An autoencoder has no prior, and therefore no KL.")
                continue
            _curves(part, columns, quantity)
            if not part.lines:
                say_instead(part, "This is measured on the validation part, and there is none.")
                continue
            over_epochs(part, epochs, best)
            if quantity != "active_units":
                part.set_ylabel("nats per example")
        units = [1.0, *columns.get("validation_active_units", [])]
        if parts[-1].lines:
            parts[-1].yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
            parts[-1].set_ylim(0, max(units) * 1.08)
        parts[0].legend(loc="best")
    return ax


def _curves(ax: "Axes", columns: Mapping[str, Sequence[float]], quantity: str) -> None:
    """Draw a quantity of the training part and of the validation part."""
    epochs = columns["epoch"]
    for part, colour, marker in (("train", BLUE, "o"), ("validation", ORANGE, "s")):
        values = columns.get(f"{part}_{quantity}")
        if values is not None:
            marked = marker if len(epochs) <= MOST_MARKERS else ""
            ax.plot(epochs, drawable(values), color=colour, marker=marked, label=part)


def over_epochs(ax: "Axes", epochs: Sequence[float], best: int | None = None) -> None:
    """Let the horizontal axis span these epochs, from a tick at the first; mark the best one."""
    from matplotlib.ticker import MaxNLocator

    first, last = min(epochs), max(epochs)
    margin = max(0.5, 0.02 * (last - first))
    ax.set_xlim(first - margin, last + margin)
    whole = MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    ticks = whole.tick_values(first, last)
    room = (ticks[1] - ticks[0]) / 2 if len(ticks) > 1 else 0  # between two numbers
    ax.set_xticks([first, *(tick for tick in ticks if first + room < tick <= last)])
    ax.set_xlabel("epoch")
    if best is not None:
        ax.axvline(best, color=GREEN, linestyle="--", linewidth=1, label=f"best epoch, {best}")
