"""The content of the report of a run, from top to bottom."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any, TypeGuard
from xml.etree.ElementTree import Element

from npvae import __version__
from npvae.datasets.preprocessing import Notes
from npvae.datasets.sound import wav_bytes
from npvae.datasets.tunes import tokens_of
from npvae.evaluation.elbo import ACTIVE_VARIANCE
from npvae.evaluation.fine_print import counted
from npvae.figures.style import LARGEST, number
from npvae.runs.config import read_config
from npvae.runs.folder import EXPLORER, RunFolder
from npvae.runs.pictures import PICTURES, Drawn, Trained, draw_samples
from npvae.runs.pictures.trained_run import FEW
from npvae.runs.recipes import RECIPES
from npvae.runs.report.page import audio, element, page, picture, size, table
from npvae.runs.settings import Settings, flag
from npvae.runs.summary import model_words, training_words
from npvae.storage.atomic import atomic_write
from npvae.vae import VAE

EPOCHS = {  # the columns of history.csv that the table shows, and their headings
    "epoch": "epoch",
    "train_elbo": "train ELBO",
    "train_loss": "train loss",
    "train_reconstruction": "train reconstruction",
    "train_kl": "train KL",
    "validation_bound": "validation {bound}",
    "validation_reconstruction": "validation reconstruction",
    "validation_kl": "validation KL",
    "validation_active_units": "active latents",
}

HEARD, RATE = 4, 11_025  # new tunes in the report, and their samples per second
WHOLE = ("epoch", "validation_active_units")
DATA = {  # what the entries of the data in config.json are called in the table
    "kind": "kind of values",
    "shape": "shape of an example",
    "classes": "labels",
    "categories": "texts of the text columns",
    "means": "numbers that missing values are filled in with",
    "train": "training examples",
    "validation": "validation examples",
    "test": "test examples",
    "remark": "remarks",
    "crc32": "checksum of the training examples (CRC-32)",
    "labels_crc32": "checksum of the training labels (CRC-32)",
    "held_out_labels_crc32": "checksum of the validation and test labels (CRC-32)",
}


def write_report(
    path: Path,
    folder: RunFolder,
    run: Trained,
    metrics: Mapping[str, Any],
    pictures: Mapping[str, Drawn | str],
) -> None:
    """Write the report of a run as one self-contained HTML file.

    Parameters
    ----------
    path : of the file
    folder, run : the run, and its content
    metrics : the content of its metrics.json
    pictures : its pictures, from `pictures.draw_all`
    """
    config, settings = read_config(folder / "config.json"), folder.settings()
    data = Path(settings.data).name or settings.data
    name = folder.path.resolve().name
    done, asked = folder.epochs()
    epochs = f"{done} of {asked} epochs" if done < asked else f"{done} epoch{'s' * (done != 1)}"
    content = [
        element(
            "header",
            element("h1", element("span", name, class_="run"), f", trained on {data}"),
            element("p", model_words(run.dataset, settings, run.model)),
            element("p", training_words(settings)),
            element(
                "p",
                f"{epochs} trained",
                f"; epoch {run.best} was the best" if run.best else "",
                element("span", _when(metrics), class_="time"),
                class_="faint",
            ),
            *_explorer(path, folder),
        ),
        element("h2", "Results, in nats per example"),
        *_explained(metrics, config["data"].get("test")),
        *_numbers(metrics),
        element("h2", "Pictures"),
        element("div", *_pictures(pictures), class_="pictures"),
        *_tunes(run),
        element("h2", "Training"),
        element("p", "This command repeats the training:"),
        element("pre", command(settings)),
        _epochs(run.history, run.model.bound_name),
        _listed("Settings", config["settings"]),
        _listed("Data", config["data"], DATA),
        _listed("Versions", config.get("versions")),
        element("footer", element("p", f"Written by npvae {__version__}, npvae report.")),
    ]
    with atomic_write(path, "w", encoding="utf-8") as file:
        file.write(page(f"{name}, trained on {data}: npvae report", *content))


def command(settings: Settings) -> str:
    """Return the command that starts the same training again, for a POSIX shell.

    >>> command(Settings(data="my data.npy", latent=2, mean_bias=True))
    "npvae train --data 'my data.npy' --latent 2 --mean-bias"
    """
    recipe = RECIPES.get(settings.recipe or "")
    of_recipe = {} if recipe is None else recipe.settings
    words = ["npvae", "train"]
    for one in fields(settings):
        value = getattr(settings, one.name)
        if value != one.default or one.default is MISSING or one.name in of_recipe:
            words += flag(one.name, value).split(" ", 1)
    return shlex.join(words)


def _explorer(path: Path, folder: RunFolder) -> Iterator[Element]:
    """Yield a link to the explorer, if it is beside the report."""
    if path.resolve().parent == folder.path.resolve() and (folder / EXPLORER).exists():
        link = element("a", "Explore this model in the browser", href=EXPLORER)
        what = ": move through its latent space, encode an example of your own, mix two examples."
        yield element("p", link, what)


def _when(metrics: Mapping[str, Any]) -> str:
    """Return the date and the duration of the training and the peak memory, as far as known."""
    text, finished = "", metrics.get("finished")
    if isinstance(finished, str):
        with suppress(ValueError):
            date = datetime.fromisoformat(finished)
            text += f"; finished on {date.day} {date:%B %Y} at {date:%H:%M} {date:%Z}".rstrip()
    seconds, memory = metrics.get("train_seconds"), metrics.get("peak_memory_mb")
    if _real(seconds):
        text += f"; training took {seconds:,.{1 if seconds < 10 else 0}f} s"
    return text + (f", peak memory {_number(memory, 0)} MB" if _real(memory) else "")


def _explained(metrics: Mapping[str, Any], n_test: Any) -> Iterator[Element]:
    """Yield what a reader must know of the figures: which is better, and how far to trust them."""
    entries = [found for found in metrics.values() if isinstance(found, Mapping)]
    words = []
    if any("elbo" in found for found in entries):
        words.append("A higher ELBO is better.")
    if entries:
        words.append(
            "A latent is active if its posterior mean varies between the examples, with a variance "
            f"above {ACTIVE_VARIANCE}."
        )
    if entries and _real(n_test) and n_test < FEW:
        words.append(
            f"{counted(int(n_test), 'test example')} only: figures over so few are uncertain."
        )
    if words:
        yield element("p", " ".join(words), class_="explained")


def _numbers(metrics: Mapping[str, Any]) -> Iterator[Element]:
    """Yield the figures of each part that was measured, with their protocol."""
    entries = {name: found for name, found in metrics.items() if isinstance(found, Mapping)}
    for name, found in entries.items():
        heading = name[:1].upper() + name[1:].replace("_", ", ")
        yield _section(heading, _figures(found), found.get("protocol"))
        likelihoods = found.get("log_likelihood")
        for measured in likelihoods.values() if isinstance(likelihoods, Mapping) else ():
            if not isinstance(measured, Mapping):
                continue
            what = str(measured.get("name", "log p(x)"))
            error = measured.get("standard_error")
            unit = f"nats ± {error:.2f} (standard error)" if _real(error) else "nats"
            figure = _figure(what, measured.get("log_px"), unit)
            heads = f"{heading}, {measured.get('k', '?')} draws"
            yield _section(heads, [figure], measured.get("protocol"))
    if not entries:
        yield element("p", "There are no results yet: they are measured at the end of a training.")


def _section(heading: str, figures: Iterable[Element], protocol: Any) -> Element:
    """Return a card: the figures side by side, and their protocol below them."""
    listed = element("dl", class_="protocol")
    for subject, sentence in protocol.items() if isinstance(protocol, Mapping) else ():
        listed.append(element("dt", str(subject)))
        listed.append(element("dd", str(sentence)))
    return element(
        "section", element("h3", heading), element("dl", *figures, class_="figures"), listed
    )


def _figures(found: Mapping[str, Any]) -> Iterator[Element]:
    """Yield the figures of one part."""
    if "elbo" in found:
        yield _figure("ELBO", found["elbo"])
    if "bound" in found:
        yield _figure(str(found.get("bound_name", "bound")), found["bound"])
    yield _figure("Reconstruction (distortion)", found.get("reconstruction"))
    if "kl" in found:
        yield _figure("KL (rate)", found["kl"])
    latents, active = found.get("kl_per_latent"), str(found.get("active_units", "?"))
    of = f"of {len(latents)}" if isinstance(latents, Sequence) else ""
    yield element(
        "div", element("dt", "Active latents"), element("dd", f"{active} ", element("small", of))
    )


def _figure(name: str, value: Any, unit: str = "nats") -> Element:
    """Return a name, its value with two decimals, and the unit in small print."""
    shown = element("dd", _number(value), element("small", f" {unit}" if _real(value) else ""))
    return element("div", element("dt", name), shown)


def _real(value: Any) -> TypeGuard[float]:
    return type(value) in (int, float) and abs(value) <= LARGEST


def _number(value: Any, digits: int = 2) -> str:
    return number(value, digits) if _real(value) else "?"


def _pictures(pictures: Mapping[str, Drawn | str]) -> Iterator[Element]:
    for name in _balanced(pictures):
        drawn = pictures[name]
        caption = PICTURES[name].caption
        text = f"Not drawn: {drawn}." if isinstance(drawn, str) else _sentence(drawn.title)
        figure = element("figure", id=name)
        figure.append(element("figcaption", element("h3", caption), element("p", text)))
        if not isinstance(drawn, str):
            figure.append(picture(drawn, caption))
        yield figure


def _tunes(run: Trained) -> Iterator[Element]:
    """Yield players of the first new tunes, if the examples of the run are tunes."""
    if not isinstance(run.scaling, Notes) or not isinstance(run.model, VAE):
        return
    tunes = tokens_of(draw_samples(run.model, run.seed).x[:HEARD])
    yield element("h2", "To listen to")
    yield element(
        "p",
        f"The first {len(tunes)} of the new examples, with the most probable note at each step.",
    )
    wavs = (wav_bytes(tune[None], rate=RATE, bytes_per_sample=1) for tune in tunes)
    players = (audio(wav, f"New tune {i}") for i, wav in enumerate(wavs, 1))
    yield element("div", *players, class_="tunes")


def _sentence(text: str) -> str:
    """Return text with a full stop; of none, none."""
    return f"{text.rstrip('.')}." if text else ""


def _balanced(pictures: Mapping[str, Drawn | str]) -> list[str]:
    """Return the names of the pictures in an order that the page can break into equal columns."""
    heights = {}
    for name, drawn in pictures.items():
        heights[name] = 0.2  # of caption and margin, in widths of a column
        if not isinstance(drawn, str):
            width, height = size(drawn)
            heights[name] += height / width
    half = sum(heights.values()) / 2
    lefts = (left for n in range(len(heights) + 1) for left in combinations(heights, n))
    best = min(lefts, key=lambda left: abs(sum(heights[name] for name in left) - half))
    return [*best, *(name for name in heights if name not in best)]


def _epochs(history: Mapping[str, Sequence[float]], bound: str) -> Element:
    """Return a table with a row for each epoch, collapsed."""
    left_out = "train_loss" if bound == "ELBO" else "train_elbo"
    shown = [name for name in EPOCHS if name in history and name != left_out]
    columns = [history[name] for name in shown]
    rows = [
        [
            f"{value:.{0 if name in WHOLE else 2}f}" if _real(value) else "?"
            for name, value in zip(shown, row, strict=True)
        ]
        for row in zip(*columns, strict=True)
    ]
    heads = [EPOCHS[name].format(bound=bound) for name in shown]
    summary = element("summary", f"{len(rows)} epoch{'s' * (len(rows) != 1)}, in nats per example")
    return element("details", summary, table(rows, heads, class_="epochs"))


def _in_words(value: Any) -> str:
    """Return a value of config.json as the table shows it.

    >>> _in_words({"colour": ["blue", "red"], "size": ["big"]}), _in_words(3)
    ('colour: blue, red; size: big', '3')
    """
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_in_words(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_in_words, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _listed(name: str, content: Any, names: Mapping[str, str] | None = None) -> Element:
    """Return a table of names and values, collapsed; `names` replace those of config.json."""
    names = names or {}
    rows = [
        [
            names.get(str(key), str(key)),
            _in_words(value),
        ]
        for key, value in (content.items() if isinstance(content, Mapping) else ())
        if value not in (None, [], {}, "")
    ]
    return element("details", element("summary", name), table(rows))
