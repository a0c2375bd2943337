"""How Sphinx makes the book; `build.py` puts the pages together and runs it."""

import logging
import os
import sys
from pathlib import Path

import npvae

sys.path.insert(0, str(Path(__file__).parent))
import commands
import docstrings
import pages
import progress

project = "npvae"
author = "The npvae authors"
version = release = npvae.__version__
smartquotes = False  # "" in a docstring is an empty string
extensions = [
    *("myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.viewcode"),
    "sphinx_codeautolink",  # a name in code leads to its page in the reference
]
exclude_patterns = [
    *("conf.py", "build.py", "commands.py", "docstrings.py", "formulas.py", "pages.py"),
    *("paper.py", "progress.py", "course.py", "diagrams.py", "ring.py", "workbook.py"),
    "downloads",  # what pages offer
]

# ---- the lessons: percent scripts, run as notebooks ----------------------------------------------

nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "cache"
nb_execution_excludepatterns = os.environ.get("NPVAE_BOOK_UNRUN", "").split()
suppress_warnings = ["myst-nb.lexer"]  # a page whose code was not run does not know its language
nb_execution_timeout = -1  # none
nb_execution_show_tb = True
nb_output_stderr = "error"  # a lesson that warns is a lesson with a bug
logging.getLogger("traitlets").setLevel("WARNING")  # or it would report every cell
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3  # [text](page.md#heading)

# ---- the API reference ---------------------------------------------------------------------------

autodoc_typehints = "none"  # the docstrings have the shapes, which say more
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
toc_object_entries_show_parents = "hide"
default_role = "py:obj"  # `name` is code, and a link where there is a page for it
nitpick_ignore_regex = [("py:obj", ".*"), ("py:class", ".*")]  # not everything has one
viewcode_line_numbers = True

# ---- names in code lead to the reference ---------------------------------------------------------

codeautolink_concat_default = True  # the cells of a lesson are one program

# ---- the pages: nothing of them comes from outside -----------------------------------------------

html_theme = "furo"
html_title = "npvae"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_copy_source = False
html_search_scorer = str(Path(__file__).with_name("search_order.js"))
html_show_copyright = False
html_show_sphinx = False
html_show_search_summary = False  # it would fetch pages, which a browser refuses for local files
html_domain_indices = False
mathjax_path = "tex-svg.js"  # in one file, letters and all
mathjax3_config = {
    "options": {"enableMenu": False},  # it would load more
    "tex": {"packages": {"[-]": ["noundefined"]}},  # an unknown macro is an error
}


def setup(app):
    """Say what is done to docstrings and to pages."""
    app.add_directive("commands", commands.Commands)
    app.connect("source-read", progress.begin)
    app.connect("autodoc-process-docstring", docstrings.rewrite)
    app.connect("doctree-read", pages.touch_up)
    app.connect("doctree-read", progress.end)
    app.connect("env-updated", progress.resolve)
    app.connect("doctree-resolved", pages.show_pictures)
