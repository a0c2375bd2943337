"""Numbers as the explorer's page reads them: base64 of little-endian float16, and short lists."""

from base64 import b64encode

import numpy as np

from npvae.errors import InputError
from npvae.parameters import Array

LARGEST = float(np.finfo(np.float16).max)  # 65,504
DIGITS = 7  # of a number in a list; float32 has no more


def base64_of(array: Array) -> str:
    """Return the bytes of an array in base64, row by row, in little-endian order."""
    ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return b64encode(ordered.tobytes()).decode()


def half(values: Array, what: str) -> str:
    """Return values as float16, in base64.

    Parameters
    ----------
    values : float array
    what : str
        What they are, for the message: "a weight".

    Raises
    ------
    InputError
        If one of them is not finite, or too large for float16.

    >>> half(np.array([1.0, -2.0]), "a weight")
    'ADwAwA=='
    """
    largest = np.abs(values).max(initial=0.0)
    if not largest <= LARGEST:  # NaN is not
        raise InputError(
            f"{what} of this model is {largest:.4g}, but the explorer stores numbers as float16, "
            f"whose largest is {LARGEST:,.0f}; train the model with a smaller learning rate"
        )
    return base64_of(values.astype(np.float16))


def rounded(values: Array) -> list[float]:
    """Return values as a list for JSON, with the digits that float32 has.

    >>> rounded(np.array([1 / 3, 2.0]))
    [0.3333333, 2.0]
    """
    return [float(f"{value:.{DIGITS}g}") for value in np.asarray(values, np.float64).tolist()]
