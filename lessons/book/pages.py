"""Small touches on a page once it is read: boxes that say what they are, and links that lead."""

import re
from operator import attrgetter

from docutils import nodes
from sphinx import addnodes

import npvae

ANSWERS = re.compile(r"(answers_\d\d[a-z]?_\w+)\.py")
LESSON = re.compile(r"(?<=[Ll]esson )\d\d[a-z]?\b")
NAME = re.compile(r"npvae\.([\w.]+)(\(.*\))?")
BOXES = {"Predict first:": "question", "What you may have read:": "correction"}  # quoted or not
FIGURE = "What the code above draws"
PICTURE = re.compile(r"first-picture-of-(\d\d[a-z]?)")


def touch_up(app, doctree):
    """Change a page in place, as the event doctree-read asks."""
    for paragraph in doctree.findall(nodes.paragraph):
        for opening, kind in BOXES.items():
            if paragraph.astext().startswith(opening):
                quoted = isinstance(paragraph.parent, nodes.block_quote)
                (paragraph.parent if quoted else paragraph)["classes"] += ["box", kind]
    for image in doctree.findall(nodes.image):
        image["alt"] = image.get("alt") or FIGURE
    for code in list(doctree.findall(nodes.literal)):
        if found := ANSWERS.fullmatch(code.astext()):
            code.replace_self(link_to(f"/{found[1]}", code.deepcopy()))
        elif isinstance(code.parent, nodes.reference | addnodes.pending_xref):
            pass  # a link already
        elif full_name := name_in_reference(code.astext()):
            code.replace_self(link_to(full_name, code.deepcopy(), "py", "obj"))
    pages = app.env.found_docs
    lessons = {page.partition("_")[0]: page for page in pages if page[0].isdigit()}
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, nodes.paragraph | nodes.emphasis):
            text.parent.replace(text, list(with_links(text, lessons)))
    here = app.env.docname.removeprefix("answers_")
    if here != app.env.docname:
        back = nodes.paragraph("", "", link_to(f"/{here}", nodes.Text("Back to the lesson")))
        doctree.next_node(nodes.section).append(back)


def name_in_reference(code):
    """Return where `npvae.VAE` or `npvae.check(...)` is defined, as the reference names it."""
    found = NAME.fullmatch(code)
    try:
        thing = attrgetter(found[1])(npvae)
        return f"{thing.__module__}.{thing.__qualname__}"
    except (TypeError, AttributeError):  # no name, none that there is, or a module
        return code if found else None


def with_links(text, lessons):
    """Yield a text in pieces, in which the number of each lesson that there is leads to it."""
    done = 0
    for found in LESSON.finditer(text):
        if page := lessons.get(found[0]):
            yield nodes.Text(text[done : found.start()])
            yield link_to(f"/{page}", nodes.Text(found[0]))
            done = found.end()
    yield nodes.Text(text[done:])


def link_to(target, content, domain="std", kind="doc"):
    """Return a link, which Sphinx resolves when it has read all pages."""
    link = addnodes.pending_xref(
        "", content, refdomain=domain, reftype=kind, reftarget=target, refexplicit=True
    )
    link["refwarn"] = kind == "doc"  # not every name is in the reference
    return link


def show_pictures(app, doctree, page):
    """Put a lesson's first picture where its number is asked for, as doctree-resolved asks."""
    for place in list(doctree.findall(nodes.container)):
        for found in filter(None, map(PICTURE.fullmatch, place["classes"])):
            (lesson,) = [name for name in app.env.found_docs if name.startswith(f"{found[1]}_")]
            for picture in list(app.env.get_doctree(lesson).findall(nodes.image))[:1]:
                place.insert(0, picture.deepcopy())
                place[0]["alt"] = place.astext()
