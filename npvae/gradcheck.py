"""Gradient checking: compare a hand-written gradient with finite differences of its forward pass.

    numeric = (8 (f(p + h d) - f(p - h d)) - (f(p + 2h d) - f(p - 2h d))) / 12h

Here d is a coordinate axis or a random direction in the space of one array, and all arithmetic is
float64. The error of this fourth-order central difference grows like h^4 from truncation, and like
1e-16 |f| / h from rounding. No single h suits every gradient, least of all the tiny ones of deep
networks, so several are tried.

A wrong forward pass with a matching backward pass passes this check. Only values computed by hand,
and moments of random draws, reveal it.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from npvae.errors import InputError
from npvae.gradreport import Probe, Report, Row
from npvae.parameters import Array, float_arrays, named_parameters, walk

OWN_STREAM = 0x5EED  # keeps r independent of an x that the caller drew from default_rng(seed)
WIDER = (100, 10, 1)  # steps in units of h, from the one with the least rounding error


def check(
    thing: Any,
    *inputs: Array,
    h: float = 1e-5,
    tolerance: float = 1e-6,
    coordinates: int = 100,
    directions: int = 3,
    seed: int = 0,
) -> Report:
    """Compare a hand-written gradient with central differences of its forward pass.

    Parameters
    ----------
    thing : object
        What to check, one of:

        - a layer, with `forward(x)` and `backward(dy)`: the gradients with respect to x and to
          every parameter are checked for the loss sum(r * y), with a fixed random r
        - a model or a likelihood, with `loss_and_grad(*inputs)`
        - a function that returns a value, followed by its gradients with respect to its first
          arguments

        A parameter is a float array `W` with its gradient `dW` beside it. The gradient array has
        to exist before the check begins.
    *inputs : float arrays
        Arguments of the forward pass. Noise is one of them, so it stays fixed.
    h : float
        Smallest step of the central difference. The steps 100 h and 10 h are tried first, and the
        step that agrees best counts, since no step agrees with a wrong gradient.
    tolerance : float
        Largest relative error |a - n| / max(|a|, |n|, max|g| / 100) that passes, where a is the
        hand-written and n the numeric derivative, and g the hand-written gradient of the same
        array.
    coordinates : int
        Number of coordinates of each array to try; all, if the array has no more.
    directions : int
        Number of random directions to try for each array.
    seed : int
        Seeds r and the choice of coordinates and directions.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        If `thing` is a class, has no gradient, computes in float32, changes its input, or replaces
        its gradient arrays instead of writing into them, or if the inputs are missing.

    Notes
    -----
    A layer with kinks, such as ReLU, may report on which side of a kink each value lies with an
    attribute `pattern`. Finite differences that change it cross a kink, and are skipped and
    counted. The check fails if more than 5 % of all probes (and more than one) are skipped, or all
    probes of an array.

    An array `W` that the forward pass uses but that has no `dW` makes the report false. It is most
    often a parameter whose gradient was forgotten, and with `assert check(...)` a warning would not
    be seen. A constant passes if it is read-only: `W.setflags(write=False)`. Arrays that are only
    stored for the backward pass do not change the result of the forward pass, and are ignored.

    >>> print(check(lambda x: (np.sum(x**3), 3 * x**2), np.array([1.0, 2.0])))  # doctest: +ELLIPSIS
    <lambda>: all agree (tolerance 1e-06)
    array  shape  checked skipped  worst at ...
    x      2            5       0 ...  ok
    """
    if inspect.isclass(thing):
        raise InputError(f"{_name(thing)} is a class; pass an object, such as {_name(thing)}(...)")
    rng = np.random.default_rng([OWN_STREAM, seed])
    inputs = tuple(map(_as_floats, inputs))
    before = [(array, array.copy()) for array in _own_arrays(thing)]
    try:
        return _check(thing, inputs, h, tolerance, coordinates, directions, rng)
    finally:  # an OptimalGaussian, for example, follows the errors of every batch it sees
        for array, values in before:
            array[...] = values


def _own_arrays(thing: Any) -> list[Array]:
    """Return the float arrays of a layer or a model that can be written."""
    arrays = (array for _, array in float_arrays(thing))
    return [array for array in arrays if isinstance(array, np.ndarray) and array.flags.writeable]


def _check(
    thing: Any,
    inputs: tuple[Array, ...],
    h: float,
    tolerance: float,
    coordinates: int,
    directions: int,
    rng: np.random.Generator,
) -> Report:
    """Do the work of `check`."""
    value, gradients, arrays = _differentiate(thing, inputs, rng)
    kinked = [part for _, part in walk(thing) if hasattr(part, "pattern")]

    def difference(array: Array, direction: Array, step: float) -> float | None:
        """Return the numeric derivative, or None if the four points are not on one side."""
        before = array.copy()
        values, patterns = [], []
        for offset in (-2, -1, 1, 2):
            array[...] = before + offset * step * direction
            values.append(value())
            patterns.append([part.pattern.tobytes() for part in kinked])
        array[...] = before
        if any(pattern != patterns[0] for pattern in patterns):
            return None
        lowest, low, high, highest = values
        return (8 * (high - low) - (highest - lowest)) / (12 * step)

    def probe(where: str, array: Array, gradient: Array, direction: Array) -> Probe | None:
        analytic = float(np.vdot(gradient, direction))
        floor = max(abs(analytic), 1e-2 * float(np.abs(gradient).max()))
        best = None
        for step in (wider * h for wider in WIDER):
            numeric = difference(array, direction, step)
            if numeric is None:
                continue
            scale = max(floor, abs(numeric))
            error = abs(analytic - numeric) / scale if scale else 0.0
            if best is None or not best.error <= error:
                best = Probe(where, analytic, numeric, error)
            if best.error < tolerance / 10:
                break
        return best

    rows = []
    for name, array in arrays.items():
        probes, skipped = [], 0
        for where, direction in _directions(array, coordinates, directions, rng):
            found = probe(where, array, gradients[name], direction)
            if found is None:
                skipped += 1
            else:
                probes.append(found)
        nothing = Probe("all skipped", np.nan, np.nan, np.inf)
        worst = max(probes, key=_error_or_inf, default=nothing)
        rows.append(Row(name, array.shape, worst, len(probes), skipped))
    unchecked = tuple(_unchecked(thing, [*arrays.values(), *inputs], value))
    return Report(_name(thing), tuple(rows), tolerance, unchecked)


def _unchecked(thing: Any, others: Sequence[Array], value: Callable[[], float]) -> Iterator[str]:
    """Yield the names of writeable float arrays, apart from the others, that change the value."""
    before = value()
    for name, array in float_arrays(thing):
        if not isinstance(array, np.ndarray) or not array.flags.writeable:
            continue
        if any(np.may_share_memory(array, other) for other in others):
            continue
        kept = array.copy()
        with np.errstate(all="ignore"):
            array += 1e-3 * np.random.default_rng(0).standard_normal(array.shape)
            changed = value() != before
        array[...] = kept
        if changed:
            yield name


def _as_floats(given: Any) -> Array:
    """Return a copy of an input as float64."""
    array = np.asarray(given)
    if array.dtype.kind not in "fiub":
        raise InputError(f"an input holds {array.dtype!s:.60}, expected floats")
    return np.array(array, np.float64)


def _differentiate(
    thing: Any, inputs: tuple[Array, ...], rng: np.random.Generator
) -> tuple[Callable[[], float], dict[str, Array], dict[str, Array]]:
    """Return the value as a function of the arrays' contents, the gradients, and the arrays."""
    parameters = {name: getattr(owner, key) for name, owner, key in named_parameters(thing)}
    holders = {
        name: (owner, f"d{key}", getattr(owner, f"d{key}"))
        for name, owner, key in named_parameters(thing)
    }
    for name, array in parameters.items():
        if array.dtype != np.float64:
            raise InputError(
                f"{name} is {array.dtype}, which is not precise enough for finite differences; "
                "build the model with dtype=np.float64"
            )
    kept = [array.copy() for array in inputs]
    if hasattr(thing, "forward") and hasattr(thing, "backward"):
        if not inputs:
            raise InputError(
                "the input x is missing; pass a batch after the layer: check(layer, x)"
            )
        y = thing.forward(*inputs)
        if y is None:
            raise InputError("forward returned None; return y")
        r = rng.standard_normal(np.shape(y))
        by_input = {"x": thing.backward(r.copy())}
        if by_input["x"] is None:
            raise InputError("backward returned None; return the gradient with respect to x")

        def value() -> float:
            return float(np.vdot(r, thing.forward(*inputs)))
    else:
        function = getattr(thing, "loss_and_grad", thing)
        if not callable(function):
            raise InputError(
                f"{_name(thing)} has no gradient to check; pass an object with forward and "
                "backward, an object with loss_and_grad, or a function that returns a value and "
                "its gradients"
            )
        result = function(*inputs)
        names = _input_names(function, len(inputs))
        by_input = {} if hasattr(thing, "params") else dict(zip(names, result[1:], strict=False))
        if not by_input and not parameters:
            raise InputError(f"{_name(thing)} returned a value but no gradient to check")

        def value() -> float:
            return float(np.sum(function(*inputs)[0]))

    if any((array != copy).any() for array, copy in zip(inputs, kept, strict=True)):
        raise InputError(f"{_name(thing)} changes its input in place; return a new array instead")
    for name, (owner, key, gradient) in holders.items():
        if getattr(owner, key) is not gradient:
            raise InputError(
                f"{key} of {name} was replaced by a new array; write into the existing one, as in "
                f"{key}[...] = ..., because it is a piece of a model's flat gradient"
            )
    gradients = {name: np.array(gradient) for name, (_, _, gradient) in holders.items()}
    gradients |= {name: np.array(gradient) for name, gradient in by_input.items()}
    arrays = parameters | dict(zip(by_input, inputs, strict=False))
    for name, array in arrays.items():
        if gradients[name].shape != array.shape:
            raise InputError(
                f"the gradient with respect to {name} has shape {gradients[name].shape}, expected "
                f"{array.shape}"
            )
    return value, gradients, arrays


def _input_names(function: Callable[..., Any], n: int) -> list[str]:
    """Return the names of a function's n inputs, or numbers where `*args` hides them."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return [f"input {i}" for i in range(n)]
    return [parameter.name for parameter in parameters][:n]


def _directions(
    array: Array, coordinates: int, directions: int, rng: np.random.Generator
) -> Iterator[tuple[str, Array]]:
    """Yield distinct random coordinate axes, then random unit vectors, with their names."""
    for index in np.sort(rng.permutation(array.size)[:coordinates]):
        axis = np.zeros(array.shape)
        axis.flat[index] = 1
        place = ", ".join(str(int(i)) for i in np.unravel_index(index, array.shape))
        yield f"[{place}]", axis
    for _ in range(directions):
        direction = rng.standard_normal(array.shape)
        yield "a random direction", direction / np.linalg.norm(direction)


def _error_or_inf(probe: Probe) -> float:
    """Return the error, or infinity if it is NaN, so that NaN counts as the worst."""
    return probe.error if np.isfinite(probe.error) else np.inf


def _name(thing: Any) -> str:
    """Return the name of a function, or of an object's class."""
    return getattr(thing, "__name__", type(thing).__name__)
