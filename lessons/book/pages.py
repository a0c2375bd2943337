"""Small touches on a page once it is read: boxes that say what they are, and links that lead."""

import re

from docutils import nodes
from sphinx import addnodes

ANSWERS = re.compile(r"(answers_\d\d_\w+)\.py")
LESSON = re.compile(r"(?<=lesson )\d\d|(?<=Lesson )\d\d")
BOXES = {"Predict first:": "question", "What you may have read:": "correction"}  # quoted or not
FIGURE = "What the code above draws"


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
    pages = app.env.found_docs
    lessons = {page[:2]: page for page in pages if re.match(r"\d\d_", page)}
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, nodes.paragraph | nodes.emphasis):
            text.parent.replace(text, list(with_links(text, lessons)))
    here = app.env.docname.removeprefix("answers_")
    if here != app.env.docname:
        back = nodes.paragraph("", "", link_to(f"/{here}", nodes.Text("Back to the lesson")))
        doctree.next_node(nodes.section).append(back)


def with_links(text, lessons):
    """Yield a text in pieces, in which the number of each lesson that there is leads to it."""
    done = 0
    for found in LESSON.finditer(text):
        if page := lessons.get(found[0]):
            yield nodes.Text(text[done : found.start()])
            yield link_to(f"/{page}", nodes.Text(found[0]))
            done = found.end()
    yield nodes.Text(text[done:])


def link_to(page, content):
    return addnodes.pending_xref(
        "", content, refdomain="std", reftype="doc", reftarget=page, refexplicit=True, refwarn=True
    )
