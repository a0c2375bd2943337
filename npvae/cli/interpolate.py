"""Draw strips that lead from one test example to another.

Each strip is decoded along the straight line between the latent codes of two examples.
"""

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
    "npvae interpolate runs/mnist-001 --from-index 4 --to-index 9 --steps 15"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae interpolate`."""
    picture_verbs.add_arguments(parser, "interpolation", "seed for choosing test examples")
    for end in ("from", "to"):
        which = parser.add_mutually_exclusive_group()
        where = "start from" if end == "from" else "end at"
        which.add_argument(
            f"--{end}", metavar="L", help=f"{where} examples with this label (default: any label)"
        )
        which.add_argument(
            f"--{end}-index",
            type=whole,
            metavar="I",
            help=f"{where} the test example with this number, counted from 0 (default: any)",
        )
    parser.add_argument(
        "--strips",
        type=natural,
        metavar="N",
        help=f"draw N strips (default: {STRIPS}, or 1 with --from-index and --to-index)",
    )
    parser.add_argument(
        "--steps",
        type=natural,
        default=STEPS,
        metavar="N",
        help=f"show N steps in each strip (default: {STEPS})",
    )


def run(options: argparse.Namespace) -> int:
    """Write a picture of strips between test examples."""
    given = vars(options)
    two = None not in (given["from_index"], given["to_index"])
    strips = options.strips or (1 if two else STRIPS)
    if options.steps < 2:
        raise InputError(
            f"--steps is {options.steps}; choose at least 2, because a strip has two ends"
        )
    if two and (strips > 1 or given["from_index"] == given["to_index"]):
        raise InputError(
            f"--from-index {given['from_index']} and --to-index {given['to_index']} need two "
            "different examples, and give one strip; change one of them, and leave --strips out"
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
    """Return the numbers of the n test examples at one end."""
    split, classes = trained.dataset.test, trained.dataset.classes
    label, index = given[end], given[f"{end}_index"]
    if index is not None:
        if index >= len(split):
            raise InputError(
                f"--{end}-index is {index}, but the test part has {len(split)} examples; choose a "
                f"number from 0 to {len(split) - 1}"
            )
        return [index] * n
    if label is None:
        return trained.pick(None, n, rng)
    labels = trained.dataset.train.labels
    if split.labels is None or labels is None:
        raise InputError(
            f"--{end} {label} needs labels, but these data have none; choose a test example by its "
            f"number with --{end}-index"
        )
    known = 1 + int(max(labels.max(), split.labels.max()))
    number = picture_verbs.label_number(f"--{end}", label, classes, known, trained.dataset.name)
    return trained.pick(number, n, rng)
