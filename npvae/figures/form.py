"""The form of an example: an image, or a row of a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from npvae.errors import InputError
from npvae.figures.style import one_line
from npvae.parameters import Array


def is_image(shape: Sequence[int]) -> bool:
    """Whether examples of this shape can be shown as pictures: (H, W), (H, W, 1) or (H, W, 3)."""
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3))


@dataclass(frozen=True)
class Form:
    """How examples are shown.

    Attributes
    ----------
    shape : of one example; (H, W), (H, W, 1) and (H, W, 3) are images, and all else is drawn as a
        row of numbers
    columns : names of these numbers, if they have any
    limits : the numbers that are black and white, or where colours end; by default 0 and 1 for
        images, three standard deviations for rows
    unit : of the numbers

    >>> Form((28, 28)).span, Form((3,), ("height", "weight", "age")).span
    ((0.0, 1.0), (-3.0, 3.0))
    """

    shape: tuple[int, ...]
    columns: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None
    unit: str = "standard deviations from the mean"

    @classmethod
    def of(cls, form: "Form | Sequence[int]", x: Array, axes: int = 2) -> "Form":
        """Return the form that was given, perhaps as a shape alone, for examples x, (..., n_x).

        Raises
        ------
        InputError : if there is no example, or those of that shape have another number of numbers
        """
        if not isinstance(form, Form):
            if not isinstance(form, Sequence):
                raise InputError(f"shape is {form!r}; give that of one example, such as (28, 28)")
            form = cls(tuple(form))
        given = np.shape(x)
        if len(given) != axes or 0 in given or given[-1] != form.n_x:
            expected = f"({'..., ' if axes > 2 else 'N, '}{form.n_x})"
            raise InputError(
                f"x has shape {given}, expected {expected} for examples of shape {form.shape}; "
                "give one row an example, and the shape of one, such as (28, 28)"
            )
        return form

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", one_line(self.unit))
        if self.limits is not None and not self.limits[0] < self.limits[1]:
            raise InputError(
                f"limits are {self.limits}; give the lower one first, and two that differ"
            )

    @property
    def n_x(self) -> int:
        """Numbers in one example."""
        n = 1
        for size in self.shape:
            n *= size
        return n

    @property
    def is_image(self) -> bool:
        """Whether it can be shown as a picture."""
        return is_image(self.shape)

    @property
    def span(self) -> tuple[float, float]:
        """The limits, or what they are by default."""
        return self.limits or ((0.0, 1.0) if self.is_image else (-3.0, 3.0))
