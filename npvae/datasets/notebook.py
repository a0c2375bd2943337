"""Progress bars, and the HTML that a notebook shows for tables and datasets."""

import sys
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from npvae.datasets.dataset import Dataset

SHOWN = 16  # the most images, classes or columns
WIDTH, LARGEST = 900, 256  # pixels: width of all images together, and of one image


def has_widgets() -> bool:
    """Return whether this is a Jupyter notebook that can show widgets."""
    return "ipykernel.zmqshell" in sys.modules and find_spec("ipywidgets") is not None


def shows_progress() -> bool:
    """Return whether a progress bar can be shown, on a terminal or as a widget of a notebook."""
    return has_widgets() or (sys.stderr is not None and sys.stderr.isatty())


def progress_bar(*arguments: Any, **options: Any) -> Any:
    """Return a tqdm bar: a widget in a notebook that has ipywidgets, otherwise text.

    `TQDM_DISABLE=1` in the environment turns it off.
    """
    if not options.get("disable"):
        options.pop("disable", None)  # tqdm looks at the environment only for what is not given
    if has_widgets():
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    return tqdm(*arguments, **options)


def html_table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """Return a table as HTML, with its text escaped.

    >>> html_table(["part", "examples"], [["a<b", 3]])
    '<table><tr><th>part</th><th>examples</th></tr><tr><td>a&lt;b</td><td>3</td></tr></table>'
    """
    lines = [("th", head), *(("td", row) for row in rows)]
    cells = ("".join(f"<{tag}>{escape(str(x))}</{tag}>" for x in line) for tag, line in lines)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def dataset_html(dataset: "Dataset") -> str:
    """Return the parts, the source and the first images or rows of a dataset as HTML."""
    about = [dataset.source, dataset.remark]
    if dataset.classes:
        about.append(f"{len(dataset.classes)} classes: {', '.join(dataset.classes[:SHOWN])}")
    said = "".join(f"<div>{escape(text)}</div>" for text in about if text)
    is_images = dataset.kind == "pixels" and len(dataset.shape) in (2, 3)
    if dataset.kind == "notes":
        look = _tunes_html(dataset)
    else:
        look = _images_html(dataset) if is_images else _rows_html(dataset)
    return f"<div><b>{escape(repr(dataset))}</b></div>{said}{look}"


def _rows_html(dataset: "Dataset") -> str:
    names = dataset.columns or [f"column {i}" for i in range(dataset.n_x)]
    rows = [[f"{x:.4g}" for x in row[:SHOWN]] for row in dataset.train.take(slice(0, 5))]
    return html_table(names[:SHOWN], rows)


def _tunes_html(dataset: "Dataset") -> str:
    """Return the first training tunes, with the name of the note at each step."""
    from npvae.datasets.tunes import STEPS, token_names, tokens_of

    rows = map(token_names, tokens_of(dataset.train.take(slice(0, 5))))
    return html_table([f"step {i + 1}" for i in range(STEPS)], list(rows))


def _images_html(dataset: "Dataset") -> str:
    """Return the first training images beside each other, as many as there is room for."""
    from PIL import Image

    height, width = dataset.shape[:2]
    every = -(-max(height, width) // LARGEST)  # of a large image, one pixel in so many
    n = max(1, min(SHOWN, WIDTH * every // width))
    images = dataset.train.take(slice(0, n)).reshape(-1, *dataset.shape)[:, ::every, ::every]
    strip = np.concatenate(list(images), axis=1)
    if strip.dtype != np.uint8:
        strip = (255 * strip).round().astype(np.uint8)
    if strip.ndim == 3 and strip.shape[2] not in (3, 4):
        strip = strip[..., 0]  # other channels are not colours: show the first
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(strip)).save(file, "png")
    png = b64encode(file.getvalue()).decode("ascii")
    alt, scale = "the first training images", max(1, WIDTH // strip.shape[1])
    style = f"width: {min(scale, 2) * strip.shape[1]}px; image-rendering: pixelated"
    return f'<img alt="{alt}" style="{style}" src="data:image/png;base64,{png}">'
