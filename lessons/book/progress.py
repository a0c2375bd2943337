"""What a builder sees while the book is built: each script as it is done, and how long it took."""

from pathlib import Path
from time import perf_counter

begun = {}


def begin(app, page, source):
    """Note when the reading of a page begins, in which a script is run."""
    begun[page] = perf_counter()


def end(app, doctree):
    """Print a line for a lesson, or another script, that was run."""
    page = app.env.docname
    if Path(app.env.doc2path(page)).suffix == ".py":
        print(f"{perf_counter() - begun.pop(page):6.1f} s  {page}", flush=True)


def resolve(app, env):
    """Print a line before pages are written."""
    print(f"all read; writing {len(env.found_docs)} pages", flush=True)
