"""Functions written in NumPy, for which a device may have one kernel in place of many passes."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

KERNELS: dict[type, Mapping[str, Callable[..., Any]]] = {}  # by the class of a device's arrays


def fused(plain: Callable[P, R]) -> Callable[P, R]:
    """Let a device compute a function in a kernel of that name; its NumPy form says what it is.

    Which device decides the class of the first argument, an array. Where that device has no such
    kernel, NumPy's functions follow the arrays as they do everywhere else.

    >>> @fused
    ... def twice(x):
    ...     return 2 * x
    >>> class Elsewhere(float): ...
    >>> KERNELS[Elsewhere] = {"twice": lambda x: "there"}
    >>> twice(1.5), twice(Elsewhere(1.5))
    (3.0, 'there')
    >>> del KERNELS[Elsewhere]
    """

    @wraps(plain)
    def choose(*arguments: P.args, **options: P.kwargs) -> R:
        first = arguments[0] if arguments else next(iter(options.values()))
        kernels = KERNELS.get(type(first))
        kernel = plain if kernels is None else kernels.get(plain.__name__, plain)
        return kernel(*arguments, **options)

    return choose
