"""The book as it was built: every link leads somewhere, every formula and picture is there.

Build it with `python lessons/book/build.py`, and set NPVAE_BOOK to the folder that it names.
"""

import os
import re
import subprocess
import sys
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser
import pytest

import npvae
from npvae.cli import VERBS, build_parser

pytestmark = pytest.mark.book
LESSONS = Path(__file__).parents[2] / "lessons"
NAMES = sorted(path.stem for path in LESSONS.glob("[0-9]*.py"))
ANSWERS = sorted(path.stem for path in LESSONS.glob("answers_*.py"))
GUIDE = [f"guide/{path.stem}" for path in sorted((LESSONS / "book/guide").glob("*.py"))]
LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
VERBATIM = {"pre", "code", "script", "style", "title"}  # what stands in it is no prose
VOID = browser.VOID | {"col", "wbr", "path"}
MARKUP = re.compile(r"``|\*\*|\$|\]\(|\{\w+\}`|:\w+:`|\|\w+\|`|-{4,}")
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
# what reaches beyond the window, and cannot be moved into it
TOO_WIDE = """() => [...document.querySelectorAll("article *")].filter(node => {
    if (node.getBoundingClientRect().right <= innerWidth + 0.5) return false;
    for (let above = node; above.localName != "article"; above = above.parentElement)
        if (["auto", "scroll"].includes(getComputedStyle(above).overflowX)) return false;
    return true;
}).map(node => node.outerHTML.slice(0, 200))"""
PICTURES = """async () => {
    const images = [...document.images];
    await Promise.all(images.map(image => image.decode().catch(() => null)));
    return images.every(image => image.complete && image.naturalWidth > 0);
}"""
COUNT = "what => document.querySelectorAll(what).length"
FOUND = "[...document.querySelectorAll('#search-results a')].map(link => link.getAttribute('href'))"


def number_of(name):
    """Return 12a for 12a_elbo."""
    return name.partition("_")[0]


class Page(HTMLParser):
    """What is asked of a page: its links, its marks, its classes, what it loads, its prose."""

    def __init__(self, path):
        super().__init__()
        self.links, self.ids, self.classes, self.loads, self.prose = [], set(), [], [], ""
        self.open = []  # (tag, whether it is prose)
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        own = {name: value or "" for name, value in attrs}
        classes = own.get("class", "").split()
        self.classes += classes
        self.ids.add(own.get("id", ""))
        self.links += [own[name] for name in ("href", "src") if name in own]
        if tag in LOADS and LOADS[tag] in own:
            self.loads.append((tag, own[LOADS[tag]]))
        if tag not in VOID:
            prose = tag not in VERBATIM and not {"math", "sig"} & set(classes)
            self.open.append((tag, prose and (not self.open or self.open[-1][1])))

    def handle_endtag(self, tag):
        if tag in (name for name, _ in self.open):
            while self.open.pop()[0] != tag:
                pass

    def handle_data(self, data):
        if self.open and self.open[-1][1]:
            self.prose += data


@pytest.fixture(scope="module")
def book():
    """The folder of the book."""
    folder = os.environ.get("NPVAE_BOOK")
    if not folder:
        pytest.skip("no book: python lessons/book/build.py, then set NPVAE_BOOK to its folder")
    assert (Path(folder) / "index.html").is_file(), f"NPVAE_BOOK={folder} has no index.html"
    return Path(folder).resolve()


@pytest.fixture(scope="module")
def pages(book):
    """Every page by its path."""
    return {path: Page(path) for path in sorted(book.rglob("*.html"))}


# ---- reading -------------------------------------------------------------------------------------


