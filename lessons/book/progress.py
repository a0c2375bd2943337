"""What a builder sees while the book is built: each lesson as it is done, and how long it took."""

import re
from time import perf_counter

LESSON = re.compile(r"(answers_)?\d\d_\w+")
begun = {}


def begin(app, page, source):
    """Note when the reading of a page begins, in which a lesson is run."""
    begun[page] = perf_counter()


def end(app, doctree):
    """Print a line for a lesson that was run."""
    page = app.env.docname
    if LESSON.fullmatch(page):
        print(f"{perf_counter() - begun.pop(page):6.1f} s  {page}", flush=True)


def resolve(app, env):
    """Print a line before pages are written."""
    print(f"all read; writing {len(env.found_docs)} pages", flush=True)
