"""The report of a run: one HTML file that holds everything, and asks for nothing from outside."""

from npvae.runs.report.content import write_report

__all__ = ["write_report"]
