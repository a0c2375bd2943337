"""What the report of a run says, from top to bottom."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from npvae import __version__
from npvae.figures.style import LARGEST
from npvae.runs.config import read_config
from npvae.runs.folder import RunFolder
from npvae.runs.pictures import PICTURES, Drawn, Trained
from npvae.runs.report.page import Content, element, page, picture, table
from npvae.runs.summary import model_words, training_words
from npvae.storage.atomic import write_whole

EPOCHS = {  # columns of history.csv that the table has, and their heads
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

WHOLE = ("epoch", "validation_active_units")


def write_report(
    path: Path,
    folder: RunFolder,
    run: Trained,
    metrics: Mapping[str, Any],
    pictures: Mapping[str, Drawn | str],
) -> None:
    """Write the report of a run as one HTML file that needs nothing else.

    Parameters
    ----------
    path : of the file
    folder, run : the run, and what it holds
    metrics : the content of its metrics.json
    pictures : what `pictures.draw_all` has made of it
    """
    config, settings = read_config(folder / "config.json"), folder.settings()
    data = Path(settings.data).name or settings.data
    done, asked = folder.epochs()
    after = f"after {done} of {asked} epochs" if done < asked else f"{done} epochs"
    content = [
        element(
            "header",
            element("h1", data),
            element("p", model_words(run.dataset, settings, run.model)),
            element("p", training_words(settings)),
            element(
                "p",
                "run ",
                element("span", folder.path.resolve().name, class_="run"),
                f", {after}",
                f", of which {run.best} was the best" if run.best else "",
                class_="faint",
            ),
            element("p", element("span", _took(metrics), class_="time"), class_="faint"),
        ),
        element("h2", "Test numbers"),
        element("div", *_numbers(metrics), class_="numbers"),
        element("h2", "Pictures"),
        element("div", *_pictures(pictures), class_="pictures"),
        element("h2", "Every epoch"),
        _epochs(run.history, run.model.bound_name),
        element("h2", "Config"),
        _listed("Settings", config["settings"]),
        _listed("Data", config["data"]),
        _listed("Versions", config.get("versions")),
        element("footer", element("p", f"Made by npvae {__version__}: npvae report RUN")),
    ]
    with write_whole(path, "w", encoding="utf-8") as file:
        file.write(page(f"{data}: npvae report", *content))


def _numbers(metrics: Mapping[str, Any]) -> Iterator[Element]:
    """Yield the figures of each part that was measured, each with its protocol."""
    entries = {name: found for name, found in metrics.items() if isinstance(found, Mapping)}
    for name, found in entries.items():
        rows = list(_figures(found))
        section = element("section", element("h3", name.replace("_", ", ")), table(rows))
        section.append(_protocol(found.get("protocol")))
        yield section
        likelihoods = found.get("log_likelihood")
        for measured in likelihoods.values() if isinstance(likelihoods, Mapping) else ():
            if not isinstance(measured, Mapping):
                continue
            what = str(measured.get("name", "log p(x)"))
            error = measured.get("standard_error")
            value = _nats(_negative(measured.get("log_px")))
            value += f" ± {error:.2f} (standard error)" if _real(error) else ""
            yield element(
                "section",
                element("h3", f"{name.replace('_', ', ')}, {measured.get('k', '?')} draws"),
                table([[f"-{what}", value]]),
                _protocol(measured.get("protocol")),
            )
    if not entries:
        yield element("p", "None of this model yet: they are measured at the end of its training.")


def _took(metrics: Mapping[str, Any]) -> str:
    """Return how long the training took, and how much memory."""
    seconds, memory = metrics.get("train_seconds"), metrics.get("peak_memory_mb")
    told = f"trained in {seconds:,.0f} s" if _real(seconds) else ""
    return told + (f", {_number(memory, 0)} MB at most" if told and _real(memory) else "")


def _figures(found: Mapping[str, Any]) -> Iterator[list[Content]]:
    """Yield the rows of one part's table."""
    if "elbo" in found:
        yield ["-ELBO", element("strong", _nats(_negative(found["elbo"])))]
    if "bound" in found:
        bound = _nats(_negative(found["bound"]))
        yield [f"-{found.get('bound_name', 'bound')}", element("strong", bound)]
    yield ["reconstruction (distortion)", _nats(found.get("reconstruction"))]
    if "kl" in found:
        yield ["KL (rate)", _nats(found["kl"])]
    latents = found.get("kl_per_latent")
    of = f" of {len(latents)}" if isinstance(latents, Sequence) else ""
    yield ["active latents", f"{found.get('active_units', '?')}{of}"]


def _real(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST


def _negative(value: Any) -> Any:
    return -value if _real(value) else value


def _number(value: Any, digits: int = 2) -> str:
    return f"{value:.{digits}f}" if _real(value) else "?"


def _nats(value: Any) -> str:
    return f"{_number(value)} nats" if _real(value) else "?"


def _protocol(told: Any) -> Element:
    """Return what stands beside a figure."""
    listed = element("dl")
    for subject, sentence in told.items() if isinstance(told, Mapping) else ():
        listed.append(element("dt", str(subject)))
        listed.append(element("dd", str(sentence)))
    return listed


def _pictures(pictures: Mapping[str, Drawn | str]) -> Iterator[Element]:
    for name, drawn in pictures.items():
        caption = PICTURES[name].caption
        if isinstance(drawn, str):
            told = element("figcaption", caption, element("p", f"Not drawn: {drawn}."))
            yield element("figure", told, id=name)
        else:
            told = element("figcaption", caption)
            yield element("figure", told, picture(drawn, caption), id=name)


def _epochs(history: Mapping[str, Sequence[float]], bound: str) -> Element:
    """Return a table with a row for each epoch, folded up."""
    left_out = "train_loss" if bound == "ELBO" else "train_elbo"
    shown = [name for name in EPOCHS if name in history and name != left_out]
    columns = [history[name] for name in shown]
    rows = [
        [_number(value, 0 if name in WHOLE else 2) for name, value in zip(shown, row, strict=True)]
        for row in zip(*columns, strict=True)
    ]
    heads = [EPOCHS[name].format(bound=bound) for name in shown]
    summary = element("summary", f"{len(rows)} epochs, in nats an example")
    return element("details", summary, table(rows, heads, class_="epochs"))


def _listed(name: str, content: Any) -> Element:
    """Return a table of names and values, folded up."""
    rows = [
        [str(key), ", ".join(map(str, value)) if isinstance(value, list) else str(value)]
        for key, value in (content.items() if isinstance(content, Mapping) else ())
        if value not in (None, [], "")
    ]
    return element("details", element("summary", name), table(rows))
