"""How the examples of a dataset are shown, as its scaling says."""

from collections.abc import Sequence

from npvae.datasets.preprocessing import Scaling, Standardized
from npvae.figures import Form, is_image
from npvae.parameters import Array


def form_of(scaling: Scaling, shape: Sequence[int], columns: Sequence[str] = ()) -> Form:
    """Return how examples are shown that a scaling has made x of.

    Pixels are shown from 0 to 1 and tables in standard deviations; images of real values in their
    own units, from two standard deviations below the darkest mean to as many above the lightest.
    """
    shape, columns = tuple(shape), tuple(columns)
    if not isinstance(scaling, Standardized):
        limits = None if is_image(shape) else (0.0, 1.0)
        return Form(shape, columns, limits, "value, from 0 to 1")
    if not is_image(shape):
        return Form(shape, columns)
    low, high = scaling.mean - 2 * scaling.std, scaling.mean + 2 * scaling.std
    return Form(shape, limits=(float(low.min()), float(high.max())))


def as_shown(x: Array, scaling: Scaling, form: Form) -> Array:
    """Return examples, (..., n_x), as their form says: images of real values in their units."""
    in_units = isinstance(scaling, Standardized) and form.is_image
    return scaling.decode(x) if in_units else x
