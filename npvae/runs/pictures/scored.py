"""The oddest examples of a run, and what makes them odd."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from npvae import figures
from npvae.datasets.one_hot import table_columns, table_rows
from npvae.datasets.preprocessing import Notes, Standardized
from npvae.evaluation.elbo import examples_at
from npvae.evaluation.scores import nats_by_feature
from npvae.figures.piano_rolls import as_columns
from npvae.figures.style import label_name, number, shortened
from npvae.parameters import Array
from npvae.runs.model_file import SavedModel
from npvae.runs.pictures.trained_run import as_shown, form_of
from npvae.runs.scoring import Scored
from npvae.runs.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes


def oddest(
    saved: SavedModel,
    scored: Scored,
    n: int,
    seed: int,
    columns: "Sequence[str]" = (),
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the n examples with the highest scores, and what their pixels or columns cost.

    Parameters
    ----------
    saved : the model
    scored : the examples
    n : how many
    seed : of the scores; it decides the pixels
    columns : names of a table's columns
    ax : where to draw; by default a new figure
    """
    model, scaling, split = saved.model, saved.scaling, scored.examples.split
    chosen = scored.order[:n]
    batch = examples_at(model, split, scaling, seed, chosen)
    x_hat, nats = nats_by_feature(model, *batch)
    form = form_of(scaling, saved.shape, columns)
    missing = None
    to_host = model.params.device.to_host
    x, x_hat = (as_shown(to_host(part), scaling, form) for part in (batch[0], x_hat))
    nats = to_host(nats)
    if isinstance(scaling, Notes):
        nats = as_columns(nats)
    if isinstance(scaling, Standardized) and not form.is_image:  # written in the user's units
        x, x_hat = split.take(chosen).astype(np.float64), scaling.decode(x_hat)
        missing = _filled_in(scored.examples, chosen, x)
    if saved.categories:  # the numbers of a text column become one column again
        known = list(table_columns(saved.columns, saved.categories))
        starts = [column.place.start for column in known]
        form = replace(form, shape=(len(known),), columns=tuple(column.name for column in known))
        x, x_hat = (_in_words(rows, saved) for rows in (x, x_hat))
        nats = np.add.reduceat(nats, starts, axis=1)
        missing = None if missing is None else missing[:, starts]
    names = []
    for i in chosen.tolist():
        score = float(scored.scores.score[i])
        name = f"row {split.rows[i]}\nscore {number(score, 1 if abs(score) < 1000 else 0)}"
        if split.labels is not None:
            label = label_name(scored.examples.classes, int(split.labels[i]))
            name = f"{shortened(label, 10)}\n{name}"
        names.append(name)
    told = f"The {len(chosen)} oddest of {len(split):,} examples of {scored.examples.words}"
    return figures.oddest(x, x_hat, nats, form, names, missing=missing, told=told, ax=ax)


def _in_words(rows: Array, saved: SavedModel) -> Array:
    """Return rows of the user's table, (n, columns): numbers, and of a text column the text."""
    return np.array(list(table_rows(rows, saved.columns, saved.categories)), dtype=object)


def _filled_in(examples: Selection, chosen: Array, x: Array) -> Array | None:
    """Return which numbers of the chosen examples, (n, n_x), were missing.

    Only the number of the values that were missing is stored for each example. They are those that
    are equal to the mean that was filled in.
    """
    if examples.missing is None or examples.means is None:
        return None
    means = examples.means.astype(examples.split.x.dtype)
    is_mean: Array = (x == means) & (examples.missing[chosen] > 0)[:, None]
    return is_mean
