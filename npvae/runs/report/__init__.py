"""The report of a run: one self-contained HTML file."""

from npvae.runs.report.content import write_report

__all__ = ["write_report"]
