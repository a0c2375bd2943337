"""A self-contained HTML page, built as a tree, so that all text is escaped."""

import struct
from base64 import b64encode
from collections.abc import Iterable
from importlib.resources import files
from typing import TypeAlias
from xml.etree.ElementTree import Element, tostring

from npvae.figures.style import UNREADABLE
from npvae.figures.writing import DPI
from npvae.runs.pictures import Drawn

Content: TypeAlias = str | Element
# no scripts, and no resources from outside the page
POLICY = (
    "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; base-uri 'none'"
)
PIXEL = 96 / DPI  # CSS pixels per pixel of a picture


def element(tag: str, *content: Content, **attributes: str) -> Element:
    """Return an element; its text is escaped when the page is written.

    >>> tostring(element("p", "a < b ", element("b", "&"), class_="x"), "unicode", method="html")
    '<p class="x">a &lt; b <b>&amp;</b></p>'
    """
    made = Element(
        tag, {key.rstrip("_").replace("_", "-"): readable(text) for key, text in attributes.items()}
    )
    for part in content:
        if isinstance(part, Element):
            made.append(part)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + readable(part)
        else:
            made.text = (made.text or "") + readable(part)
    return made


def readable(text: str) -> str:
    """Replace control characters, and those that change the reading direction."""
    return UNREADABLE.sub("\ufffd", text)


def table(
    rows: Iterable[Iterable[Content]], head: Iterable[str] = (), **attributes: str
) -> Element:
    """Return a table that scrolls horizontally if it is wider than the screen.

    Parameters
    ----------
    rows : of cells; the first cell of each is its heading
    head : the headings of the columns, or none
    """
    made = element("table", **attributes)
    if names := list(head):
        made.append(element("thead", element("tr", *(element("th", name) for name in names))))
    body = element("tbody")
    for first, *others in rows:
        name = element("th", first, scope="row")
        body.append(element("tr", name, *(element("td", other) for other in others)))
    made.append(body)
    return element("div", made, class_="wide")


def picture(drawn: Drawn, alt: str) -> Element:
    """Return a picture in the colours of the screen; it scrolls where the screen is narrow."""
    width, height = size(drawn)
    sizes = {"width": str(round(width * PIXEL)), "height": str(round(height * PIXEL))}
    dark = "screen and (prefers-color-scheme: dark)"
    shown = element(
        "picture",
        element("source", srcset=_inline(drawn.dark), media=dark, type="image/png"),
        element("img", src=_inline(drawn.light), alt=alt, **sizes),
    )
    return element("div", shown, class_="wide")


def audio(wav: bytes, name: str) -> Element:
    """Return a player of a sound."""
    src = f"data:audio/wav;base64,{b64encode(wav).decode()}"
    return element("audio", controls="controls", src=src, aria_label=name)


def size(drawn: Drawn) -> tuple[int, int]:
    """Return the width and the height of a picture, in its pixels."""
    width, height = struct.unpack(">II", drawn.light[16:24])  # of every PNG
    return width, height


def _inline(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"


def page(title: str, *content: Content) -> str:
    """Return a complete page in npvae's style, without any script."""
    body = tostring(element("body", *content), "unicode", method="html")
    return document(title, body, paper() + _read("style.css"), POLICY)


def paper() -> str:
    """Return the CSS of every page: its colours by day and by night, and its text."""
    return _read("paper.css")


def _read(name: str) -> str:
    return files("npvae.runs.report").joinpath(name).read_text(encoding="utf-8")


def document(title: str, body: str, style: str, policy: str) -> str:
    """Return a complete page.

    Parameters
    ----------
    title : text
    body : the body element, as HTML
    style : CSS
    policy : what the page may load and run, as a Content-Security-Policy
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", style),
    )
    html = tostring(head, "unicode", method="html")
    return f'<!doctype html>\n<html lang="en">{html}{body}</html>\n'
