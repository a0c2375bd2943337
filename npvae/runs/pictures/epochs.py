"""The training of a run, epoch by epoch."""

from typing import TYPE_CHECKING

from npvae import figures
from npvae.runs.pictures.trained_run import Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def history(run: Trained, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the training curves of a run."""
    run.require_epochs()
    bound = run.model.bound_name
    return figures.history(run.history, bound, prior=run.has_prior, best=run.best, ax=ax)


def rate_distortion(run: Trained, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the rate and the distortion of each epoch, with the first, best and last one named."""
    run.require_prior("rate")
    run.require_epochs()
    part = "validation" if "validation_kl" in run.history else "train"
    epochs = [int(epoch) for epoch in run.history["epoch"]]
    named = {epochs[0], run.best or epochs[-1], epochs[-1]}
    names = [f"epoch {epoch}" if epoch in named else "" for epoch in epochs]
    words = {"train": "training", "validation": "validation"}
    return figures.rate_distortion(
        run.history[f"{part}_kl"],
        run.history[f"{part}_reconstruction"],
        names,
        told=f"Rate and distortion on the {words[part]} part after each epoch. Dashed: equal ELBO; "
        "lower left is better",
        ax=ax,
    )
