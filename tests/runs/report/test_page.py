"""What is written into a page is text there, whatever it is."""

import sys
import unicodedata
from base64 import b64decode
from io import BytesIO

import browser
import marked_run
import numpy as np
import pytest
import run_files
from hypothesis import given
from hypothesis import strategies as st
from measured_runs import SMALL, run
from PIL import Image

from npvae.runs.pictures import Drawn
from npvae.runs.report.page import element, page, picture, readable, table

MARKUP = [
    *("<script>alert(1)</script>", "</title><script>", "</style>", '"><svg onload=alert(1)>'),
    *("' onerror='alert(1)", "<!--", "-->", "<![CDATA[", "]]>", "<?xml?>", "&lt;", "&amp;amp;"),
    *("&#60;", "&", "<", ">", "=", "javascript:", "\0", "\x1b[31m", "\ud800", "\u202e", "\r\n"),
]
TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}  # the reading direction
TEXT = st.lists(st.one_of(st.sampled_from(MARKUP), st.text(st.characters()))).map("".join)


def shown(text):
    """Return the text with a mark in place of each character that no page should hold."""
    hidden = [
        (unicodedata.category(c) == "Cc" and c not in "\t\n\r")
        or unicodedata.category(c) == "Cs"
        or unicodedata.bidirectional(c) in TURNS
        or c in "\ufffe\uffff"  # which XML does not allow
        for c in text
    ]
    return "".join("\ufffd" if hide else c for c, hide in zip(text, hidden, strict=True))


def png(width, height, grey=0):
    file = BytesIO()
    Image.new("L", (width, height), grey).save(file, "png")
    return file.getvalue()


@given(TEXT)
def test_whatever_is_written_is_read_again(text):
    alone = element("p", text, element("b", text), text, title=text, class_=text)
    written = page(text, alone, table([[text, text]], [text, text]))
    root = browser.read(written.encode().decode())
    tags = [node.tag for node in root.elements()]
    head = ["html", "head", "meta", "meta", "meta", "meta", "title", "style"]
    cells = ["div", "table", "thead", "tr", "th", "th", "tbody", "tr", "th", "td"]
    assert tags == ["", *head, "body", "p", "b", *cells]
    there = shown(text)
    assert root.one("title").text == there
    assert root.one("p").text == 3 * there
    assert root.one("p").attributes == {"title": there, "class": there}
    assert root.texts("th") == 3 * [there]
    assert root.one("td").text == there


def test_every_character_there_is():
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert readable(every) == shown(every)


@pytest.mark.parametrize("c", ["\0", "\x1b", "\x7f", "\x85", "\ud800", "\u202e", "\u2066"])
def test_a_character_that_no_page_should_hold(c):
    assert readable(f"a{c}b") == "a\ufffdb"


@pytest.mark.parametrize(
    "text", ["", "a\tb\nc", "é", "数字", "עברית", "🙂", "a\u200db", "\U0010ffff"]
)
def test_all_else_stays(text):
    assert readable(text) == text


def test_text_keeps_its_place_among_elements():
    made = element("p", "a", "b", element("i", "c"), "d", "e", element("b"), "f")
    assert browser.read(page("", made)).one("p").text == "abcdef"


def test_the_page_forbids_all_that_it_does_not_hold():
    head = browser.read(page("a")).one("head")
    metas = head.all("meta")
    policy = metas[1].attributes
    assert policy["http-equiv"] == "Content-Security-Policy"
    rules = dict(rule.split(maxsplit=1) for rule in policy["content"].split("; "))
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "media-src": "data:",
        "style-src": "'unsafe-inline'",
        "base-uri": "'none'",
    }
    assert metas[0].attributes == {"charset": "utf-8"}, "nothing stands before it but the charset"
    assert head.content[:2] == metas[:2]


def test_the_page_says_what_a_browser_must_know():
    written = page("a")
    assert written.startswith('<!doctype html>\n<html lang="en"><head><meta charset="utf-8">')
    metas = {node.attributes.get("name"): node for node in browser.read(written).all("meta")}
    assert metas["viewport"].attributes["content"] == "width=device-width, initial-scale=1"
    assert metas["color-scheme"].attributes["content"] == "light dark"


def test_the_style_asks_for_nothing():
    style = browser.read(page("a")).one("style").text
    assert "prefers-color-scheme: dark" in style
    for word in ("url(", "@import", "@font-face", "http", "//", "expression", "<"):
        assert word not in style


def test_a_picture_for_white_paper_and_one_for_a_dark_screen():
    """At 160 dots an inch 160 are 96 of the screen's pixels, and 80 are 48."""
    light, dark = png(160, 80, 255), png(160, 80, 0)
    root = browser.read(page("", picture(Drawn(light, dark), 'a "b"')))
    source, image = root.one("picture").content
    prefix = "data:image/png;base64,"
    assert source.attributes["srcset"].startswith(prefix)
    assert b64decode(source.attributes["srcset"].removeprefix(prefix)) == dark
    assert source.attributes["media"] == "screen and (prefers-color-scheme: dark)"
    assert image.attributes["src"].startswith(prefix)
    assert b64decode(image.attributes["src"].removeprefix(prefix)) == light
    assert image.attributes["alt"] == 'a "b"'
    assert (image.attributes["width"], image.attributes["height"]) == ("96", "48")


def test_a_table_without_a_head():
    made = browser.read(page("", table([["a", element("b", "c")], ["d"]], class_="x")))
    assert not made.all("thead")
    assert made.one("table").attributes == {"class": "x"}
    assert made.texts("th", scope="row") == ["a", "d"]
    assert made.one("td").one("b").text == "c"
    assert made.one("div").attributes == {"class": "wide"}, "it scrolls in itself"


def test_a_run_of_markup_has_the_elements_of_a_plain_one(tmp_path, monkeypatch):
    """None of another kind, none with other attributes; and the text is all there."""
    run_files.draw_quickly(monkeypatch)
    marked = marked_run.save(tmp_path)
    assert run("report", marked) == 0
    root = browser.read((marked / "report.html").read_text(encoding="utf-8"))
    for tag, text in marked_run.texts(tmp_path):
        assert text in root.texts(tag)
    numbers = np.zeros((100, 9, 9), np.uint8)
    numbers[::2] = 255
    np.savez(tmp_path / "plain.npz", x=numbers, y=np.arange(100) % 3)
    options = [*SMALL, "--conditional", "--out", tmp_path / "plain"]
    assert run("train", "--data", tmp_path / "plain.npz", *options) == 0
    plain = browser.read((tmp_path / "plain" / "report.html").read_text(encoding="utf-8"))
    assert {(node.tag, *node.attributes) for node in root.elements()} == {
        (node.tag, *node.attributes) for node in plain.elements()
    }


def test_what_reads_the_pages_would_see_an_element_that_slipped_through():
    root = browser.read("<p>a<script>b</script></p>")
    assert [node.tag for node in root.elements()] == ["", "p", "script"]
    for broken in ("<p>", "</p>", "<p><b></p></b>", "<p><!-- a --></p>", '<p a="" a=""></p>'):
        with pytest.raises((AssertionError, IndexError)):
            browser.read(broken)
