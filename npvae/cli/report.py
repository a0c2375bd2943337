"""Put everything about a run into one HTML file: numbers, pictures, history, config."""

import argparse
from pathlib import Path

from npvae.cli.arguments import add_run
from npvae.cli.printing import say
from npvae.errors import InputError
from npvae.runs import pictures as gallery
from npvae.runs.folder import RunFolder
from npvae.runs.report import write_report

EXAMPLE = "npvae report runs/mnist-001"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae report`."""
    add_run(parser)
    parser.add_argument("--out", metavar="FILE", help="(default: report.html in the run folder)")


def run(options: argparse.Namespace) -> int:
    """Draw every picture, and write the page."""
    folder = RunFolder.open(options.folder)
    out = Path(options.out) if options.out else folder / "report.html"
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--out {out}: give a name that ends in .html")
    trained = gallery.Trained.open(folder, options.data, device=options.device)
    metrics = folder.metrics_of(trained.model)
    write_report(out, folder, trained, metrics, gallery.draw_all(trained))
    say(f"the report is in {out}")
    return 0
