"""The form of an example: an image, or a row of a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from npvae.errors import InputError
from npvae.figures.style import one_line
from npvae.parameters import Array


def is_image(shape: Sequence[int]) -> bool:
    """Return whether examples of this shape are images: (H, W), (H, W, 1) or (H, W, 3)."""
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3))


@dataclass(frozen=True)
class Form:
    """How examples are shown.

    Attributes
    ----------
    shape : of one example; (H, W), (H, W, 1) and (H, W, 3) are images, and examples of any other
        shape are drawn as rows of a table
    columns : names of a table's columns, or none
    limits : the values shown as black and white, or the ends of the colour scale; by default 0 and
        1 for images, and -3 and 3 for tables
    unit : of the values

    >>> Form((28, 28)).span, Form((3,), ("height", "weight", "age")).span
    ((0.0, 1.0), (-3.0, 3.0))
    """

    shape: tuple[int, ...]
    columns: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None
    unit: str = "standard deviations from the mean"

    @classmethod
    def of(cls, form: "Form | Sequence[int]", x: Array, axes: int = 2) -> "Form":
        """Return `form`, or the form of a shape, once it is known to fit examples x, (..., n_x).

        Raises
        ------
        InputError : if x is empty, or its rows are not of this size
        """
        if not isinstance(form, Form):
            if not isinstance(form, Sequence):
                raise InputError(f"shape is {form!r}; pass that of one example, such as (28, 28)")
            form = cls(tuple(form))
        given = np.shape(x)
        if len(given) != axes or 0 in given or given[-1] != form.n_x:
            expected = f"({'..., ' if axes > 2 else 'N, '}{form.n_x})"
            raise InputError(
                f"x has shape {given}, expected {expected} for examples of shape {form.shape}; "
                "pass one row per example, and the shape of one example, such as (28, 28)"
            )
        return form

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", one_line(self.unit))
        if self.limits is not None and not self.limits[0] < self.limits[1]:
            raise InputError(
                f"limits are {self.limits}; pass two different numbers, the lower one first"
            )

    @property
    def n_x(self) -> int:
        """Number of values in one example."""
        n = 1
        for size in self.shape:
            n *= size
        return n

    @property
    def is_image(self) -> bool:
        """Whether the example is an image."""
        return is_image(self.shape)

    @property
    def span(self) -> tuple[float, float]:
        """The limits, or their default."""
        return self.limits or ((0.0, 1.0) if self.is_image else (-3.0, 3.0))
