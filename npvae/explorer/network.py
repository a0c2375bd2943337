"""A model as the explorer's page computes it: its layers, its likelihood and its weights."""

from typing import Any

from npvae.encoder_decoder import EncoderDecoder
from npvae.errors import InputError
from npvae.explorer.numbers import half
from npvae.layers import ACTIVATIONS, ClipLogvar, Dense, GatedDense, Layer, LeakyReLU, Sequential
from npvae.likelihoods import LIKELIHOODS, Mixed
from npvae.parameters import Array

NAMES: dict[Any, str] = {made: name for name, made in ACTIVATIONS.items()}


def networks(model: EncoderDecoder) -> dict[str, Any]:
    """Return the layers of the encoder and the decoder, and the likelihood.

    The layers say where in `weights` their numbers begin. A categorical or mixed likelihood has its
    `groups`: the number of categories of each column, 0 for a column of numbers.

    Raises
    ------
    InputError
        If a layer, or the likelihood, is a class that npvae does not have.
    """
    starts, start = {}, 0
    for view in model.params.values.values():
        starts[id(view)] = start
        start += view.size
    return {
        "encoder": [_layer(layer, starts) for layer in _layers(model.encoder)],
        "decoder": [_layer(layer, starts) for layer in _layers(model.decoder)],
        "likelihood": _likelihood(model),
    }


def weights(model: EncoderDecoder) -> str:
    """Return all parameters of a model as float16, in base64.

    Raises
    ------
    InputError
        If a parameter is too large for float16, or not finite.
    """
    return half(model.params.device.to_host(model.params.flat), "a parameter")


def _layers(network: Layer) -> tuple[Layer, ...]:
    return network.layers if isinstance(network, Sequential) else (network,)


def _layer(layer: Any, starts: dict[int, int]) -> dict[str, Any]:
    """Return the description of one layer."""
    kind = type(layer)
    if kind is Dense:
        return {"name": "dense"} | _product(layer.W, layer.b, layer.W.shape[1], starts)
    if kind is GatedDense:
        dense = layer.dense
        return {"name": "gated"} | _product(dense.W, dense.b, layer.n_out, starts)
    if kind is ClipLogvar:
        return {"name": "clip-logvar", "low": layer.low, "high": layer.high}
    if kind is LeakyReLU:
        return {"name": NAMES[kind], "slope": layer.slope}
    if kind in NAMES:
        return {"name": NAMES[kind]}
    raise InputError(
        f"the model has a layer of the class {kind.__name__}, which the explorer's page cannot "
        f"compute; it knows Dense, GatedDense, ClipLogvar and {', '.join(NAMES.values())}"
    )


def _product(W: Array, b: Array, n_out: int, starts: dict[int, int]) -> dict[str, int]:
    return {"in": W.shape[0], "out": n_out, "W": starts[id(W)], "b": starts[id(b)]}


def _likelihood(model: EncoderDecoder) -> dict[str, Any]:
    """Return the name of the likelihood, its sigma or None, and its groups if it has any."""
    likelihood, kind = model.likelihood, type(model.likelihood)
    names = [name for name, known in LIKELIHOODS.items() if isinstance(likelihood, known)]
    groups = model.config.get("groups") or [model.n_x]
    own_parts = isinstance(likelihood, Mixed) and "groups" not in model.config
    if not names or not kind.__module__.startswith("npvae.") or own_parts:
        raise InputError(
            f"the likelihood of the model is a {kind.__name__}, which the explorer's page cannot "
            f"compute; it knows {', '.join(LIKELIHOODS)}"
        )
    parts = getattr(likelihood, "parts", (likelihood,))
    sigma = next((part.sigma for part in parts if hasattr(part, "sigma")), None)
    if sigma is not None:  # a learned one is a (1,) array on the model's device
        sigma = float(sigma if isinstance(sigma, float) else model.params.device.to_host(sigma)[0])
    return {"name": names[0], "sigma": sigma} | ({"groups": groups} if likelihood.grouped else {})