def test_every_link_leads_somewhere(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "data", "mailto"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = target.is_file()
            if there and parts.fragment and target in pages:
                there = unquote(parts.fragment) in pages[target].ids
            if not there:
                broken.append(f"{path.name}: {link}")
    assert not broken


def test_nothing_is_loaded_from_outside(book, pages):
    loads = {url for page in pages.values() for _, url in page.loads}
    assert loads, "or this test would look at nothing"
    assert not [url for url in loads if re.match(r"\w+:|//", url) and not url.startswith("data:")]
    for sheet in book.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?\s*(https?:)?//", sheet.read_text("utf-8"))


def test_every_lesson_and_every_answer_has_its_page_in_order(pages, book):
    links = [link for link in pages[book / "index.html"].links if ".html" in link]
    found = list(dict.fromkeys(Path(link).stem for link in links if "/" not in link))
    assert [name for name in found if name in NAMES] == NAMES
    assert [name for name in found if name in ANSWERS] == ANSWERS


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_has_pictures_formulas_and_its_answers(pages, book, name):
    page = pages[book / f"{name}.html"]
    assert f"{number_of(name)} · " in page.prose
    assert [url for tag, url in page.loads if tag == "img"]
    assert "math" in page.classes
    if f"answers_{name}" in ANSWERS:
        assert f"answers_{name}.html" in page.links
        assert f"{name}.html" in pages[book / f"answers_{name}.html"].links
    else:
        assert name == "00_one_page"  # which sets no exercise


def test_the_lesson_on_tunes_plays_them(pages, book):
    """Each of its players holds its sound itself."""
    name = "24_new_tunes_from_old"
    n_sounds = len(re.findall(r"^hear\(", (LESSONS / f"{name}.py").read_text("utf-8"), re.M))
    loads = pages[book / f"{name}.html"].loads
    sounds = [url for _, url in loads if url.startswith("data:audio/")]
    assert len(sounds) == n_sounds > 0


def test_where_a_lesson_speaks_of_another_it_leads_there(pages, book):
    known, spoken_of = {number_of(name): f"{name}.html" for name in NAMES}, set()
    for name in NAMES:
        page = pages[book / f"{name}.html"]
        for number in re.findall(r"\b[Ll]esson (\d\d[a-z]?)\b", page.prose):
            spoken_of.add(number)
            assert number not in known or known[number] in page.links
    assert spoken_of & set(known)


@pytest.mark.parametrize("name", [*NAMES, *ANSWERS, *GUIDE])
def test_every_cell_ran_without_a_word_of_complaint(pages, book, name):
    classes = pages[book / f"{name}.html"].classes
    script = (LESSONS / "book" if name in GUIDE else LESSONS) / f"{name}.py"
    cells = re.findall(r"^# %%(?! \[markdown\])", script.read_text("utf-8"), re.M)
    assert classes.count("cell_input") == len(cells)
    assert not {"traceback", "stderr"} & set(classes)


@pytest.mark.parametrize("name", GUIDE)
def test_a_page_that_was_run_can_be_downloaded_as_a_script_and_as_a_notebook(pages, book, name):
    page = book / f"{name}.html"
    files = [page.parent / link for link in pages[page].links if "_downloads" in link]
    script, notebook = sorted(files, key=lambda file: file.suffix != ".py")
    assert script.read_bytes() == (LESSONS / "book" / f"{name}.py").read_bytes()
    assert notebook.suffix == ".ipynb"


def test_every_public_name_is_in_the_reference(pages, book):
    ids = set().union(*(page.ids for path, page in pages.items() if path.parent == book / "api"))
    names = {name.rpartition(".")[2] for name in ids if name.startswith("npvae.")}
    assert set(npvae.__all__) - {"__version__"} <= names


def test_every_module_that_npvae_names_is_in_the_reference(pages, book):
    ids = set().union(*(page.ids for path, page in pages.items() if path.parent == book / "api"))
    named = re.findall(r"^(\w+)  +\w", npvae.__doc__, re.M)
    assert {"layers", "selfcheck", "storage"} <= set(named)
    for name in named:
        assert name == "cli" or any(id.startswith(f"module-npvae.{name}") for id in ids), name


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_and_every_flag_is_on_the_page_of_the_command_line(pages, book, verb):
    page = pages[book / "guide" / "command_line.html"]
    assert f"npvae-{verb}" in page.ids
    help = build_parser([verb])._subparsers._group_actions[0].choices[verb].format_help()
    for flag in re.findall(r"^  (?:-\w.*, )?(--[a-z][\w-]*)", help, re.M):
        if flag != "--help":
            assert f"cmdoption-npvae-{verb}{flag[1:]}" in page.ids, flag


def test_names_of_npvae_in_code_and_in_prose_lead_to_the_reference(pages, book):
    lesson = pages[book / "04_gradient_checking.html"]
    assert "`npvae.check`" in (LESSONS / "04_gradient_checking.py").read_text("utf-8")
    assert "api/gradcheck.html#npvae.gradcheck.check" in lesson.links
    assert "api/layers.html#npvae.layers.Dense" in pages[book / "05_learning.html"].links
    assert "sphinx-codeautolink-a" in lesson.classes


def test_the_front_page_has_a_picture_of_a_lesson(pages, book):
    front, lesson = pages[book / "index.html"], pages[book / f"{NAMES[0]}.html"]
    assert {url for tag, url in front.loads if tag == "img"} & {url for _, url in lesson.loads}


def test_no_markup_is_left(pages, book):
    left = []
    for path, page in pages.items():
        if book / "_modules" not in path.parents:  # the code, with its docstrings
            left += [f"{path.name}: {found[0]}" for found in MARKUP.finditer(page.prose)]
    assert not left


# ---- looking -------------------------------------------------------------------------------------


class Seen(browser.Seen):
    """A page that may load what lies beside it, and nothing from anywhere else."""

    def judge(self, url, own):
        if not url.startswith(("file:", "data:")):
            self.note("request", url)


@pytest.fixture(scope="module")
def chromium(book):
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def window(chromium):
    """One window for all pages: a page is loaded once, and looked at in every size and light."""
    context = chromium.new_context()
    yield context
    context.close()


def visit(window, url):
    """Load a page, with its formulas set."""
    seen = Seen(window.new_page(), url)
    seen.ask("async () => { await window.MathJax?.startup?.promise }")
    return seen


def to_visit(pages, book):
    """Return the pages that people wrote, not those that list or quote."""
    listed = {"genindex", "search", "py-modindex"}
    return [p for p in pages if book / "_modules" not in p.parents and p.stem not in listed]


def test_every_page_is_whole_and_within_the_window(window, pages, book):
    for path in to_visit(pages, book):
        seen = visit(window, path.as_uri())
        for width, height in SIZES.values():
            seen.page.set_viewport_size({"width": width, "height": height})
            widths = seen.ask("[innerWidth, document.documentElement.scrollWidth]")
            assert widths == [width, width], path
            assert seen.ask(TOO_WIDE) == [], path
        assert seen.ask(PICTURES), path
        assert seen.ask(COUNT, "mjx-container") == seen.ask(COUNT, ".math"), path
        assert seen.ask(COUNT, "mjx-merror, [data-mjx-error]") == 0, path
        assert not seen.wrong, path
        assert not seen.failed, path
        seen.page.close()


def test_pictures_lie_on_white_paper_by_day_and_by_night(window, book):
    seen = visit(window, (book / f"{NAMES[0]}.html").as_uri())
    for scheme in ("light", "dark"):
        seen.page.emulate_media(color_scheme=scheme)
        paper = "getComputedStyle(document.querySelector('.cell_output img')).backgroundColor"
        assert seen.ask(paper) == "rgb(255, 255, 255)"
        dark = seen.ask("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
        assert dark == (scheme == "dark")


def found(window, book, query):
    """Return the pages that a search finds, in order."""
    seen = visit(window, (book / "search.html").as_uri() + f"?q={query}")
    seen.page.wait_for_selector("#search-results li a", timeout=10_000)
    seen.page.wait_for_function("document.body.innerText.includes('Search finished')")
    assert not seen.wrong
    return [link.partition("#")[0] for link in seen.ask(FOUND)]


@pytest.mark.parametrize("query", ["gradient", "encoder", "dense"])
def test_a_search_finds_lessons_before_the_reference(window, book, query):
    pages = found(window, book, query)
    kinds = ["api" if page.startswith("api/") else page[:2] for page in pages]
    assert kinds[0].isdigit()
    assert "api" in kinds
    assert not any(kind.isdigit() for kind in kinds[kinds.index("api") :])


def test_a_search_for_a_name_in_code_finds_the_reference_first(window, book):
    assert found(window, book, "kl_and_grad")[0] == "api/gaussian.html"


# ---- printing ------------------------------------------------------------------------------------


def test_without_a_browser_a_pdf_is_refused_in_one_line_before_anything_is_built(tmp_path):
    done = subprocess.run(
        [sys.executable, LESSONS / "book/build.py", "--pdf", "--out", tmp_path / "book"],
        env=os.environ | {"NPVAE_CHROMIUM": str(tmp_path / "none")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "--pdf" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())


@pytest.fixture(scope="module")
def pdf(book):
    """The book on paper, as `build.py --pdf` writes it."""
    pypdf = pytest.importorskip("pypdf")
    assert (book / "npvae.pdf").is_file(), "build the book with --pdf"
    return pypdf.PdfReader(book / "npvae.pdf")


def headings(outline):
    """Yield the title of each heading of a PDF."""
    for entry in outline:
        if isinstance(entry, list):
            yield from headings(entry)
        else:
            yield " ".join(entry.title.split())


def test_on_paper_every_lesson_has_its_heading_in_order(pdf):
    printed = list(headings(pdf.outline))
    assert printed[0] == "npvae: the variational autoencoder, by hand"
    assert "Contents" in printed
    lessons = [title for title in printed if re.match(r"\d\d[a-z]? · ", title)]
    numbers = [title.partition(" ")[0] for title in lessons if not title.endswith(": answers")]
    assert numbers == [number_of(name) for name in NAMES]


def test_on_paper_formulas_are_drawn_and_words_are_text(pdf):
    first, last = (
        pdf.named_destinations[f"/{name}"] for name in ("12a_elbo", "12b_closing_the_gap")
    )
    first, last = map(pdf.get_destination_page_number, (first, last))
    assert last > first + 2
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages[first:last]).split())
    assert "The unknown posterior appears only in the gap" in text
    for markup in ("$$", "\\frac", "\\mathbb"):
        assert markup not in text


def test_on_paper_every_picture_is_there(pdf, pages):
    shown = {
        sha256((path.parent / url).read_bytes()).digest()
        for path, page in pages.items()
        for tag, url in page.loads
        if tag == "img" and url.endswith(".png")
    }
    printed = {
        image.idnum
        for page in pdf.pages
        for image in page["/Resources"].get("/XObject", {}).values()
        if image["/Subtype"] == "/Image"
    }
    assert len(printed) == len(shown) > 0


def test_on_paper_every_link_leads_to_a_place_or_to_the_web(pdf):
    targets = set()
    for page in pdf.pages:
        for note in (note.get_object() for note in page.get("/Annots", [])):
            if "/Dest" in note:
                targets.add(note["/Dest"])
            else:
                assert re.match(r"https?://", note["/A"]["/URI"])
    assert len(targets) > len(NAMES)
    assert targets <= set(pdf.named_destinations)
