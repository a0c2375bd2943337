"""Small touches on a page once it is read: boxes that say what they are, and links that lead."""

import re

from docutils import nodes
from sphinx import addnodes

ANSWERS = re.compile(r"answers/(\d\d_\w+)\.py")
FIGURE = "What the code above draws"


def touch_up(app, doctree):
    """Change a page in place, as the event doctree-read asks."""
    for quote in doctree.findall(nodes.block_quote):
        for opening in list(quote.findall(nodes.strong))[:1]:
            quote["classes"].append(nodes.make_id(opening.astext()))  # such as predict-first
    for image in doctree.findall(nodes.image):
        image["alt"] = image.get("alt") or FIGURE
    for code in list(doctree.findall(nodes.literal)):
        if found := ANSWERS.fullmatch(code.astext()):
            code.replace_self(link_to(f"/answers/{found[1]}", code.deepcopy()))


def link_to(page, content):
    return addnodes.pending_xref(
        "", content, refdomain="std", reftype="doc", reftarget=page, refexplicit=True, refwarn=True
    )
