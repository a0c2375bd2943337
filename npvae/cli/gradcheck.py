"""Check all hand-written gradients against finite differences.

Every layer, likelihood and model is checked in float64 with random shapes and numbers.
"""

import argparse
from functools import partial

import numpy as np

from npvae.cli.arguments import whole
from npvae.cli.printing import say
from npvae.gradcheck import check
from npvae.selfcheck import SUBJECTS

EXAMPLE = "npvae gradcheck\nnpvae gradcheck --verbose"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae gradcheck`."""
    parser.add_argument(
        "--seed", type=whole, default=0, help="seed the random shapes and numbers (default: 0)"
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="print a line for every array (default: a line for every layer, likelihood and model)",
    )


def run(options: argparse.Namespace) -> int:
    """Print a table; return 1 if any gradient is wrong."""
    head = f"{'':<34} {'':>6} {'entries':>8} {'entries':>8} {'worst':>10}\n"
    head += f"{'gradients of':<34} {'arrays':>6} {'checked':>8} {'skipped':>8} {'error':>10}"
    if not options.verbose:
        say(head)
    reports = []
    for name, make in SUBJECTS.items():
        rng = np.random.default_rng(options.seed)
        thing, inputs = make(partial(_size, rng), rng)
        report = check(thing, *inputs, seed=options.seed)
        reports.append(report)
        if options.verbose:
            say(f"--- {name}\n{report}\n")
            continue
        checked = sum(row.checked for row in report.rows)
        skipped = sum(row.skipped for row in report.rows)
        verdict = "ok" if report.ok else "WRONG"
        say(
            f"{name:<34} {len(report.rows):6d} {checked:8d} {skipped:8d} {report.error:10.1e}  "
            f"{verdict}"
        )
    wrong = sum(not report.ok for report in reports)
    say(f"\n{len(reports) - wrong} of {len(reports)} agree with central differences.")
    return 1 if wrong else 0


def _size(rng: np.random.Generator) -> int:
    """Return a random size from 1 to 6, which includes a single example, latent or pixel."""
    return int(rng.integers(1, 7))
