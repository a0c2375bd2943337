"""What the explorer's page contains: a trained run as one JSON object.

Lists hold numbers in full; "base64 f16" is `numbers.base64_of` of float16, row by row.

format      1
name        of the run, such as "mnist-001"
trained     how the model was trained and how well it does, in sentences
kind        "vae", "iwae", "autoencoder" or "denoising"
is_vae      whether the model has a prior
shape       of an example: [28, 28], [32, 32, 3] or [n_x]
columns     the names of a table's columns, or []
categories  the texts of each one-hot group by its name, {"colour": ["red", "blue"]}; its
            columns are called "colour=red" and "colour=blue"
classes     the names of the labels, or []
n_x, n_z, n_y
encoder, decoder, likelihood
            see `network.networks`; a position counts numbers of `weights`, and W is (in, out)
weights     base64 f16, all parameters
scaling     {"name": "pixels", "binarize": "dynamic", "threshold" or "none"}, or
            {"name": "standardized", "mean": [n_x], "std": [n_x], "constant": [columns]}
points      encoded test examples:
            part, n, of  n examples of the part, which has `of`; chosen by a seed
            rows         (n,) their numbers in that part
            labels       (n,) numbers of classes, or null
            mu           base64 f16 (n, n_z), their codes
            scores       (n,) -ELBO in nats; of an autoencoder -log p(x | z), where a denoising
                         one encodes the corrupted x
            k, images    the first k of them, (k, n_x): base64 uint8, grey as they are stored,
                         if the scaling is "pixels"; otherwise base64 f16, standardised
kl          (n_z,) KL of each latent, in nats per example; null for an autoencoder
variance    (n_z,) variance of each latent over the codes
active      (n_z,) whether it is above 0.01
axes        of the plane: kind "latents" or "principal", origin, u and v (n_z,), v = 0 for a
            single latent; share, [2], of the variance of the codes along u and v
directions  {"kind": "label" or "factor", "name": "7" or "slant", "z": (n_z,)}
            a label's z leads from the mean of all codes to the mean code of the label, and a
            factor's z is the change of the code for one standard deviation of the factor; of
            the factors there are those that a linear function of the code can tell
epoch       the number of epochs that the model has been trained for
epochs      models of other epochs, if they were kept: {"epoch", "weights", "mu", "sigma"}, mu
            of the points, and sigma of the likelihood or null
kept        how many models of other epochs were kept; `epochs` has at most ten of them
lessons     address of the folder of the lessons' pages, or ""
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from npvae.datasets.dataset import Split
from npvae.datasets.preprocessing import Notes, Pixels, Standardized
from npvae.errors import InputError
from npvae.evaluation.fine_print import counted
from npvae.evaluation.latent_space import encode_split
from npvae.evaluation.scores import score_examples
from npvae.explorer.network import networks, weights
from npvae.explorer.numbers import base64_of, half, rounded
from npvae.figures.style import number, one_line
from npvae.parameters import Array
from npvae.runs.folder import RunFolder
from npvae.runs.pictures import Trained
from npvae.runs.summary import model_words, training_words
from npvae.storage.json_files import finite

MOST_POINTS, FEWEST_POINTS, POINTS_BYTES = 3000, 200, 120_000  # of the codes, before base64
FEWEST_IMAGES, IMAGES_BYTES = 16, 300_000
LEAST_SHARE = 0.1  # of the variance of a factor that codes explain, if they have a direction for it
MOST_EPOCHS, EPOCHS_BYTES = 10, 12_000_000  # of the models of other epochs
LESSONS = ""  # the book has no public address yet


def explorer_content(folder: RunFolder, run: Trained, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a run's explorer.

    Parameters
    ----------
    folder, run : the run, and its content
    metrics : the content of its metrics.json

    Raises
    ------
    InputError : if the page cannot compute the model, or a number is too large for float16
    """
    model, part = run.model, run.test.only(run.chosen(_n_points(run)))
    epoch = run.best or folder.epochs()[0]
    kept = [each for each in folder.kept_epochs() if each != epoch]
    return {
        "format": 1,
        "name": one_line(folder.path.resolve().name),
        "trained": _trained(folder, run, metrics),
        "kind": model.kind,
        "is_vae": run.has_prior,
        "shape": list(run.shape),
        "columns": [one_line(name) for name in run.columns],
        "categories": {
            one_line(name): [one_line(text) for text in texts]
            for name, texts in run.dataset.categories.items()
        },
        "classes": [one_line(name) for name in run.classes],
        "n_x": model.n_x,
        "n_z": model.n_z,
        "n_y": model.n_y,
        **networks(model),
        "weights": weights(model),
        "scaling": _scaling(run),
        "points": _points(run, part),
        **_latents(run),
        "axes": _axes(run),
        "directions": list(_directions(run)),
        "epoch": epoch,
        "epochs": [_epoch(folder, run, part, each) for each in _shown(kept, run, len(part))],
        "kept": len(kept),
        "lessons": LESSONS,
    }


def _trained(folder: RunFolder, run: Trained, metrics: Mapping[str, Any]) -> str:
    """Return how the model was trained, and how well it does on the test part."""
    settings, done = folder.settings(), folder.epochs()[0]
    sentences = [model_words(run.dataset, settings, run.model), training_words(settings)]
    if done != settings.epochs:
        sentences.append(f"Trained for {counted(done, 'epoch')} so far")
    test = metrics.get("test")
    if isinstance(test, Mapping) and isinstance(test.get("elbo"), float):
        sentences.append(f"ELBO of the test part: {number(test['elbo'], 2)} nats per example")
    return "".join(f"{sentence}. " for sentence in sentences).rstrip()


