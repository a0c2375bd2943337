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
    name, bind = plain.__name__, signature(plain).bind

    @wraps(plain)
    def choose(*arguments: P.args, **options: P.kwargs) -> R:
        given = arguments if arguments and not options else bind(*arguments, **options).args
        return KERNELS.get(type(given[0]), {}).get(name, plain)(*given)

    return choose
