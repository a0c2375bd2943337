"""What the tests of web pages share: reading a page as a tree, and looking at it in Chromium."""

import os
import shutil
from contextlib import contextmanager
from html.parser import HTMLParser

import pytest

VARIABLE = "NPVAE_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")
VOID = {"meta", "img", "source", "br", "hr", "link", "input", "base", "embed"}  # have no end tag

# ---- reading -------------------------------------------------------------------------------------


class Node:
    """An element with what is in it: other elements, and text."""

    def __init__(self, tag, attributes):
        self.tag, self.attributes, self.content = tag, attributes, []

    @property
    def text(self):
        return "".join(part if isinstance(part, str) else part.text for part in self.content)

    def elements(self):
        """Yield this element and all in it, in the order of the page."""
        yield self
        for part in self.content:
            if isinstance(part, Node):
                yield from part.elements()

    def all(self, tag, **attributes):
        """Return the elements of that tag, with those attributes, within this one."""
        return [
            node
            for node in self.elements()
            if node.tag == tag and attributes.items() <= node.attributes.items()
        ]

    def one(self, tag, **attributes):
        (found,) = self.all(tag, **attributes)
        return found

    def texts(self, tag, **attributes):
        return [node.text for node in self.all(tag, **attributes)]


class Reader(HTMLParser):
    """Builds the tree; an end tag that closes nothing, or something else, is an error."""

    def __init__(self):
        super().__init__()
        self.root = Node("", {})
        self.open = [self.root]

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {attrs}"
        node = Node(tag, dict(attrs))
        self.open[-1].content.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        self.open[-1].content.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def handle_pi(self, data):
        raise AssertionError(f"a processing instruction: {data}")

    def unknown_decl(self, data):
        raise AssertionError(f"a declaration: {data}")


def read(page):
    """Return the tree of a page."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == [reader.root], "an element is left open"
    return reader.root


def rows(node):
    """Return the rows of a table, each a list of its cells."""
    return [
        [cell.text for cell in row.content] for body in node.all("tbody") for row in body.all("tr")
    ]


def sections(page):
    """Return what stands under each heading: the figures, and the protocol."""
    return {
        section.one("h3").text: tuple(
            dict(zip(listed.texts("dt"), listed.texts("dd"), strict=True))
            for listed in (section.one("dl", **{"class": name}) for name in ("figures", "protocol"))
        )
        for section in page.all("section")
    }


def folded(page, name):
    """Return the folded table of that name."""
    (found,) = [node for node in page.all("details") if node.one("summary").text == name]
    return found


# ---- looking -------------------------------------------------------------------------------------


def find():
    """Return Chromium's path; skip without it or playwright, unless NPVAE_CHROMIUM names it."""
    asked = os.environ.get(VARIABLE)
    found = asked or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no Chromium: install chromium, or set {VARIABLE} to its path")
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        if asked:
            raise
        pytest.skip("no playwright: pip install playwright")
    return found


@contextmanager
def chromium():
    """Run Chromium, without its sandbox only for root, who cannot have one."""
    path = find()
    from playwright.sync_api import sync_playwright

    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"] if root else []
        )
        try:
            yield started
        finally:
            started.close()


class Seen:
    """A page in the browser, and what it did that a page at rest does not do.

    Attributes
    ----------
    wrong : what the console said, errors, dialogs, and requests for anything but the page itself
    failed : requests that came to nothing, and why
    """

    def __init__(self, page, url):
        self.page, self.wrong, self.failed = page, [], []
        page.on("console", lambda said: self.note("console", f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.note("error", error))
        page.on("dialog", self.dismiss)
        page.on("request", lambda request: self.judge(request.url, url))
        page.on("requestfailed", lambda it: self.failed.append(f"{it.url}: {it.failure}"))
        page.goto(url)

    def note(self, what, told):
        self.wrong.append(f"{what} {told}"[:200])

    def dismiss(self, dialog):
        self.note("dialog", dialog.message)
        dialog.dismiss()

    def judge(self, url, own):
        if url != own.partition("#")[0] and not url.startswith("data:"):
            self.note("request", url)

    def ask(self, script, given=None):
        """Return what JavaScript says of the page."""
        return self.page.evaluate(script, given)


@contextmanager
def visit(browser, path, **how):
    """Show a file in a fresh window, such as `color_scheme="dark"` says."""
    context = browser.new_context(**how)
    try:
        yield Seen(context.new_page(), path.as_uri())
    finally:
        context.close()
