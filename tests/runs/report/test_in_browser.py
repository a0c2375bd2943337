"""What Chromium makes of a report: it shows everything, runs nothing, and asks for nothing.

Set NPVAE_CHROMIUM to the browser's path where these tests must not be skipped.
"""

import os
import shutil
import sys
from contextlib import ExitStack
from itertools import pairwise

import browser
import marked_run
import measured_runs
import pytest
import run_files
from browser import visit
from measured_runs import run

from npvae.runs import pictures

pytestmark = pytest.mark.browser
NAMES = ["marked", "table", "autoencoder"]
SIZES = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "is_mobile": True,
        "device_scale_factor": 2,
    },
}
OURS = {
    *("html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "p", "span"),
    *(
        "div",
        "section",
        "small",
        "pre",
        "a",
        "dl",
        "dt",
        "dd",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ),
    *("figure", "figcaption", "picture", "source", "img", "details", "summary", "footer"),
}
OPEN_ALL = "document.querySelectorAll('details').forEach(folded => folded.open = true)"
TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter(
    node => node.getBoundingClientRect().right > innerWidth + 0.5
        && !node.parentElement.closest(".wide")
).map(node => node.outerHTML.slice(0, 200))"""
# of every picture: the width that it is shown in, and that of its figure
WIDTHS = """() => [...document.images].map(image => [
    image.getBoundingClientRect().width, image.closest("figure").clientWidth
])"""
# of every figure: its edges
EDGES = """() => [...document.querySelectorAll("figure")].map(figure => {
    const there = figure.getBoundingClientRect();
    return [Math.round(there.left), Math.round(there.right), there.top, there.bottom];
})"""
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# of every table that is folded up: whether it is seen
FOLDED = """() => [...document.querySelectorAll("details table")].map(
    table => table.checkVisibility({contentVisibilityAuto: true}) && table.offsetHeight > 0
)"""
# of every element with text of its own: its tag, the size of its letters, ink, paper
TEXT = """() => [...document.querySelectorAll("body *")].filter(
    node => [...node.childNodes].some(part => part.nodeType == 3 && part.data.trim())
).map(node => {
    let below = node;
    const paper = of => getComputedStyle(of).backgroundColor;
    while (below.parentElement && paper(below) == "rgba(0, 0, 0, 0)") below = below.parentElement;
    const style = getComputedStyle(node);
    return [node.localName, parseFloat(style.fontSize), style.color, paper(below)];
})"""


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The reports by name, with real pictures of fewer pixels; and the folder that they are in."""
    folder = tmp_path_factory.mktemp("reports")
    measured_runs.save_data(folder)
    draw_all = pictures.draw_all
    with pytest.MonkeyPatch.context() as patch:
        run_files.draw_quickly(patch)
        runs = {"marked": marked_run.save(folder), "table": marked_run.save_table(folder)}
        measured_runs.train(folder, "autoencoder")
        patch.setattr(pictures, "draw_all", draw_all)
        patch.setattr("npvae.figures.writing.DPI", 80)
        patch.setattr("npvae.runs.report.page.PIXEL", 96 / 80)
        pages = {}
        for name in NAMES:
            pages[name] = folder / f"{name}.html"
            source = runs.get(name, folder / name)
            assert run("report", source, "--out", pages[name]) == 0
    return folder, pages


@pytest.fixture(scope="module")
def look(chromium, reports):
    """A function that shows a report; the same window at the second time, with all unfolded."""
    shown = {}
    with ExitStack() as windows:

        def show(name, scheme="light", size="desktop"):
            if (name, scheme, size) not in shown:
                window = visit(chromium, reports[1][name], color_scheme=scheme, **SIZES[size])
                shown[name, scheme, size] = windows.enter_context(window)
                shown[name, scheme, size].ask(OPEN_ALL)
            return shown[name, scheme, size]

        yield show


every_report = pytest.mark.parametrize("name", NAMES)


def luminance(colour):
    """Return the relative luminance of a colour such as "rgb(221, 221, 221)" (WCAG 2)."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(ink, paper):
    darker, lighter = sorted([luminance(ink), luminance(paper)])
    return (lighter + 0.05) / (darker + 0.05)


def images(seen):
    """Wait for every picture, and return for each whether it is there, and which it is."""
    return seen.ask("""async () => {
        const images = [...document.images];
        await Promise.all(images.map(image => image.decode().catch(() => null)));
        return images.map(image => [
            image.complete && image.naturalWidth > 0,
            {[image.src]: "light", [image.previousElementSibling.srcset]: "dark"}[image.currentSrc],
        ]);
    }""")


# ---- what it asks for, and what it runs ----------------------------------------------------------


@every_report
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_shows_every_picture_and_asks_for_nothing(look, name, scheme):
    seen = look(name, scheme)
    n = 5 if name == "autoencoder" else 7  # one epoch has no curves
    assert images(seen) == n * [[True, scheme]]
    assert seen.ask("document.querySelectorAll('figure').length") == 9
    assert not seen.wrong


def test_on_paper_it_is_light(chromium, reports):
    with visit(chromium, reports[1]["autoencoder"], color_scheme="dark") as seen:
        seen.page.emulate_media(media="print")
        seen.page.reload()
        assert images(seen) == 5 * [[True, "light"]]
        assert seen.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_what_cannot_be_drawn_says_why(look):
    told = "[...document.querySelectorAll('figcaption p')].map(p => p.textContent)"
    told = [why for why in look("autoencoder").ask(told) if why.startswith("Not drawn: ")]
    assert len(told) == 4
    assert sum(why.startswith("Not drawn: an autoencoder has no prior") for why in told) == 3


def test_markup_is_text(look, reports):
    seen = look("marked")
    for tag, text in marked_run.texts(reports[0]):
        script = "tag => [...document.querySelectorAll(tag)].map(node => node.textContent)"
        assert text in seen.ask(script, tag)
    assert not seen.wrong


def test_the_columns_of_a_table_are_text(look):
    cells = "[...document.querySelectorAll('td')].map(node => node.textContent)"
    assert ", ".join(marked_run.COLUMNS) in look("table").ask(cells)


@every_report
def test_no_element_is_there_that_npvae_does_not_make(look, name):
    seen = look(name)
    assert set(seen.ask("[...document.querySelectorAll('*')].map(e => e.localName)")) <= OURS
    names = "[...document.querySelectorAll('*')].flatMap(node => node.getAttributeNames())"
    assert set(seen.ask(names)) - {"open"} <= {
        *("lang", "charset", "http-equiv", "content", "name", "class", "scope", "id"),
        *("srcset", "media", "type", "src", "alt", "width", "height"),
        "href",
    }


# ---- how it looks --------------------------------------------------------------------------------


@every_report
def test_nothing_is_wider_than_a_phone(look, name):
    seen = look(name, size="phone")
    assert images(seen)
    assert seen.ask("[innerWidth, document.documentElement.scrollWidth]") == [390, 390]
    assert seen.ask(TOO_WIDE) == []


@every_report
@pytest.mark.parametrize("size", SIZES)
def test_every_picture_fills_its_column(look, name, size):
    seen = look(name, size=size)
    assert images(seen)
    for shown, figure in seen.ask(WIDTHS):
        assert shown == pytest.approx(576 if size == "phone" else figure, abs=1)
        assert shown >= 540, "letters of 9 points at 6 inches have at least 11 pixels"


@every_report
def test_on_a_wide_screen_figures_are_in_two_columns_without_holes(look, name):
    seen, columns = look(name), {}
    assert images(seen)
    for left, right, top, bottom in seen.ask(EDGES):
        columns.setdefault((left, right), []).append((top, bottom))
    assert len(columns) == 2
    for figures in columns.values():
        for (_, end), (start, _) in pairwise(figures):
            assert start == pytest.approx(end, abs=1)
    left, right = (figures[-1][1] for figures in columns.values())
    assert left == pytest.approx(right, abs=120)


def test_the_command_is_selected_by_a_single_click(look):
    seen = look("table")
    seen.page.locator("pre").click()
    told = seen.ask("document.querySelector('pre').textContent")
    assert seen.ask("getSelection().toString()") == told


@every_report
def test_on_paper_everything_is_unfolded_and_nothing_is_cut_off(chromium, reports, name):
    viewport = {"width": 400, "height": 800}
    with visit(chromium, reports[1][name], viewport=viewport) as seen:
        assert images(seen)
        folded = seen.ask(FOLDED)
        assert len(folded) == 4
        assert not any(folded)
        seen.page.emulate_media(media="print")
        seen.ask(TWO_FRAMES)  # until then it is not drawn anew
        assert all(seen.ask(FOLDED))
        for shown, figure in seen.ask(WIDTHS):
            assert shown == pytest.approx(figure, abs=1)


@every_report
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_on_a_phone(look, name, scheme):
    seen = look(name, scheme, "phone")
    found = seen.ask(TEXT)
    assert {"h1", "h3", "p", "td", "th", "dd", "summary", "small", "pre"} <= {t for t, *_ in found}
    for tag, letters, ink, paper in found:
        assert letters >= 12, tag
        assert contrast(ink, paper) >= 4.5, (tag, ink, paper)
        assert (luminance(ink) > luminance(paper)) == (scheme == "dark"), tag
    body = seen.ask("getComputedStyle(document.body).backgroundColor")
    assert luminance(body) < 0.05 if scheme == "dark" else luminance(body) == 1


# ---- the tests themselves ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "what"),
    [
        ('<img src="https://example.org/a.png">', "request https://example.org/a.png"),
        ("<style>@import 'https://example.org/a.css'</style>", "request https://example.org/a.css"),
        ("<img src='beside.png'>", "request file://"),
        ("<script>alert(1)</script>", "dialog 1"),
        ("<script>throw Error('a')</script>", "error a"),
        ("<script>console.warn('b')</script>", "console warning: b"),
        ("<img src=data:image/png;base64,AAAA onerror=alert(2)>", "dialog 2"),
    ],
)
def test_what_is_looked_for_would_be_seen(chromium, tmp_path, markup, what):
    (tmp_path / "a.html").write_text(f"<!doctype html><title>a</title>{markup}")
    with visit(chromium, tmp_path / "a.html") as seen:
        seen.page.wait_for_timeout(50)
        assert any(told.startswith(what) for told in seen.wrong), seen.wrong


@pytest.mark.parametrize(
    ("markup", "refused"),
    [
        ("<img src='https://example.org/a'>", ["https://example.org/a: csp"]),
        ("<script>alert(1)</script>", []),
    ],
)
def test_the_policy_would_stop_what_slipped_through(chromium, reports, tmp_path, markup, refused):
    """It is refused, which the console says, and neither fetched nor run."""
    text = reports[1]["autoencoder"].read_text().replace("<body>", f"<body>{markup}")
    (tmp_path / "a.html").write_text(text)
    with visit(chromium, tmp_path / "a.html") as seen:
        seen.page.wait_for_timeout(50)
        assert "Content Security Policy" in seen.wrong[0]
        assert not [told for told in seen.wrong if told.startswith("dialog")]
        assert seen.failed == refused


def test_contrast_by_hand():
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(9, 9, 9)", "rgb(9, 9, 9)") == 1


def test_without_a_browser_they_are_skipped(monkeypatch):
    monkeypatch.delenv(browser.VARIABLE, raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(pytest.skip.Exception, match="install chromium"):
        browser.find()
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(pytest.skip.Exception, match="pip install playwright"):
        browser.find()


def test_where_a_browser_is_asked_for_they_are_not(monkeypatch):
    pytest.importorskip("playwright", reason="no playwright: pip install playwright")
    monkeypatch.setenv(browser.VARIABLE, os.devnull)
    assert browser.find() == os.devnull
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(ImportError):
        browser.find()
