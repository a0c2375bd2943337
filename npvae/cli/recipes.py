"""List the named settings, with their source and the figure published there."""

import argparse
from textwrap import fill

from npvae.cli.printing import say
from npvae.runs.recipes import RECIPES, recipe_flags

EXAMPLE = "npvae recipes\n          npvae train --recipe iwae-paper-iwae-5 --epochs 40"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae recipes`: there are none."""


def run(options: argparse.Namespace) -> int:
    """Print every recipe, with the flags that say the same."""
    for name, recipe in RECIPES.items():
        say(f"{name}: {recipe.what}")
        lines = {
            "flags": recipe_flags(recipe) or "none",
            "source": recipe.source,
            "published": recipe.published,
            "differs": recipe.remark,
        }
        for subject, text in lines.items():
            if text:
                say(_indented(f"{subject + ':':<11}{text}"))
        say("")
    say("npvae train --recipe NAME uses one; any flag beside it overrides what the recipe says.")
    say("To compare -log p(x) with what is published: npvae evaluate RUN --samples 5000")
    return 0


def _indented(text: str) -> str:
    """Return a paragraph in 100 columns, two from the left, its text in a column of its own."""
    return fill(text, 100, initial_indent="  ", subsequent_indent=" " * 13, break_on_hyphens=False)
