"""Small touches on a page once it is read: boxes that say what they are, and links that lead."""

import re

from docutils import nodes
from sphinx import addnodes

ANSWERS = re.compile(r"(answers_\d\d_\w+)\.py")
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


def link_to(page, content):
    return addnodes.pending_xref(
        "", content, refdomain="std", reftype="doc", reftarget=page, refexplicit=True, refwarn=True
    )
