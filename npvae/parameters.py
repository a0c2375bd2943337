"""The parameters of a model: one flat vector with named views, on one device."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import DTypeLike

from npvae.devices import CPU, Device, RLock, find_device
from npvae.devices import Array as Array
from npvae.devices import Seed as Seed
from npvae.devices import one_thread_at_a_time as one_thread_at_a_time
from npvae.errors import InputError
from npvae.parallel import ALONE, Communicator


def walk(
    thing: object, name: str = "", above: tuple[object, ...] = ()
) -> Iterator[tuple[str, object]]:
    """Visit a layer or a model, and every part inside it that has a hand-written gradient.

    Yields
    ------
    name, part : str and object
        Such as "encoder.0" and the layer of that name. A `layers` list adds no name of its own. A
        part is not visited again inside itself.
    """
    yield name, thing
    if isinstance(thing, Mapping):
        inside = list(thing.items())
    elif isinstance(thing, list | tuple):
        inside = list(enumerate(thing))
    else:
        inside = list(getattr(thing, "__dict__", {}).items())
    for key, value in inside:
        is_part = hasattr(value, "backward") or hasattr(value, "loss_and_grad")
        is_part = is_part and not any(value is one for one in (*above, thing))  # such as a parent
        if is_part or isinstance(value, Mapping | list | tuple):
            yield from walk(value, name if key == "layers" else _join(name, key), (*above, thing))


def named_parameters(thing: object) -> Iterator[tuple[str, object, str]]:
    """Find every parameter of a layer, a model, or a list or dictionary of them.

    A float array `W` is a parameter if its gradient `dW`, of the same shape, is an attribute of the
    same object. Nothing has to be registered.

    Yields
    ------
    name, owner, attribute : str, object and str
        Such as "encoder.0.W", the layer that holds it, and "W".

    >>> class Scale:
    ...     def __init__(self):
    ...         self.w, self.dw, self.other = np.ones(3), np.zeros(3), np.ones(3)
    ...
    ...     def backward(self, dy): ...
    >>> [name for name, _, _ in named_parameters({"decoder": [Scale(), Scale()]})]
    ['decoder.0.w', 'decoder.1.w']
    """
    for name, owner in walk(thing):
        arrays = {k: v for k, v in getattr(owner, "__dict__", {}).items() if _is_float_array(v)}
        for attribute, value in arrays.items():
            gradient = arrays.get(f"d{attribute}")
            if gradient is not None and gradient.shape == value.shape:
                yield _join(name, attribute), owner, attribute


def float_arrays(thing: object) -> Iterator[tuple[str, Array]]:
    """Find every float array that is an attribute of a layer, or of a part of a model.

    Yields
    ------
    name, array : str and float array
        Such as "encoder.0.W" and its values. Gradients and arrays kept for the backward pass are
        included.
    """
    for name, owner in walk(thing):
        for attribute, value in getattr(owner, "__dict__", {}).items():
            if _is_float_array(value):
                yield _join(name, attribute), value


def _is_float_array(value: Any) -> bool:
    return hasattr(value, "shape") and getattr(value, "dtype", np.dtype("O")).kind == "f"


def _join(name: str, key: object) -> str:
    return f"{name}.{key}" if name else str(key)


def require_batch(x: Array, n: int, name: str = "x", device: Device = CPU) -> None:
    """Raise `InputError` unless x is a (B, n) float array on the device.

    Parameters
    ----------
    x : object
        What the caller passed as a batch.
    n : int
        Expected number of columns.
    name : str
        Name of the argument, for the message.
    device : Device
        Device of the model.

    >>> require_batch(np.zeros((2, 3)), 4)
    Traceback (most recent call last):
        ...
    npvae.errors.InputError: x has shape (2, 3), expected (B, 4): one row per example
    """
    kind = require_plain(x, name)
    if getattr(x, "ndim", None) != 2 or x.shape[1] != n:
        given = f"shape {x.shape}" if hasattr(x, "shape") else f"type {kind}"
        raise InputError(f"{name} has {given}, expected (B, {n}): one row per example")
    if x.dtype.kind != "f":
        raise InputError(
            f"{name} holds {x.dtype!s:.60}, expected floats; for pixels 0..255 pass {name} / 255"
        )
    if not isinstance(x, device.array_type):
        advice = f"pass model.params.device.asarray({name})"
        if device.name == CPU.name:
            advice = f"copy it to the host, for example with cupy.asnumpy({name})"
        raise InputError(
            f"{name} is a {kind}, but the model is on the device {device.name}; {advice}"
        )


def require_plain(x: Array, name: str) -> str:
    """Return the class of x as text, unless it is a list or an array with other arithmetic."""
    kind = f"{type(x).__module__}.{type(x).__name__}"
    if isinstance(x, Sequence | np.ma.MaskedArray | np.matrix):
        way = f"{name}.filled(value)" if np.ma.isMaskedArray(x) else f"np.asarray({name})"
        raise InputError(f"{name} is a {kind}, expected a plain array; pass {way}")
    return kind


class Parameters:
    """All parameters of a model in one flat vector, and their gradients in another.

    The layers keep their attributes (`layer.W`, `layer.dW`), which become views of the two vectors:
    changing `flat` changes every layer, and the backward pass of every layer fills its part of
    `grad`. An array assigned to such an attribute later, as in `layer.W = pretrained`, is copied
    into the view the next time that one of the attributes below is read.

    Parameters
    ----------
    parts : mapping of str to object
        The model's networks and its likelihood by name. A parameter is an array `W` with its
        gradient `dW` beside it.
    dtype : dtype
        float32 for training, float64 to check gradients.
    device : str or Device
        Where the vectors live: "cpu" or "cuda".

    Attributes
    ----------
    flat, grad : (size,) float arrays
        All parameters, and the gradient of the loss with respect to them.
    values, gradients : dict of str to array
        Views of the two vectors by name, such as "encoder.0.W".
    comm : Communicator
        Connects the processes that share a batch; `ALONE` in the ordinary case.
    lock : RLock
        Held while one thread uses the model; see `one_thread_at_a_time`.

    Raises
    ------
    InputError
        If a layer occurs in two places or belongs to another model, or the dtype is another one.

    >>> class Scale:
    ...     def __init__(self):
    ...         self.w, self.dw = np.ones(3), np.zeros(3)
    ...
    ...     def backward(self, dy): ...
    >>> scale = Scale()
    >>> params = Parameters({"scale": scale}, dtype=np.float64)
    >>> params.flat[1] = 5
    >>> scale.w
    array([1., 5., 1.])
    """

    def __init__(
        self,
        parts: Mapping[str, object],
        dtype: DTypeLike = np.float32,
        device: Device | str = CPU,
    ) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.device = device = find_device(device)
        if self.dtype not in (np.float32, np.float64):
            raise InputError(f"dtype is {self.dtype}; choose float32 or float64")
        self._parts = parts
        found = list(named_parameters(parts))
        _refuse_sharing(found)
        self.comm: Communicator = ALONE
        initial = [getattr(owner, attribute) for _, owner, attribute in found]
        size = sum(value.size for value in initial)
        self._flat, self._grad = device.zeros(size, self.dtype), device.zeros(size, self.dtype)
        self._found = [(*place, value.shape) for place, value in zip(found, initial, strict=True)]
        self.lock = RLock()
        self._lend()
        for view, value in zip(self._values.values(), initial, strict=True):
            view[...] = device.asarray(value, self.dtype)

    def _lend(self) -> None:
        """Replace the arrays of every layer by views of `flat` and `grad`."""
        self._values: dict[str, Array] = {}
        self._gradients: dict[str, Array] = {}
        self._lent: list[tuple[object, str, Array]] = []
        start = 0
        for name, owner, attribute, shape in self._found:
            piece = slice(start, start := start + int(np.prod(shape)))
            value, gradient = self._flat[piece].reshape(shape), self._grad[piece].reshape(shape)
            self._values[name], self._gradients[name] = value, gradient
            self._lent += [(owner, attribute, value), (owner, f"d{attribute}", gradient)]
        for owner, attribute, view in self._lent:
            setattr(owner, attribute, view)
        _LENDERS[id(_memory(self._flat))] = self

    def follow(self) -> None:
        """Copy arrays that were assigned to a layer's attributes into the views they replaced."""
        for owner, attribute, view in self._lent:
            if (assigned := getattr(owner, attribute)) is not view:
                if np.shape(assigned) != view.shape:
                    raise InputError(
                        f"{attribute} of a {type(owner).__name__} was set to an array of shape "
                        f"{np.shape(assigned)}, expected {view.shape}; to change the size, build "
                        "another model"
                    )
                view[...] = self.device.asarray(assigned, self.dtype)
                setattr(owner, attribute, view)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state to copy or pickle, including arrays assigned to layers."""
        self.follow()
        made_again = ("lock", "_values", "_gradients", "_lent")
        return {name: value for name, value in vars(self).items() if name not in made_again}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy, whose layers view the copied vectors."""
        self.__dict__.update(state)
        self.lock = RLock()
        self._lend()

    def move(self, flat: Array, grad: Array) -> None:
        """Copy both vectors into these two, such as shared memory, and keep them there."""
        flat[...], grad[...] = self.flat, self.grad
        _LENDERS.pop(id(_memory(self._flat)), None)
        self._flat, self._grad = flat, grad
        self._lend()

    def join(self, comm: Communicator) -> None:
        """Compute statistics of a batch together with the processes of a communicator."""
        self.comm = comm
        for _, part in walk(self._parts):
            if hasattr(part, "comm"):
                part.comm = comm

    def require_complete(self) -> None:
        """Raise `InputError` if a part has parameters that are not among these.

        A layer may make them, or their gradients, only when it first runs.
        """
        known = {name for name, *_ in self._found}
        for name, owner, attribute in named_parameters(self._parts):
            if name not in known:
                raise InputError(
                    f"{name} was not a parameter when the model was built, so it would not be "
                    f"trained; create {attribute} and d{attribute} in {type(owner).__name__}."
                    "__init__, with the same shape"
                )

    @contextmanager
    def released_on_error(self) -> Iterator[None]:
        """Let another model have the layers if the block raises an error."""
        try:
            yield
        except InputError:
            _LENDERS.pop(id(_memory(self._flat)), None)
            raise

    @property
    def flat(self) -> Array:
        """All parameters, (size,)."""
        self.follow()
        return self._flat

    @flat.setter
    def flat(self, numbers: Array) -> None:
        """All parameters, (size,)."""
        if numbers is not self._flat:  # it is the same array after `params.flat -= step`
            self._flat[...] = numbers

    @property
    def grad(self) -> Array:
        """The gradient of the loss with respect to all parameters, (size,)."""
        self.follow()
        return self._grad

    @grad.setter
    def grad(self, numbers: Array) -> None:
        """The gradient of the loss with respect to all parameters, (size,)."""
        if numbers is not self._grad:
            self._grad[...] = numbers

    @property
    def values(self) -> Mapping[str, Array]:
        """The parameters by name, as views of `flat`: write into them, `values[name][...] = W`."""
        self.follow()
        return MappingProxyType(self._values)

    @property
    def gradients(self) -> Mapping[str, Array]:
        """The gradients by name, as views of `grad`."""
        self.follow()
        return MappingProxyType(self._gradients)

    @property
    def size(self) -> int:
        """The number of parameters."""
        return int(self._flat.size)


_LENDERS: WeakValueDictionary[int, Parameters] = WeakValueDictionary()
"""The model that owns a piece of memory, by the id of the array, while that model exists."""


def _memory(array: Array) -> Array:
    """Return the array that owns the memory of a view."""
    while (base := getattr(array, "base", None)) is not None and hasattr(base, "base"):
        array = base
    return array


def _refuse_sharing(found: list[tuple[str, object, str]]) -> None:
    """Raise `InputError` if a layer occurs twice or belongs to another model.

    In two places, the second backward pass would overwrite the gradient of the first. In two
    models, the second would take the layer's views, so that the first model's vector no longer had
    any effect.
    """
    first: dict[tuple[int, str], str] = {}
    for name, owner, attribute in found:
        before = first.setdefault((id(owner), attribute), name)
        if before != name:
            raise InputError(
                f"{before} and {name} are the same layer, but gradients are overwritten and not "
                "summed; use a separate layer in each place"
            )
        if id(_memory(getattr(owner, attribute))) in _LENDERS:
            raise InputError(
                f"{name} already belongs to another model, and a layer can belong to only one; "
                "build new layers, or copy these with copy.deepcopy"
            )
