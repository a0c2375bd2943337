"""List named settings, with their source and published result."""

import argparse

from npvae.cli.printing import beside, say
from npvae.runs.recipes import RECIPES, recipe_flags

EXAMPLE = "npvae recipes\nnpvae train --recipe gated --epochs 40"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae recipes`, which has none."""


def run(options: argparse.Namespace) -> int:
    """Print every recipe with the flags that are equivalent to it."""
    for name, recipe in RECIPES.items():
        say(f"{name}: {recipe.what}")
        lines = {
            "Flags": recipe_flags(recipe) or "none",
            "Starts from": recipe.start and f"a run of the recipe {recipe.start} (--start RUN)",
            "Source": recipe.source,
            "Published": recipe.published,
            "Reached": recipe.reached,
            "Differences": recipe.remark,
        }
        for subject, text in lines.items():
            if text:
                say(beside(f"  {subject}", text, width=15))
        say("")
    say("Use a recipe with npvae train --recipe NAME; other flags override its settings.")
    say("To compare with a published -log p(x), run npvae evaluate RUN --samples 5000.")
    return 0
