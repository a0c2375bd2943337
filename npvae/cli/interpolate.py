"""Show strips from one test example to another, decoded along the line between their codes."""

import argparse
from typing import Any

import numpy as np

from npvae.cli import picture_verbs
from npvae.cli.arguments import natural, whole
from npvae.errors import InputError
from npvae.evaluation.fine_print import counted
from npvae.runs.pictures import Trained, interpolation
from npvae.runs.pictures.latents import STEPS, STRIPS

EXAMPLE = (
    "npvae interpolate runs/mnist-001 --from 3 --to 8\n"
    "          npvae interpolate runs/mnist-001 --from-index 4 --to-index 9 --steps 15"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae interpolate`."""
    picture_verbs.add_arguments(parser, "interpolation", "chooses the test examples")
    for end in ("from", "to"):
        which = parser.add_mutually_exclusive_group()
        which.add_argument(f"--{end}", metavar="L", help="a label (default: any)")
        which.add_argument(
            f"--{end}-index", type=whole, metavar="I", help="the number of a test example, from 0"
        )
    parser.add_argument(
        "--strips",
        type=natural,
        metavar="N",
        help=f"how many (default: {STRIPS}; 1 for two numbers)",
    )
    parser.add_argument(
        "--steps", type=natural, default=STEPS, help=f"of each strip (default: {STEPS})"
    )


def run(options: argparse.Namespace) -> int:
    """Write a picture of strips between test examples."""
    given = vars(options)
    two = None not in (given["from_index"], given["to_index"])
    strips = options.strips or (1 if two else STRIPS)
    if options.steps < 2:
        raise InputError(f"--steps {options.steps}: from one example to another takes two at least")
    if two and (strips > 1 or given["from_index"] == given["to_index"]):
        raise InputError(
            "--from-index and --to-index: between two different test examples there is one strip"
        )
    picture_verbs.require_few(strips, options.steps, f"--strips {strips} --steps {options.steps}")
    trained, out = picture_verbs.open_run(options, "interpolation")
    rng = np.random.default_rng(options.seed)
    ends = (_chosen(trained, end, given, strips, rng) for end in ("from", "to"))
    ax = interpolation(trained, list(zip(*ends, strict=True)), options.steps)
    return picture_verbs.write(ax, out, f"{counted(strips, 'strip')} between test examples")


def _chosen(
    trained: Trained, end: str, given: dict[str, Any], n: int, rng: np.random.Generator
) -> list[int]:
    """Return the numbers of n test examples at one end."""
    split, classes = trained.dataset.test, trained.dataset.classes
    label, index = given[end], given[f"{end}_index"]
    if index is not None:
        if index >= len(split):
            raise InputError(
                f"--{end}-index {index}: the test part has {len(split)} examples, 0 to "
                f"{len(split) - 1}"
            )
        return [index] * n
    if label is None:
        return trained.pick(None, n, rng)
    labels = trained.dataset.train.labels
    if split.labels is None or labels is None:
        raise InputError(
            f"--{end} {label}: these data have no labels; choose test examples by their numbers, "
            f"--{end}-index"
        )
    known = 1 + int(max(labels.max(), split.labels.max()))
    number = picture_verbs.label_number(f"--{end}", label, classes, known, trained.dataset.name)
    return trained.pick(number, n, rng)
