"""The book on paper: its pages one after another in one page, which Chromium prints as a PDF."""

import os
import posixpath
import re
import shutil
import sys
from urllib.parse import urlsplit

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>npvae</title>
{head}
<link rel="stylesheet" href="_static/paper.css">
</head>
<body>
{chapters}
</body>
</html>
"""
CONTENTS = '<nav class="whole-contents"><h1>Contents</h1>{}</nav>'
READY = """async () => {
    await MathJax.startup.promise;
    await Promise.all([...document.images].map(image => image.decode()));
    const count = selector => document.querySelectorAll(selector).length;
    return count("mjx-container") == count(".math") && count("mjx-merror") == 0;
}"""
TERM = re.compile(r'(<dt[^>]*?) id="([^"]*)"([^>]*>)')  # no link of a PDF leads to its own name
PRINTS_IN_S = 600


def browser():
    """Return the path of the browser in NPVAE_CHROMIUM, else of one on the PATH, else None."""
    if asked := os.environ.get("NPVAE_CHROMIUM"):
        return shutil.which(asked)
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def write(book, pdf):
    """Print the book in the folder `book` to the file `pdf`."""
    from playwright.sync_api import sync_playwright

    chromium = browser()
    page = book / "paper.html"
    page.write_text(in_one_page(book), "utf-8")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = started.new_page()
        tab.set_default_timeout(1000 * PRINTS_IN_S)
        tab.goto(page.as_uri())
        if not tab.evaluate(READY):
            sys.exit(f"no PDF: {chromium} could not set every formula, or load every picture")
        tab.pdf(
            path=pdf, prefer_css_page_size=True, print_background=True, outline=True, tagged=True
        )
        started.close()


def in_one_page(book):
    """Return the HTML of the whole book: the front page, the contents, and all pages in order."""
    front = (book / "index.html").read_text("utf-8")
    tree = between(front, '<div class="sidebar-tree">', "</div>")
    tree = re.sub(
        r'<input.*?>|<label.*?</label>| role="heading"', "", tree
    )  # it has no parts to fold
    pages = list(dict.fromkeys(re.findall(r'href="([^"#]+)\.html"', tree)))
    with_formulas = (book / "symbols.html").read_text("utf-8")
    head = re.findall(r"<link rel=\"stylesheet\".*?>", front)
    head += re.findall(r"<script[^>]*(?:tex-svg|>window\.MathJax)[^\n]*</script>", with_formulas)
    chapters = [chapter(book, "index"), CONTENTS.format(led(tree, "index", pages))]
    chapters += [chapter(book, page, pages) for page in pages]
    return PAGE.format(head="\n".join(head), chapters="\n".join(chapters))


def chapter(book, page, pages=()):
    """Return what one page of the book says, as a section of the whole."""
    text = (book / f"{page}.html").read_text("utf-8")
    article = between(text, '<article role="main" id="furo-main-content">', "</article>")
    return f'<section class="chapter" id="{page}">{led(article, page, pages)}</section>'


def led(html, page, pages):
    """Return HTML whose names are unique in the whole, and whose links lead to places in it.

    A link to a file of the book that is not on paper, such as a download, becomes plain text.
    """

    def place(attribute):
        name, value = attribute[1], attribute[2]
        parts = urlsplit(value)
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), parts.path))
        if name == "id":
            return f' id="{page}:{value}"'
        if parts.scheme:
            return attribute[0]
        if name == "src":
            return f' src="{target}"'
        to = target.removesuffix(".html") if parts.path else page
        if to not in (*pages, "index"):
            return ""
        return f' href="#{to}:{parts.fragment}"' if parts.fragment else f' href="#{to}"'

    html = re.sub(r' (id|src|href)="([^"]*)"', place, html)
    return TERM.sub(r'\1\3<a id="\2"></a>', html)


def between(text, start, end):
    return text.partition(start)[2].partition(end)[0]
