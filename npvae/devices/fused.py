"""Functions written in NumPy, for which a device may have one kernel in place of many passes."""

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

KERNELS: dict[type, Mapping[str, Callable[..., Any]]] = {}  # by the class of a device's arrays


def fused(plain: Callable[P, R]) -> Callable[P, R]:
    """Let a device compute a function in a kernel of that name; its NumPy form says what it is.

    The class of the first argument, an array, decides which device. Where that has no such kernel,
    NumPy's functions follow the arrays as they do everywhere else.

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
        if kernels is None or plain.__name__ not in kernels:
            return plain(*arguments, **options)
        given = signature(plain).bind(*arguments, **options).args if options else arguments
        return kernels[plain.__name__](*given)

    return choose