def _scaling(run: Trained) -> dict[str, Any]:
    scaling = run.scaling
    if isinstance(scaling, Pixels):
        return {"name": "pixels", "binarize": scaling.binarize}
    if isinstance(scaling, Notes):
        raise InputError("the page cannot show tunes; use npvae sample, traverse or interpolate")
    if not isinstance(scaling, Standardized):
        raise InputError(
            f"the scaling is a {type(scaling).__name__}, but the explorer knows only Pixels and "
            "Standardized; use one of them"
        )
    return {
        "name": "standardized",
        "mean": rounded(scaling.mean),
        "std": rounded(scaling.std),
        "constant": np.flatnonzero(scaling.constant).tolist(),
    }


# ---- the encoded examples ------------------------------------------------------------------------


def _n_points(run: Trained) -> int:
    fitting = max(FEWEST_POINTS, POINTS_BYTES // (2 * run.model.n_z))
    return min(MOST_POINTS, fitting, len(run.test))


def _points(run: Trained, part: Split) -> dict[str, Any]:
    """Return test examples with their codes and scores, and the first of them as images."""
    codes = encode_split(run.model, part, run.scaling, seed=run.seed)
    scores = score_examples(run.model, part, run.scaling, seed=run.seed).score
    of_pixels = isinstance(run.scaling, Pixels)
    fitting = IMAGES_BYTES // (run.model.n_x * (1 if of_pixels else 2))
    k = min(len(part), max(FEWEST_IMAGES, fitting))
    images = part.take(slice(0, k))
    return {
        "part": "test",
        "n": len(part),
        "of": len(run.test),
        "rows": run.chosen(len(part)).tolist(),
        "labels": None if codes.labels is None else codes.labels.tolist(),
        "mu": half(codes.mu, "a code"),
        "scores": [round(float(nats), 2) for nats in scores],
        "k": k,
        "images": base64_of(_bytes(images))
        if of_pixels
        else half(run.scaling.encode(images), "a standardised number of the test part"),
    }


def _bytes(images: Array) -> Array:
    """Return stored pixels, which are bytes or floats from 0 to 1, as bytes."""
    return images if images.dtype == np.uint8 else np.rint(images * 255).astype(np.uint8)


# ---- the latent space ----------------------------------------------------------------------------


def _latents(run: Trained) -> dict[str, Any]:
    codes = run.codes
    return {
        "kl": None if codes.kl is None else rounded(codes.kl),
        "variance": rounded(codes.variance),
        "active": codes.active.tolist(),
    }


def _axes(run: Trained) -> dict[str, Any]:
    """Return the plane in which the codes are drawn."""
    plane = run.plane
    u, *v = plane.directions
    return {
        "kind": "principal" if plane.principal else "latents",
        "origin": rounded(plane.origin),
        "u": rounded(u),
        "v": rounded(v[0] if v else 0 * u),
        "share": rounded(np.resize([*plane.share, 0], 2)),
    }


def _directions(run: Trained) -> Iterator[dict[str, Any]]:
    """Yield directions in which the code of an example changes with its label or a factor."""
    mu, labels = run.codes.mu.astype(np.float64), run.codes.labels
    mean = mu.mean(axis=0)
    if labels is not None and not run.model.n_y:  # a conditional model keeps labels out of z
        for label in np.unique(labels):
            z = mu[labels == label].mean(axis=0) - mean
            yield {"kind": "label", "name": run.label_name(int(label)), "z": rounded(z)}
    for name, factor in run.encoded.factors.items():
        if factor.dtype.kind == "f" and _share_explained(factor, mu - mean) >= LEAST_SHARE:
            z = (mu - mean).T @ (factor - factor.mean()) / (len(factor) * factor.std())
            yield {"kind": "factor", "name": one_line(name), "z": rounded(z)}


def _share_explained(factor: Array, codes: Array) -> float:
    """Return the share of a factor's variance that a linear function of the codes explains."""
    away = factor - factor.mean()
    if not away.any():
        return 0.0
    fitted = codes @ np.linalg.lstsq(codes, away, rcond=None)[0]
    return float((fitted @ fitted) / (away @ away))


# ---- other epochs --------------------------------------------------------------------------------


def _shown(kept: list[int], run: Trained, n_points: int) -> list[int]:
    """Return the kept epochs that the page has room for, evenly spaced, with both ends."""
    each = (run.model.params.size + n_points * run.model.n_z) * 2  # bytes
    n = min(len(kept), MOST_EPOCHS, EPOCHS_BYTES // each)
    if n == 1:
        return kept[:1]
    return [kept[i] for i in np.linspace(0, len(kept) - 1, n).round().astype(int)]


def _epoch(folder: RunFolder, run: Trained, part: Split, epoch: int) -> dict[str, Any]:
    """Return the model after an epoch, and the codes that it gave the points."""
    model = folder.load_epoch(epoch, run.device).model
    codes = encode_split(model, part, run.scaling, seed=run.seed)
    return {
        "epoch": epoch,
        "weights": weights(model),
        "mu": half(codes.mu, "a code"),
        "sigma": networks(model)["likelihood"]["sigma"],
    }


def as_json(content: Mapping[str, Any]) -> str:
    """Return the content as text that cannot end the script element it stands in."""
    text = json.dumps(finite(content), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
