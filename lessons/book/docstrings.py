"""From a docstring of npvae to what Sphinx reads.

Sphinx's own reader of numpydoc takes what follows a colon for a type, and sets it in italics. In
npvae it is a sentence with a shape in it. A formula is a paragraph of its own, and becomes
mathematics where `formulas.py` can read it. Other paragraphs that are set in from the margin are
code.
"""

import ast
import re
import textwrap

import formulas

FIELDS = (
    *("Parameters", "Attributes", "Returns", "Yields", "Raises"),
    *("Notes", "See Also", "References"),
)
FORMULA = re.compile(r"(?![A-Z][a-z])[\w/() |‖]{1,40} (?:=|<-) .*[^.:]", re.DOTALL)  # no sentence
ENTRY = re.compile(r"([\w*][\w., *]*?) : (.*)")
PROMPT = ">>>"
FLAGS = re.compile(r" *# doctest:.*")


def rewrite(app, what, name, obj, options, lines):
    """Change the lines of a docstring in place, as the event autodoc-process-docstring asks."""
    lines[:] = list(rewritten(lines))


def rewritten(lines):
    """Yield the lines of the docstring as reStructuredText."""
    for title, block in sections(lines):
        if title:
            yield from ["", f":{title}:", *indented(entries(block)), ""]
        else:
            yield from paragraphs(block)


def sections(lines):
    """Yield each section's title, "" for text and examples, and its lines."""
    title, block = "", []
    for line, below in zip(lines, [*lines[1:], ""], strict=False):
        if line in FIELDS and set(below) == {"-"}:
            yield title, block
            title, block = line, []
        elif line.startswith(PROMPT) and title:
            yield title, block
            title, block = "", [line]
        elif not (title and not block and set(line) == {"-"}):
            block.append(line)
    yield title, block


def entries(lines):
    """Yield a section: an item for each `name : type` or bare name, else its text as it stands.

    What describes a name stands below it, set in; a type before it ends in a full stop then.
    """
    found = [
        ENTRY.fullmatch(line) or (below[:4] == "    " and re.fullmatch(r"([\w*][\w., *]*)()", line))
        for line, below in zip(lines, [*lines[1:], ""], strict=False)
    ]
    several = sum(map(bool, found)) > 1
    for line, below, entry in zip(lines, [*lines[1:], ""], found, strict=False):
        start = "- " if several else ""
        sentence = re.match(r"    [A-Z]", below) and not re.search(r"[.,:;]$", line)
        if entry:
            end = "." if entry[2] and sentence else ""
            yield f"{start}``{entry[1]}``: {escaped(entry[2])}{end}"
        elif several:
            yield "  " + escaped(line.removeprefix("    ")) if line else ""
        else:
            end = "." if line[:1] not in ("", " ") and sentence else ""
            yield escaped(line.removeprefix("    ")) + end


def paragraphs(lines):
    """Yield text; a formula, or what is set in from the margin, is set as what it is."""
    for i, paragraph in enumerate("\n".join(lines).split("\n\n")):
        part = paragraph.strip("\n").split("\n")
        if i:
            yield ""
        if part[0].startswith(PROMPT):
            yield from [FLAGS.sub("", line) for line in part]
        elif all(line.startswith("    ") for line in part) or FORMULA.fullmatch("\n".join(part)):
            yield from displayed(textwrap.dedent("\n".join(part)))
        else:
            yield from map(escaped, part)


def displayed(text):
    """Yield a formula as mathematics, Python as such, and anything else letter by letter."""
    try:
        kind, text = "math::", formulas.latex(text)
    except formulas.NotReadError:
        kind = "code-block:: python" if is_python(text) else "code-block:: none"
    yield from [f".. {kind}", "", *indented(text.split("\n"))]


def is_python(text):
    try:
        return bool(ast.parse(text))
    except SyntaxError:
        return False


def indented(lines):
    return [f"    {line}" if line else "" for line in lines]


def escaped(line):
    """Return the line without the characters that mean something to reStructuredText only."""
    parts = line.split("`")  # every other one is code
    parts[::2] = [re.sub(r"([|*\\]|(?<=\w)_(?!\w))", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)
