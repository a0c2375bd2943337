"""Write one HTML page with all numbers and pictures of a run."""

import argparse

from npvae.cli.arguments import add_run
from npvae.cli.picture_verbs import out_file
from npvae.cli.printing import say
from npvae.runs import pictures
from npvae.runs.folder import RunFolder
from npvae.runs.report import write_report

EXAMPLE = "npvae report runs/mnist-001"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae report`."""
    add_run(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write the page to this file (default: report.html in the run folder)",
    )


def run(options: argparse.Namespace) -> int:
    """Draw every picture and write the page."""
    folder = RunFolder.open(options.folder)
    out = out_file(options.out, folder, "report.html", ("html", "htm"), options.data)
    trained = pictures.Trained.open(folder, options.data, device=options.device)
    metrics = folder.metrics_of(trained.model)
    write_report(out, folder, trained, metrics, pictures.draw_all(trained))
    say(f"Saved the report in {out}")
    return 0
