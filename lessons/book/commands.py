"""The command line, command by command: what `npvae COMMAND --help` prints, as a page.

`.. commands::` puts it on a page, made from the parsers. So the page cannot differ from the help.
"""

import argparse
import re
import textwrap

from docstrings import escaped, indented
from sphinx.util.docutils import SphinxDirective

from npvae.cli import VERBS, build_parser

EXAMPLE = re.compile(r"examples?: *\n?", re.IGNORECASE)
TYPED = re.compile(rf"(?<![\w`-])(--?[a-z][\w-]*(?:=\S*\w)?|npvae (?:{'|'.join(VERBS)})\b)")


class Commands(SphinxDirective):
    """A section for each command, with its example and its options in groups."""

    def run(self):
        """Return the sections."""
        lines = [line for parser in commands().values() for line in section(parser)]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def commands():
    """Return the parser of each command by its name."""
    actions = build_parser()._actions
    (found,) = [each for each in actions if isinstance(each, argparse._SubParsersAction)]
    return found.choices


def section(parser):
    """Yield the section of one command as reStructuredText."""
    yield from ["", f"``{parser.prog}``", "-" * 50, ""]
    for text in (parser.description, parser.epilog):
        yield from prose(text or "")
    yield from [f".. program:: {parser.prog}", ""]
    for group in parser._action_groups:
        actions = [each for each in group._group_actions if each.dest != "help"]
        if actions and actions[0].option_strings:
            yield from [f".. rubric:: {group.title.capitalize()}", "   :heading-level: 3", ""]
        for action in actions:
            help = parser._get_formatter()._expand_help(action) if action.help else ""
            yield from [f".. option:: {usage(parser, action)}", "", *indented([marked(help)]), ""]


def prose(text):
    """Yield a description; its example and what is set in from the margin are code."""
    for paragraph in re.split(r"\n{2,}", text.strip()):
        opening = EXAMPLE.match(paragraph)
        example = paragraph[opening.end() :] if opening else ""
        if opening:
            lines = [line.strip() for line in example.splitlines()]
            yield from [".. code-block:: sh", "", *indented(lines), ""]
        elif paragraph.startswith("  "):
            lines = textwrap.dedent(paragraph).splitlines()
            yield from [".. code-block:: none", "", *indented(lines), ""]
        else:
            yield from [*map(marked, paragraph.splitlines()), ""]


def usage(parser, action):
    """Return how an option is written: its names, and what follows them."""
    formatter = parser._get_formatter()
    if not action.option_strings:
        return formatter._format_args(action, action.dest)
    value = ""
    if action.nargs != 0:
        value = " " + formatter._format_args(action, action.dest.upper())
    return ", ".join(name + value for name in action.option_strings)


def marked(text):
    """Return a sentence of a help text as reStructuredText, what one types set as code."""
    parts = text.split("`")  # every other one is code already
    parts[::2] = [TYPED.sub(r"`\1`", part) for part in parts[::2]]
    return re.sub(r"`([^`]*)`", r"\\ ``\1``\\ ", escaped("`".join(parts)))
