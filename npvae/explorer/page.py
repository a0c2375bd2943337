"""The explorer's page: its markup, style, script and content, put together in one file."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from npvae.errors import InputError
from npvae.explorer.content import as_json, explorer_content
from npvae.runs.folder import RunFolder
from npvae.runs.pictures import Trained
from npvae.runs.report.page import document, paper
from npvae.storage.atomic import atomic_write

SCRIPTS = (  # in this order, all in one scope
    *("strings", "numbers", "network", "pictures", "plane", "state", "controls", "sliders"),
    *("analysis", "drawing", "entering", "mixing", "tasks", "layout", "main"),
)
LARGEST = 32_000_000  # bytes of a page; browsers slow down beyond


def write_explorer(path: Path, folder: RunFolder, run: Trained, metrics: Mapping[str, Any]) -> None:
    """Write the explorer of a run as one self-contained HTML file.

    Parameters
    ----------
    path : of the file
    folder, run : the run, and its content
    metrics : the content of its metrics.json

    Raises
    ------
    InputError : if the page cannot compute the model, or would be larger than 32 MB
    WriteError : if the file cannot be written
    """
    content = explorer_content(folder, run, metrics)
    text = explorer_page(content["name"], as_json(content))
    if len(text) > LARGEST:
        raise InputError(
            f"the explorer of this model would have {len(text) / 1e6:,.0f} MB, more than the "
            f"{LARGEST / 1e6:.0f} MB that browsers open quickly; train a model with fewer or "
            "smaller hidden layers"
        )
    with atomic_write(path, "w", encoding="utf-8") as file:
        file.write(text)


def explorer_page(name: str, content: str) -> str:
    """Return the page of a run with this name, whose content is JSON without the character <."""
    style = paper() + _read("explorer.css")
    script = "".join(_read(f"script/{part}.js") for part in SCRIPTS)
    body = (
        f"<body>{_read('explorer.html')}"
        f'<script type="application/json" id="model">{content}</script>\n'
        f"<script>{script}</script></body>"
    )
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}"
    return document(
        f"Explore {name}", body, style, f"{policy}; base-uri 'none'; form-action 'none'"
    )


def _read(name: str) -> str:
    return files("npvae.explorer").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return how a Content-Security-Policy names the one text that is allowed."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
