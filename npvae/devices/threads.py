"""A lock for one thread at a time, because layers store what their backward pass needs."""

from collections.abc import Callable
from functools import wraps
from threading import RLock as RLock
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def one_thread_at_a_time(
    method: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[Any, P], R]:
    """Make a method of a model wait while another thread uses the same model.

    Layers store what their backward pass needs. A forward pass in another thread, in between, would
    give the gradient of a mixture of two batches.
    """

    @wraps(method)
    def alone(model: Any, *args: P.args, **kwargs: P.kwargs) -> R:
        with model.params.lock:
            return method(model, *args, **kwargs)

    return alone  # type: ignore[return-value]
